// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import IORing
import Testing
import URLPrefixes

@testable import HTTPEngine

extension EngineSuites {
    /// What `httpring add timeout`, `iplisten`, `cacheparam` and `bind` change while the service runs.
    @Suite("settings of a running engine")
    struct LiveSettings {
        @Test("An idle connection is closed by the time-out that is in effect when its wait begins")
        func idleTimeout() async throws {
            try await TestEngine.run(handler: { _ in }) { (server) async throws in
                let early = try server.client()
                #expect(try early.exchange(server.get()).status == 200)
                var timeouts = TimeoutManager()
                timeouts.idleConnection = .milliseconds(50)
                await server.engine.setTimeouts(timeouts)
                let late = try server.client()
                #expect(try late.exchange(server.get()).status == 200)
                #expect(try late.readToEnd().end == .orderly)
                // Its wait began under the old one; the next one does not.
                #expect(try early.isQuiet(for: .milliseconds(20)))
                #expect(try early.exchange(server.get()).status == 200)
                #expect(try early.readToEnd().end == .orderly)
            }
        }

        @Test("A head that does not become whole gets 408 by the time-out that is in effect when it begins")
        func headerWait() async throws {
            try await TestEngine.run(handler: { _ in }) { (server) async throws in
                var timeouts = TimeoutManager()
                timeouts.headerWait = .milliseconds(50)
                await server.engine.setTimeouts(timeouts)
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\n")
                let (bytes, _) = try client.readToEnd()
                #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 408 "))
            }
        }

        @Test("Wildcards move to the addresses of the listen list and back, and others stay where they are")
        func listenList() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://*:0/", "http://localhost:0/local/"]
            try await TestEngine.run(settings, handler: { _ in }) { (server) async throws in
                func isServed(_ address: String) -> Bool {
                    (try? Client(ipv4: address, port: server.port).exchange(server.get()).status) == 200
                }
                #expect(isServed("127.0.0.3"))
                let second = try #require(IPAddressLiteral("127.0.0.2"))
                try await server.engine.setListenAddresses([second])
                #expect(isServed("127.0.0.2"))
                #expect(!isServed("127.0.0.3"))
                #expect(isServed("127.0.0.1"), "localhost stays on loopback")
                // An address that the machine does not have, and the list goes on working.
                let absent = try #require(IPAddressLiteral("192.0.2.77"))
                try await server.engine.setListenAddresses([second, absent])
                #expect(isServed("127.0.0.2"))
                try await server.engine.setListenAddresses([])
                #expect(isServed("127.0.0.3"))
            }
        }

        @Test("A list with an address that cannot be had changes nothing")
        func refusedListenList() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://127.0.0.4:0/"]
            try await TestEngine.run(settings, handler: { _ in }) { (server) async throws in
                let other = try Listener.open(SocketAddress(ipv4: 0x7F00_0005, port: 0))
                let port = other[0].address.port
                let prefix = try await server.engine.register(
                    try URLPrefix("http://127.0.0.6:\(port)/"),
                    group: server.group
                )
                _ = try await server.engine.setListenAddresses([#require(IPAddressLiteral("127.0.0.6"))])
                await #expect(throws: IORingError.self) {
                    try await server.engine.setListenAddresses([#require(IPAddressLiteral("127.0.0.5"))])
                    _ = try await server.engine.register(
                        try URLPrefix("http://*:\(port)/"),
                        group: server.group
                    )
                }
                #expect(server.engine.registeredPrefixes.contains(prefix))
            }
        }

        @Test(
            "A response over the cache's limit is not stored, by the limit that is in effect when it is made"
        )
        func cachedResponseSize() async throws {
            let handler: TestEngine.Handler = { context in
                try context.response.headers.append(name: "Cache-Control", value: "public, max-age=60")
                try context.response.headers.append(name: "Content-Type", value: "text/plain")
                try await context.response.write(String(repeating: "a", count: 1000))
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                let client = try server.client()
                func stored() throws -> Int {
                    #expect(try client.exchange(server.get()).status == 200)
                    return try server.engine.cachedResponses().count
                }
                server.engine.cachedResponseBytesMax = 999
                #expect(try stored() == 0)
                server.engine.cachedResponseBytesMax = 2000
                #expect(try stored() == 1)
            }
        }

        @Test("A group that takes another's place leaves no request without an answer")
        func replacedGroup() async throws {
            try await TestEngine.run(handler: { _ in }) { (server) async throws in
                let client = try server.client()
                var group = server.group
                for _ in 0..<50 {
                    let session = ServerSession()
                    let next = URLGroup(session: session, queue: server.queue, maxRequestBodySize: nil)
                    try client.send(server.get())
                    await server.engine.replace([(group, next)])
                    #expect(try client.readResponse().status == 200)
                    group = next
                }
            }
        }

        @Test("A queue that is taken offline refuses who waits and who comes, until it is switched on again")
        func offline() async throws {
            var settings = TestSettings()
            settings.isAttached = false
            settings.verbosity = .full
            try await TestEngine.run(settings, handler: { _ in }) { (server) async throws in
                let waiting = try server.client()
                try waiting.send(server.get())
                #expect(eventually { server.queue.waitingCount == 1 })
                await server.engine.takeOffline(server.queue)
                for client in [waiting, try server.client()] {
                    if client !== waiting { try client.send(server.get()) }
                    let response = try client.readResponse()
                    #expect(response.status == 503)
                    #expect(response.text.contains("offline after repeated faults"))
                }
                #expect(server.queue.waitingCount == 0)
                // Refused before it is an exchange, HEAD has no content either (RFC 9110 §9.3.2).
                let head = try server.client()
                try head.send("HEAD / HTTP/1.1\r\nHost: localhost:\(server.port)\r\n\r\n")
                let answer = String(decoding: try head.readToEnd().bytes, as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.hasSuffix("\r\n\r\n"))
                server.queue.isActive = true
                await server.attach()
                #expect(try server.status(of: server.get()) == 200)
            }
        }

        @Test("The traffic of each prefix is counted, and begins at zero for another in its place")
        func traffic() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://localhost:0/a/"]
            try await TestEngine.run(settings, handler: { _ in }) { (server) async throws in
                let client = try server.client()
                for _ in 0..<3 { #expect(try client.exchange(server.get("/a/")).status == 200) }
                #expect(try client.exchange(server.get("/elsewhere")).status == 404)
                let first = try #require(await server.engine.prefixTraffic().first)
                #expect(first.requests == 3 && first.inProgress == 0)
                #expect(first.nanoseconds >= first.nanosecondsMax)
                await server.engine.unregister(first.prefix)
                let other = try URLPrefix("http://localhost:\(server.port)/b/")
                try await server.engine.register(other, group: server.group)
                #expect(await server.engine.prefixTraffic() == [PrefixTraffic(prefix: other)])
            }
        }

        @Test("What is in progress is told of its prefix, and the longest time until it is reset")
        func trafficInProgress() async throws {
            let gate = Gate()
            try await TestEngine.run(handler: { _ in try await gate.wait() }) { (server) async throws in
                let client = try server.client()
                try client.send(server.get())
                #expect(eventually { server.statistics.requestsInProgress == 1 })
                #expect(await server.engine.prefixTraffic().first?.inProgress == 1)
                gate.open()
                #expect(try client.readResponse().status == 200)
                #expect(eventually { server.statistics.requestsInProgress == 0 })
                let longest =
                    await server.engine.prefixTraffic(resetsLongest: true).first?.nanosecondsMax ?? 0
                #expect(longest > 0)
                #expect(await server.engine.prefixTraffic().first?.nanosecondsMax == 0)
            }
        }

        @Test(
            "Sockets of an engine before this one serve the prefixes that come for them; others are closed",
            .disabled(if: TestEngine.usesQueue, "the other process knows the prefixes of the start")
        )
        func keptSockets() async throws {
            try await TestEngine.run(handler: { _ in }) { (server) async throws in
                let claimed = try Listener.open(
                    SocketAddress(ipv4: 0x7F00_0001, port: 0),
                    options: Listener.Options(sharesPort: true)
                )[0]
                let port = claimed.address.port
                // Waits in the backlog of the socket from before there is an engine.
                let client = try Client(port: port)
                try client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n")
                let forgotten = try Listener.open(
                    SocketAddress(ipv4: 0x7F00_0001, port: 0),
                    options: Listener.Options(sharesPort: true)
                )
                server.engine.keep([claimed])
                server.engine.keep(forgotten)
                let before = server.engine.listenerRevision
                let prefix = try URLPrefix("http://127.0.0.1:\(port)/")
                try await server.engine.register(prefix, group: server.group)
                #expect(server.engine.listenerRevision != before)
                #expect(try client.readResponse().status == 200)
                #expect(server.engine.prefixSockets.count { $0.opening == 0 } == 1)
                server.engine.closeKept()
                #expect(server.engine.prefixSockets.allSatisfy { $0.opening != 0 })
            }
        }
    }
}
