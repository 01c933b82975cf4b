// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A client that allocates nothing after its first response: blocking calls on buffers of its own.
final class Client {
    private let port: UInt16
    private let pattern: Scenario.Pattern
    /// What is sent at once, one request or several.
    private let output: UnsafeMutableRawBufferPointer
    private let input: UnsafeMutableRawBufferPointer
    /// Requests in `output`.
    let batchCount: Int
    private let changingOffset: Int?
    /// Bytes that a whole answer to `output` has; they are the same each time.
    private var answerByteCount = 0
    private var descriptor: Int32 = -1
    private var turn: UInt8 = 0

    init(_ scenario: Scenario, port: UInt16) throws {
        self.port = port
        pattern = scenario.pattern
        if case .pipelined(let count) = pattern { batchCount = count } else { batchCount = 1 }
        let bytes = Array(repeatElement(Array(scenario.request.utf8), count: batchCount).joined())
        changingOffset = bytes.firstIndex(of: UInt8(ascii: "#"))
        output = .allocate(byteCount: bytes.count, alignment: 16)
        output.copyBytes(from: bytes)
        input = .allocate(byteCount: 16384, alignment: 16)
        try learn()
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        output.deallocate()
        input.deallocate()
    }

    /// Sends the request, or all that are pipelined, and waits for the whole answer.
    func exchange() throws {
        if case .reconnecting = pattern { try connect() }
        try sendOutput()
        var byteCount = 0
        while byteCount < answerByteCount { byteCount += try receive(at: byteCount) }
        guard byteCount == answerByteCount, input[9] == UInt8(ascii: "2") else {
            throw ClientError(operation: "answer of \(byteCount) bytes for \(answerByteCount)", code: 0)
        }
        if case .reconnecting = pattern, try receive(at: 0) != 0 {
            throw ClientError(operation: "close", code: 0)
        }
    }

    /// Has one answer, and from then on knows the length of all.
    private func learn() throws {
        try connect()
        try sendOutput()
        var byteCount = 0
        var isWhole = false
        while !isWhole {
            let received = try receive(at: byteCount)
            guard received > 0 else { throw ClientError(operation: "receive", code: 0) }
            byteCount += received
            isWhole = try countAnswers(in: input[..<byteCount]) == batchCount
        }
        answerByteCount = byteCount
    }

    /// How many whole responses the bytes are; 0 while they end within one.
    private func countAnswers(in bytes: Slice<UnsafeMutableRawBufferPointer>) throws -> Int {
        var rest = String(decoding: bytes, as: UTF8.self)[...]
        var count = 0
        while !rest.isEmpty {
            let lines = rest.split(separator: "\r\n", omittingEmptySubsequences: false)
            guard let end = lines.firstIndex(where: \.isEmpty) else { return 0 }
            let prefix = "Content-Length: "
            guard let field = lines[..<end].first(where: { $0.hasPrefix(prefix) }),
                let length = Int(field.dropFirst(prefix.count))
            else { throw ClientError(operation: "Content-Length", code: 0) }
            let headByteCount = lines[..<end].reduce(2) { $0 + $1.utf8.count + 2 }
            guard rest.utf8.count >= headByteCount + length else { return 0 }
            rest = Substring(rest.utf8.dropFirst(headByteCount + length))
            count += 1
        }
        return count
    }

    private func connect() throws {
        if descriptor >= 0 { close(descriptor) }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ClientError(operation: "socket", code: errno) }
        // No wait is longer than this: a server that hangs fails the test.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw ClientError(operation: "connect", code: errno) }
    }

    private func sendOutput() throws {
        if case .changing = pattern, let changingOffset {
            turn = (turn + 1) % 10
            output[changingOffset] = UInt8(ascii: "0") + turn
        }
        let count = send(descriptor, output.baseAddress, output.count, Int32(MSG_NOSIGNAL))
        guard count == output.count else { throw ClientError(operation: "send", code: errno) }
    }

    private func receive(at offset: Int) throws -> Int {
        guard let base = input.baseAddress, offset < input.count else {
            throw ClientError(operation: "answer longer than \(input.count) bytes", code: 0)
        }
        let count = recv(descriptor, base + offset, input.count - offset, 0)
        guard count >= 0 else { throw ClientError(operation: "receive", code: errno) }
        return count
    }
}

/// What a client could not do.
struct ClientError: Error, CustomStringConvertible {
    let operation: String
    let code: Int32

    var description: String { "\(operation): errno \(code)" }
}
