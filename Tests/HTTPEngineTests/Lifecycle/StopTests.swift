// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import IORing
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("lifecycle: stopping")
    struct Stopping {
        @Test(
            "Idle connections close at once, requests in progress finish with Connection: close",
            arguments: Setup.allCases
        )
        func graceful(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.target == "/wait" { try await gate.wait() }
                    try await context.response.write("done")
                },
                { (server) async throws in
                    let idle = try server.client()
                    #expect(try idle.exchange(server.get()).text == "done")
                    let fresh = try server.client()
                    let partial = try server.client()
                    try partial.send("GET / HT")
                    let busy = try server.client()
                    try busy.send(server.get("/wait"))
                    #expect(eventually { gate.waitingCount == 1 && server.statistics.connectionsOpen == 4 })
                    let engine = server.engine
                    let stopping = Task.detached { await engine.stop(within: .seconds(5)) }
                    #expect(try idle.readToEnd().bytes.isEmpty)
                    #expect(try fresh.readToEnd().bytes.isEmpty)
                    #expect(try partial.readToEnd().bytes.isEmpty)
                    #expect(try busy.isQuiet(for: .milliseconds(20)))
                    gate.open()
                    let response = try busy.readResponse()
                    #expect(response.text == "done")
                    #expect(response.closes)
                    #expect(try busy.readToEnd().end == .orderly)
                    await stopping.value
                    #expect(throws: ClientError.self) { try server.client() }
                }
            )
        }

        @Test(
            "What goes on until somebody ends it is told of the stop, and may end it early",
            arguments: Setup.allCases,
            ["HTTP/1.1", "upgraded", "HTTP/2"]
        )
        func told(setup: Setup, kind: String) async throws {
            let gate = Gate()
            let late = Gate()
            let told = Gate()
            let notes = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let lifetime = try context.feature((any ConnectionLifetimeNotificationFeature).self)
                    if context.target == "/late" {
                        try await late.wait()
                        lifetime.whenDraining { told.open() }
                        return try await told.wait()
                    }
                    lifetime.whenDraining { notes.add("replaced") }
                    lifetime.whenDraining { gate.open() }
                    guard kind == "upgraded" else {
                        try await gate.wait()
                        return try await context.response.write("bye")
                    }
                    let stream = try await context.feature((any HTTPUpgradeFeature).self).upgrade()
                    try await gate.wait()
                    try await stream.write(Array("bye".utf8))
                    await stream.close()
                },
                { (server) async throws in
                    let client = try server.client()
                    let stream = kind == "HTTP/2" ? try server.http2Client() : nil
                    let other = try server.client()
                    try other.send(server.get("/late"))
                    let id = stream?.request("/") ?? 0
                    if let stream {
                        try stream.flush()
                    } else {
                        let option = kind == "upgraded" ? "Connection: Upgrade" : "Connection: x"
                        try client.send(server.get("/", option, "Upgrade: x"))
                        if kind == "upgraded" { #expect(try client.readResponse().status == 101) }
                    }
                    #expect(eventually { gate.waitingCount == 1 && late.waitingCount == 1 })
                    #expect(notes.all.isEmpty)
                    let engine = server.engine
                    let start = ContinuousClock.now
                    let stopping = Task.detached { await engine.stop(within: .seconds(30)) }
                    if kind == "HTTP/1.1" {
                        #expect(try client.readResponse().text == "bye")
                    } else if let stream {
                        #expect(try stream.response(id).text == "bye")
                        #expect(throws: ClientError.ended(.orderly)) { try stream.run { false } }
                        stream.client.close()
                    } else {
                        let (bytes, end) = try client.readToEnd()
                        #expect(bytes == Array("bye".utf8) && end == .orderly)
                        client.close()
                    }
                    late.open()
                    #expect(try other.readResponse().status == 200)
                    await stopping.value
                    #expect(ContinuousClock.now - start < .seconds(20))
                    #expect(notes.all.isEmpty)
                }
            )
        }

        @Test(
            "A handler that does not end within the deadline is cancelled, its client reset",
            arguments: Setup.allCases
        )
        func deadline(setup: Setup) async throws {
            let gate = Gate()
            let notes = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { _ in
                    do { try await gate.wait() } catch { notes.add("cancelled") }
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    #expect(eventually { gate.waitingCount == 1 })
                    await server.engine.stop(within: .milliseconds(50))
                    #expect(try client.readToEnd().end == .reset)
                    #expect(eventually { notes.all == ["cancelled"] })
                }
            )
        }

        @Test("A handler that outlives its engine does no harm", arguments: Setup.allCases)
        func outlived(setup: Setup) async throws {
            let notes = Notes()
            let (stream, continuation) = AsyncStream<Void>.makeStream()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    nonisolated(unsafe) let context = context
                    await Task.detached { for await _ in stream {} }.value
                    try? await context.response.write("late")
                    context.abort()
                    notes.add("aborted \(context.isAborted)")
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    #expect(eventually { server.statistics.requestsInProgress == 1 })
                    await server.engine.stop(within: .zero)
                    #expect(try client.readToEnd().end == .reset)
                }
            )
            continuation.finish()
            #expect(eventually { notes.all == ["aborted true"] })
        }

        @Test("The port is free again once an engine has stopped: the next one takes it", arguments: [1, 2])
        func restart(loopCount: Int) async throws {
            var settings = TestSettings(loopCount == 1 ? .oneLoop : .twoLoops)
            for _ in 0..<5 {
                let port = Tally()
                try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                    let client = try server.client()
                    #expect(try client.exchange(server.get()).status == 200)
                    port.add(Int(server.port))
                }
                settings.prefixes = ["http://localhost:\(port.count)/"]
            }
        }

        @Test("A queue that is shut down answers 503 and says why in the error log (AppShutdown)")
        func queueShutDown() async throws {
            let lines = LineCollector()
            var settings = TestSettings()
            settings.options.errorLog = .lines { lines.append($0) }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                #expect(try client.exchange(server.get()).status == 200)
                server.queue.shutDown()
                #expect(try client.exchange(server.get()).status == 503)
                server.engine.flushLogs()
                #expect(eventually { lines.all.contains { $0.contains("AppShutdown") } })
            }
        }
    }
}
