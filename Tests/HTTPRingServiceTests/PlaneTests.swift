// SPDX-License-Identifier: Apache-2.0

import HTTPRingService
import Testing
import URLPrefixes

@Suite("Live objects, queues and settings")
struct PlaneTests {
    @Test("a client that goes takes its sessions, groups, registrations and queues along")
    func disconnect() throws {
        let fixture = try PlaneFixture()
        let bob = try fixture.client(1001)
        let group = try fixture.group(bob, queue: "his")
        #expect(fixture.ask(.register(group: group, url: "http://localhost:8081/"), bob) == nil)
        fixture.plane.disconnected(bob)
        #expect(fixture.engine.groupOfPrefix.isEmpty && fixture.engine.groups.isEmpty)
        #expect(fixture.engine.queues.isEmpty)
        let other = try fixture.client(1002)
        let taken = try fixture.group(other, queue: "his")
        #expect(fixture.ask(.register(group: taken, url: "http://localhost:8081/"), other) == nil)
    }

    @Test("nobody touches another connection's objects, not even one of the same user")
    func objects() throws {
        let fixture = try PlaneFixture()
        let bob = try fixture.client(1001)
        let other = try fixture.client(1001)
        let group = try fixture.group(bob)
        for object in 0...group + 2 {
            #expect(fixture.ask(.close(object), other) == .notFound)
            #expect(fixture.ask(.setProperties(object, []), other) == .notFound)
            #expect(fixture.ask(.createGroup(session: object), other) == .notFound)
            #expect(fixture.ask(.bind(group: object, queue: 0), other) == .notFound)
            #expect(fixture.ask(.register(group: object, url: "http://localhost:8081/"), other) == .notFound)
            #expect(fixture.ask(.attach(queue: object, payload: []), other) == .notFound)
        }
    }

    @Test("a queue is opened by its owner, those he names and root, and by default by nobody else")
    func queueAccess() throws {
        let fixture = try PlaneFixture()
        let alice = try fixture.client(1000)
        let bob = try fixture.client(1001, groups: [7])
        let root = try fixture.client(0)
        func open(_ name: String, _ mode: QueueOpeningMode, controls: Bool = false, _ access: [String] = [])
            -> ControlRequest
        {
            .openQueue(name: name, mode: mode, isController: controls, access: access)
        }
        #expect(fixture.ask(open("hers", .attach), alice) == .notFound)
        #expect(fixture.ask(open("hers", .create), alice) == nil)
        #expect(fixture.ask(open("hers", .create), bob) == .conflict)
        #expect(fixture.ask(open("hers", .attach), bob) == .accessDenied)
        #expect(fixture.ask(open("hers", .createOrAttach), bob) == .accessDenied)
        #expect(fixture.ask(open("hers", .attach, controls: true), root) == nil)
        #expect(fixture.ask(open("shared", .create, ["group:7"]), alice) == nil)
        #expect(fixture.ask(open("shared", .attach), bob) == nil)
        #expect(
            fixture.ask(open("shared", .attach, controls: true), try fixture.client(1001, groups: [7]))
                == .accessDenied
        )
        #expect(fixture.ask(open("", .attach), bob) == .badValue)
        #expect(fixture.ask(open("../x", .create), bob) == .badValue)
        #expect(fixture.ask(open("y", .create, ["bob"]), bob) == .badValue)
    }

    @Test("a worker attaches, its answer and descriptors come from the transport; a controller does not")
    func attaching() throws {
        let fixture = try PlaneFixture()
        let alice = try fixture.client(1000)
        let queue = try fixture.object(
            .openQueue(name: "q", mode: .create, isController: false, access: []),
            alice
        )
        guard
            case .answer(.attached(let payload), _) = fixture.plane.handle(
                .attach(queue: queue, payload: [1, 2]),
                from: alice
            )
        else {
            Issue.record("not attached")
            return
        }
        #expect(payload == [2, 1])
        #expect(fixture.ask(.attach(queue: queue, payload: []), alice) == .conflict)
        let controller = try fixture.client(1000)
        _ = try fixture.object(
            .openQueue(name: "q", mode: .attach, isController: true, access: []),
            controller
        )
        #expect(fixture.ask(.attach(queue: queue, payload: []), controller) == .accessDenied)
        fixture.plane.disconnected(alice)
        #expect(fixture.attacher.detached == [alice])
    }

    @Test(
        "what one user holds is limited, whatever the number of his connections, and others are not affected"
    )
    func limits() throws {
        var limits = ControlLimits()
        limits.connectionsPerUser = 4
        limits.queuesPerUser = 3
        limits.groupsPerUser = 3
        limits.registrationsPerUser = 5
        let fixture = try PlaneFixture(limits: limits)
        let first = try fixture.client(1001)
        let second = try fixture.client(1001)
        for number in 0..<3 {
            let client = number % 2 == 0 ? first : second
            let request = ControlRequest.openQueue(
                name: "q\(number)",
                mode: .create,
                isController: false,
                access: []
            )
            #expect(fixture.ask(request, client) == nil)
        }
        let queue = ControlRequest.openQueue(name: "q9", mode: .create, isController: false, access: [])
        #expect(fixture.ask(queue, second) == .limitReached)
        let session = try fixture.object(.createSession, first)
        let group = try fixture.object(.createGroup(session: session), first)
        _ = try fixture.object(.createGroup(session: session), first)
        _ = try fixture.object(.createGroup(session: session), first)
        #expect(fixture.ask(.createGroup(session: session), first) == .limitReached)
        for number in 0..<5 {
            #expect(
                fixture.ask(.register(group: group, url: "http://localhost:8081/\(number)/"), first) == nil
            )
        }
        #expect(fixture.ask(.register(group: group, url: "http://localhost:8081/5/"), first) == .limitReached)
        _ = try fixture.client(1001)
        _ = try fixture.client(1001)
        #expect(throws: ControlFailure.self) { try fixture.client(1001) }
        #expect(fixture.ask(queue, try fixture.client(1002)) == nil)
    }

    @Test("a prefix that processes of one queue register is shared, and its last process takes it along")
    func sharedPrefix() throws {
        let fixture = try PlaneFixture()
        let url = "http://localhost:8081/"
        let prefix = try URLPrefix(url)
        let clients = try (0..<3).map { _ in try fixture.client(1001) }
        let groups = try clients.map { try fixture.group($0, queue: "web", .createOrAttach) }
        for (client, group) in zip(clients, groups) {
            #expect(fixture.ask(.register(group: group, url: url), client) == nil)
            #expect(fixture.engine.groupOfPrefix[prefix] == groups[0])
        }
        // On another queue it is taken, for the same user too.
        let other = try fixture.client(1001)
        let own = try fixture.group(other, queue: "other")
        #expect(fixture.ask(.register(group: own, url: url), other) == .conflict)
        fixture.plane.disconnected(clients[1])
        #expect(fixture.engine.groupOfPrefix[prefix] == groups[0])
        fixture.plane.disconnected(clients[0])
        #expect(fixture.engine.groupOfPrefix[prefix] == groups[2])
        #expect(fixture.engine.queues.count == 2)
        #expect(fixture.ask(.unregister(group: groups[2], url: url), clients[2]) == nil)
        #expect(fixture.engine.groupOfPrefix.isEmpty)
        #expect(fixture.ask(.register(group: own, url: url), other) == nil)
    }

    @Test("a process whose group goes to another queue leaves a shared prefix to the others")
    func sharedPrefixRebound() throws {
        let fixture = try PlaneFixture()
        let url = "http://localhost:8081/"
        let prefix = try URLPrefix(url)
        let (first, second) = (try fixture.client(1001), try fixture.client(1001))
        let groups = [
            try fixture.group(first, queue: "web"), try fixture.group(second, queue: "web", .attach),
        ]
        #expect(fixture.ask(.register(group: groups[0], url: url), first) == nil)
        #expect(fixture.ask(.register(group: groups[1], url: url), second) == nil)
        #expect(fixture.ask(.bind(group: groups[0], queue: 0), first) == nil)
        #expect(fixture.engine.groupOfPrefix[prefix] == groups[1])
        fixture.plane.disconnected(second)
        #expect(fixture.engine.groupOfPrefix.isEmpty)
    }

    @Test("one who may open a queue, but not listen, serves its prefix while one who may is there")
    func sharedWithoutRight() throws {
        let fixture = try PlaneFixture()
        let url = "http://+:8081/"
        let prefix = try URLPrefix(url)
        let root = try fixture.client(0)
        #expect(fixture.ask(reserve(url, ["user:1001"]), root) == nil)
        let (alice, bob) = (try fixture.client(1001), try fixture.client(1002))
        let hers = try fixture.group(alice, queue: "web", access: ["user:1002"])
        #expect(fixture.ask(.register(group: hers, url: url), alice) == nil)
        let his = try fixture.group(bob, queue: "web", .attach)
        #expect(fixture.ask(.register(group: his, url: url), bob) == nil)
        #expect(fixture.ask(.unregister(group: his, url: url), bob) == nil)
        #expect(fixture.engine.groupOfPrefix[prefix] == hers)
        fixture.plane.disconnected(alice)
        #expect(fixture.engine.groupOfPrefix.isEmpty)
        #expect(fixture.ask(.register(group: his, url: url), bob) == .accessDenied)
    }

    @Test("a controller is told, once, of a request that waits while nobody serves its queue")
    func controller() throws {
        let fixture = try PlaneFixture()
        let alice = try fixture.client(1000)
        let queue = try fixture.object(
            .openQueue(name: "q", mode: .create, isController: true, access: []),
            alice
        )
        let worker = try fixture.client(1000)
        fixture.engine.waiting = 1
        fixture.plane.tick(now: 0)
        fixture.plane.tick(now: 1000)
        #expect(fixture.events.map(\.0) == [alice])
        #expect(fixture.events.map(\.1) == [.demandStart])
        #expect(
            fixture.ask(.openQueue(name: "q", mode: .attach, isController: false, access: []), worker) == nil
        )
        #expect(fixture.ask(.attach(queue: queue, payload: []), worker) == nil)
        fixture.plane.tick(now: 2000)
        #expect(fixture.events.count == 1)
        fixture.plane.disconnected(worker)
        fixture.plane.tick(now: 3000)
        #expect(fixture.events.count == 2)
        #expect(fixture.activator.started == [])
        #expect(fixture.engine.queues[queue] != nil)
    }

    @Test("requests go on to queues that the user may open, whenever these are there")
    func delegations() throws {
        let fixture = try PlaneFixture()
        let (alice, bob) = (try fixture.client(1001), try fixture.client(1002))
        let hers = try fixture.object(
            .openQueue(name: "hers", mode: .create, isController: false, access: []),
            alice
        )
        let open = ControlRequest.openQueue(
            name: "open",
            mode: .create,
            isController: false,
            access: ["user:1002"]
        )
        let shared = try fixture.object(open, alice)
        #expect(fixture.ask(.delegation(target: "hers"), bob) == .accessDenied)
        #expect(fixture.ask(.delegation(target: "../x"), bob) == .badValue)
        let toShared = try fixture.object(.delegation(target: "open"), bob)
        #expect(try fixture.object(.delegation(target: "open"), bob) == toShared)
        let toLate = try fixture.object(.delegation(target: "late"), bob)
        #expect(fixture.attacher.delegations[bob] == [toShared: shared])
        // One that another user makes is not his; one that lets him in is, and again when it is made again.
        let late = ControlRequest.openQueue(name: "late", mode: .create, isController: false, access: [])
        _ = try fixture.object(late, alice)
        #expect(fixture.attacher.delegations[bob] == [toShared: shared])
        #expect(fixture.ask(.close(shared), alice) == nil)
        #expect(fixture.attacher.delegations[bob] == [:])
        let again = try fixture.object(open, alice)
        #expect(fixture.attacher.delegations[bob] == [toShared: again])
        #expect(hers != again && toLate != toShared)
        fixture.plane.disconnected(bob)
        #expect(fixture.attacher.delegations.isEmpty)
        let other = try fixture.client(1003)
        for index in 0..<64 { #expect(fixture.ask(.delegation(target: "q\(index)"), other) == nil) }
        #expect(fixture.ask(.delegation(target: "q64"), other) == .limitReached)
    }

    @Test("whoever floods the control socket does not keep root out")
    func flood() throws {
        var limits = ControlLimits()
        limits.connectionsMax = 20
        let fixture = try PlaneFixture(limits: limits)
        var count = 0
        while (try? fixture.client(UInt32(2000 + count))) != nil { count += 1 }
        #expect(count == 12)
        #expect(throws: Never.self) { try fixture.client(0) }
    }

    @Test("a certificate binding is changed without stating again what stays")
    func certificates() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        func values(_ pairs: KeyValuePairs<String, String>) -> [NamedValue] {
            pairs.map { NamedValue($0.key, $0.value) }
        }
        let key = "ipport=0.0.0.0:443"
        #expect(
            fixture.ask(.add(.certificate, key: key, values: values(["reject": "enable"])), root) == .badValue
        )
        let first = values(["certfile": "/a.pem", "disablehttp2": "enable"])
        #expect(fixture.ask(.add(.certificate, key: key, values: first), root) == nil)
        #expect(fixture.ask(.add(.certificate, key: key, values: first), root) == .conflict)
        #expect(
            fixture.ask(.update(.certificate, key: key, values: values(["certfile": "/b.pem"])), root) == nil
        )
        #expect(
            fixture.engine.certificates.first?.values == ["certfile": "/b.pem", "disablehttp2": "enable"]
        )
        #expect(
            fixture.ask(.update(.certificate, key: key, values: values(["disablehttp2": ""])), root) == nil
        )
        #expect(fixture.engine.certificates.first?.isEnabled("disablehttp2") == false)
        #expect(fixture.engine.certificates.first?.isEnabled("verifyclientcertrevocation") == true)
        fixture.engine.failure = ControlFailure(.machine, "no such file")
        #expect(
            fixture.ask(.update(.certificate, key: key, values: values(["certfile": "/c.pem"])), root)
                == .machine
        )
        #expect(try fixture.savedState().certificates.first?.values["certfile"] == "/b.pem")
        fixture.engine.failure = nil
        for (name, value) in [
            ("certfile", "relative"), ("reject", "yes"), ("certhash", "12"), ("dsmapperusage", "enable"),
        ] {
            let request = ControlRequest.update(.certificate, key: key, values: [NamedValue(name, value)])
            #expect(fixture.ask(request, root) == .badValue, "\(name)")
        }
        for wrong in [
            "ipport=0.0.0.0", "ipport=::1:443", "ipport=[::]:0443", "hostnameport=+:443", "ccs=0", "x=1",
        ] {
            #expect(fixture.ask(.add(.certificate, key: wrong, values: first), root) == .badValue, "\(wrong)")
        }
        #expect(fixture.ask(.delete(.certificate, key: key), root) == nil)
        #expect(fixture.engine.certificates.isEmpty)
    }

    @Test(
        "only administrators change or see what is everybody's",
        arguments: [
            ControlRequest.add(.timeout, key: "headerwaittimeout", values: [NamedValue("value", "1")]),
            .delete(.timeout, key: "headerwaittimeout"),
            .add(.listenAddress, key: "10.0.0.1", values: []),
            .add(.cacheParameter, key: "maxcacheresponsesize", values: [NamedValue("value", "1")]),
            .add(.certificate, key: "ccs=443", values: [NamedValue("certfile", "/a")]),
            .add(.queue, key: "q", values: []), .update(.queue, key: "q", values: []),
            .delete(.queue, key: "q"),
            .flushCache(url: nil, recursive: false), .flushLogs,
            .show(.certificate, key: nil), .show(.statistics, key: nil), .show(.cacheState, key: nil),
        ]
    )
    func rights(_ request: ControlRequest) throws {
        let fixture = try PlaneFixture()
        #expect(fixture.ask(request, try fixture.client(1001)) == .accessDenied)
    }

    @Test("users see their own sessions and queues, administrators all")
    func visibility() throws {
        let fixture = try PlaneFixture()
        let alice = try fixture.client(1000)
        let bob = try fixture.client(1001)
        _ = try fixture.group(alice, queue: "hers")
        _ = try fixture.group(bob, queue: "his")
        #expect(fixture.records(.queue, bob).map { $0["name"].text } == ["his"])
        #expect(fixture.records(.serviceState, bob).count == 2)
        let root = try fixture.client(0)
        #expect(fixture.records(.queue, root).map { $0["name"].text } == ["hers", "his"])
        #expect(fixture.records(.serviceState, root).count == 4)
        #expect(fixture.ask(.show(.queue, key: "hers"), bob) == .notFound)
    }

    @Test("settings say when they take effect, and values out of range are refused")
    func settings() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        func set(_ topic: ControlTopic, _ key: String, _ value: String) -> ControlRequest {
            .add(topic, key: key, values: [NamedValue("value", value)])
        }
        #expect(fixture.ask(set(.timeout, "idleconnectiontimeout", "60"), root) == nil)
        #expect(fixture.engine.timeouts == [.idleConnection: 60])
        for value in ["0", "65536", "-1", "x", ""] {
            #expect(fixture.ask(set(.timeout, "idleconnectiontimeout", value), root) == .badValue, "\(value)")
        }
        #expect(fixture.ask(set(.timeout, "entitybody", "60"), root) == .badValue)
        #expect(fixture.ask(.delete(.timeout, key: "headerwaittimeout"), root) == .notFound)
        let answer = fixture.plane.handle(.add(.listenAddress, key: "::1", values: []), from: root)
        guard case .answer(.done(let words), _) = answer else {
            Issue.record("refused")
            return
        }
        #expect(words == "It takes effect for prefixes that are registered from now on.")
        #expect(fixture.ask(.add(.listenAddress, key: "0:0:0:0:0:0:0:1", values: []), root) == .conflict)
        #expect(fixture.ask(.add(.listenAddress, key: "host", values: []), root) == .badValue)
        let timeouts = fixture.records(.timeout, root)
        #expect(
            timeouts.map { $0["label"].text } == [
                "Idle connection timeout (secs)", "Header wait timeout (secs)",
            ]
        )
        #expect(timeouts.map { $0["seconds"].number } == [60, 30])
    }

    @Test("time-outs of a group go over its session's, and 0 takes one back")
    func timers() throws {
        let fixture = try PlaneFixture()
        let bob = try fixture.client(1001)
        let session = try fixture.object(.createSession, bob)
        let group = try fixture.object(.createGroup(session: session), bob)
        let set = [NamedValue("entitybody", "10"), NamedValue("minsendrate", "4294967295")]
        #expect(fixture.ask(.setProperties(session, set), bob) == nil)
        #expect(fixture.ask(.setProperties(group, [NamedValue("entitybody", "20")]), bob) == nil)
        #expect(fixture.engine.groups[group]?.timers == [.entityBody: 20, .minSendRate: .max])
        #expect(fixture.ask(.setProperties(group, [NamedValue("entitybody", "0")]), bob) == nil)
        #expect(fixture.engine.groups[group]?.timers[.entityBody] == 10)
        #expect(fixture.ask(.setProperties(group, [NamedValue("headerwait", "65536")]), bob) == .badValue)
        #expect(fixture.ask(.setProperties(session, [NamedValue("bandwidth", "1")]), bob) == .badValue)
    }

    @Test("an inactive group or session has no queue, and has it again when it is active (503 meanwhile)")
    func inactive() throws {
        let fixture = try PlaneFixture()
        let bob = try fixture.client(1001)
        let group = try fixture.group(bob)
        let queue = try #require(fixture.engine.groups[group]?.queue)
        #expect(fixture.ask(.setProperties(group, [NamedValue("state", "inactive")]), bob) == nil)
        #expect(fixture.engine.groups[group]?.queue == nil)
        #expect(fixture.ask(.setProperties(group, [NamedValue("state", "active")]), bob) == nil)
        #expect(fixture.engine.groups[group]?.queue == queue)
    }
}

@Suite("Queues that outlive their processes")
struct DefinedQueueTests {
    private func definition(_ pairs: KeyValuePairs<String, String>) -> [NamedValue] {
        pairs.map { NamedValue($0.key, $0.value) }
    }

    @Test("are kept, registered without a process, and opened by those named")
    func defined() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let alice = try fixture.client(1000)
        let values = definition(["url": "http://+:80/shop/", "allow": "user:1000", "unit": "shop.service"])
        #expect(fixture.ask(.add(.queue, key: "shop", values: values), root) == nil)
        #expect(fixture.ask(.add(.queue, key: "shop", values: values), root) == .conflict)
        #expect(fixture.engine.groupOfPrefix.count == 1)
        #expect(
            fixture.ask(
                .openQueue(name: "shop", mode: .attach, isController: false, access: []),
                try fixture.client(1001)
            ) == .accessDenied
        )
        let queue = try fixture.object(
            .openQueue(name: "shop", mode: .createOrAttach, isController: false, access: []),
            alice
        )
        // Its process registers what it always registers; it has it already.
        let group = try fixture.object(
            .createGroup(session: try fixture.object(.createSession, alice)),
            alice
        )
        #expect(fixture.ask(.bind(group: group, queue: queue), alice) == nil)
        #expect(fixture.ask(.register(group: group, url: "http://+:80/shop/"), alice) == nil)
        fixture.plane.disconnected(alice)
        #expect(fixture.engine.groupOfPrefix.count == 1 && fixture.engine.queues.count == 1)
        let again = try PlaneFixture(try fixture.savedState())
        #expect(again.engine.groupOfPrefix.count == 1)
        #expect(fixture.ask(.delete(.queue, key: "shop"), root) == nil)
        #expect(fixture.engine.groupOfPrefix.isEmpty && fixture.engine.queues.isEmpty)
    }

    @Test("change by what is given, and keep the rest")
    func update() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let values = definition(["url": "http://+:80/a/", "url": "http://+:80/b/", "length": "5"])
        #expect(fixture.ask(.add(.queue, key: "q", values: values), root) == nil)
        #expect(fixture.ask(.update(.queue, key: "q", values: definition(["enabled": "no"])), root) == nil)
        #expect(fixture.engine.queues.values.first?.isActive == false)
        #expect(fixture.engine.queues.values.first?.lengthMax == 5)
        #expect(fixture.engine.groupOfPrefix.count == 2)
        let urls = definition(["url": "http://+:80/b/", "url": "http://+:80/c/"])
        #expect(fixture.ask(.update(.queue, key: "q", values: urls), root) == nil)
        #expect(
            fixture.engine.groupOfPrefix.keys.map(\.description).sorted() == [
                "http://+:80/b/", "http://+:80/c/",
            ]
        )
        #expect(
            fixture.ask(.update(.queue, key: "q", values: definition(["length": "0"])), root) == .badValue
        )
        #expect(fixture.ask(.update(.queue, key: "q", values: definition(["url": "x"])), root) == .badPrefix)
        #expect(fixture.ask(.update(.queue, key: "r", values: []), root) == .notFound)
    }

    @Test("start their unit for a waiting request, and replace their process without a gap")
    func recycling() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let values = definition(["allow": "user:1000", "unit": "shop.service"])
        #expect(fixture.ask(.recycle(queue: "shop"), root) == .notFound)
        #expect(fixture.ask(.add(.queue, key: "shop", values: values), root) == nil)
        let old = try fixture.client(1000)
        let queue = try fixture.object(
            .openQueue(name: "shop", mode: .attach, isController: false, access: []),
            old
        )
        fixture.plane.demandStart(queue: queue)
        #expect(fixture.activator.started == ["shop"])
        #expect(fixture.ask(.attach(queue: queue, payload: []), old) == nil)
        fixture.plane.demandStart(queue: queue)
        #expect(fixture.activator.started == ["shop"])
        #expect(fixture.ask(.recycle(queue: "shop"), old) == .accessDenied)
        #expect(fixture.ask(.recycle(queue: "shop"), root) == nil)
        #expect(fixture.activator.started == ["shop", "shop"])
        // The old process goes on until the new one is there.
        #expect(fixture.events.isEmpty)
        let new = try fixture.client(1000)
        _ = try fixture.object(.openQueue(name: "shop", mode: .attach, isController: false, access: []), new)
        #expect(fixture.ask(.attach(queue: queue, payload: []), new) == nil)
        #expect(fixture.events.map(\.0) == [old] && fixture.events.map(\.1) == [.drain])
    }

    @Test(
        "a request starts the unit, the fifth start in five minutes is the last, and an update tries again (rapid-fail)"
    )
    func rapidFail() throws {
        let fixture = try PlaneFixture()
        let root = try fixture.client(0)
        let values = definition(["allow": "user:1000", "unit": "shop.service", "startup": "10"])
        #expect(fixture.ask(.add(.queue, key: "shop", values: values), root) == nil)
        fixture.plane.tick(now: 1000)
        #expect(fixture.activator.started.isEmpty)
        fixture.engine.waiting = 1
        fixture.plane.tick(now: 2000)
        fixture.plane.tick(now: 11_999)
        #expect(fixture.activator.started.count == 1)
        // It attaches and dies at once: no waiting for the start-up time.
        let worker = try fixture.client(1000)
        let opening = ControlRequest.openQueue(name: "shop", mode: .attach, isController: false, access: [])
        let queue = try fixture.object(opening, worker)
        #expect(fixture.ask(.attach(queue: queue, payload: []), worker) == nil)
        fixture.plane.tick(now: 12_500)
        #expect(fixture.activator.started.count == 1)
        fixture.plane.disconnected(worker)
        fixture.plane.tick(now: 13_000)
        #expect(fixture.activator.started.count == 2)
        for now in stride(from: 23_000, through: 83_000, by: 10_000) { fixture.plane.tick(now: UInt64(now)) }
        #expect(fixture.activator.started.count == 5)
        #expect(fixture.engine.queues.values.first?.isActive == false)
        #expect(fixture.audit.last?.action == "take offline")
        #expect(
            fixture.ask(.update(.queue, key: "shop", values: definition(["enabled": "yes"])), root) == nil
        )
        fixture.plane.tick(now: 90_000)
        #expect(fixture.activator.started.count == 6)
        #expect(fixture.engine.queues.values.first?.isActive == true)
    }
}
