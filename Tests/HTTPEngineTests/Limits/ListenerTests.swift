// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import HTTP2
import HTTPFeatures
import HTTPWire
import IORing
import Testing
import URLPrefixes

@testable import HTTPEngine

extension EngineSuites {
    /// `localhost` listens on 127.0.0.1, whose listener has rules of its own here, and on ::1, which has not.
    @Suite("limits: of one listener")
    struct Listeners {
        private static func settings(
            secure: Bool = false,
            _ change: (inout EngineOptions) -> Void = { _ in },
            _ configure: @escaping @Sendable (inout ListenerOptions) -> Void
        ) throws -> TestSettings {
            var settings = secure ? try TestSettings.secure() : TestSettings()
            change(&settings.options)
            settings.options.listeners = [ListenerRule(port: 0, address: "127.0.0.1", configure)]
            return settings
        }

        @Test("Over a listener's own number of connections the rest wait; others are not held up")
        func connections() async throws {
            let settings = try Listeners.settings { $0.maxConnections = 1 }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let first = try server.client()
                #expect(try first.exchange(server.get("/first")).text == "GET /first")
                let second = try server.client()
                try second.send(server.get("/second"))
                let others = try (0..<3).map { _ in try Client(ipv6Port: server.port) }
                for other in others { #expect(try other.exchange(server.get()).status == 200) }
                #expect(server.statistics.connectionsOpen == 4)
                first.close()
                #expect(try second.readResponse().text == "GET /second")
            }
        }

        @Test("A listener that counts by itself is reached while the server is full")
        func apart() async throws {
            let settings = try Listeners.settings({ $0.limits.maxConnections = 1 }) {
                $0.maxConnections = nil
            }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let full = try Client(ipv6Port: server.port)
                #expect(try full.exchange(server.get()).status == 200)
                for _ in 0..<3 { #expect(try server.client().exchange(server.get()).status == 200) }
                let waiting = try Client(ipv6Port: server.port)
                try waiting.send(server.get("/later"))
                full.close()
                #expect(try waiting.readResponse().text == "GET /later")
            }
        }

        @Test("A listener's own number of connections of an address is not the server's")
        func addresses() async throws {
            let settings = try Listeners.settings({ $0.limits.maxConnectionsPerAddress = 1 }) {
                $0.maxConnectionsPerAddress = 2
            }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let four = try (0..<2).map { _ in try server.client() }
                for client in four { #expect(try client.exchange(server.get()).status == 200) }
                #expect(try server.client().readToEnd().bytes.isEmpty)
                let six = try Client(ipv6Port: server.port)
                #expect(try six.exchange(server.get()).status == 200)
                #expect(try Client(ipv6Port: server.port).readToEnd().bytes.isEmpty)
                #expect(server.statistics.reasons[Int(ErrorLogReason.connectionLimit.rawValue)] == 2)
                four[0].close()
                #expect(eventually { server.statistics.connectionsOpen == 2 })
                #expect(try server.client().exchange(server.get()).status == 200)
            }
        }

        @Test("A connection ends in order after its listener's number of requests")
        func requests() async throws {
            let settings = try Listeners.settings { $0.maxRequestsPerConnection = 1 }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                #expect(try server.client().exchange(server.get()).closes)
                #expect(try !Client(ipv6Port: server.port).exchange(server.get()).closes)
                let client = try server.http2Client()
                #expect(try client.get("/").status == 200)
                try client.run { !client.goAways.isEmpty }
            }
        }

        @Test("Heads over a listener's own limits get 431 and 414 there, and pass elsewhere")
        func heads() async throws {
            let settings = try Listeners.settings {
                $0.maxRequestHeadBytes = 300
                $0.maxRequestTargetBytes = 50
                $0.maxRequestHeaderCount = 3
            }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let cases = [
                    (server.get("/", "A: \(String(repeating: "a", count: 300))"), 431),
                    (server.get("/" + String(repeating: "a", count: 60)), 414),
                    (server.get("/", "A: 1", "B: 2", "C: 3"), 431),
                    (server.get("/", "A: 1", "B: 2"), 200),
                ]
                for (request, status) in cases {
                    #expect(try server.status(of: request) == status)
                    #expect(try Client(ipv6Port: server.port).exchange(request).status == 200)
                }
                let client = try server.http2Client()
                #expect(try client.get("/", ("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")).status == 431)
                #expect(client.settings[Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue)] == 300)
            }
        }

        @Test(
            "A listener's own times for heads and between requests count there (HeaderWait, IdleConnection)"
        )
        func times() async throws {
            let settings = try Listeners.settings {
                $0.headerWait = .milliseconds(60)
                $0.idleConnection = .milliseconds(30)
            }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let slow = try server.client()
                try slow.send("GET / HT")
                let other = try Client(ipv6Port: server.port)
                try other.send("GET / HT")
                #expect(try slow.readResponse().status == 408)
                let idle = try server.client()
                #expect(try idle.exchange(server.get()).status == 200)
                #expect(try idle.readToEnd() == ([], .orderly))
                #expect(try other.exchange("TP/1.1\r\nHost: localhost:\(server.port)\r\n\r\n").status == 200)
                #expect(server.statistics.timeouts == 2)
            }
        }

        @Test("A listener's own time for handshakes counts there: a reset")
        func handshake() async throws {
            let settings = try Listeners.settings(secure: true) { $0.tlsHandshake = .milliseconds(60) }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let other = try Client(ipv6Port: server.port)
                #expect(try server.client().readToEnd() == ([], .reset))
                try other.startTLS()
                #expect(try other.exchange(server.get()).status == 200)
            }
        }

        @Test("Where a listener does not speak HTTP/2, ALPN does not choose it (RFC 7301 §3.2)")
        func withoutHTTP2() async throws {
            let settings = try Listeners.settings(secure: true) { $0.http2 = nil }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                var options = ClientTLS.Options()
                options.protocols = ["h2", "http/1.1"]
                let client = try server.client()
                #expect(try client.startTLS(options).applicationProtocol == "http/1.1")
                #expect(try client.exchange(server.get()).status == 200)
                let other = try Client(ipv6Port: server.port)
                #expect(try other.startTLS(options).applicationProtocol == "h2")
                options.protocols = ["h2"]
                #expect(throws: (any Error).self) { try server.client().startTLS(options) }
            }
        }

        @Test(
            "In cleartext such a listener refuses the preface, others speak HTTP/2 with limits of their own"
        )
        func cleartextHTTP2() async throws {
            let settings = try Listeners.settings { $0.http2 = nil }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                try client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                #expect(try client.readResponse().status == 505)
                let other = HTTP2Client(try Client(ipv6Port: server.port), port: server.port)
                #expect(try other.get("/").status == 200)
            }
            let own = try Listeners.settings { $0.http2?.concurrentStreamCountMax = 7 }
            try await TestEngine.run(own, handler: Handlers.describe) { (server) async throws in
                let id = Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue)
                let client = try server.http2Client()
                #expect(try client.get("/").status == 200)
                #expect(client.settings[id] == 7)
                let other = HTTP2Client(try Client(ipv6Port: server.port), port: server.port)
                #expect(try other.get("/").status == 200)
                #expect(other.settings[id] == 100)
            }
        }

        @Test("Rules of one port add up in their order; a Unix socket has its own")
        func order() async throws {
            var settings = TestSettings()
            settings.options.listeners = [
                ListenerRule(port: 0) {
                    $0.maxRequestHeaderCount = 2
                    $0.maxRequestTargetBytes = 40
                },
                ListenerRule(port: 0, address: "127.0.0.1") { $0.maxRequestHeaderCount += 1 },
            ]
            let directory = try TemporaryDirectory()
            let path = directory.path + "/socket"
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                try server.engine.listen(unixSocket: path, scheme: .http, port: server.port) {
                    $0.maxRequestHeaderCount = 1
                }
                let three = server.get("/", "A: 1", "B: 2")
                #expect(try server.status(of: three) == 200)
                #expect(try Client(ipv6Port: server.port).exchange(three).status == 431)
                #expect(try Client(unixSocket: path).exchange(server.get("/", "A: 1")).status == 431)
                let long = server.get("/" + String(repeating: "a", count: 40))
                #expect(try server.status(of: long) == 414)
                #expect(try Client(unixSocket: path).exchange(long).status == 200)
            }
        }

        @Test(
            "A URL group with its own number of upgraded connections counts by itself",
            .disabled(if: TestEngine.usesQueue, "a worker's groups have numbers of their own")
        )
        func upgrades() async throws {
            var settings = TestSettings()
            settings.options.limits.maxConcurrentUpgradedConnections = 0
            let handler: TestEngine.Handler = { context in
                guard let upgrade = context.features[(any HTTPUpgradeFeature).self] else { return }
                try context.response.headers.set(id: .upgrade, value: "echo")
                let stream = try await upgrade.upgrade()
                _ = try await stream.read(upTo: 100)
            }
            try await TestEngine.run(settings, handler: handler) { (server) async throws in
                let own = URLGroup(
                    session: ServerSession(),
                    queue: server.queue,
                    maxRequestBodySize: nil,
                    maxConcurrentUpgradedConnections: 1
                )
                try await server.engine.register(
                    URLPrefix("http://localhost:\(server.port)/own/"),
                    group: own
                )
                func request(_ path: String) -> String {
                    server.get(path, "Connection: Upgrade", "Upgrade: echo")
                }
                #expect(try server.status(of: request("/")) == 503)
                let first = try server.client()
                #expect(try first.exchange(request("/own/")).status == 101)
                #expect(server.statistics.upgradesOpen == 1)
                #expect(try server.status(of: request("/own/")) == 503)
                first.close()
                #expect(eventually { server.statistics.upgradesOpen == 0 })
                #expect(try server.status(of: request("/own/")) == 101)
            }
        }
    }
}
