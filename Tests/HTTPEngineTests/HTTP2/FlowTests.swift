// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Synchronization
import TestKit
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("HTTP/2: flow control")
    struct HTTP2Flow {
        @Test("A client that opens no window makes the handler's writes wait", arguments: Setup.allCases)
        func backPressure(setup: Setup) async throws {
            let written = Tally()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    for _ in 0..<64 {
                        try await context.response.write(pattern(16 << 10))
                        written.add(16 << 10)
                    }
                }
            ) { (server) async throws in
                let client = try server.http2Client(windowByteCount: 0, opensWindows: false)
                let stream = client.request("/")
                try client.run { client.responses[stream]?.status == 200 }
                #expect(eventually { written.count >= 64 << 10 })
                let other = client.request("/other")
                try client.run { client.responses[other]?.status == 200 }
                #expect(eventually { written.count >= 128 << 10 })
                // No more than is held for a response, and a write over it; behind a queue on both of its sides.
                #expect(written.count <= 2 * ((server.usesQueue ? 160 : 96) << 10))
                client.reset(other)
                client.openWindows(stream, by: 2 << 20)
                let response = try client.response(stream)
                #expect(response.content.count == 1 << 20)
                #expect(eventually { server.statistics.requestsInProgress == 0 })
            }
        }

        @Test("A handler that does not read stops its client, and nobody else's stream")
        func unread() async throws {
            let gate = Gate()
            try await TestEngine.run(handler: { context in
                if context.request.path == "/held" { try await gate.wait() }
                try await Handlers.echoWhole(context)
            }) { (server) async throws in
                let client = try server.http2Client()
                let held = client.request("/held", method: "POST", content: pattern(2 << 20))
                try client.flush()
                #expect(eventually { gate.waitingCount == 1 })
                // The stream's window is not the connection's.
                #expect(
                    try client.response(client.request("/", method: "POST", content: pattern(100))).content
                        == pattern(100)
                )
                gate.open()
                #expect(try client.response(held).content == pattern(2 << 20))
            }
        }

        @Test("Content that comes while its handler returns is given back to the connection's window")
        func unreadAtReturn() async throws {
            try await TestEngine.run(handler: Handlers.ignore) { (server) async throws in
                let client = try server.http2Client()
                // Together many times the connection's window.
                for _ in 0..<12 {
                    let streams = (0..<4).map { _ in
                        client.request("/", method: "POST", content: pattern(100_000))
                    }
                    for stream in streams { #expect(try client.response(stream).text == "ignored") }
                }
            }
        }

        @Test("Streams reset at any moment leave nothing behind", arguments: Setup.allCases)
        func resets(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    for try await piece in context.request.body {
                        try await context.response.write(piece)
                        await Task.yield()
                    }
                    try await context.response.write(pattern(200_000))
                }
            ) { (server) async throws in
                for round in 0..<6 {
                    let client = try server.http2Client()
                    var streams: [Int32] = []
                    for index in 0..<25 {
                        streams.append(
                            client.request(
                                "/",
                                method: "POST",
                                content: pattern(2000 * index),
                                isWhole: index % 2 == 0
                            )
                        )
                    }
                    let first = streams[round]
                    if round > 0 {
                        try client.run { (client.responses[first]?.content.count ?? 0) > round * 100 }
                    }
                    for stream in streams where stream != first { client.reset(stream) }
                    try client.flush()
                    if round % 2 == 0 { client.client.reset() }
                }
                #expect(eventually { server.statistics.requestsInProgress == 0 })
                #expect(try server.http2Client().get("/").content == pattern(200_000))
            }
        }

        @Test(
            "A connection that is cut in the middle of its streams cancels their handlers",
            arguments: Setup.allCases
        )
        func cut(setup: Setup) async throws {
            let gate = Gate()
            let aborted = Tally()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try context.feature((any HTTPRequestLifetimeFeature).self).onAborted { aborted.add() }
                    try await gate.wait()
                }
            ) { (server) async throws in
                for isOrderly in [true, false] {
                    let client = try server.http2Client()
                    for _ in 0..<20 { client.request("/") }
                    try client.flush()
                    #expect(eventually { gate.waitingCount == 20 })
                    if isOrderly { client.client.close() } else { client.client.reset() }
                    #expect(eventually { gate.waitingCount == 0 })
                }
                #expect(eventually { aborted.count == 40 })
            }
        }

        @Test("A preface may come in pieces, cut at any byte")
        func pieces() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                for cut in 1..<Raw.opening.count {
                    let client = try server.client()
                    let request = Raw.headers(1, client.lines("GET", "/\(cut)", port: server.port))
                    try client.send(Array(Raw.opening[..<cut]))
                    try client.send(Array(Raw.opening[cut...]) + request)
                    let frames = try client.readFrames { $0.endsStream }
                    let content = frames.filter { $0.type == 0 }.flatMap(\.payload)
                    #expect(String(decoding: content, as: UTF8.self) == "GET /\(cut)")
                }
                let client = try server.client()
                let request = Raw.headers(1, client.lines("GET", "/each", port: server.port))
                for byte in Raw.opening + request { try client.send([byte]) }
                try client.readFrames { $0.endsStream }
            }
        }

        @Test("Time without end is no time-out that has passed")
        func endlessTimeout() async throws {
            var settings = TestSettings()
            settings.options.timeouts.idleConnection = .seconds(Int64.max)
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.http2Client()
                #expect(try client.get("/").status == 200)
                #expect(try client.get("/").status == 200)
                #expect(server.statistics.timeouts == 0)
            }
        }

        @Test("A connection without a stream is closed after the idle time, with GOAWAY")
        func idle() async throws {
            var settings = TestSettings()
            settings.options.timeouts.idleConnection = .milliseconds(100)
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                try client.send(Raw.opening + Raw.settingsAcknowledgement)
                try client.send(Raw.headers(1, client.lines("GET", "/", port: server.port)))
                let (frames, end) = try client.readFramesToEnd()
                #expect(end == .orderly)
                #expect(frames.last?.code == 0)
                #expect(server.statistics.timeouts == 1)
            }
        }
    }
}
