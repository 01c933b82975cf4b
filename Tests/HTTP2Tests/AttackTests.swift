// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import TestKit
import Testing

@testable import HTTP2

@Suite("HTTP/2 under attack")
struct AttackTests {
    private let calm: UInt32 = 11

    /// Sends frames until the session is over, and returns how many it took; nil where it never was.
    private func flood(_ server: Server, atMost count: Int, drains: Bool = true, _ frame: (Int) -> [UInt8])
        -> Int?
    {
        for index in 0..<count {
            server.receive(frame(index))
            if drains, index % 16 == 15 { frames += SentFrame.all(server.bytesToSend()) }
            if server.session.end != nil || server.session.condemned != nil {
                frames += SentFrame.all(server.bytesToSend())
                return index + 1
            }
        }
        return nil
    }

    private final class Frames { var all: [SentFrame] = [] }
    private let sent = Frames()
    private var frames: [SentFrame] {
        get { sent.all }
        nonmutating set { sent.all = newValue }
    }

    @Test("Rapid reset: streams opened and reset at once end the session (CVE-2023-44487)")
    func rapidReset() {
        let server = Server.opened()
        let count = flood(server, atMost: 1000) { index in
            Raw.headers(Int32(2 * index + 1)) + Raw.reset(Int32(2 * index + 1))
        }
        #expect(count == 201)
        #expect(frames.goAway == calm)
        #expect(server.session.end == HTTP2SessionEnd(.tooManyResets, .enhanceYourCalm))
        #expect(server.application.openCount == 0)
        #expect(!server.session.wantsWrite)
    }

    @Test("Resets at the rate that is allowed, or among requests that end well, go on")
    func modestResets() {
        let server = Server.opened()
        server.answerAll("")
        for index in 0..<1000 {
            let id = Int32(4 * index + 1)
            server.receive(Raw.headers(id, Raw.post, flags: Raw.endHeaders) + Raw.reset(id))
            server.receive(Raw.headers(id + 2))
            _ = server.bytesToSend()
        }
        #expect(server.session.end == nil)
        server.application.answer = nil
        for index in 1000..<2000 {
            server.pass(0.1)
            let id = Int32(4 * index + 1)
            server.receive(Raw.headers(id) + Raw.reset(id))
        }
        #expect(server.session.end == nil)
    }

    @Test(
        "Made resets: what has the server reset a stream counts as well (CVE-2025-8671)",
        arguments: ["window overflow", "malformed head", "content too long", "trailers not at the end"]
    )
    func madeResets(how: String) {
        let server = Server.opened()
        let count = flood(server, atMost: 1000) { index in
            let id = Int32(2 * index + 1)
            let open = Raw.headers(id, Raw.post + [("content-length", "1")], flags: Raw.endHeaders)
            switch how {
            case "window overflow": return open + Raw.windowUpdate(id, 0x7fff_ffff)
            case "malformed head": return Raw.headers(id, Raw.get + [("connection", "close")])
            case "content too long": return open + Raw.data(id, [1, 2])
            default: return open + Raw.headers(id, [("a", "b")], flags: Raw.endHeaders)
            }
        }
        #expect(count.map { $0 <= 201 } == true)
        #expect(server.session.end?.reason == .tooManyResets)
        #expect(frames.goAway == calm)
        #expect(server.application.openCount <= server.session.openStreamCount)
    }

    @Test("Made resets: windows that SETTINGS made too large count (CVE-2025-8671, RFC 9113 §6.9.2)")
    func resetsBySettings() {
        let server = Server.opened()
        var rounds = 0
        while server.session.end == nil, rounds < 100 {
            let streams = (0..<10).flatMap { index in
                let id = Int32(2 * (10 * rounds + index) + 1)
                return Raw.headers(id) + Raw.windowUpdate(id, 0x7fff_ffff - 65535)
            }
            server.receive(streams + Raw.settings([(4, 65536)]) + Raw.settings([(4, 65535)]))
            frames += SentFrame.all(server.bytesToSend())
            rounds += 1
        }
        #expect(rounds == 21)
        #expect(frames.resets.count == 201 && frames.resets[1] == 3)
        #expect(server.session.end == HTTP2SessionEnd(.tooManyResets, .enhanceYourCalm))
        #expect(frames.goAway == calm)
        #expect(server.application.openCount == server.session.openStreamCount)
    }

    @Test("Made resets: content beyond a stream's window counts (CVE-2025-8671, RFC 9113 §6.9.1)")
    func resetsByOverrun() {
        var limits = HTTP2Limits()
        limits.streamWindowBytes = 65535
        let server = Server.opened(limits)
        server.application.consumesAtOnce = false
        let content = [UInt8](repeating: 0, count: 16384)
        let count = flood(server, atMost: 4000, drains: false) { index in
            let id = Int32(2 * (index / 5) + 1)
            let isLast = index % 5 == 4
            defer { if isLast { frames += SentFrame.all(server.bytesToSend()) } }
            return (index % 5 == 0 ? Raw.headers(id, Raw.post, flags: Raw.endHeaders) : [])
                + Raw.data(id, content)
        }
        #expect(count.map { $0 <= 1010 } == true, "\(count ?? 0)")
        #expect(server.session.end?.reason == .tooManyResets)
        #expect(frames.goAway == calm)
    }

    @Test("Resets that the application asks for are not the client's doing")
    func ownResets() {
        let server = Server.opened()
        server.application.answer = { exchange, session in session.reset(exchange.stream, .cancel) }
        for index in 0..<400 {
            let frames = server.exchangeRaw(Raw.headers(Int32(2 * index + 1)))
            #expect(frames.resets == [Int32(2 * index + 1): 8])
        }
        #expect(server.session.end == nil)
    }

    @Test("CONTINUATION flood: frames without end end the session (VU#421644)")
    func continuationFlood() {
        let server = Server.opened()
        server.receive(Raw.headers(1, Raw.get, flags: Raw.endStream))
        let count = flood(server, atMost: 100) { _ in Raw.frame(9, stream: 1, Raw.block([("a", "b")])) }
        #expect(count == 17)
        #expect(server.session.end == HTTP2SessionEnd(.tooManyContinuations, .enhanceYourCalm))
        #expect(frames.goAway == calm)
    }

    @Test("CONTINUATION flood with empty frames, and on a stream that is refused")
    func emptyContinuationFlood() {
        let empty = Server.opened()
        empty.receive(Raw.headers(1, Raw.get, flags: Raw.endStream))
        #expect(flood(empty, atMost: 100) { _ in Raw.frame(9, stream: 1) } == 17)
        var limits = HTTP2Limits()
        limits.concurrentStreamCountMax = 1
        let refused = Server(limits)
        refused.receive(Raw.opening + Raw.headers(1, Raw.get) + Raw.headers(3, Raw.get, flags: Raw.endStream))
        let count = flood(refused, atMost: 1000) { _ in Raw.frame(9, stream: 3) }
        #expect(count.map { $0 < 200 } == true)
        #expect(refused.session.end?.reason == .tooManyContinuations)
        #expect(frames.goAway == calm)
    }

    @Test(
        "Floods of control frames end the session",
        arguments: [
            "SETTINGS", "SETTINGS ACK", "PING", "PING ACK", "PRIORITY", "WINDOW_UPDATE", "empty DATA",
            "padding", "unknown", "RST_STREAM on closed streams", "PRIORITY_UPDATE", "long PRIORITY_UPDATE",
            "DATA on a stream that we reset", "HEADERS after the last GOAWAY",
        ]
    )
    func controlFloods(kind: String) {
        let server = Server.opened()
        server.receive(Raw.headers(1, Raw.post, flags: Raw.endHeaders))
        server.receive(Raw.headers(3) + Raw.reset(3))
        if kind == "DATA on a stream that we reset" {
            _ = server.exchangeRaw(Raw.headers(5, [(":method", "GET")], flags: Raw.endHeaders))
        } else if kind == "HEADERS after the last GOAWAY" {
            server.session.shutdown(now: server.now)
            _ = server.bytesToSend()
            _ = server.exchangeRaw(Raw.ping(acknowledges: true))
        }
        let count = flood(server, atMost: 3000) { index in
            switch kind {
            case "SETTINGS": Raw.settings([(4, UInt32(65535 + index % 2))])
            case "SETTINGS ACK": Raw.settingsAcknowledgement
            case "PING": Raw.ping()
            case "PING ACK": Raw.ping(acknowledges: true)
            case "PRIORITY": Raw.frame(2, stream: 1, [0, 0, 0, 0, 16])
            case "WINDOW_UPDATE": Raw.windowUpdate(0, 1)
            case "empty DATA": Raw.data(1, [])
            case "padding": Raw.frame(0, flags: 8, stream: 1, [2, 0, 0])
            case "unknown": Raw.frame(0xfe, stream: 1, [1])
            case "long PRIORITY_UPDATE":
                Raw.frame(16, stream: 0, Raw.word(1) + [UInt8](repeating: 0x20, count: 40))
            case "DATA on a stream that we reset": Raw.data(5, [1])
            case "HEADERS after the last GOAWAY": Raw.headers(Int32(2 * index + 5))
            case "PRIORITY_UPDATE": Raw.frame(16, stream: 0, Raw.word(1) + Array("u=1".utf8))
            default: Raw.reset(3)
            }
        }
        #expect(count.map { $0 <= 1010 } == true, "\(count ?? 0)")
        #expect(server.session.end != nil)
        #expect(frames.goAway == (server.session.end?.code.rawValue ?? 0))
    }

    @Test("Acknowledgements that nobody takes are bounded, whatever the budget")
    func acknowledgementFlood() {
        var limits = HTTP2Limits()
        limits.controlFrames = FloodBudget(burst: 1_000_000, perSecond: 1_000_000)
        let server = Server.opened(limits)
        let count = flood(server, atMost: 1000, drains: false) { _ in Raw.ping() }
        #expect(count.map { $0 <= 110 } == true)
        #expect(server.session.end == HTTP2SessionEnd(.tooManyAcknowledgements, .enhanceYourCalm))
        #expect(frames.goAway == calm)
        #expect(!server.session.wantsWrite)
    }

    @Test("A client that takes one window's worth after the other is no flood")
    func windowUpdatesOfADownload() {
        let server = Server()
        let client = TestClient()
        server.application.answer = { exchange, session in
            exchange.response = [UInt8](repeating: 7, count: 30_000_000)
            session.submitResponse(exchange.stream, status: 200, fields: FieldSection(), content: .streamed)
        }
        let id = client.request("/")
        server.run(with: client)
        #expect(client.responses[id]?.content.count == 30_000_000)
        #expect(server.session.end == nil)
    }

    @Test("Empty HEADERS frames are malformed requests, and many of them end the session")
    func emptyHeaders() {
        let server = Server.opened()
        let count = flood(server, atMost: 1000) { index in
            Raw.frame(1, flags: Raw.endStream | Raw.endHeaders, stream: Int32(2 * index + 1))
        }
        #expect(count == 201)
        #expect(frames.resets[1] == 1)
        #expect(server.session.end?.reason == .tooManyResets)
        #expect(server.application.exchanges.isEmpty)
    }

    @Test("HPACK bomb: one entry referred to again and again ends the session before it grows")
    func referenceBomb() {
        let server = Server.opened()
        let value = String(repeating: "x", count: 4000)
        // A literal with indexing, then as many references to it as one frame holds.
        var block = Raw.block(Raw.get) + [0x40] + Raw.string("a") + Raw.string(value)
        block += [UInt8](repeating: 0xbe, count: 12_000)
        let frames = server.exchangeRaw(
            Raw.frame(1, flags: Raw.endStream | Raw.endHeaders, stream: 1, block)
        )
        #expect(server.session.end == HTTP2SessionEnd(.headFarTooLarge, .enhanceYourCalm))
        #expect(frames.goAway == calm)
    }

    @Test("A list beyond the limit is answered with 431; twice as much ends the session")
    func hugeList() {
        let server = Server.opened()
        let line = ("a", String(repeating: "x", count: 3000))
        let frames = server.exchangeRaw(
            Raw.headers(1, Raw.get + [(String, String)](repeating: line, count: 5))
        )
        #expect(server.application[1]?.refusal == nil && frames.goAway == nil)
        var many = Raw.opening
        let big = Raw.block(Raw.get + [(String, String)](repeating: line, count: 13))
        many = Raw.frame(1, flags: Raw.endStream, stream: 3, Array(big.prefix(16000)))
        many += Raw.frame(9, stream: 3, Array(big[16000..<32000]))
        many += Raw.frame(9, flags: Raw.endHeaders, stream: 3, Array(big[32000...]))
        _ = server.exchangeRaw(many)
        #expect(server.application[3]?.refusal == .headTooLarge)
        #expect(server.session.end == nil)
        let count = server.exchangeRaw(
            Raw.headers(5, Raw.get + [(String, String)](repeating: ("a", ""), count: 101))
        )
        #expect(server.application[5]?.refusal == .tooManyFields)
        #expect(count.goAway == nil)
        let twice = server.exchangeRaw(
            Raw.headers(7, Raw.get + [(String, String)](repeating: ("a", ""), count: 300))
        )
        #expect(twice.goAway == calm)
        #expect(server.session.end?.reason == .headFarTooLarge)
    }

    @Test("A head that never ends has a deadline")
    func slowHead() throws {
        let server = Server.opened()
        server.receive(Array(Raw.headers(1, Raw.get, flags: Raw.endStream).dropLast(3)))
        let deadline = server.now + 30_000_000_000
        #expect(try #require(server.session.nextDeadline) <= deadline)
        server.session.deadlineReached(now: deadline - 1)
        #expect(server.session.condemned == nil)
        server.session.deadlineReached(now: deadline)
        #expect(SentFrame.all(server.bytesToSend()).goAway == calm)
        #expect(server.session.end?.reason == .headTimeout)
    }

    @Test("Windows of zero: responses wait in bounded memory, and their streams are reset in the end")
    func windowStarvation() {
        let server = Server()
        server.answerAll(String(repeating: "x", count: 1000))
        server.receive(Raw.preface + Raw.settings([(4, 0)]))
        _ = server.bytesToSend()
        server.receive(Raw.settingsAcknowledgement)
        for index in 0..<100 { server.receive(Raw.headers(Int32(2 * index + 1))) }
        let frames = SentFrame.all(server.bytesToSend())
        #expect(frames.filter { $0.type == 1 }.count == 100)
        #expect(!frames.contains { $0.type == 0 })
        #expect(!server.session.wantsWrite)
        #expect(server.session.openStreamCount == 100)
        for _ in 0..<6 {
            server.pass(15)
            server.session.deadlineReached(now: server.now)
        }
        let later = SentFrame.all(server.bytesToSend())
        #expect(later.resets.count == 100)
        #expect(later.resets[1] == 8)
        #expect(server.application.openCount == 0)
    }

    @Test(
        "Of a small response, all must be taken in the time of a stalled one; a larger one goes on by the byte",
        arguments: [false, true]
    )
    func slowReader(isStreamed: Bool) {
        let server = Server()
        server.answerAll(String(repeating: "x", count: 1000))
        if isStreamed {
            server.application.answer = { exchange, session in
                exchange.response = [UInt8](repeating: 1, count: 1000)
                session.submitResponse(
                    exchange.stream,
                    status: 200,
                    fields: FieldSection(),
                    content: .streamed
                )
            }
        }
        server.receive(Raw.preface + Raw.settings([(4, 0)]))
        _ = server.bytesToSend()
        server.receive(Raw.settingsAcknowledgement + Raw.headers(1))
        for _ in 0..<20 {
            server.pass(15)
            server.receive(Raw.windowUpdate(1, 1))
            _ = server.bytesToSend()
            server.session.deadlineReached(now: server.now)
        }
        // The engine judges the rate of a streamed one.
        #expect(server.session.openStreamCount == (isStreamed ? 1 : 0))
        #expect(server.application.exchanges.first?.closed == (isStreamed ? nil : .cancel))
        #expect(server.session.end == nil)
    }

    @Test("Streams beyond the limit are refused, and once the client knows it, end the session")
    func tooManyStreams() {
        var limits = HTTP2Limits()
        limits.concurrentStreamCountMax = 2
        let server = Server(limits)
        let frames = server.exchangeRaw(
            Raw.opening + Raw.headers(1) + Raw.headers(3) + Raw.headers(5)
        )
        #expect(frames.resets == [5: 7])
        server.receive(Raw.settingsAcknowledgement)
        #expect(server.exchangeRaw(Raw.headers(7)).goAway == 1)
        #expect(server.session.end == HTTP2SessionEnd(.protocolViolated, .protocolError))
    }

    /// Frames after one open request on stream 1 and one half-closed on 3, and the code of the GOAWAY.
    static let violations: [(name: String, bytes: [UInt8], code: UInt32)] = [
        ("a frame over 16384 bytes", Raw.frame(0, stream: 1, [UInt8](repeating: 0, count: 16385)), 6),
        ("DATA on an idle stream", Raw.data(9, [1]), 1),
        ("DATA on stream 0", Raw.data(0, [1]), 1),
        ("DATA on a half-closed stream", Raw.data(3, [1]), 5),
        ("HEADERS on stream 0", Raw.headers(0), 1),
        ("HEADERS on an even stream", Raw.headers(2), 1),
        ("HEADERS on a half-closed stream", Raw.headers(3), 5),
        (
            "HEADERS that depend on themselves",
            Raw.frame(
                1,
                flags: 0x25,
                stream: 5,
                Raw.word(5) + [16] + Raw.block(Raw.get)
            ), 1
        ),
        ("RST_STREAM on an idle stream", Raw.reset(9), 1),
        ("RST_STREAM on stream 0", Raw.reset(0), 1),
        ("RST_STREAM of 3 bytes", Raw.frame(3, stream: 1, [0, 0, 0]), 6),
        ("WINDOW_UPDATE on an idle stream", Raw.windowUpdate(9, 1), 1),
        ("WINDOW_UPDATE of 0", Raw.windowUpdate(0, 0), 1),
        ("WINDOW_UPDATE beyond 2^31-1", Raw.windowUpdate(0, 0x7fff_ffff), 3),
        ("SETTINGS on a stream", Raw.frame(4, stream: 1), 1),
        ("SETTINGS of 5 bytes", Raw.frame(4, stream: 0, [0, 0, 0, 0, 0]), 6),
        ("SETTINGS ACK with content", Raw.frame(4, flags: 1, stream: 0, [0, 3, 0, 0, 0, 1]), 6),
        ("SETTINGS with a window beyond 2^31-1", Raw.settings([(4, 0x8000_0000)]), 3),
        ("SETTINGS with a frame size below 16384", Raw.settings([(5, 100)]), 1),
        ("SETTINGS with ENABLE_PUSH 2", Raw.settings([(2, 2)]), 1),
        ("PING of 7 bytes", Raw.frame(6, stream: 0, [0, 0, 0, 0, 0, 0, 0]), 6),
        ("PING on a stream", Raw.frame(6, stream: 1, [0, 0, 0, 0, 0, 0, 0, 0]), 1),
        ("PUSH_PROMISE", Raw.frame(5, flags: 4, stream: 1, Raw.word(2) + Raw.block(Raw.get)), 1),
        ("CONTINUATION without HEADERS", Raw.frame(9, flags: 4, stream: 1, []), 1),
        ("a frame between HEADERS and CONTINUATION", Raw.headers(5, flags: 0) + Raw.ping(), 1),
        ("padding longer than the frame", Raw.frame(0, flags: 8, stream: 1, [5, 0]), 1),
        ("an HPACK index that is not there", Raw.frame(1, flags: 5, stream: 5, [0xff, 0xff, 0x7f]), 9),
        (
            "an HPACK integer without end",
            Raw.frame(
                1,
                flags: 5,
                stream: 5,
                [UInt8](repeating: 0xff, count: 20)
            ), 9
        ),
        ("an HPACK table larger than allowed", Raw.frame(1, flags: 5, stream: 5, [0x3f, 0xe1, 0xff, 3]), 9),
        ("an HPACK string cut short", Raw.frame(1, flags: 5, stream: 5, [0, 5, 97]), 9),
        ("PRIORITY on stream 0", Raw.frame(2, stream: 0, [0, 0, 0, 0, 16]), 1),
        ("PRIORITY_UPDATE of stream 0", Raw.frame(16, stream: 0, Raw.word(0) + Array("u=1".utf8)), 1),
        ("PRIORITY_UPDATE on a stream", Raw.frame(16, stream: 1, Raw.word(1)), 1),
    ]

    @Test("Violations end the session with their code (RFC 9113 §5, §6)", arguments: violations.indices)
    func violation(index: Int) {
        let (name, bytes, code) = AttackTests.violations[index]
        let server = Server.opened()
        server.application.consumesAtOnce = false
        server.receive(Raw.headers(1, Raw.post, flags: Raw.endHeaders) + Raw.headers(3))
        _ = server.bytesToSend()
        let frames = server.exchangeRaw(bytes)
        #expect(frames.goAway == code, "\(name)")
        #expect(
            server.session.end == HTTP2SessionEnd(.protocolViolated, HTTP2ErrorCode(rawValue: code)),
            "\(name)"
        )
        // Whatever else comes is not looked at.
        #expect(server.exchangeRaw(Raw.headers(11)).isEmpty)
        #expect(server.application.exchanges.count == 2)
    }

    @Test("HEADERS with a lower number than the last end the session (RFC 9113 §5.1.1)")
    func lowerNumber() {
        let server = Server.opened()
        #expect(server.exchangeRaw(Raw.headers(5) + Raw.headers(3)).goAway == 1)
        #expect(server.session.end == HTTP2SessionEnd(.protocolViolated, .protocolError))
    }

    @Test("HEADERS on a stream that has ended end the session, unless we reset it (RFC 9113 §5.1)")
    func closedStream() {
        let server = Server.opened()
        server.answerAll("")
        _ = server.exchangeRaw(Raw.headers(1) + Raw.headers(3))
        #expect(server.exchangeRaw(Raw.headers(1)).goAway == 5)
        #expect(server.session.end == HTTP2SessionEnd(.protocolViolated, .streamClosed))

        let other = Server.opened()
        // A malformed head, which we reset; what was on its way behind it is no offence.
        _ = other.exchangeRaw(Raw.headers(1, [(":method", "GET")], flags: Raw.endHeaders))
        #expect(other.exchangeRaw(Raw.headers(1)).goAway == nil)
        #expect(other.session.end == nil)
    }

    @Test("More content than a stream's window resets the stream (RFC 9113 §6.9.1)")
    func windowOverrun() {
        let server = Server.opened()
        server.application.consumesAtOnce = false
        server.receive(Raw.headers(1, Raw.post, flags: Raw.endHeaders))
        let frames = server.exchangeRaw(
            (0..<49).flatMap { _ in Raw.data(1, [UInt8](repeating: 0, count: 16384)) }
        )
        #expect(frames.resets == [1: 3])
        #expect(server.application[1]?.closed == .flowControlError)
    }

    @Test("DATA and HEADERS on a stream that was reset are ignored, and a number is not used twice")
    func closedStreams() {
        let server = Server.opened()
        let open = Raw.headers(5, Raw.post, flags: Raw.endHeaders) + Raw.reset(5)
        let frames = server.exchangeRaw(open + Raw.data(5, [1, 2, 3]) + Raw.headers(5) + Raw.headers(3))
        #expect(server.application.exchanges.map(\.stream.id) == [5])
        #expect(server.application.exchanges.first?.content == [])
        #expect(frames.filter { $0.type == 7 }.allSatisfy { $0.code != 0 })
    }

    @Test("The first bytes must be the preface (RFC 9113 §3.4)")
    func badPreface() {
        let server = Server()
        server.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(server.session.end == HTTP2SessionEnd(.prefaceMalformed, .protocolError))
        #expect(SentFrame.all(server.bytesToSend()).goAway == 1)
        let noSettings = Server()
        #expect(noSettings.exchangeRaw(Raw.preface + Raw.ping()).goAway == 1)
    }

    @Test("Bytes of streams that were reset are given back to the connection's window")
    func givesBackWindow() {
        let server = Server.opened()
        server.application.consumesAtOnce = false
        let piece = [UInt8](repeating: 1, count: 16000)
        var credit = 0
        for index in 0..<190 {
            server.pass(1)
            let id = Int32(2 * index + 1)
            server.receive(Raw.headers(id, Raw.post, flags: Raw.endHeaders) + Raw.data(id, piece))
            server.receive(Raw.reset(id) + Raw.data(id, piece))
            for frame in SentFrame.all(server.bytesToSend()) where frame.type == 8 && frame.stream == 0 {
                credit += frame.payload.reduce(0) { $0 << 8 | Int($1) }
            }
        }
        #expect(server.session.end == nil)
        #expect(credit > 190 * 32000 - (1 << 20))
    }
}
