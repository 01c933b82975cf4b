// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Tells systemd how the service is, as sd_notify(3) does; does nothing where nobody asked.
///
/// One thread.
public final class SystemdNotifier {
    private let socket: PassedDescriptor?
    /// Milliseconds between two signs of life; `nil` where no watchdog waits for them.
    public let watchdogMilliseconds: UInt64?
    private var lastAlive: UInt64 = 0

    /// Makes a notifier.
    ///
    /// - Parameter environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are looked up in it.
    public init(environment: (String) -> String?) {
        socket = environment("NOTIFY_SOCKET").flatMap(Self.connect)
        let isForUs = environment("WATCHDOG_PID").map { $0 == "\(getpid())" } ?? true
        let microseconds = environment("WATCHDOG_USEC").flatMap { UInt64($0) }
        // Half of what is allowed, as sd_watchdog_enabled(3) advises.
        watchdogMilliseconds = isForUs ? microseconds.map { max(1, $0 / 2000) } : nil
    }

    /// Makes a notifier of the process's environment.
    public convenience init() {
        self.init { name in getenv(name).map { String(cString: $0) } }
    }

    private static func connect(_ path: String) -> PassedDescriptor? {
        var address = sockaddr_un()
        var name = Array(path.utf8)
        guard name.count > 1, name.count < MemoryLayout.size(ofValue: address.sun_path),
            name[0] == UInt8(ascii: "/") || name[0] == UInt8(ascii: "@")
        else { return nil }
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return nil }
        let descriptor = PassedDescriptor(number)
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(number, $0, length) }
        }
        return result == 0 ? descriptor : nil
    }

    /// The service does its work.
    public func ready(_ status: String) { send("READY=1\nSTATUS=\(status)\n") }

    /// The service reads its configuration again; `ready` ends it.
    public func reloading() {
        send("RELOADING=1\nMONOTONIC_USEC=\(Self.microseconds())\n")
    }

    /// The service stops.
    public func stopping() { send("STOPPING=1\n") }

    /// Sends a sign of life where one is due; call it often.
    public func alive() {
        guard let watchdogMilliseconds else { return }
        let now = Self.microseconds() / 1000
        guard now >= lastAlive + watchdogMilliseconds else { return }
        lastAlive = now
        send("WATCHDOG=1\n")
    }

    /// Has systemd keep a descriptor over a restart; it comes back in `LISTEN_FDS` under the name.
    ///
    /// - Returns: whether it was handed over.
    @discardableResult
    public func store(_ descriptor: Int32, name: String) -> Bool {
        guard descriptor >= 0, let copy = Optional(dup(descriptor)), copy >= 0 else { return false }
        return send("FDSTORE=1\nFDNAME=\(name)\n", [PassedDescriptor(copy)])
    }

    /// Has systemd let go of all descriptors of a name.
    @discardableResult
    public func remove(name: String) -> Bool { send("FDSTOREREMOVE=1\nFDNAME=\(name)\n") }

    /// Whether somebody is told.
    public var isConnected: Bool { socket != nil }

    @discardableResult
    private func send(_ text: String, _ descriptors: [PassedDescriptor] = []) -> Bool {
        guard let socket else { return false }
        return UnixSocket.send(socket.value, Array(text.utf8)[...], descriptors) > 0
    }

    private static func microseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}
