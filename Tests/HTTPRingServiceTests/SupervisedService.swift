// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPRingControl

/// `httpringd` under somebody who plays systemd: keeps the descriptors that it hands over, and gives them to the next.
///
/// One thread.
final class SupervisedService {
    let service: ServiceProcess
    private let notifications: PassedDescriptor
    private let path: String
    private var daemon: ChildProcess?
    /// What is kept, by name (sd_notify(3), `FDSTORE=1`).
    private(set) var stored: [(name: String, descriptor: PassedDescriptor)] = []

    init(_ configuration: String = "") throws {
        service = try ServiceProcess(configuration)
        path = service.directory + "/notify"
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        notifications = PassedDescriptor(number)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw POSIXError(.EADDRINUSE) }
    }

    deinit { daemon?.kill(SIGKILL) }

    /// Starts the service with what is kept, and returns when it is ready.
    func start() throws {
        let program = ServiceProcess.programs.appendingPathComponent("httpringd").path
        let process = try ChildProcess(
            "/bin/sh",
            [
                // The number of the shell stays that of the service.
                "-c", "export LISTEN_PID=$$; exec \"$@\"", "sh", program, "--configuration",
                service.directory + "/httpringd.conf",
            ],
            environment: [
                "NOTIFY_SOCKET": path,
                "LISTEN_FDS": "\(stored.count)",
                "LISTEN_FDNAMES": stored.map(\.name).joined(separator: ":"),
            ],
            descriptors: stored.map(\.descriptor.value)
        )
        guard try process.read(until: { $0.said.contains("ready: ") }) else { throw POSIXError(.ECHILD) }
        daemon = process
    }

    /// Ends the service at once, as a bug or the kernel does.
    func kill() throws {
        daemon?.kill(SIGKILL)
        try daemon?.wait()
        daemon = nil
    }

    /// Takes what the service tells until a condition holds; `false` when it does not within ten seconds.
    func listen(until condition: (SupervisedService) -> Bool) -> Bool {
        let end = ContinuousClock.now + .seconds(10)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !condition(self) {
            var ready = pollfd(fd: notifications.value, events: Int16(POLLIN), revents: 0)
            guard ContinuousClock.now < end else { return false }
            guard poll(&ready, 1, 100) > 0 else { continue }
            let piece = UnixSocket.receive(notifications.value, into: &buffer)
            guard piece.byteCount > 0 else { continue }
            take(String(decoding: buffer[..<piece.byteCount], as: UTF8.self), piece.descriptors)
        }
        return true
    }

    private func take(_ text: String, _ descriptors: [PassedDescriptor]) {
        var values: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        let name = String(values["FDNAME"] ?? "stored")
        if values["FDSTORE"] == "1" { stored += descriptors.map { (name, $0) } }
        if values["FDSTOREREMOVE"] == "1" { stored.removeAll { $0.name == name } }
    }
}
