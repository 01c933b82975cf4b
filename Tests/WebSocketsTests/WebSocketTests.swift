// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import Testing

@testable import WebSockets

@Suite("A socket of messages")
struct WebSocketTests {
    private let stream = MemoryStream()

    private func echo(_ socket: WebSocket) async throws {
        for try await message in socket.messages { try await socket.send(message) }
    }

    @Test("Messages come back as they came, text as text and binary as binary")
    func echoes() async throws {
        let socket = try WebSocket.open(stream)
        stream.arrive(try clientFrame(0x81, Array("Hello".utf8)) + clientFrame(0x82, [1, 2, 3]))
        stream.arrive(try clientFrame(0x82, [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)))
        stream.arrive(try clientFrame(0x88, [0x03, 0xE8]))
        try await echo(socket)
        #expect(serverEvents(stream.written) == "text:Hello binary:010203 binary*100000 close:1000:")
        #expect(stream.isClosed)
        #expect(socket.closeCode == .normal)
    }

    @Test("A payload of 16 KiB and more goes to the stream as its own write, behind its header")
    func largePayload() async throws {
        let socket = try WebSocket.open(stream)
        try await socket.send(binary: [UInt8](repeating: UInt8(ascii: "a"), count: 16384))
        #expect(stream.writeCount == 2)
        #expect(serverEvents(stream.written) == "binary*16384")
    }

    @Test("A Ping is answered with its payload, between the application's messages (RFC 6455 §5.5.2)")
    func pings() async throws {
        let socket = try WebSocket.open(stream)
        stream.arrive(try clientFrame(0x89, [7, 8]) + clientFrame(0x81, [0x61]))
        let message = try await socket.receive()
        #expect(message?.text == "a")
        #expect(serverEvents(stream.written) == "pong:0708")
    }

    @Test("A Close without a code is answered with one without a code (RFC 6455 §5.5.1)")
    func closeWithoutCode() async throws {
        let socket = try WebSocket.open(stream)
        stream.arrive(try clientFrame(0x88, []))
        #expect(try await socket.receive() == nil)
        #expect(serverEvents(stream.written) == "close:1005:")
        #expect(socket.closeCode == .noCode)
    }

    @Test("The peer's reason can be read, and nothing is received after its Close")
    func closeReason() async throws {
        let socket = try WebSocket.open(stream)
        stream.arrive(try clientFrame(0x88, [0x0F, 0xA0] + Array("bye".utf8)) + clientFrame(0x81, [0x61]))
        #expect(try await socket.receive() == nil)
        #expect(try await socket.receive() == nil)
        #expect(socket.closeCode?.rawValue == 4000)
        #expect(socket.closeReason == "bye")
    }

    @Test("A peer that goes without Close ends the messages, with 1006 (RFC 6455 §7.1.5)")
    func abnormal() async throws {
        let socket = try WebSocket.open(stream)
        stream.arrive(try clientFrame(0x01, [0x61]))
        stream.finish()
        #expect(try await socket.receive() == nil)
        #expect(socket.closeCode == .abnormal)
    }

    @Test("A peer that breaks the protocol is told why, and the receiver, too (RFC 6455 §7.1.7)")
    func violation() async throws {
        let socket = try WebSocket.open(stream)
        stream.arrive(try clientFrame(0x83, []))
        let error = await #expect(throws: WebSocketError.self) { try await socket.receive() }
        #expect(error?.code == .protocolError)
        #expect(serverEvents(stream.written).hasPrefix("close:1002:"))
        #expect(stream.isClosed)
        #expect(try await socket.receive() == nil)
    }

    @Test("A message over the limit closes with 1009")
    func tooBig() async throws {
        var options = WebSocketOptions()
        options.maxMessageByteCount = 10
        let socket = try WebSocket.open(stream, options)
        stream.arrive(try clientFrame(0x82, [UInt8](repeating: 0, count: 11)))
        await #expect(throws: WebSocketError.self) { try await socket.receive() }
        #expect(serverEvents(stream.written).hasPrefix("close:1009:"))
    }

    @Test("Closing sends code and reason, waits for the peer's Close and throws away what comes before it")
    func closing() async throws {
        let socket = try WebSocket.open(stream)
        async let closed: Void = socket.close(code: .goingAway, reason: "restart")
        await stream.wait { $0.isRead }
        #expect(serverEvents(stream.written) == "close:1001:restart")
        #expect(!stream.isClosed)
        stream.arrive(try clientFrame(0x81, [0x61]) + clientFrame(0x88, [0x03, 0xE9]))
        await closed
        #expect(stream.isClosed)
        #expect(socket.closeCode == .goingAway)
        await #expect(throws: WebSocketError(.closed)) { try await socket.send(text: "late") }
    }

    @Test("A reason of more than 123 bytes is cut between characters, a code that can't be sent is 1000")
    func closeArguments() async throws {
        let socket = try WebSocket.open(stream)
        stream.arrive(try clientFrame(0x88, [0x03, 0xE8]))
        await socket.close(code: .abnormal, reason: String(repeating: "€", count: 50))
        #expect(serverEvents(stream.written) == "close:1000:" + String(repeating: "€", count: 41))
    }

    @Test("A peer that never answers a Close is left when the time-out is over")
    func closeTimeout() async throws {
        let clock = ManualClock()
        var options = WebSocketOptions()
        options.clock = clock
        let socket = try WebSocket.open(stream, options)
        async let closed: Void = socket.close()
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(10))
        await closed
        #expect(stream.isClosed)
    }

    @Test("Messages of several tasks go out whole, and each sender waits for its own")
    func concurrentSenders() async throws {
        let socket = try WebSocket.open(stream)
        stream.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let byteCount = number == 7 ? 20000 : 100
                    try await socket.send(binary: [UInt8](repeating: UInt8(ascii: "a"), count: byteCount))
                }
            }
            stream.release()
            try await group.waitForAll()
        }
        let words = serverEvents(stream.written).split(separator: " ")
        #expect(words.count == 20)
        #expect(words.filter { $0 == "binary*100" }.count == 19)
        #expect(words.contains("binary*20000"))
    }

    @Test("Compressed messages of several tasks inflate in the order in which they were sent")
    func concurrentCompression() async throws {
        var options = WebSocketOptions()
        options.compression = WebSocketCompression()
        let socket = try WebSocket.open(stream, options, extensions: "permessage-deflate")
        #expect(socket.isCompressed)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask { try await socket.send(text: String(repeating: "\(number),", count: 500)) }
            }
            try await group.waitForAll()
        }
        let words = Set(serverEvents(stream.written, deflate: true).split(separator: " ").map(String.init))
        #expect(words == Set((0..<20).map { "text:" + String(repeating: "\($0),", count: 500) }))
        #expect(stream.written.count < 5000)
    }

    @Test("A write that fails ends the socket for every sender")
    func failedWrite() async throws {
        let socket = try WebSocket.open(stream)
        await stream.close()
        for _ in 0..<2 {
            await #expect(throws: HTTPConnectionError.self) { try await socket.send(text: "x") }
        }
    }

    @Test("A second receiver is refused while the first one waits")
    func secondReceiver() async throws {
        let socket = try WebSocket.open(stream)
        async let first = socket.receive()
        await stream.wait { $0.isRead }
        await #expect(throws: WebSocketError(.alreadyReceiving)) { try await socket.receive() }
        stream.arrive(try clientFrame(0x81, [0x61]))
        #expect(try await first?.text == "a")
    }

    @Test("A ping of more than 125 bytes is refused (RFC 6455 §5.5)")
    func longPing() async throws {
        let socket = try WebSocket.open(stream)
        await #expect(throws: WebSocketError.self) {
            try await socket.ping([UInt8](repeating: 0, count: 126))
        }
        try await socket.ping([1])
        #expect(serverEvents(stream.written) == "ping:01")
    }
}

@Suite("Keep-alive of a socket")
struct KeepAliveTests {
    private let stream = MemoryStream()
    private let clock = ManualClock()

    private func open(timeout: Duration?) throws -> WebSocket {
        var options = WebSocketOptions()
        options.clock = clock
        options.keepAliveInterval = .seconds(30)
        options.keepAliveTimeout = timeout
        let socket = try WebSocket.open(stream, options)
        socket.startKeepAlive(options, isolation: nil)
        return socket
    }

    @Test("An idle peer is sent a Ping each interval")
    func pings() async throws {
        let socket = try open(timeout: nil)
        for count in 1...3 {
            await clock.waitForSleepers(1)
            clock.advance(by: .seconds(30))
            await stream.wait { $0.writeCount == count }
        }
        #expect(serverEvents(stream.written) == "ping: ping: ping:")
        _ = socket
    }

    @Test("A peer that answers no Ping while the application receives is given up")
    func timeout() async throws {
        let socket = try open(timeout: .seconds(5))
        let received = Task { try await socket.receive() }
        await stream.wait { $0.isRead }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(30))
        await stream.wait { $0.writeCount == 1 }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(5))
        let error = await #expect(throws: WebSocketError.self) { try await received.value }
        #expect(error?.code == .keepAliveTimeout)
        #expect(stream.isClosed)
    }

    @Test("A peer that answers stays")
    func answers() async throws {
        let socket = try open(timeout: .seconds(5))
        async let received = socket.receive()
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(30))
        await stream.wait { $0.writeCount == 1 }
        await clock.waitForSleepers(1)
        stream.arrive(try clientFrame(0x8A, []))
        await stream.wait { $0.isRead }
        clock.advance(by: .seconds(5))
        await clock.waitForSleepers(1)
        stream.arrive(try clientFrame(0x81, [0x61]))
        #expect(try await received?.text == "a")
    }
}
