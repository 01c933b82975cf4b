// SPDX-License-Identifier: Apache-2.0

import Testing
import URLPrefixes

@testable import HTTPEngine
@testable import HTTPRingService

@Suite("Processes of a defined queue")
struct WorkerLifeTests {
    /// Expects what a call that changes something returns.
    private func check(_ holds: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(holds, sourceLocation: sourceLocation)
    }

    @Test("fail by leaving unasked, and not by ending in order (IIS: rapid-fail counts failures)")
    func failures() {
        var life = WorkerLife()
        for client in 1...10 as ClosedRange<ClientID> {
            life.attached(client, now: 0)
            life.retired.insert(client)
            life.left(client, now: 0)
        }
        check(!life.hasFailedRapidly(now: 0))
        for client in 1...5 as ClosedRange<ClientID> {
            check(!life.hasFailedRapidly(now: 1000))
            life.attached(client, now: 1000)
            life.left(client, now: 1000)
        }
        check(life.hasFailedRapidly(now: 300_999))
        check(!life.hasFailedRapidly(now: 301_000))
    }

    @Test("that never become ready are given up after five starts, however long each may take")
    func startUp() {
        var life = WorkerLife()
        var now: UInt64 = 0
        var starts = 0
        while !life.hasFailedRapidly(now: now), starts < 20 {
            check(life.mayStart(now: now, startupLimit: 90_000))
            if life.hasFailedRapidly(now: now) { break }
            life.started(now: now)
            starts += 1
            check(!life.mayStart(now: now + 89_999, startupLimit: 90_000))
            now += 90_000
        }
        #expect(starts == 5)
        life.forgive()
        check(!life.hasFailedRapidly(now: now))
    }

    @Test("are asked three times a ping limit, and silent when one limit has passed since")
    func pings() {
        var life = WorkerLife()
        life.attached(1, now: 0)
        life.attached(2, now: 0)
        check(life.ping([1, 2], now: 29_999, limit: 90_000).asked.isEmpty)
        check(life.ping([1, 2], now: 30_000, limit: 90_000).asked == [1, 2])
        life.answered(1)
        check(life.ping([1, 2], now: 59_999, limit: 90_000).asked.isEmpty)
        check(life.ping([1, 2], now: 60_000, limit: 90_000).asked == [1])
        life.answered(1)
        let late = life.ping([1, 2], now: 120_000, limit: 90_000)
        #expect(late.silent == [2] && late.asked == [1])
        // One that was told to end is left in peace.
        life.retired.insert(2)
        check(life.ping([1, 2], now: 130_000, limit: 90_000).silent.isEmpty)
    }

    @Test("are idle when no request came and none is in progress for so long")
    func idle() {
        var life = WorkerLife()
        life.attached(1, now: 0)
        check(!life.isIdle(requests: 5, isBusy: false, now: 1000, limit: 10_000))
        check(!life.isIdle(requests: 5, isBusy: false, now: 10_999, limit: 10_000))
        check(!life.isIdle(requests: 5, isBusy: true, now: 11_000, limit: 10_000))
        check(!life.isIdle(requests: 6, isBusy: false, now: 21_000, limit: 10_000))
        check(life.isIdle(requests: 6, isBusy: false, now: 31_000, limit: 10_000))
    }

    // MARK: In the plane

    private let shop = [
        NamedValue("allow", "user:1000"), NamedValue("unit", "shop@.service"),
        NamedValue("url", "http://+:80/shop/"),
        NamedValue("idle", "60"), NamedValue("ping", "30"),
    ]

    private func attached(_ fixture: PlaneFixture) throws -> (client: ClientID, queue: UInt64) {
        let client = try fixture.client(1000)
        let opening = ControlRequest.openQueue(name: "shop", mode: .attach, isController: false, access: [])
        let queue = try fixture.object(opening, client)
        #expect(fixture.ask(.attach(queue: queue, payload: []), client) == nil)
        return (client, queue)
    }

    @Test("are told to end when idle; the next request starts another even while the old one still ends")
    func idleStop() throws {
        let fixture = try PlaneFixture()
        #expect(fixture.ask(.add(.queue, key: "shop", values: shop), try fixture.client(0)) == nil)
        fixture.plane.tick(now: 1000)
        let (client, queue) = try attached(fixture)
        var traffic = PrefixTraffic(prefix: try URLPrefix("http://+:80/shop/"))
        traffic.requests = 7
        fixture.engine.traffic = [traffic]
        fixture.plane.tick(now: 30_000)
        fixture.plane.tick(now: 89_999)
        #expect(fixture.events.allSatisfy { $0.1 == .ping })
        fixture.plane.tick(now: 90_000)
        #expect(fixture.events.last?.0 == client && fixture.events.last?.1 == .drain)
        #expect(fixture.audit.last?.action == "stop idle")
        fixture.engine.waiting = 1
        fixture.plane.tick(now: 91_000)
        #expect(fixture.activator.started == ["shop"])
        fixture.plane.disconnected(client)
        let successor = try attached(fixture)
        #expect(successor.queue == queue)
        fixture.engine.waiting = 0
        fixture.plane.tick(now: 92_000)
        #expect(fixture.activator.started == ["shop"])
    }

    @Test("that do not answer a ping are parted from, and replaced when a request waits")
    func silent() throws {
        let fixture = try PlaneFixture()
        #expect(fixture.ask(.add(.queue, key: "shop", values: shop), try fixture.client(0)) == nil)
        fixture.plane.tick(now: 1000)
        let (client, queue) = try attached(fixture)
        fixture.plane.tick(now: 12_000)
        #expect(fixture.events.map(\.1) == [.ping])
        #expect(fixture.ask(.pong(queue: queue), client) == nil)
        fixture.plane.tick(now: 23_000)
        #expect(fixture.events.map(\.1) == [.ping, .ping])
        fixture.plane.tick(now: 52_999)
        #expect(fixture.parted.isEmpty)
        fixture.plane.tick(now: 53_000)
        #expect(fixture.parted == [client])
        fixture.plane.disconnected(client)
        fixture.engine.waiting = 1
        fixture.plane.tick(now: 54_000)
        #expect(fixture.activator.started == ["shop"])
    }

    @Test("keep their limits over a restart")
    func kept() throws {
        let fixture = try PlaneFixture()
        #expect(fixture.ask(.add(.queue, key: "shop", values: shop), try fixture.client(0)) == nil)
        let saved = try #require(try fixture.savedState().queues.first)
        #expect(saved.idleSeconds == 60 && saved.pingSeconds == 30)
    }

    @Test("may not have limits longer than a day")
    func refused() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        for (name, value) in [("idle", "86401"), ("ping", "-1"), ("ping", "x")] {
            let request = ControlRequest.add(.queue, key: "shop", values: [NamedValue(name, value)])
            #expect(fixture.ask(request, root) == .badValue, "\(name)=\(value)")
        }
    }
}
