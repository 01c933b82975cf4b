// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Synchronization
import Testing
import WebSockets

@Suite("WebSockets over the features of a request")
struct HTTPContextTests {
    private static let upgrade: [(name: String, value: String)] = [
        (name: "Connection", value: "Upgrade"), (name: "Upgrade", value: "websocket"),
        (name: "Sec-WebSocket-Version", value: "13"),
        (name: "Sec-WebSocket-Key", value: "dGhlIHNhbXBsZSBub25jZQ=="),
    ]

    private func exchange(
        _ fields: [(name: String, value: String)],
        _ handler: @escaping HandlerApplication.Handler
    ) async throws -> TestExchange {
        let server = TestServer()
        try await server.start(application: HandlerApplication(handler))
        return try await server.open(TestRequest("/", headers: fields))
    }

    @Test("The response of the handshake has what was agreed on (RFC 6455 §4.2.2)")
    func handshake() async throws {
        let offers = [
            (name: "Sec-WebSocket-Protocol", value: "chat, echo"),
            (name: "Sec-WebSocket-Extensions", value: "permessage-deflate; server_max_window_bits=10"),
        ]
        let client = try await exchange(Self.upgrade + offers) { context in
            #expect(context.isWebSocketRequest)
            #expect(context.webSocketSubprotocols == ["chat", "echo"])
            var options = WebSocketOptions()
            options.subprotocols = ["echo"]
            options.compression = WebSocketCompression()
            try await context.webSocket(options) { socket in
                #expect(socket.subprotocol == "echo")
                for try await message in socket.messages { try await socket.send(message) }
            }
        }
        await client.send(try clientFrame(0x81, Array("Hello".utf8)) + clientFrame(0x88, [0x03, 0xE8]))
        let response = await client.response()
        #expect(response.statusCode == 101)
        #expect(response["Upgrade"] == "websocket")
        #expect(response["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(response["Sec-WebSocket-Protocol"] == "echo")
        #expect(response["Sec-WebSocket-Extensions"] == "permessage-deflate; server_max_window_bits=10")
        #expect(serverEvents(response.body) == "text:Hello close:1000:")
    }

    @Test("A handler that returns closes with 1000, one that throws with 1011")
    func ends() async throws {
        for fails in [false, true] {
            let client = try await exchange(Self.upgrade) { context in
                try await context.webSocket { socket in
                    try await socket.send(text: "hi")
                    if fails { throw BadHTTPRequestError(statusCode: 400, "no") }
                }
            }
            await client.send(try clientFrame(0x88, [0x03, 0xE8]))
            let response = await client.response()
            #expect(serverEvents(response.body) == "text:hi close:\(fails ? 1011 : 1000):")
        }
    }

    @Test("426 keeps its fields where the handler lets the error of acceptWebSocket through (RFC 6455 §4.4)")
    func refusedUncaught() async throws {
        let client = try await exchange([]) { context in
            _ = try await context.acceptWebSocket()
            Issue.record("there is no socket")
        }
        await client.finish()
        let response = await client.response()
        #expect(response.statusCode == 426)
        #expect(response["Upgrade"] == "websocket")
        #expect(response["Sec-WebSocket-Version"] == "13")
    }

    @Test("A request that is no upgrade is answered 426 with what would do (RFC 6455 §4.4)")
    func refused() async throws {
        let client = try await exchange([]) { context in
            #expect(!context.isWebSocketRequest)
            try await context.webSocket { _ in Issue.record("there is no socket") }
        }
        await client.finish()
        let response = await client.response()
        #expect(response.statusCode == 426)
        #expect(response["Upgrade"] == "websocket")
        #expect(response["Sec-WebSocket-Version"] == "13")
        #expect(response["Sec-WebSocket-Accept"] == nil)
    }

    @Test("acceptWebSocket throws an error that is answered with its status")
    func thrown() async throws {
        let fields = Self.upgrade.filter { $0.name != "Sec-WebSocket-Key" }
        let client = try await exchange(fields) { context in _ = try await context.acceptWebSocket() }
        let response = await client.response()
        #expect(response.statusCode == 400)
    }

    @Test("A page of an origin that is not allowed gets 403")
    func origin() async throws {
        let fields = Self.upgrade + [(name: "Origin", value: "https://evil.example")]
        let client = try await exchange(fields) { context in
            var options = WebSocketOptions()
            options.allowedOrigins = ["https://example.com"]
            try await context.webSocket(options) { _ in }
        }
        #expect(await client.response().statusCode == 403)
    }

    @Test("An extended CONNECT opens a socket without key, Upgrade or 101 (RFC 8441 §5)")
    func extendedConnect() async throws {
        let fields = [
            (name: "Sec-WebSocket-Version", value: "13"), (name: "Sec-WebSocket-Protocol", value: "echo"),
        ]
        let client = try await exchange(fields) { context in
            let connect = ConnectDouble()
            context.features[(any HTTPExtendedConnectFeature).self] = connect
            var options = WebSocketOptions()
            options.subprotocols = ["echo"]
            connect.stream.arrive(try clientFrame(0x81, Array("Hello".utf8)) + clientFrame(0x88, []))
            let socket = try await context.acceptWebSocket(options)
            #expect(context.response.headers["Sec-WebSocket-Protocol"] == "echo")
            #expect(context.response.headers["Sec-WebSocket-Accept"] == nil)
            #expect(context.response.headers["Upgrade"] == nil)
            for try await message in socket.messages { try await socket.send(message) }
            #expect(serverEvents(connect.stream.written) == "text:Hello close:1005:")
        }
        await client.finish()
        #expect(await client.response().statusCode == 200)
    }

    @Test("A server that stops closes with 1001, and messages go on to the client's Close (RFC 6455 §7.4.1)")
    func goingAway() async throws {
        let client = try await exchange([(name: "Sec-WebSocket-Version", value: "13")]) { context in
            let (connect, lifetime) = (ConnectDouble(), LifetimeDouble())
            context.features[(any HTTPExtendedConnectFeature).self] = connect
            context.features[(any ConnectionLifetimeNotificationFeature).self] = lifetime
            connect.stream.arrive(try clientFrame(0x81, Array("Hello".utf8)))
            var texts: [String?] = []
            try await context.webSocket { socket in
                for try await message in socket.messages {
                    texts.append(message.text)
                    guard texts.count == 1 else { continue }
                    lifetime.drain()
                    lifetime.drain()
                    await connect.stream.wait { $0.writeCount == 1 }
                    await #expect(throws: WebSocketError.self) { try await socket.send(text: "late") }
                    let rest = try clientFrame(0x81, Array("under way".utf8))
                    connect.stream.arrive(rest + (try clientFrame(0x88, [0x03, 0xE9])))
                }
                #expect(socket.closeCode == .goingAway)
            }
            #expect(texts == ["Hello", "under way"])
            #expect(connect.stream.isClosed)
            #expect(serverEvents(connect.stream.written) == "close:1001:")
        }
        await client.finish()
        _ = await client.response()
    }

    @Test("A client that does not answer 1001 has the close timeout")
    func goingAwayUnanswered() async throws {
        let client = try await exchange([(name: "Sec-WebSocket-Version", value: "13")]) { context in
            let (connect, lifetime, clock) = (ConnectDouble(), LifetimeDouble(), ManualClock())
            context.features[(any HTTPExtendedConnectFeature).self] = connect
            context.features[(any ConnectionLifetimeNotificationFeature).self] = lifetime
            var options = WebSocketOptions()
            options.clock = clock
            options.keepAliveInterval = nil
            try await context.webSocket(options) { socket in
                lifetime.drain()
                async let message = socket.receive()
                await clock.waitForSleepers(1)
                clock.advance(by: .seconds(10))
                let received = try await message
                #expect(received == nil)
                #expect(socket.closeCode == .abnormal)
            }
            #expect(serverEvents(connect.stream.written) == "close:1001:")
        }
        await client.finish()
        _ = await client.response()
    }
}

/// A server that stops when the test says so.
private final class LifetimeDouble: ConnectionLifetimeNotificationFeature, Sendable {
    private let action = Mutex<(@Sendable () -> Void)?>(nil)
    var isCloseRequested: Bool { false }
    func requestClose() {}
    func whenDraining(_ action: @escaping @Sendable () -> Void) { self.action.withLock { $0 = action } }
    func drain() { action.withLock { $0 }?() }
}

/// An extended CONNECT whose stream the test holds.
private final class ConnectDouble: HTTPExtendedConnectFeature {
    let stream = MemoryStream()
    var connectProtocol: String? { "websocket" }
    func accept() async throws -> any HTTPDuplexStream { stream }
}
