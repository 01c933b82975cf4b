// SPDX-License-Identifier: Apache-2.0

import HTTPRingService
import Synchronization
import Testing
import URLPrefixes

@Suite("Reservations and registrations over the control protocol")
struct ReservationTests {
    @Test("a user registers what is reserved for him, and nobody else does (HttpAddUrlToUrlGroup)")
    func registration() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let alice = try fixture.client(1000)
        let bob = try fixture.client(1001)
        #expect(fixture.ask(reserve("http://+:80/shop/", ["user:1000"]), root) == nil)
        let hers = try fixture.group(alice)
        let his = try fixture.group(bob)
        #expect(fixture.ask(.register(group: his, url: "http://+:80/shop/"), bob) == .accessDenied)
        #expect(fixture.ask(.register(group: his, url: "http://+:80/shop/below/"), bob) == .accessDenied)
        #expect(fixture.ask(.register(group: his, url: "http://+:80/other/"), bob) == .accessDenied)
        #expect(fixture.ask(.register(group: hers, url: "http://+:80/shop/"), alice) == nil)
        #expect(fixture.ask(.register(group: hers, url: "http://+:80/shop/"), alice) == .conflict)
        #expect(fixture.engine.groupOfPrefix.count == 1)
        // Nor does root, where the rules name another.
        #expect(
            fixture.ask(.register(group: try fixture.group(root), url: "http://+:80/shop/x/"), root)
                == .accessDenied
        )
    }

    @Test("http://localhost above port 1024 is free for everybody, and nothing else is")
    func localhost() throws {
        let fixture = try PlaneFixture()
        let bob = try fixture.client(1001)
        let group = try fixture.group(bob)
        for (url, refusal) in [
            ("http://localhost:8081/", nil), ("http://localhost:80/", .accessDenied),
            ("https://localhost:8443/", .accessDenied), ("http://host:8082/", .accessDenied),
            ("http://127.0.0.1:8083/", .accessDenied), ("http://+:8084/", .accessDenied),
        ] as [(String, ControlFailure.Code?)] {
            #expect(fixture.ask(.register(group: group, url: url), bob) == refusal, "\(url)")
        }
    }

    @Test("whoever may delegate reserves below, what he gives does not inherit, and others may not")
    func delegation() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let alice = try fixture.client(1000)
        let bob = try fixture.client(1001)
        #expect(fixture.ask(reserve("http://+:80/a/", ["user:1000"], "delegate"), root) == nil)
        #expect(fixture.ask(reserve("http://+:80/a/b/", ["user:1001"]), bob) == .accessDenied)
        #expect(fixture.ask(reserve("http://+:80/a/b/", ["user:1001"]), alice) == nil)
        let hers = try fixture.group(alice)
        #expect(fixture.ask(.register(group: hers, url: "http://+:80/a/"), alice) == .accessDenied)
        #expect(fixture.ask(.register(group: hers, url: "http://+:80/a/b/"), alice) == .accessDenied)
        #expect(fixture.ask(.register(group: try fixture.group(bob), url: "http://+:80/a/b/"), bob) == nil)
        #expect(fixture.ask(.delete(.reservation, key: "http://+:80/a/"), alice) == .accessDenied)
        #expect(fixture.ask(.delete(.reservation, key: "http://+:80/a/b/"), bob) == .accessDenied)
        #expect(fixture.ask(.delete(.reservation, key: "http://+:80/a/b/"), alice) == nil)
    }

    @Test("whoever may delegate cannot use up what administrators need")
    func exhaustion() throws {
        var limits = ControlLimits()
        limits.reservationsMax = 10
        let fixture = try PlaneFixture(limits: limits)
        let root = try fixture.client(0)
        let alice = try fixture.client(1000)
        #expect(fixture.ask(reserve("http://+:80/a/", ["user:1000"], "delegate"), root) == nil)
        for number in 1..<9 {
            #expect(fixture.ask(reserve("http://+:80/a/\(number)/", ["user:1"]), alice) == nil)
        }
        #expect(fixture.ask(reserve("http://+:80/a/9/", ["user:1"]), alice) == .limitReached)
        #expect(fixture.ask(reserve("http://+:80/b/", ["user:1"]), root) == nil)
        #expect(fixture.ask(reserve("http://+:80/c/", ["user:1"]), root) == .limitReached)
    }

    @Test("root and the administrators' group may everything; user and group 65534 are nobody's")
    func administrators() throws {
        let fixture = try PlaneFixture()
        let member = try fixture.client(1002, groups: [7, 500])
        let unmapped = try fixture.client(65534, groups: [65534])
        #expect(fixture.ask(reserve("http://+:80/", ["user:65534", "group:65534"]), member) == nil)
        let group = try fixture.group(unmapped)
        #expect(fixture.ask(.register(group: group, url: "http://+:80/"), unmapped) == .accessDenied)
        #expect(
            fixture.ask(.add(.timeout, key: "headerwaittimeout", values: [NamedValue("value", "9")]), member)
                == nil
        )
    }

    @Test("a port carries one scheme, for reservations and registrations alike")
    func schemes() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        #expect(fixture.ask(reserve("https://+:443/", ["everyone"]), root) == nil)
        #expect(fixture.ask(reserve("http://h:443/", ["everyone"]), root) == .conflict)
        #expect(
            fixture.ask(.register(group: try fixture.group(root), url: "http://*:443/"), root) == .conflict
        )
    }

    @Test("a change is kept before it counts, and is undone when it cannot be kept")
    func persistence() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        #expect(fixture.ask(reserve("http://+:80/a/", ["user:1"]), root) == nil)
        #expect(try fixture.savedState().reservations.map(\.prefix.description) == ["http://+:80/a/"])
        #expect(fixture.engine.reservations.count == 1)
        for step in 1...4 {
            fixture.files.disk.withLock { $0.failingCall = $0.callCount + step }
            #expect(fixture.ask(reserve("http://+:80/b/", ["user:1"]), root) == .stateNotSaved)
            fixture.files.disk.withLock { $0.failingCall = $0.callCount + step }
            #expect(fixture.ask(.delete(.reservation, key: "http://+:80/a/"), root) == .stateNotSaved)
        }
        #expect(fixture.records(.reservation, root).map { $0["url"].text } == ["http://+:80/a/"])
        #expect(fixture.engine.reservations.count == 1)
        // Nothing of the failed attempts is left in the way.
        #expect(fixture.ask(reserve("http://+:80/b/", ["user:1"]), root) == nil)
        #expect(fixture.ask(.delete(.reservation, key: "http://+:80/a/"), root) == nil)
        #expect(try fixture.savedState().reservations.map(\.prefix.description) == ["http://+:80/b/"])
    }

    @Test("a registration the machine refuses leaves nothing behind")
    func machine() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let group = try fixture.group(root)
        fixture.engine.failure = ControlFailure(.machine, "bind: EADDRINUSE")
        #expect(fixture.ask(.register(group: group, url: "http://+:80/"), root) == .machine)
        fixture.engine.failure = nil
        #expect(fixture.ask(.register(group: group, url: "http://+:80/"), root) == nil)
    }

    @Test("every change and every refusal is one line of the audit log, whatever the client wrote")
    func audit() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let bob = try fixture.client(1001)
        _ = fixture.ask(reserve("http://+:80/a/", ["user:1"]), root)
        _ = fixture.ask(reserve("http://+:80/b/\n\"audit: uid=0", ["user:1"]), bob)
        #expect(
            fixture.audit[0].description
                == "audit: uid=0 pid=100 action=\"add urlacl\" object=\"http://+:80/a/ user:1=listen\" outcome=\"ok\""
        )
        let forged = fixture.audit[1].description
        #expect(forged.hasPrefix("audit: uid=1001 pid=100 action=\"add urlacl\""))
        #expect(forged.contains("outcome=\"refused: "))
        #expect(forged.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test("what reserves wrongly is told so by kind")
    func wrong() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        for (request, code) in [
            (reserve("+:80/", ["user:1"]), .badPrefix), (reserve("http://+:80/", []), .badValue),
            (reserve("http://+:80/", ["alice"]), .badValue),
            (reserve("http://+:80/", ["user:1"], "all"), .badValue),
            (reserve("http://+:80/", ["user:1"], "none"), .badValue),
            (.delete(.reservation, key: "http://+:80/"), .notFound),
            (.add(.serviceState, key: "", values: []), .badMessage),
            (.delete(.statistics, key: ""), .badMessage),
            (.update(.reservation, key: "", values: []), .badMessage),
            (.show(.reservation, key: "http://+:80/"), .notFound),
            (.show(.serviceState, key: "x"), .badValue),
        ] as [(ControlRequest, ControlFailure.Code)] {
            #expect(fixture.ask(request, root) == code, "\(request)")
        }
    }
}
