// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPRingService
import IORing
import Synchronization

/// A control server on a thread of its own, over a fake engine, in a directory of its own.
final class ServerFixture: Sendable {
    let directory: String
    let mailbox: ControlMailbox
    private let ended = DispatchSemaphore(value: 0)

    var path: String { directory + "/control.sock" }

    init(_ state: ServiceState = ServiceState(), limits: ControlLimits = ControlLimits()) throws {
        directory = NSTemporaryDirectory() + "httpring-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        chmod(directory, 0o755)
        let mailbox = try ControlMailbox()
        self.mailbox = mailbox
        var options = Listener.Options()
        options.unixMode = 0o666
        let listener = try Listener.open(
            SocketAddress(unixPath: directory + "/control.sock"),
            options: options
        )[0]
        let ended = ended
        Thread.detachNewThread {
            guard let fixture = try? PlaneFixture(state, limits: limits) else { return }
            let server = ControlServer(
                listener: listener,
                plane: fixture.plane,
                limits: limits,
                mailbox: mailbox
            )
            server.run()
            listener.close()
            ended.signal()
        }
    }

    /// Stops the server and waits until it has.
    func stop() {
        mailbox.stop()
        ended.wait()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Connects without greeting: a socket that waits at most five seconds.
    func rawSocket() throws -> Int32 {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
        var timeout = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        return number
    }

    /// Everything the server sends until it closes.
    func readAll(_ socket: Int32) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(socket, &buffer, buffer.count)
            guard count > 0 else { return all }
            all += buffer[..<count]
        }
    }
}
