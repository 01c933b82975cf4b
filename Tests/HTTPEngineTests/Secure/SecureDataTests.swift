// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("secure: data")
    struct SecureData {
        @Test("A mebibyte up and down", arguments: Setup.allCases)
        func large(setup: Setup) async throws {
            try await TestEngine.run(try .secure(setup), handler: Handlers.echoWhole) {
                (server) async throws in
                let content = pattern(1 << 20)
                let client = try server.secureClient()
                for _ in 0..<2 {
                    let head =
                        "POST / HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(content.count)\r\n\r\n"
                    try client.send(Array(head.utf8) + content)
                    #expect(try client.readResponse().body == content)
                }
            }
        }

        @Test(
            "Input that waits while receiving is paused arrives whole and in order",
            arguments: Setup.allCases
        )
        func paused(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                try .secure(setup),
                handler: { context in
                    try await gate.wait()
                    try await Handlers.echoWhole(context)
                }
            ) { (server) async throws in
                let content = pattern(600_000)
                let client = try server.secureClient()
                let head =
                    "POST / HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(content.count)\r\n\r\n"
                // Over what the engine holds for a request that is not read.
                try client.send(Array(head.utf8) + Array(content[..<200_000]))
                #expect(eventually { server.statistics.requestsInProgress == 1 })
                gate.open()
                try client.send(Array(content[200_000...]) + Array(server.get("/next").utf8))
                #expect(try client.readResponse().body == content)
                #expect(try client.readResponse().status == 200)
            }
        }

        @Test("Requests of many connections in one turn do not see each other's bytes")
        func sharedMemory() async throws {
            try await TestEngine.run(
                try .secure(),
                handler: { context in
                    let target = context.target
                    let field = context.request.headers["X-Number"] ?? ""
                    await Task.yield()
                    // The head was copied from where it was decrypted by now.
                    guard context.target == target else { throw HandlerFailure() }
                    try await context.response.write(
                        "\(target) \(field) \(context.request.headers["X-Pad"]?.utf8.count ?? 0)"
                    )
                }
            ) { (server) async throws in
                let clients = try (0..<40).map { _ in try server.secureClient() }
                let pad = String(repeating: "p", count: 12000)
                for round in 0..<3 {
                    for (number, client) in clients.enumerated() {
                        let fields = ["X-Number: \(number)-\(round)", "X-Pad: \(pad)"]
                        // Two whole requests and the beginning of a third, in several records.
                        let request = server.get("/\(number)", fields[0], fields[1])
                        try client.send(request + request + String(request.prefix(9000)))
                    }
                    for (number, client) in clients.enumerated() {
                        let request = server.get(
                            "/\(number)",
                            "X-Number: \(number)-\(round)",
                            "X-Pad: \(pad)"
                        )
                        try client.send(String(request.dropFirst(9000)))
                        for _ in 0..<3 {
                            #expect(try client.readResponse().text == "/\(number) \(number)-\(round) 12000")
                        }
                    }
                }
            }
        }

        @Test("More than a turn's memory for plaintext holds is decrypted where there is room")
        func muchInOneTurn() async throws {
            var settings = try TestSettings.secure()
            settings.prefixes = ["https://localhost:0/app/"]
            let isHolding = Tally()
            try await TestEngine.run(
                settings,
                handler: { context in
                    if context.request.path == "/hold" {
                        // Holds up the loop itself, so that much is received in one turn.
                        isHolding.add()
                        let deadline = Deadline(in: .milliseconds(300))
                        while !deadline.isOver {}
                    }
                    let content = try await context.request.body.readAll(upTo: 1 << 20)
                    try await context.response.write("\(content.count)")
                }
            ) { (server) async throws in
                let fillers = try (0..<16).map { _ in try server.secureClient() }
                let other = try server.secureClient()
                let holder = try server.secureClient()
                // Refused heads are consumed as they come; the first begins in memory of the connection's own.
                let refused = server.get("/other", "X-Pad: " + String(repeating: "p", count: 12000))
                try other.send(String(refused.prefix(5000)))
                try holder.send(server.get("/app/hold"))
                #expect(eventually { isHolding.count == 1 })
                for client in fillers {
                    try client.send(server.post("/app/", body: String(repeating: "c", count: 50_000)))
                }
                try other.send(String(refused.dropFirst(5000)))
                for _ in 0..<5 { try other.send(refused) }
                for _ in 0..<6 { #expect(try other.readResponse().status == 404) }
                for client in fillers { #expect(try client.readResponse().text == "50000") }
                #expect(try holder.readResponse().status == 200)
            }
        }

        @Test("The end of a connection is announced by close_notify (RFC 8446 §6.1)")
        func closeNotify() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.describe) { (server) async throws in
                let client = try server.secureClient()
                let response = try client.exchange(server.get("/", "Connection: close"))
                #expect(response.closes)
                #expect(try client.readToEnd() == ([], .orderly))
                #expect(client.tls?.hasEnded == true)
                #expect(client.tls?.failure == nil)
            }
        }

        @Test("A client that has sent close_notify still gets the response to what it asked")
        func halfClose() async throws {
            let gate = Gate()
            try await TestEngine.run(
                try .secure(),
                handler: { context in
                    try await gate.wait()
                    try await context.response.write("late")
                }
            ) { (server) async throws in
                let client = try server.secureClient()
                try client.send(server.get())
                #expect(eventually { gate.waitingCount == 1 })
                try client.sendCloseNotify()
                gate.open()
                #expect(try client.readResponse().text == "late")
                #expect(try client.readToEnd() == ([], .orderly))
                #expect(client.tls?.hasEnded == true)
            }
        }

        @Test("A broken record with a response unsent ends the connection, and nothing is left of it")
        func brokenRecord() async throws {
            var settings = try TestSettings.secure()
            settings.options.timeouts.minSendBytesPerSecond = 0
            try await TestEngine.run(
                settings,
                handler: { context in
                    for _ in 0..<64 { try await context.response.write(pattern(1 << 18)) }
                }
            ) { (server) async throws in
                let client = try Client(port: server.port, receiveBufferByteCount: 4096)
                try client.startTLS()
                try client.send(server.get())
                #expect(eventually { server.statistics.requestsInProgress == 1 })
                #expect(try client.fill(100_000))
                try client.sendPlain([23, 3, 3, 0, 32] + pattern(32))
                #expect(eventually { server.statistics.requestsInProgress == 0 })
                // What had been encrypted, then the alert.
                _ = try client.readToEnd()
                #expect(client.tls?.failure != nil || client.connectionEnd == .reset)
                client.close()
                #expect(eventually { server.statistics.connectionsOpen == 0 })
            }
        }

        @Test("An idle connection is closed at a stop, with close_notify")
        func stop() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.describe) { (server) async throws in
                let client = try server.secureClient()
                _ = try client.exchange(server.get())
                let start = ContinuousClock.now
                await server.engine.stop(within: .seconds(20))
                #expect(ContinuousClock.now - start < .seconds(5))
                #expect(try client.readToEnd() == ([], .orderly))
                #expect(client.tls?.hasEnded == true)
            }
        }

        @Test(
            "Records that come while the turn's plaintext memory is full go behind the connection's own input"
        )
        func fullPlaintextMemory() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.echoWhole) { (server) async throws in
                await server.fillPlaintextMemory()
                let client = try server.secureHTTP2Client()
                try client.run { !client.settings.isEmpty }
                let content = pattern(400_000)
                let stream = client.request("/", method: "POST", content: content)
                // All of what the window allows is there before the loop looks: many records in one turn, each of them
                // consumed before the next is decrypted.
                let gate = server.holdLoop()
                try client.flush()
                gate.open()
                #expect(try client.response(stream).content == content)
                let other = try server.secureClient()
                let text = String(repeating: "x", count: 100_000)
                #expect(try other.exchange(server.post(body: text)).text == text)
            }
        }

        @Test("Room behind a connection's own input ends with its memory, also once all of that was consumed")
        func roomBehindInput() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let outcome = await server.roomBehindConsumedInput(
                    filledByteCount: 5000,
                    roomByteCount: 6000
                )
                #expect(outcome == .init(inputStart: 0, inputCount: 6000, isWithinMemory: true))
            }
        }
    }
}
