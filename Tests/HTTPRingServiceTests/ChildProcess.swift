// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A program that a test runs, with what it prints; every wait for it ends within a deadline.
///
/// Its streams are closed in every other child from the moment they are made, so that none can hold them open.
/// (Foundation's `Process` sets that later, which is too late for a child started meanwhile.)
final class ChildProcess {
    /// What is waited for does not happen in time.
    struct Late: Error { let what: String }

    private static let patience: Duration = .seconds(30)

    let identifier: pid_t
    private let path: String
    private var output: Stream
    private var errors: Stream
    private var status: Int32?

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - path: the program.
    ///   - arguments: what follows its name.
    ///   - environment: added to the test's own.
    ///   - descriptors: what it has open from 3 on.
    /// - Throws: where it cannot be started.
    init(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        descriptors: [Int32] = []
    ) throws {
        self.path = path
        let (output, errors) = (try Stream.make(), try Stream.make())
        defer {
            close(output.write)
            close(errors.write)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.write, 1)
        posix_spawn_file_actions_adddup2(&actions, errors.write, 2)
        // Copies with high numbers: none is where another is to come.
        let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 500) }
        defer { for copy in copies { close(copy) } }
        for (index, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, 3 + Int32(index))
        }
        let values = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        var settings = values.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for word in words + settings { free(word) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, path, &actions, nil, &words, &settings)
        guard code == 0 else {
            close(output.stream.descriptor)
            close(errors.stream.descriptor)
            throw POSIXError(POSIXErrorCode(rawValue: code) ?? .ENOENT)
        }
        self.identifier = identifier
        self.output = output.stream
        self.errors = errors.stream
    }

    deinit {
        if status == nil {
            Glibc.kill(identifier, SIGKILL)
            var code: Int32 = 0
            while waitpid(identifier, &code, 0) < 0 && errno == EINTR {}
        }
        close(output.descriptor)
        close(errors.descriptor)
    }

    /// What it printed so far, or until its end.
    var printed: String { String(decoding: output.bytes, as: UTF8.self) }

    /// What it wrote to standard error so far, or until its end.
    var said: String { String(decoding: errors.bytes, as: UTF8.self) }

    func kill(_ signal: Int32) { Glibc.kill(identifier, signal) }

    /// Reads what it prints until a condition holds, or it ends.
    ///
    /// - Returns: whether the condition holds.
    func read(until condition: (ChildProcess) -> Bool) throws -> Bool {
        let end = ContinuousClock.now + Self.patience
        while !condition(self) {
            if output.isAtEnd && errors.isAtEnd { return false }
            let left = ContinuousClock.now.duration(to: end)
            guard left > .zero else { throw Late(what: "\(path): \(printed)\(said)") }
            var ready = [
                pollfd(fd: output.isAtEnd ? -1 : output.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors.isAtEnd ? -1 : errors.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&ready, 2, Int32(left.components.seconds) * 1000 + 1000)
            if ready[0].revents != 0 { output.read() }
            if ready[1].revents != 0 { errors.read() }
        }
        return true
    }

    /// Reads everything it prints and waits for its end.
    ///
    /// - Returns: its exit code; the number of the signal that ended it, negative, otherwise.
    @discardableResult
    func wait() throws -> Int32 {
        if let status { return status }
        _ = try read { _ in false }
        let end = ContinuousClock.now + Self.patience
        var code: Int32 = 0
        // Both of its outputs are closed: it ends now, or has.
        while waitpid(identifier, &code, WNOHANG) == 0 {
            guard ContinuousClock.now < end else { throw Late(what: "the end of \(path)") }
            poll(nil, 0, 1)
        }
        let result = code & 0x7F == 0 ? (code >> 8) & 0xFF : -(code & 0x7F)
        status = result
        return result
    }
}

extension ChildProcess {
    /// The reading end of a stream, and what has come out of it.
    private struct Stream {
        let descriptor: Int32
        private(set) var bytes: [UInt8] = []
        private(set) var isAtEnd = false

        static func make() throws -> (stream: Stream, write: Int32) {
            var ends: [Int32] = [-1, -1]
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw POSIXError(.EMFILE) }
            return (Stream(descriptor: ends[0]), ends[1])
        }

        private init(descriptor: Int32) { self.descriptor = descriptor }

        /// Reads a piece; to be called where there is something to read.
        mutating func read() {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 { bytes += buffer[..<count] } else { isAtEnd = true }
        }
    }
}
