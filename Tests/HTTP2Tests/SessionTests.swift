// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import TestKit
import Testing

@testable import HTTP2

@Suite("HTTP/2 sessions")
struct SessionTests {
    // MARK: Flow control

    @Test("Windows open as the application consumes, not before (RFC 9113 §5.2)")
    func backPressure() throws {
        let server = Server()
        server.application.consumesAtOnce = false
        let client = TestClient()
        server.run(with: client)
        let id = client.request("/", method: "POST", content: [UInt8](repeating: 7, count: 2_000_000))
        server.run(with: client)
        let exchange = try #require(server.application[id])
        #expect(exchange.content.count == 768 << 10)
        #expect(exchange.stream.unconsumedByteCount == 768 << 10)
        server.session.consumed(exchange.stream, byteCount: 500_000)
        server.run(with: client)
        // As far as the connection's window goes, of which less than half is consumed.
        #expect(exchange.content.count == 1 << 20)
        server.application.consumesAtOnce = true
        server.session.consumed(exchange.stream, byteCount: exchange.stream.unconsumedByteCount)
        server.run(with: client)
        #expect(exchange.content.count == 2_000_000)
        #expect(exchange.hasEnded)
    }

    @Test("One stream whose application does not read leaves room for others")
    func streamsShareTheConnection() throws {
        let server = Server()
        server.application.consumesAtOnce = false
        let client = TestClient()
        server.run(with: client)
        let one = client.request("/", method: "POST", content: [UInt8](repeating: 7, count: 2_000_000))
        let two = client.request("/", method: "POST", content: [UInt8](repeating: 7, count: 100_000))
        server.run(with: client)
        #expect(server.application[two]?.hasEnded == true)
        #expect(server.application[one]?.hasEnded == false)
        server.session.reset(try #require(server.application[one]).stream, .noError)
        server.run(with: client)
        #expect(client.responses[one]?.closed == 0)
    }

    @Test("Writing stops at the limit it is given, and goes on")
    func writesInPieces() {
        let server = Server()
        let client = TestClient(windowBytes: 1 << 20)
        server.answerAll(String(repeating: "y", count: 60_000))
        let id = client.request("/")
        server.receive(client.bytesToSend())
        var rounds = 0
        while server.session.wantsWrite {
            let bytes = server.bytesToSend(byteCountMax: 1000)
            #expect(bytes.count <= 1000 + 16384 + 9)
            client.receive(bytes)
            rounds += 1
        }
        #expect(rounds >= 4)
        #expect(client.responses[id]?.content.count == 60_000)
    }

    // MARK: Priorities

    @Test("Urgent responses leave first, by field or by frame (RFC 9218 §4, §7, §10)")
    func urgency() {
        let server = Server()
        server.answerAll(String(repeating: "y", count: 40_000))
        let client = TestClient(windowBytes: 1 << 20)
        server.run(with: client)
        let ids = [("u=7", 0), (nil, 1), ("u=0", 2), ("u=5", 3)].map { value, index in
            client.request("/\(index)", fields: value.map { [("priority", $0)] } ?? [])
        }
        let last = client.request("/4")
        server.receive(Raw.frame(16, stream: 0, Raw.word(UInt32(last)) + Array("u=1".utf8)))
        server.run(with: client)
        var order: [Int32] = []
        for id in client.dataOrder where order.last != id { order.append(id) }
        #expect(order == [ids[2], last, ids[1], ids[3], ids[0]])
    }

    @Test("Incremental responses of one urgency take turns, others do not (RFC 9218 §4.2)")
    func incremental() {
        for (value, turns) in [("i", true), ("u=3", false)] {
            let server = Server()
            server.answerAll(String(repeating: "y", count: 32_000))
            let client = TestClient(windowBytes: 1 << 20)
            server.run(with: client)
            let one = client.request("/", fields: [("priority", value)])
            let two = client.request("/", fields: [("priority", value)])
            server.run(with: client)
            #expect(client.dataOrder == (turns ? [one, two, one, two] : [one, one, two, two]), "\(value)")
        }
    }

    // MARK: The end

    @Test("A graceful shutdown announces itself, serves what is open, and ends (RFC 9113 §6.8)")
    func gracefulShutdown() throws {
        let server = Server()
        let client = TestClient()
        let one = client.request("/")
        server.run(with: client)
        server.session.shutdown(now: server.now)
        let notice = server.bytesToSend()
        #expect(SentFrame.all(notice).map(\.type) == [7, 6])
        #expect(SentFrame.all(notice).first?.payload.prefix(4) == [0x7f, 0xff, 0xff, 0xff])
        client.receive(notice)
        server.run(with: client)
        #expect(client.goAways.map(\.last) == [Int32.max, one])
        #expect(client.goAways.map(\.code) == [0, 0])
        #expect(server.session.end == nil)
        let stream = try #require(server.application[one]).stream
        server.session.submitResponse(stream, status: 200, fields: FieldSection(), content: .none)
        server.run(with: client)
        #expect(client.responses[one]?.status == "200")
        #expect(server.session.end == HTTP2SessionEnd(.done, .noError))
    }

    @Test("A client that does not answer the notice is waited for a second")
    func shutdownTimeout() throws {
        let server = Server.opened()
        server.session.shutdown(now: server.now)
        _ = server.bytesToSend()
        let late = Raw.headers(1)
        server.receive(late)
        #expect(server.application.exchanges.count == 1)
        let deadline = try #require(server.session.nextDeadline)
        #expect(deadline == server.now + 1_000_000_000)
        server.now = deadline
        server.session.deadlineReached(now: deadline)
        #expect(SentFrame.all(server.bytesToSend()).goAway == 0)
        server.receive(Raw.headers(3))
        #expect(server.application.exchanges.count == 1)
        #expect(server.session.end == nil)
    }

    @Test("An idle session ends at once when both have said goodbye")
    func clientSaysGoodbye() {
        let server = Server.opened()
        _ = server.exchangeRaw(Raw.frame(7, stream: 0, Raw.word(0) + Raw.word(0)))
        #expect(server.session.isShuttingDown)
        #expect(server.session.end == HTTP2SessionEnd(.done, .noError))
    }

    @Test("Terminating says GOAWAY with the code, and ends")
    func terminates() {
        let server = Server.opened()
        server.receive(Raw.headers(1))
        server.session.terminate(.internalError)
        #expect(server.session.wantsWrite)
        #expect(SentFrame.all(server.bytesToSend()).goAway == 2)
        #expect(server.session.end == HTTP2SessionEnd(.terminated, .internalError))
        server.receive(Raw.headers(3))
        #expect(server.application.exchanges.count == 1)
    }

    @Test("A session that ends within a call of its delegate does so safely")
    func terminatesInside() {
        let server = Server.opened()
        server.application.answer = { _, session in session.terminate(.enhanceYourCalm) }
        let frames = server.exchangeRaw(Raw.headers(1) + Raw.headers(3))
        #expect(frames.goAway == 11)
        #expect(server.application.exchanges.count == 1)
        let abandoned = Server.opened()
        abandoned.application.answer = { _, session in session.abandon() }
        _ = abandoned.exchangeRaw(Raw.headers(1) + Raw.headers(3))
        #expect(abandoned.session.end != nil)
        #expect(abandoned.application.openCount == 0)
        #expect(abandoned.application.exchanges.count == 1)
    }

    // MARK: Time

    @Test("A client that does not send its preface, or acknowledge the settings, is waited for 30 seconds")
    func settingsTimeout() throws {
        let server = Server()
        let deadline = try #require(server.session.nextDeadline)
        #expect(deadline == server.now + 30_000_000_000)
        _ = server.bytesToSend()
        server.receive(Raw.opening)
        #expect(server.session.nextDeadline == deadline)
        server.session.deadlineReached(now: deadline)
        #expect(SentFrame.all(server.bytesToSend()).goAway == 4)
        #expect(server.session.end?.reason == .settingsTimeout)
    }

    @Test("Keep-alive: a quiet client is asked, and must answer in time")
    func keepAlive() throws {
        var limits = HTTP2Limits()
        limits.keepAlivePingDelay = .seconds(10)
        let server = Server.opened(limits)
        #expect(server.session.nextDeadline == server.now + 10_000_000_000)
        server.pass(10)
        server.session.deadlineReached(now: server.now)
        #expect(SentFrame.all(server.bytesToSend()).map(\.type) == [6])
        #expect(server.session.nextDeadline == server.now + 20_000_000_000)
        server.pass(1)
        server.receive(Raw.ping(acknowledges: true))
        #expect(server.session.nextDeadline == server.now + 10_000_000_000)
        server.pass(10)
        server.session.deadlineReached(now: server.now)
        server.pass(20)
        server.session.deadlineReached(now: server.now)
        #expect(SentFrame.all(server.bytesToSend()).goAway == 2)
        #expect(server.session.end == HTTP2SessionEnd(.keepAliveTimeout, .internalError))
    }

    @Test("An idle session waits for nothing")
    func noDeadline() {
        #expect(Server.opened().session.nextDeadline == nil)
    }

    @Test("A budget is spent, earned back with time, and never beyond what it was")
    func meter() {
        var meter = FloodMeter(FloodBudget(burst: 10, perSecond: 2))
        var results: [Bool] = []
        for _ in 0..<11 { results.append(meter.spend(1, now: 5)) }
        #expect(results == [Bool](repeating: true, count: 10) + [false])
        meter.giveBack(1000)
        results = [meter.spend(10, now: 5), meter.spend(1, now: 5), meter.spend(1, now: 1_500_000_005)]
        #expect(results == [true, false, true])
        results = [meter.spend(10, now: 100_000_000_000), meter.spend(1, now: 0)]
        #expect(results == [true, false])
    }
}
