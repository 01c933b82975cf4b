// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("HTTP/2: clients that shut their half")
    struct HTTP2HalfClose {
        @Test("Requests that were complete are answered, then the connection ends", arguments: Setup.allCases)
        func answered(setup: Setup) async throws {
            for isSecure in [false, true] {
                let gate = Gate()
                let handler: TestEngine.Handler = { context in
                    if context.request.path == "/slow" { try await gate.wait() }
                    try await Handlers.echoWhole(context)
                    try await context.response.write(context.request.path)
                }
                let settings = isSecure ? try TestSettings.secure(setup) : TestSettings(setup)
                try await TestEngine.run(settings, handler: handler) { (server) async throws in
                    let client =
                        isSecure
                        ? try server.secureHTTP2Client() : try server.http2Client(opensWindows: false)
                    try client.run { !client.settings.isEmpty }
                    let slow = client.request("/slow", method: "POST", content: pattern(1000))
                    let fast = client.request("/fast")
                    try client.flush()
                    #expect(try client.response(fast).text == "/fast")
                    #expect(eventually { gate.waitingCount == 1 })
                    client.client.finishSending()
                    #expect(try client.client.isQuiet(for: .milliseconds(20)))
                    gate.open()
                    let response = try client.response(slow)
                    #expect(response.status == 200)
                    #expect(response.content == pattern(1000) + Array("/slow".utf8))
                    #expect(response.closed == 0)
                    #expect(try client.client.readToEnd().end == .orderly)
                }
            }
        }

        @Test("Content that streams out goes on to its end")
        func streamed() async throws {
            let gate = Gate()
            let handler: TestEngine.Handler = { context in
                try await context.response.write("begun ")
                try await context.response.flush()
                try await gate.wait()
                for _ in 0..<5 { try await context.response.write(pattern(1000)) }
            }
            var settings = TestSettings()
            settings.options.timeouts.halfCloseGrace = .zero
            try await TestEngine.run(settings, handler: handler) { (server) async throws in
                let client = try server.http2Client(opensWindows: false)
                let stream = client.request("/")
                try client.run { client.responses[stream]?.content.isEmpty == false }
                client.client.finishSending()
                #expect(try client.client.isQuiet(for: .milliseconds(30)))
                gate.open()
                #expect(try client.response(stream).content.count == 5006)
                #expect(try client.client.readToEnd().end == .orderly)
            }
        }

        @Test("A request that can't be completed any more is given up, and no other for it")
        func incomplete() async throws {
            let gate = Gate()
            let notes = Notes()
            let handler: TestEngine.Handler = { context in
                if context.request.path == "/slow" { return try await gate.wait() }
                context.features.lifetime?.onAborted { notes.add("aborted") }
                _ = try await context.request.body.readAll()
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                let client = try server.http2Client(opensWindows: false)
                try client.run { !client.settings.isEmpty }
                let upload = client.request("/upload", method: "POST", content: pattern(100), isWhole: false)
                let slow = client.request("/slow")
                try client.flush()
                #expect(eventually { gate.waitingCount == 1 && server.statistics.requestsInProgress == 2 })
                client.client.finishSending()
                #expect(eventually { notes.all == ["aborted"] })
                gate.open()
                #expect(try client.response(slow).status == 200)
                #expect(client.responses[upload]?.status == 0 || client.responses[upload] == nil)
                #expect(try client.client.readToEnd().end == .orderly)
            }
        }

        @Test("A response that waits for a window, which can't open any more, is not waited for")
        func stuck() async throws {
            let notes = Notes()
            let handler: TestEngine.Handler = { context in
                context.features.lifetime?.onAborted { notes.add("aborted") }
                for _ in 0..<20 { try await context.response.write(pattern(16 << 10)) }
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                let client = try server.http2Client(opensWindows: false)
                let stream = client.request("/")
                try client.run { client.responses[stream]?.content.count == 65535 }
                client.client.finishSending()
                #expect(try client.client.readToEnd().end == .orderly)
                #expect(eventually { notes.all == ["aborted"] })
            }
        }

        @Test("A response that has not begun after the grace is taken to be for nobody, as over HTTP/1.1")
        func grace() async throws {
            let gate = Gate()
            let notes = Notes()
            let handler: TestEngine.Handler = { context in
                context.features.lifetime?.onAborted { notes.add("aborted") }
                try await gate.wait()
            }
            var settings = TestSettings()
            settings.options.timeouts.halfCloseGrace = .milliseconds(40)
            try await TestEngine.run(settings, handler: handler) { (server) async throws in
                let client = try server.http2Client()
                client.request("/")
                try client.flush()
                #expect(eventually { gate.waitingCount == 1 })
                client.client.finishSending()
                _ = try client.client.readToEnd()
                #expect(eventually { notes.all == ["aborted"] && server.statistics.connectionsOpen == 0 })
            }
        }

        @Test("A client without streams that shuts its half has its connection closed")
        func idle() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let client = try server.http2Client(opensWindows: false)
                #expect(try client.get("/").status == 200)
                client.client.finishSending()
                #expect(try client.client.readToEnd().end == .orderly)
            }
        }

        @Test(
            "A tunnel that is closed on our side is read on until the client ends it (RFC 9113 §5.1)",
            .enabled(if: !TestEngine.usesQueue),
            arguments: [Setup.oneLoop, .twoLoops, .concurrent]
        )
        func tunnel(setup: Setup) async throws {
            let notes = Notes()
            let handler: TestEngine.Handler = { context in
                let stream = try await context.feature((any HTTPExtendedConnectFeature).self).accept()
                try await stream.write(Array("bye".utf8))
                await stream.close()
                do {
                    try await stream.write([1])
                    notes.add("wrote behind the end")
                } catch is HTTPConnectionError {}
                var count = 0
                while case let bytes = try await stream.read(upTo: 4096), !bytes.isEmpty {
                    count += bytes.count
                }
                notes.add("\(count)")
            }
            try await TestEngine.run(TestSettings(setup), handler: handler) { (server) async throws in
                let client = try server.http2Client()
                try client.run { client.settings[8] == 1 }
                let fields = [(":protocol", "x")]
                let stream = client.request(
                    "/",
                    method: "CONNECT",
                    fields: fields,
                    content: [],
                    isWhole: false
                )
                try client.run { client.responses[stream]?.text == "bye" }
                client.send(pattern(50_000), on: stream, ends: false)
                try client.flush()
                client.send(pattern(5), on: stream, ends: true)
                #expect(try client.response(stream).closed == 0)
                #expect(eventually { notes.all == ["50005"] }, "\(notes.all)")
            }
        }

        /// Takes over the stream of an extended CONNECT or an upgrade.
        private static func accept(_ context: HTTPContext) async throws -> any HTTPDuplexStream {
            if let connect = context.features[(any HTTPExtendedConnectFeature).self],
                connect.connectProtocol != nil
            {
                return try await connect.accept()
            }
            try context.response.headers.set(id: .upgrade, value: "x")
            return try await context.feature((any HTTPUpgradeFeature).self).upgrade()
        }

        @Test(
            "A read that waits ends when the stream is abandoned, over HTTP/2 and HTTP/1.1",
            .enabled(if: !TestEngine.usesQueue)
        )
        func abandoned() async throws {
            let notes = Notes()
            let handler: TestEngine.Handler = { context in
                nonisolated(unsafe) let stream = try await HTTP2HalfClose.accept(context)
                let reader = Task { try await stream.read(upTo: 10) }
                await Task.yield()
                await stream.abandon()
                notes.add("\(try await reader.value.count)")
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                let client = try server.http2Client()
                try client.run { client.settings[8] == 1 }
                let fields = [(":protocol", "x")]
                client.request("/", method: "CONNECT", fields: fields, content: [], isWhole: false)
                try client.flush()
                #expect(eventually { notes.all == ["0"] })
                let other = try server.client()
                let request = server.get("/", "Connection: Upgrade", "Upgrade: x")
                let status = try other.exchange(request).status
                #expect(status == 101)
                #expect(eventually { notes.all == ["0", "0"] }, "\(notes.all) \(server.events.all)")
            }
        }
    }
}
