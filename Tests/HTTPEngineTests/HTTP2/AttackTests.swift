// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import TestKit
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("HTTP/2: attacks and ends")
    struct HTTP2Attacks {
        /// Frames of which a client may send only so many.
        enum Flood: String, CaseIterable, Sendable {
            case pings, settings, resets, emptyData, priorities

            func frames(_ client: Client, _ port: UInt16) -> [UInt8] {
                var all: [UInt8] = []
                if self == .emptyData {
                    all = Raw.headers(1, client.lines("POST", "/", port: port), flags: Raw.endHeaders)
                }
                for index in 0..<3000 {
                    switch self {
                    case .pings: all += Raw.ping()
                    case .settings: all += Raw.settings()
                    case .emptyData: all += Raw.data(1, [])
                    case .priorities: all += Raw.frame(2, stream: 1, [0, 0, 0, 0, 1])
                    case .resets:
                        let id = Int32(index * 2 + 1)
                        all += Raw.headers(id, client.lines("GET", "/", port: port))
                        all += Raw.reset(id)
                    }
                }
                return all
            }
        }

        @Test(
            "A flood ends with GOAWAY ENHANCE_YOUR_CALM and one line in the error log",
            arguments: Flood.allCases
        )
        func flood(_ flood: Flood) async throws {
            let lines = LineCollector()
            var settings = TestSettings()
            settings.options.errorLog = .lines { lines.append($0) }
            try await TestEngine.run(settings, handler: Handlers.echo) { (server) async throws in
                let client = try server.client()
                try client.send(Raw.opening + Raw.settingsAcknowledgement + flood.frames(client, server.port))
                let (frames, end) = try client.readFramesToEnd()
                #expect(end == .orderly)
                #expect(frames.last { $0.type == 7 }?.code == 11)
                #expect(eventually { server.statistics.requestsInProgress == 0 })
                server.engine.flushLogs()
                #expect(eventually { lines.all.count >= 1 })
                #expect(lines.all.count == 1, "\(lines.all)")
            }
        }

        @Test("A wrong frame ends its stream or the connection, and no other", arguments: 0..<12)
        func malformed(_ number: Int) async throws {
            try await TestEngine.run(handler: Handlers.echo) { (server) async throws in
                let client = try server.client()
                let head = Raw.headers(1, client.lines("POST", "/", port: server.port), flags: Raw.endHeaders)
                let wrong: [[UInt8]] = [
                    Raw.data(3, [1]),
                    Raw.frame(0, stream: 0, [1]),
                    head + Raw.frame(0, flags: 8, stream: 1, [9, 1]),
                    Raw.frame(1, flags: 4, stream: 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
                    Raw.frame(3, stream: 1, [0]),
                    Raw.frame(4, stream: 1),
                    Raw.frame(4, stream: 0, [1, 2, 3]),
                    Raw.frame(5, stream: 1, [0, 0, 0, 2]),
                    Raw.frame(6, stream: 0, [1]),
                    Raw.windowUpdate(0, 0),
                    Raw.frame(9, flags: 4, stream: 1, [1]),
                    [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1],
                ]
                try client.send(Raw.opening + Raw.settingsAcknowledgement + wrong[number])
                let (frames, _) = try client.readFramesToEnd()
                #expect((frames.last { $0.type == 7 }?.code ?? 0) != 0)
                #expect(try server.http2Client().get("/").status == 200)
            }
        }

        @Test(
            "Content beyond its length resets the stream, with what came before unread",
            arguments: Setup.allCases
        )
        func contentTooLong(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.request.path == "/held" { try? await gate.wait() }
                    try await Handlers.echo(context)
                }
            ) { (server) async throws in
                let client = try server.client()
                let lines = client.lines("POST", "/held", port: server.port) + [("content-length", "5")]
                try client.send(Raw.opening + Raw.settingsAcknowledgement)
                try client.send(Raw.headers(1, lines, flags: Raw.endHeaders) + Raw.data(1, [1, 2, 3]))
                #expect(eventually { server.statistics.requestsInProgress == 1 })
                try client.send(Raw.data(1, [4, 5, 6]) + Raw.data(1, [7]))
                let frames = try client.readFrames { $0.type == 3 }
                #expect(frames.last?.code == 1)
                gate.open()
                #expect(eventually { server.statistics.requestsInProgress == 0 })
            }
        }

        @Test(
            "A stop announces itself with GOAWAY and lets what is under way finish",
            arguments: [false, true]
        )
        func stop(isSecure: Bool) async throws {
            let gate = Gate()
            let settings = isSecure ? try TestSettings.secure() : TestSettings()
            try await TestEngine.run(
                settings,
                handler: { context in
                    try await gate.wait()
                    try await context.response.write("finished")
                }
            ) { (server) async throws in
                let client = isSecure ? try server.secureHTTP2Client() : try server.http2Client()
                let stream = client.request("/")
                let idle = isSecure ? try server.secureHTTP2Client() : try server.http2Client()
                try idle.run { idle.settings[3] != nil }
                try client.flush()
                #expect(eventually { gate.waitingCount == 1 })
                async let stopped: Void = server.engine.stop(within: .seconds(10))
                try client.run { client.goAways.count >= 1 }
                gate.open()
                #expect(try client.response(stream).text == "finished")
                #expect(throws: ClientError.ended(.orderly)) { try client.run { false } }
                #expect(throws: ClientError.ended(.orderly)) { try idle.run { false } }
                #expect(idle.goAways.last == 0)
                client.client.close()
                idle.client.close()
                await stopped
            }
        }

        @Test("A stop whose deadline passes ends streams that are under way")
        func stopDeadline() async throws {
            let gate = Gate()
            try await TestEngine.run(handler: { _ in try await gate.wait() }) { (server) async throws in
                let client = try server.http2Client()
                client.request("/")
                try client.flush()
                #expect(eventually { gate.waitingCount == 1 })
                let start = ContinuousClock.now
                await server.engine.stop(within: .milliseconds(200))
                #expect(ContinuousClock.now - start < .seconds(5))
                #expect(eventually { gate.waitingCount == 0 })
            }
        }

        @Test("A handler that asks for the end of the connection has GOAWAY sent, and others' streams finish")
        func requestClose() async throws {
            let gate = Gate()
            try await TestEngine.run(handler: { context in
                if context.request.path == "/held" {
                    try await gate.wait()
                } else {
                    try context.feature((any ConnectionLifetimeNotificationFeature).self).requestClose()
                }
                try await context.response.write("done")
            }) { (server) async throws in
                let client = try server.http2Client()
                let held = client.request("/held")
                #expect(try client.get("/").text == "done")
                try client.run { client.goAways.count >= 1 }
                gate.open()
                #expect(try client.response(held).text == "done")
                #expect(throws: ClientError.ended(.orderly)) { try client.run { false } }
            }
        }

        @Test(
            "A response whose head is beyond 1 MiB is reset with INTERNAL_ERROR, logged, and its handler learns",
            // A request queue takes none as large: the client gets 500.
            .enabled(if: !TestEngine.usesQueue)
        )
        func tooLargeHead() async throws {
            let lines = LineCollector()
            let gate = Gate()
            var settings = TestSettings()
            settings.options.errorLog = .lines { lines.append($0) }
            try await TestEngine.run(
                settings,
                handler: { context in
                    guard context.request.path != "/small" else { return }
                    try context.response.headers.append(
                        name: "X-Big",
                        value: String(repeating: "x", count: 2 << 20)
                    )
                    try await context.response.write("begun")
                    if context.request.path == "/streamed" { try await gate.wait() }
                }
            ) { (server) async throws in
                let client = try server.http2Client()
                for path in ["/whole", "/streamed"] {
                    let stream = client.request(path)
                    try client.run { client.responses[stream]?.closed != nil }
                    #expect(client.responses[stream]?.closed == 2)
                    #expect(client.responses[stream]?.status == 0)
                }
                #expect(eventually { gate.waitingCount == 0 && server.statistics.requestsInProgress == 0 })
                #expect(try client.get("/small").status == 200)
                server.engine.flushLogs()
                #expect(eventually { lines.all.count >= 2 })
                #expect(
                    lines.all.count == 2 && lines.all.allSatisfy { $0.contains("Internal") },
                    "\(lines.all)"
                )
            }
        }

        @Test(
            "A client's GOAWAY lets its streams finish, whatever stream it names (RFC 9113 §6.8)",
            arguments: [0, 1, 0x7FFF_FFFF] as [UInt32]
        )
        func clientGoAway(last: UInt32) async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                try client.send(Raw.opening + Raw.settingsAcknowledgement)
                try client.send(Raw.headers(1, client.lines("GET", "/", port: server.port)))
                try client.send(Raw.frame(7, stream: 0, Raw.word(last) + Raw.word(0)))
                let (frames, end) = try client.readFramesToEnd()
                #expect(end == .orderly)
                #expect(frames.contains { $0.type == 0 && $0.endsStream })
            }
        }
    }
}
