// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import TestKit
import Testing

@testable import HTTP2

@Suite("HTTP/2 requests and responses")
struct RequestTests {
    @Test("A request is answered with head and content (RFC 9113 §8.1)")
    func getsResponse() {
        let server = Server()
        server.answerAll()
        let client = TestClient()
        let id = client.request("/a?b=c", fields: [("accept", "*/*")])
        server.run(with: client)
        let exchange = server.application[id]
        #expect(exchange?.method == "GET")
        #expect(exchange?.target == "/a?b=c")
        #expect(exchange?.host == "example.com")
        #expect(exchange?.fields == ["accept: */*"])
        #expect(exchange?.head.version == .http2)
        let response = client.responses[id]
        #expect(response?.status == "200")
        #expect(response?.value("content-type") == "text/plain")
        #expect(response?.value("content-length") == "13")
        #expect(response?.content == Array("Hello, World!".utf8))
        #expect(response?.closed == 0)
        #expect(exchange?.closed == .noError)
        #expect(server.session.openStreamCount == 0)
        #expect(server.session.end == nil)
    }

    @Test("The settings of the limits are announced, extended CONNECT and RFC 9218 among them")
    func announcesSettings() {
        var limits = HTTP2Limits()
        limits.headerTableBytesMax = 1024
        limits.frameBytesMax = 32768
        let server = Server(limits)
        let client = TestClient()
        server.run(with: client)
        #expect(client.settings == [1: 1024, 3: 100, 4: 768 << 10, 5: 32768, 6: 32768, 8: 1, 9: 1])
    }

    @Test("Names leave in lower case, and what speaks of the connection does not (RFC 9113 §8.2)")
    func lowersNames() throws {
        let server = Server()
        var fields = FieldSection()
        try fields.append(name: "X-Custom-Name", value: "Value")
        try fields.append(name: "Content-Type", value: "a/b")
        for name in ["Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"] {
            try fields.append(name: name, value: "x")
        }
        try fields.append(name: "Set-Cookie", value: "a=1")
        try fields.append(name: "Set-Cookie", value: "b=2")
        server.application.answer = { exchange, session in
            session.submitResponse(
                exchange.stream,
                status: 404,
                fields: fields,
                common: HTTP2CommonFields(
                    date: HTTPDate(unixSeconds: 784_111_777),
                    server: "HTTPRing",
                    contentLength: 0
                ),
                content: .none
            )
        }
        let client = TestClient()
        let id = client.request("/")
        server.run(with: client)
        #expect(client.responses[id]?.status == "404")
        let lines = client.responses[id]?.fields.map { "\($0.name): \($0.value)" }
        #expect(
            lines == [
                "server: HTTPRing", "date: Sun, 06 Nov 1994 08:49:37 GMT", "x-custom-name: Value",
                "content-type: a/b", "set-cookie: a=1", "set-cookie: b=2", "content-length: 0",
            ]
        )
        #expect(client.responses[id]?.isComplete == true)
    }

    @Test("Content and trailers of a request arrive; forbidden trailers are left out (RFC 9110 §6.5.1)")
    func takesContent() {
        let server = Server()
        server.answerAll("", status: 204)
        let client = TestClient()
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
        let id = client.request(
            "/",
            method: "POST",
            fields: [("content-length", "300000")],
            content: content,
            trailers: [("x-sum", "1"), ("content-type", "no/no")]
        )
        server.run(with: client)
        let exchange = server.application[id]
        #expect(exchange?.content == content)
        #expect(exchange?.trailers?.description == "x-sum: 1")
        #expect(exchange?.hasEnded == true)
        #expect(client.responses[id]?.status == "204")
    }

    @Test("A response's content is pulled, waits for more, goes on, and has trailers behind it")
    func streamsContent() throws {
        let server = Server()
        let client = TestClient()
        let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        server.application.answer = { exchange, session in
            exchange.response = Array(content.prefix(50_000))
            exchange.responseIsWhole = false
            session.submitResponse(exchange.stream, status: 200, fields: FieldSection(), content: .streamed)
        }
        let id = client.request("/")
        server.run(with: client)
        #expect(client.responses[id]?.content.count == 50_000)
        #expect(!server.session.wantsWrite)
        let exchange = try #require(server.application[id])
        exchange.response = content
        exchange.responseIsWhole = true
        var trailers = FieldSection()
        try trailers.append(name: "X-Sum", value: "2")
        server.session.submitTrailers(exchange.stream, trailers)
        server.session.resume(exchange.stream)
        server.run(with: client)
        #expect(client.responses[id]?.content == content)
        #expect(client.responses[id]?.trailers.map(\.name) == ["x-sum"])
        #expect(client.responses[id]?.closed == 0)
        #expect(server.session.sentContentByteCount == 100_000)
    }

    @Test("A response without content can have trailers")
    func sendsTrailersAlone() throws {
        let server = Server()
        let client = TestClient()
        server.application.answer = { exchange, session in
            session.submitResponse(exchange.stream, status: 200, fields: FieldSection(), content: .streamed)
            var trailers = FieldSection()
            trailers.append(id: .eTag, literal: "a")
            session.submitTrailers(exchange.stream, trailers)
        }
        let id = client.request("/")
        server.run(with: client)
        #expect(client.responses[id]?.status == "200")
        #expect(client.responses[id]?.closed == 0)
        #expect(client.dataOrder.isEmpty)
    }

    @Test("Whole content larger than the windows leaves as they open")
    func wholeContentWaits() {
        let server = Server()
        let content = String(repeating: "0123456789", count: 20_000)
        server.answerAll(content)
        let client = TestClient()
        let id = client.request("/")
        server.run(with: client)
        #expect(client.responses[id]?.content.count == 200_000)
        #expect(client.responses[id]?.content == Array(content.utf8))
    }

    @Test("Interim responses come before the final one (RFC 9110 §15.2)")
    func sendsInterim() {
        let server = Server()
        server.application.answer = { exchange, session in
            #expect(session.submitInterim(exchange.stream, status: 100))
            var fields = FieldSection()
            fields.append(id: .link, literal: "</style.css>")
            #expect(session.submitInterim(exchange.stream, status: 103, fields: fields))
            session.submitResponse(exchange.stream, status: 200, fields: FieldSection(), content: .none)
            #expect(!session.submitInterim(exchange.stream, status: 103))
            #expect(
                !session.submitResponse(exchange.stream, status: 200, fields: FieldSection(), content: .none)
            )
        }
        let client = TestClient()
        let id = client.request("/")
        server.run(with: client)
        #expect(client.responses[id]?.interim == ["100", "103"])
        #expect(client.responses[id]?.status == "200")
    }

    @Test("An extended CONNECT has protocol and path, and its stream carries data both ways (RFC 8441)")
    func extendedConnect() throws {
        let server = Server()
        let client = TestClient()
        server.run(with: client)
        let id = client.requestRaw(
            [
                (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                (":authority", "a"), (":path", "/chat?x"),
            ],
            content: [1, 2, 3]
        )
        server.run(with: client)
        let exchange = try #require(server.application[id])
        #expect(exchange.connectProtocol == "websocket")
        #expect(exchange.head.method == .connect)
        #expect(exchange.target == "/chat?x")
        #expect(exchange.content == [1, 2, 3])
        exchange.response = [4, 5, 6]
        server.session.submitResponse(
            exchange.stream,
            status: 200,
            fields: FieldSection(),
            content: .streamed
        )
        server.run(with: client)
        #expect(client.responses[id]?.content == [4, 5, 6])
    }

    @Test("The engine resets a stream with a code, and a failed response with INTERNAL_ERROR")
    func resets() throws {
        let server = Server()
        let client = TestClient()
        let one = client.request("/")
        let two = client.request("/")
        server.run(with: client)
        server.session.reset(try #require(server.application[one]).stream, .cancel)
        let failing = try #require(server.application[two])
        failing.fails = true
        server.session.submitResponse(failing.stream, status: 200, fields: FieldSection(), content: .streamed)
        server.run(with: client)
        #expect(client.responses[one]?.closed == 8)
        #expect(client.responses[two]?.closed == 2)
        #expect(server.application.openCount == 0)
    }

    @Test(
        "A request that need not be read ends with NO_ERROR after the response (RFC 9113 §8.1)",
        arguments: [
            false, true,
        ]
    )
    func endsEarly(hasTrailers: Bool) throws {
        let server = Server()
        let client = TestClient()
        server.run(with: client)
        let id = client.request("/", method: "POST", content: [UInt8](repeating: 1, count: 3_000_000))
        server.receive(client.bytesToSend())
        let exchange = try #require(server.application[id])
        exchange.response = [UInt8](repeating: 2, count: 200_000)
        server.session.submitResponse(
            exchange.stream,
            status: 413,
            fields: FieldSection(),
            content: .streamed
        )
        if hasTrailers {
            var trailers = FieldSection()
            trailers.append(id: .eTag, literal: "a")
            server.session.submitTrailers(exchange.stream, trailers)
        }
        server.session.reset(exchange.stream, .noError)
        client.receive(server.bytesToSend())
        #expect(exchange.closed == nil)
        // What was on its way is dropped, and the rest of the response leaves as the client takes it.
        for _ in 0..<10 {
            _ = client.bytesToSend()
            server.receive(Raw.windowUpdate(id, 65535) + Raw.windowUpdate(0, 65535))
            client.receive(server.bytesToSend())
        }
        #expect(client.responses[id]?.content.count == 200_000)
        #expect(client.responses[id]?.trailers.count == (hasTrailers ? 1 : 0))
        #expect(client.responses[id]?.closed == 0)
        #expect(exchange.closed == .noError)
        #expect(server.session.openStreamCount == 0)
    }

    @Test("What is asked of a stream that has closed does nothing, even when its memory is used again")
    func oldStreams() throws {
        let server = Server()
        server.answerAll()
        let client = TestClient()
        let one = client.request("/")
        server.run(with: client)
        let old = try #require(server.application[one]).stream
        server.application.answer = nil
        let two = client.request("/")
        server.run(with: client)
        #expect(!old.isOpen && old.context == nil)
        server.session.reset(old, .cancel)
        server.session.resume(old)
        server.session.consumed(old, byteCount: 5)
        #expect(!server.session.submitResponse(old, status: 200, fields: FieldSection(), content: .none))
        #expect(!server.session.submitTrailers(old, FieldSection()))
        server.run(with: client)
        #expect(client.responses[two] == nil)
        #expect(server.application[two]?.stream.isOpen == true)
    }

    @Test("A client that resets a stream ends it, and the application hears of it")
    func clientResets() throws {
        let server = Server.opened()
        server.receive(Raw.headers(1))
        server.receive(Raw.reset(1, 8))
        #expect(server.application[1]?.closed == .cancel)
        #expect(server.session.openStreamCount == 0)
    }

    @Test("An abandoned session closes its streams and writes nothing more")
    func abandons() {
        let server = Server.opened()
        server.receive(Raw.headers(1) + Raw.headers(3, Raw.post, flags: Raw.endHeaders))
        server.session.abandon()
        #expect(server.application.exchanges.map(\.closed) == [.cancel, .cancel])
        #expect(server.session.end == HTTP2SessionEnd(.terminated, .cancel))
        #expect(!server.session.wantsWrite)
        #expect(server.bytesToSend().isEmpty)
    }

    @Test("However the bytes are cut, the same comes of them", arguments: [1, 2, 3, 7, 100])
    func cutAnywhere(size: Int) {
        let bytes = RequestTests.conversation
        let whole = Server()
        whole.answerAll()
        whole.receive(bytes)
        let cut = Server()
        cut.answerAll()
        var offset = 0
        while offset < bytes.count {
            cut.receive(Array(bytes[offset..<min(offset + size, bytes.count)]))
            offset += size
        }
        #expect(cut.application.events == whole.application.events)
        #expect(cut.bytesToSend() == whole.bytesToSend())
    }

    @Test("Cut once at every byte, the same comes of a conversation")
    func cutAtEachByte() {
        let bytes = RequestTests.conversation
        let whole = Server()
        whole.answerAll()
        whole.receive(bytes)
        for place in 1..<bytes.count {
            let cut = Server()
            cut.answerAll()
            cut.receive(Array(bytes[..<place]))
            cut.receive(Array(bytes[place...]))
            #expect(cut.application.events == whole.application.events, "cut at \(place)")
        }
    }

    /// Requests with content, trailers, continuations, padding, a reset and control frames between them.
    static let conversation: [UInt8] = {
        var bytes = Raw.opening + Raw.settingsAcknowledgement
        bytes += Raw.headers(1, Raw.get + [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2")])
        bytes += Raw.headers(3, Raw.post + [("content-length", "5")], flags: Raw.endHeaders)
        bytes += Raw.data(3, Array("he".utf8)) + Raw.ping()
        let block = Raw.block(Raw.get)
        bytes += Raw.frame(1, flags: Raw.endStream, stream: 5, Array(block.prefix(9)))
        bytes += Raw.frame(9, flags: 0, stream: 5, Array(block[9..<20]))
        bytes += Raw.frame(9, flags: Raw.endHeaders, stream: 5, Array(block[20...]))
        bytes += Raw.frame(0, flags: 8, stream: 3, [2] + Array("llo".utf8) + [0, 0])
        bytes += Raw.headers(3, [("x-end", "1")])
        bytes += Raw.headers(7, Raw.post, flags: Raw.endHeaders) + Raw.reset(7)
        bytes += Raw.frame(0xbe, stream: 0, [1, 2, 3]) + Raw.windowUpdate(0, 1000)
        return bytes + Raw.headers(9, Raw.post, flags: Raw.endHeaders) + Raw.data(9, [], flags: Raw.endStream)
    }()
}
