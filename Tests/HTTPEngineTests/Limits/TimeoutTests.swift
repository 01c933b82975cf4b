// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("limits: time-outs")
    struct Timeouts {
        private static func settings(_ change: (inout TimeoutManager) -> Void) -> TestSettings {
            var settings = TestSettings()
            change(&settings.options.timeouts)
            return settings
        }

        @Test("A head that is not whole in time is 408 (HeaderWait), on a new connection and later")
        func headerWait() async throws {
            try await TestEngine.run(
                Timeouts.settings { $0.headerWait = .milliseconds(60) },
                handler: Handlers.describe
            ) { (server) async throws in
                for beginning in ["", "GET / HTTP/1.1\r\nHo"] {
                    let client = try server.client()
                    try client.send(beginning)
                    #expect(try client.readResponse().status == 408)
                    #expect(try client.readToEnd().bytes.isEmpty)
                }
                let client = try server.client()
                #expect(try client.exchange(server.get() + "GET").status == 200)
                #expect(try client.readResponse().status == 408)
                #expect(server.statistics.timeouts == 3)
            }
        }

        @Test("Bytes that trickle in do not put off the end of HeaderWait")
        func trickle() async throws {
            try await TestEngine.run(
                Timeouts.settings { $0.headerWait = .milliseconds(80) },
                handler: Handlers.describe
            ) { (server) async throws in
                let client = try server.client()
                for byte in Array(server.get().utf8) {
                    do { try client.send([byte]) } catch { break }
                    if try !client.isQuiet(for: .milliseconds(10)) { break }
                }
                #expect(try client.readResponse().status == 408)
            }
        }

        @Test("An idle connection ends without a word after IdleConnection")
        func idle() async throws {
            try await TestEngine.run(
                Timeouts.settings { $0.idleConnection = .milliseconds(60) },
                handler: Handlers.describe
            ) { (server) async throws in
                let client = try server.client()
                for _ in 0..<3 { #expect(try client.exchange(server.get()).status == 200) }
                let (bytes, end) = try client.readToEnd()
                #expect(bytes.isEmpty)
                #expect(end == .orderly)
                #expect(server.statistics.timeouts == 1)
            }
        }

        @Test(
            "Content that stops coming is 408 (EntityBody), or a reset once the response has started",
            arguments: Setup.allCases
        )
        func entityBody(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.options.timeouts.entityBody = .milliseconds(60)
            try await TestEngine.run(
                settings,
                handler: { context in
                    if context.target == "/started" {
                        try await context.response.write("part")
                        try await context.response.flush()
                    }
                    _ = try await context.request.body.readAll()
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.chunkedHead() + "5\r\nab")
                    #expect(try client.readResponse().status == 408)
                    #expect(try client.readToEnd().bytes.isEmpty)
                    let started = try server.client()
                    #expect(throws: ClientError.ended(.reset)) {
                        try started.exchange(server.chunkedHead("/started"))
                    }
                }
            )
        }

        @Test("Unread content that stops coming ends the connection (DrainEntityBody)")
        func drain() async throws {
            try await TestEngine.run(
                Timeouts.settings { $0.drainEntityBody = .milliseconds(60) },
                handler: Handlers.ignore
            ) { (server) async throws in
                let client = try server.client()
                #expect(try client.exchange(server.chunkedHead() + "5\r\nab").text == "ignored")
                #expect(try client.readToEnd().bytes.isEmpty)
            }
        }

        @Test(
            "A request that waits too long in its queue is 503 (RequestQueue)",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func queue(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.options.timeouts.requestQueue = .milliseconds(60)
            settings.isAttached = false
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let clients = try (0..<4).map { _ in try server.client() }
                for client in clients { try client.send(server.get()) }
                for client in clients {
                    let response = try client.readResponse()
                    #expect(response.status == 503)
                    #expect(response.closes)
                }
                #expect(server.statistics.requestsRejected == 4)
                #expect(server.statistics.timeouts == 4)
            }
        }

        @Test("A URL group's own time-outs hold for its requests")
        func groups() async throws {
            var settings = TestSettings()
            var own = TimeoutManager()
            own.entityBody = .milliseconds(60)
            settings.groupTimeouts = own
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.client()
                #expect(try client.exchange(server.chunkedHead() + "5\r\nab").status == 408)
            }
        }

        @Test("A handler may take as long as it likes", arguments: Setup.allCases)
        func handlers(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.options.timeouts.headerWait = .milliseconds(50)
            settings.options.timeouts.idleConnection = .milliseconds(50)
            settings.options.timeouts.entityBody = .milliseconds(50)
            let gate = Gate()
            try await TestEngine.run(
                settings,
                handler: { context in
                    try await gate.wait()
                    try await context.response.write(try await context.request.body.readAll())
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.post(body: "abc"))
                    #expect(try client.isQuiet(for: .milliseconds(150)))
                    gate.open()
                    #expect(try client.readResponse().text == "abc")
                }
            )
        }
    }
}
