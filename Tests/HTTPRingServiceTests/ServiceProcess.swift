// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `httpringd` as a process, with `httpring` to manage it, in a directory of its own.
final class ServiceProcess {
    /// What a command did.
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Where the programs were built: beside the tests' resources.
    static let programs = URL(fileURLWithPath: Bundle.module.bundlePath).deletingLastPathComponent()
    static let isRoot = getuid() == 0

    let directory: String
    private var daemon: ChildProcess?

    init(_ configuration: String = "") throws {
        directory = NSTemporaryDirectory() + "httpring-p\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        chmod(directory, 0o755)
        let text = """
            [service]
            state-file = \(directory)/state
            lock-file = \(directory)/lock
            shutdown-timeout = 0s
            [control]
            socket = \(directory)/control.sock
            [engine]
            loops = 1
            \(configuration)
            """
        try text.write(toFile: directory + "/httpringd.conf", atomically: false, encoding: .utf8)
    }

    deinit {
        daemon?.kill(SIGTERM)
        _ = try? daemon?.wait()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Starts the service and waits until it says that it is ready.
    func start() throws {
        let process = try ChildProcess(
            Self.programs.appendingPathComponent("httpringd").path,
            ["--configuration", directory + "/httpringd.conf"]
        )
        guard try process.read(until: { $0.said.contains("ready: ") }) else { throw POSIXError(.ECHILD) }
        daemon = process
    }

    /// Ends the service by a signal and waits for its end.
    @discardableResult
    func end(_ signal: Int32) -> Int32 {
        guard let process = daemon else { return -1 }
        process.kill(signal)
        daemon = nil
        return (try? process.wait()) ?? -1
    }

    /// Runs a program to its end, as the user and group of a number where one is given.
    static func run(
        _ program: String,
        _ arguments: [String],
        user: UInt32? = nil,
        environment: [String: String] = [:]
    ) throws -> Outcome {
        var words = [program.hasPrefix("/") ? program : programs.appendingPathComponent(program).path]
        if let user {
            let number = "\(user)"
            words = ["/usr/bin/setpriv", "--reuid", number, "--regid", number, "--clear-groups"] + words
        }
        words += arguments
        let process = try ChildProcess(words[0], Array(words.dropFirst()), environment: environment)
        let status = try process.wait()
        return Outcome(status: status, output: process.printed, errors: process.said)
    }

    /// Runs `httpring` against the service.
    func httpring(_ arguments: String..., user: UInt32? = nil) throws -> Outcome {
        try Self.run(
            "httpring",
            arguments,
            user: user,
            environment: ["HTTPRING_SOCKET": directory + "/control.sock"]
        )
    }

    /// A port that nobody listens on.
    static func freePort() -> UInt16 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = bind(number, address, length)
                _ = getsockname(number, address, &length)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}
