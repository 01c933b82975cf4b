// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("limits: queues")
    struct Queues {
        @Test(
            "Over the queue's length: 503, in words as the verbosity says (503 QueueFull)",
            arguments: [Verbosity503.basic, .limited, .full]
        )
        func full(verbosity: Verbosity503) async throws {
            let lines = LineCollector()
            var settings = TestSettings()
            settings.options.errorLog = .lines { lines.append($0) }
            settings.queueLengthMax = 2
            settings.isAttached = false
            settings.verbosity = verbosity
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let waiting = try (0..<2).map { _ in try server.client() }
                for client in waiting { try client.send(server.get()) }
                #expect(eventually { server.queue.waitingCount == 2 })
                let refused = try server.client()
                try refused.send(server.get())
                switch verbosity {
                case .basic: #expect(try refused.readToEnd() == ([], .reset))
                case .limited:
                    let response = try refused.readResponse()
                    #expect(response.status == 503)
                    #expect(response.text == "Service Unavailable\n")
                case .full: #expect(try refused.readResponse().text == "The request queue is full.\n")
                }
                server.engine.flushLogs()
                #expect(eventually { lines.all.contains { $0.contains("QueueFull") } })
                await server.attach()
                for client in waiting { #expect(try client.readResponse().status == 200) }
            }
        }

        @Test(
            "No more requests run at once than the queue's concurrency; the rest wait their turn",
            arguments: Setup.allCases
        )
        func concurrency(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.concurrencyMax = 3
            let running = Tally()
            let most = Tally()
            let gate = Gate()
            try await TestEngine.run(
                settings,
                handler: { context in
                    let count = running.add()
                    if count > most.count { most.add(count - most.count) }
                    if context.target == "/first" { try await gate.wait() } else { await Task.yield() }
                    running.add(-1)
                    try await context.response.write(context.target)
                },
                { (server) async throws in
                    let first = try (0..<10).map { _ in try server.client() }
                    for client in first { try client.send(server.get("/first")) }
                    #expect(eventually { gate.waitingCount == 3 && server.queue.waitingCount == 7 })
                    #expect(server.queue.inProgressCount == 3)
                    gate.open()
                    for client in first { #expect(try client.readResponse().text == "/first") }
                    for round in 0..<50 {
                        for client in first { try client.send(server.get("/\(round)")) }
                        for client in first { #expect(try client.readResponse().text == "/\(round)") }
                    }
                    #expect(most.count <= 3)
                }
            )
        }

        @Test(
            "A client that goes while it waits gives its place back",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func leaves(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.concurrencyMax = 1
            settings.queueLengthMax = 2
            let gate = Gate()
            try await TestEngine.run(
                settings,
                handler: { context in
                    try await gate.wait()
                    try await context.response.write("ok")
                },
                { (server) async throws in
                    let first = try server.client()
                    try first.send(server.get())
                    #expect(eventually { gate.waitingCount == 1 })
                    for _ in 0..<5 {
                        let leaving = try (0..<2).map { _ in try server.client() }
                        for client in leaving { try client.send(server.get()) }
                        #expect(eventually { server.queue.waitingCount == 2 })
                        for client in leaving { client.reset() }
                        #expect(eventually { server.queue.waitingCount == 0 })
                    }
                    let last = try server.client()
                    try last.send(server.get())
                    #expect(eventually { server.queue.waitingCount == 1 })
                    gate.open()
                    #expect(try first.readResponse().text == "ok")
                    #expect(try last.readResponse().text == "ok")
                }
            )
        }
    }
}
