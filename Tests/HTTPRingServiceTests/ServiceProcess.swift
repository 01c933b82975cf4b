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
    private var daemon: Process?

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
        daemon?.terminate()
        daemon?.waitUntilExit()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Starts the service and waits until it says that it is ready.
    func start() throws {
        let process = Process()
        process.executableURL = Self.programs.appendingPathComponent("httpringd")
        process.arguments = ["--configuration", directory + "/httpringd.conf"]
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        daemon = process
        var said = ""
        while !said.contains("ready: ") {
            let piece = errors.fileHandleForReading.availableData
            guard !piece.isEmpty else { throw POSIXError(.ECHILD) }
            said += String(decoding: piece, as: UTF8.self)
        }
        // What it says later is read, lest it wait for room.
        errors.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    /// Ends the service by a signal and waits for its end.
    @discardableResult
    func end(_ signal: Int32) -> Int32 {
        guard let process = daemon else { return -1 }
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        daemon = nil
        return process.terminationStatus
    }

    /// Runs a program to its end, as the user and group of a number where one is given.
    static func run(
        _ program: String,
        _ arguments: [String],
        user: UInt32? = nil,
        environment: [String: String] = [:],
        input: String? = nil
    ) throws -> Outcome {
        let process = Process()
        let path = program.hasPrefix("/") ? program : programs.appendingPathComponent(program).path
        if let user {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments =
                ["--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", path] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = arguments
        }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // What is printed here fits into a pipe, apart from standard output.
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        let said = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus,
            output: String(decoding: printed, as: UTF8.self),
            errors: String(decoding: said, as: UTF8.self)
        )
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
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
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
