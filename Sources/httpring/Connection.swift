// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import HTTPRingService

/// Where the service is.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The control socket.", valueName: "path"))
    var socket: String?

    var path: String {
        if let socket { return socket }
        if let value = getenv("HTTPRING_SOCKET") { return String(cString: value) }
        return ControlClient.standardPath
    }

    /// Connects, calls `body`, and turns failures into words on standard error and an exit code.
    func use(_ body: (ControlClient) throws -> Void) throws {
        do {
            try body(try ControlClient(path: path))
        } catch let failure as ControlFailure {
            Output.error(failure.words)
            throw ExitCode(failure.exitCode)
        } catch let error as ControlConnectionError {
            Output.error(error.description)
            throw ExitCode(error.isUnreachable ? 69 : 76)
        }
    }

    /// Asks for a change and says that it was made.
    ///
    /// - Parameters:
    ///   - request: the change.
    ///   - success: what netsh would say.
    /// - Throws: the exit code.
    func perform(_ request: ControlRequest, success: String) throws {
        try use { client in
            let (answer, _) = try client.perform(request)
            Output.write("\n\(success)\n\n")
            if case .done(let note?) = answer { Output.write("\(note)\n") }
        }
    }
}

/// The two streams of a program.
enum Output {
    /// Writes all of a text to standard output; the program ends where nobody reads it.
    static func write(_ text: String) { write(text, STDOUT_FILENO) }

    /// Writes an error as one line.
    static func error(_ words: String) { write("httpring: \(words)\n", STDERR_FILENO) }

    private static func write(_ text: String, _ descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { exit(74) }
            rest = rest.dropFirst(count)
        }
    }

    /// Whether standard output is a terminal.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
}
