// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import TestKit
import Testing

@testable import HTTP2

@Suite("HTTP/2 frames that come late")
struct LateFrameTests {
    // MARK: Closed streams

    /// What closes stream 3 before a DATA frame comes on it.
    static let closings: [(name: String, bytes: [UInt8], isError: Bool)] = [
        ("its end", Raw.headers(3), true),
        (
            "the end of its content",
            Raw.headers(3, Raw.post, flags: Raw.endHeaders) + Raw.data(3, [1], flags: 1), true
        ),
        ("a reset by the client", Raw.headers(3, Raw.post, flags: Raw.endHeaders) + Raw.reset(3), true),
        ("a later stream", Raw.headers(5), true),
        ("a reset by us", Raw.headers(3, [(":method", "GET")], flags: Raw.endHeaders), false),
    ]

    @Test(
        "DATA on a closed stream is a stream error STREAM_CLOSED, but for one that we reset (RFC 9113 §5.1, §6.1)",
        arguments: closings.indices,
        [[], [7] as [UInt8]]
    )
    func dataOnClosed(index: Int, content: [UInt8]) {
        let (name, bytes, isError) = LateFrameTests.closings[index]
        for flags: UInt8 in [0, 1] {
            for isCut in [false, true] {
                let server = Server.opened()
                server.answerAll("")
                _ = server.exchangeRaw(bytes)
                let late = Raw.data(3, content, flags: flags) + Raw.headers(7)
                if isCut { for byte in late { server.receive([byte]) } } else { server.receive(late) }
                let frames = SentFrame.all(server.bytesToSend())
                #expect(frames.resets == (isError ? [3: 5] : [:]), "\(name)")
                #expect(frames.contains { $0.type == 1 && $0.stream == 7 }, "\(name)")
                #expect(server.session.end == nil, "\(name)")
            }
        }
    }

    @Test("The same in one piece with what closes the stream (RFC 9113 §6.1)")
    func dataBehindReset() {
        let server = Server.opened()
        let frames = server.exchangeRaw(
            Raw.headers(1, Raw.post, flags: Raw.endHeaders) + Raw.data(1, [1, 2])
                + Raw.reset(1) + Raw.data(1, [3]) + Raw.headers(3)
        )
        #expect(frames.resets == [1: 5])
        #expect(server.application[1]?.content == [1, 2])
        #expect(server.application[3] != nil)
        #expect(server.session.end == nil)
    }

    @Test("However much DATA comes on a closed stream, one reset of it is sent (RFC 9113 §5.1)")
    func muchDataOnClosed() {
        let server = Server.opened()
        server.answerAll("")
        _ = server.exchangeRaw(Raw.headers(1))
        for _ in 0..<150 { server.receive(Raw.data(1, [1])) }
        #expect(SentFrame.all(server.bytesToSend()).filter { $0.type == 3 }.count == 1)
        #expect(server.session.end == nil)
    }

    @Test("DATA on one closed stream after the other ends the session as resets do")
    func dataOnClosedFlood() {
        let server = Server.opened()
        server.answerAll("")
        for index in 0..<300 { _ = server.exchangeRaw(Raw.headers(Int32(2 * index + 1))) }
        var sent: [SentFrame] = []
        for index in 0..<300 where server.session.end == nil {
            sent += server.exchangeRaw(Raw.data(Int32(2 * index + 1), [1]))
        }
        #expect(sent.resets.count == 200)
        #expect(sent.goAway == 11)
        #expect(server.session.end?.reason == .tooManyResets)
    }

    @Test("WINDOW_UPDATE, RST_STREAM and PRIORITY on a closed stream are no offence (RFC 9113 §5.1)")
    func othersOnClosed() {
        let server = Server.opened()
        server.answerAll("")
        _ = server.exchangeRaw(Raw.headers(1))
        let frames = server.exchangeRaw(
            Raw.windowUpdate(1, 5) + Raw.reset(1) + Raw.frame(2, stream: 1, [0, 0, 0, 0, 16])
                + Raw.headers(3)
        )
        #expect(frames.map(\.stream) == [3, 3])
        #expect(frames.resets.isEmpty)
        #expect(server.session.end == nil)
    }

    // MARK: Draining

    /// A server with a request under way on stream 1 whose shutdown was announced.
    private func draining() -> Server {
        let server = Server.opened()
        server.receive(Raw.headers(1))
        server.session.shutdown(now: server.now)
        _ = server.bytesToSend()
        return server
    }

    static let lateRequest =
        Raw.headers(3, Raw.post, flags: Raw.endHeaders) + Raw.data(3, [1]) + Raw.headers(3, [("x-sum", "1")])

    @Test("After the last GOAWAY a late request with trailers is ignored (RFC 9113 §6.8)")
    func lateRequestWithTrailers() throws {
        let server = draining()
        #expect(server.exchangeRaw(Raw.ping(acknowledges: true)).first?.payload.prefix(4) == [0, 0, 0, 1])
        #expect(server.exchangeRaw(LateFrameTests.lateRequest + Raw.data(3, [1])).isEmpty)
        #expect(server.application.exchanges.count == 1)
        let stream = try #require(server.application[1]).stream
        server.session.submitResponse(stream, status: 200, fields: FieldSection(), content: .none)
        #expect(SentFrame.all(server.bytesToSend()).map(\.stream) == [1])
        #expect(server.session.end == HTTP2SessionEnd(.done, .noError))
    }

    @Test("A request that comes before the last GOAWAY could leave is refused by it (RFC 9113 §6.8, §8.7)")
    func requestBehindAnswer() {
        let server = draining()
        let frames = server.exchangeRaw(Raw.ping(acknowledges: true) + LateFrameTests.lateRequest)
        #expect(frames.first?.type == 7)
        #expect(frames.first?.payload.prefix(4) == [0, 0, 0, 1])
        #expect(frames.resets == [3: 7])
        #expect(server.application.exchanges.count == 1)
        #expect(server.session.openStreamCount == 1)
        #expect(server.session.nextDeadline.map { $0 > server.now + 10_000_000_000 } != false)
        #expect(server.session.end == nil)
    }

    @Test(
        "A client's GOAWAY lets streams under way end, whatever stream it names (RFC 9113 §6.8)",
        arguments: [[0], [1], [UInt32(Int32.max)], [UInt32(Int32.max), 1], [0, 3]],
        [false, true]
    )
    func clientsGoAway(last: [UInt32], isCut: Bool) throws {
        let server = Server.opened()
        server.receive(Raw.headers(1))
        let bytes = last.flatMap { Raw.frame(7, stream: 0, Raw.word($0) + Raw.word(0) + Array("bye".utf8)) }
        if isCut { for byte in bytes { server.receive([byte]) } } else { server.receive(bytes) }
        #expect(server.bytesToSend().isEmpty)
        #expect(server.session.end == nil)
        #expect(server.session.isShuttingDown)
        let stream = try #require(server.application[1]).stream
        server.session.submitResponse(stream, status: 200, fields: FieldSection(), content: .none)
        #expect(SentFrame.all(server.bytesToSend()).map(\.type) == [1])
        #expect(server.session.end == HTTP2SessionEnd(.done, .noError))
    }

    @Test("A GOAWAY that is malformed ends the session (RFC 9113 §6.8, §4.2)", arguments: [0, 3, 7])
    func malformedGoAway(byteCount: Int) {
        let server = Server.opened()
        server.receive(Raw.headers(1))
        let payload = [UInt8](repeating: 0, count: byteCount)
        #expect(server.exchangeRaw(Raw.frame(7, stream: 0, payload)).goAway == 6)
        let other = Server.opened()
        #expect(other.exchangeRaw(Raw.frame(7, stream: 1, Raw.word(0) + Raw.word(0))).goAway == 1)
    }

    // MARK: Trailers

    static let malformedTrailers: [(String, String)] = [
        ("connection", "close"), ("keep-alive", "1"), ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("te", "gzip"), ("te", "trailers, deflate"),
        ("x-sum", " 1"), ("x-sum", "1 "), ("x-sum", "\t1"), ("x-sum", "a\u{0}b"), ("x-sum", "a\r\nb"),
        ("content-type", "a\nb"), ("content-type", "a\rb"), ("host", "a\u{0}b"), ("date", " now"),
        ("X-Sum", "1"), ("Content-Type", "a"), (":path", "/"), ("", "1"), ("x sum", "1"),
    ]

    @Test(
        "A field of a trailer section that a head may not have makes it malformed (RFC 9113 §8.1, §8.2.1, §8.2.2)",
        arguments: malformedTrailers.indices
    )
    func malformedTrailer(index: Int) {
        let server = Server.opened()
        let line = LateFrameTests.malformedTrailers[index]
        server.receive(Raw.headers(1, Raw.post, flags: Raw.endHeaders))
        #expect(server.exchangeRaw(Raw.headers(1, [("a", "b"), line])).resets == [1: 1], "\(line)")
        #expect(server.application[1]?.trailers == nil)
        #expect(server.session.end == nil)
    }

    @Test(
        "Trailers that are not for a trailer section are left out where they are well-formed (RFC 9110 §6.5.1)"
    )
    func droppedTrailers() {
        let server = Server.opened()
        let lines = [("te", "trailers"), ("content-type", "a"), ("x-empty", ""), ("x-obs", "a\tb")]
        server.receive(Raw.headers(1, Raw.post, flags: Raw.endHeaders) + Raw.headers(1, lines))
        #expect(server.application[1]?.trailers?.description == "x-empty: \nx-obs: a\tb")
    }

    @Test(
        "HEADERS on a stream whose extended CONNECT was accepted reset it (RFC 9113 §8.5)",
        arguments: [200, 404]
    )
    func headersInTunnel(status: UInt16) throws {
        let server = Server.opened()
        let lines = [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "a"),
            (":path", "/"),
        ]
        server.receive(Raw.headers(1, lines, flags: Raw.endHeaders))
        let exchange = try #require(server.application[1])
        exchange.responseIsWhole = false
        server.session.submitResponse(
            exchange.stream,
            status: status,
            fields: FieldSection(),
            content: .streamed
        )
        _ = server.bytesToSend()
        let frames = server.exchangeRaw(Raw.headers(1, [("x-sum", "1")]))
        #expect(frames.resets == (status == 200 ? [1: 1] : [:]))
        #expect(exchange.hasEnded == (status != 200))
        #expect(exchange.closed == (status == 200 ? .protocolError : nil))
        #expect(server.session.end == nil)
    }

    // MARK: Large responses

    @Test("A response head of 500 KiB is sent; one beyond 1 MiB, or such trailers, reset the stream")
    func largeHead() throws {
        for (byteCount, isTrailer, resets) in [
            (500 << 10, false, [:]), (2 << 20, false, [1: 2]), (2 << 20, true, [1: 2]),
        ] as [(Int, Bool, [Int32: UInt32])] {
            let server = Server.opened()
            server.receive(Raw.headers(1))
            let exchange = try #require(server.application[1])
            var fields = FieldSection()
            try fields.append(name: "x-big", value: String(repeating: "x", count: byteCount))
            server.session.submitResponse(
                exchange.stream,
                status: 200,
                fields: isTrailer ? FieldSection() : fields,
                content: .streamed
            )
            if isTrailer { server.session.submitTrailers(exchange.stream, fields) }
            let frames = SentFrame.all(server.bytesToSend())
            #expect(frames.resets == resets)
            #expect(server.application.events.contains("too large 1") == !resets.isEmpty)
            #expect(exchange.closed == (resets.isEmpty ? .noError : .internalError))
            #expect(server.session.end == nil)
            // Neither the field table nor the connection has suffered.
            server.answerAll("")
            #expect(server.exchangeRaw(Raw.headers(3)).contains { $0.type == 1 && $0.stream == 3 })
        }
    }
}
