// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("HTTP/2: requests and responses")
    struct HTTP2Requests {
        @Test("A request is routed and answered as over HTTP/1.1", arguments: Setup.allCases)
        func plain(setup: Setup) async throws {
            let handler: TestEngine.Handler = { context in
                try context.response.headers.append(name: "X-Path", value: context.request.path)
                try context.response.headers.append(name: "Connection", value: "keep-alive")
                try await context.response.write(
                    "\(context.request.protocolVersion) \(context.request.authority)"
                )
            }
            try await TestEngine.run(TestSettings(setup), handler: handler) { (server) async throws in
                let client = try server.http2Client()
                for _ in 0..<3 {
                    let response = try client.get("/a/b?c=d")
                    #expect(response.status == 200)
                    #expect(response.text == "HTTP/2 localhost:\(server.port)")
                    #expect(response["x-path"] == "/a/b")
                    #expect(response["server"] == "HTTPRing")
                    #expect(response["date"] != nil)
                    // On another thread the response may be under way before its handler has returned.
                    #expect(setup == .concurrent || response["content-length"] == "\(response.content.count)")
                    #expect(response["connection"] == nil)
                    #expect(response.closed == 0)
                }
                #expect(server.statistics.http2Connections == 1)
                #expect(server.statistics.http2Streams == 3)
            }
        }

        @Test("HEAD, 204 and 304 have no content")
        func bodiless() async throws {
            try await TestEngine.run(handler: { context in
                if let status = Int(context.request.path.dropFirst()) {
                    try context.feature((any HTTPResponseFeature).self).statusCode = status
                } else {
                    try await context.response.write("not sent")
                }
            }) { (server) async throws in
                let client = try server.http2Client()
                let head = try client.get("/", method: "HEAD")
                #expect(head.content.isEmpty)
                #expect(head["content-length"] == "8")
                for status in [204, 304] {
                    let response = try client.get("/\(status)")
                    #expect(response.status == status)
                    #expect(response.content.isEmpty)
                    #expect(response["content-length"] == nil)
                }
            }
        }

        @Test("What is nobody's is refused, and the connection goes on; HEAD gets no content")
        func refusals() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://localhost:0/app/"]
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.http2Client()
                for _ in 0..<40 {
                    #expect(try client.get("/other").status == 404)
                    let head = try client.get("/other", method: "HEAD")
                    #expect(head.status == 404)
                    #expect(head.content.isEmpty)
                }
                #expect(try client.get("/app/").status == 200)
            }
        }

        @Test("A hundred streams at once, each with its own content", arguments: Setup.allCases)
        func interleaved(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await gate.wait()
                    try await Handlers.echo(context)
                }
            ) { (server) async throws in
                let client = try server.http2Client()
                try client.run { client.settings[3] != nil }
                let streams = (0..<100).map { index in
                    client.request(
                        "/\(index)",
                        method: "POST",
                        content: Array(pattern(4000 + index * 31)[index...])
                    )
                }
                try client.flush()
                #expect(eventually { gate.waitingCount == 100 })
                gate.open()
                for (index, stream) in streams.enumerated() {
                    let response = try client.response(stream)
                    #expect(response.closed == 0)
                    #expect(response.content == Array(pattern(4000 + index * 31)[index...]))
                }
            }
        }

        @Test("A mebibyte up and down, in cleartext and over TLS", arguments: [false, true])
        func large(isSecure: Bool) async throws {
            let settings = isSecure ? try TestSettings.secure() : TestSettings()
            try await TestEngine.run(settings, handler: Handlers.echo) { (server) async throws in
                let client = isSecure ? try server.secureHTTP2Client() : try server.http2Client()
                let content = pattern(1 << 20)
                for _ in 0..<2 {
                    let response = try client.response(client.request("/", method: "POST", content: content))
                    #expect(response.content == content)
                }
            }
        }

        @Test("Trailers go both ways (RFC 9113 §8.1)", arguments: Setup.allCases)
        func trailers(setup: Setup) async throws {
            let handler: TestEngine.Handler = { context in
                try await context.response.write(try await context.request.body.readAll(upTo: 1000))
                let request = try context.feature((any HTTPRequestTrailersFeature).self)
                let response = try context.feature((any HTTPResponseTrailersFeature).self)
                var trailers = FieldSection()
                try trailers.append(
                    name: "X-Trailer-Back",
                    value: request.trailers["x-trailer-sum"] ?? "none"
                )
                response.responseTrailers = trailers
            }
            try await TestEngine.run(TestSettings(setup), handler: handler) { (server) async throws in
                let client = try server.http2Client()
                let stream = client.request(
                    "/",
                    method: "POST",
                    content: pattern(500),
                    trailers: [("x-trailer-sum", "42")]
                )
                let response = try client.response(stream)
                #expect(response.content == pattern(500))
                #expect(response.trailers.first?.name == "x-trailer-back")
                #expect(response.trailers.first?.value == "42")
                // No content, and trailers still.
                let empty = try client.response(client.request("/", method: "POST", content: []))
                #expect(empty.trailers.isEmpty ? empty["x-trailer-back"] == "none" : true)
            }
        }

        @Test("100 Continue comes when the handler reads, other interim responses when it sends them")
        func interim() async throws {
            let handler: TestEngine.Handler = { context in
                let interim = try context.feature((any HTTPInterimResponseFeature).self)
                try interim.sendInterim(statusCode: 103, headers: FieldSection())
                try await Handlers.echo(context)
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                let client = try server.http2Client()
                let stream = client.request(
                    "/",
                    method: "POST",
                    fields: [("expect", "100-continue")],
                    content: [],
                    isWhole: false
                )
                try client.run { client.responses[stream]?.interim == [103, 100] }
                client.send(pattern(10), on: stream, ends: true)
                let response = try client.response(stream)
                #expect(response.content == pattern(10))
                #expect(response.interim == [103, 100])
            }
        }

        @Test("Content over the limit is 413, announced or not", arguments: [true, false])
        func tooLarge(isAnnounced: Bool) async throws {
            var settings = TestSettings()
            settings.maxRequestBodySize = 1000
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.http2Client()
                let stream = client.request(
                    "/",
                    method: "POST",
                    fields: isAnnounced ? [("content-length", "1001")] : [],
                    content: pattern(1001)
                )
                #expect(try client.response(stream).status == 413)
                #expect(
                    try client.response(client.request("/", method: "POST", content: pattern(1000))).status
                        == 200
                )
            }
        }

        @Test("Content that does not come is 408 and ends the stream alone")
        func lateContent() async throws {
            var settings = TestSettings()
            settings.options.timeouts.entityBody = .milliseconds(100)
            settings.options.timeouts.drainEntityBody = .milliseconds(100)
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.http2Client()
                let stream = client.request("/", method: "POST", content: pattern(10), isWhole: false)
                let response = try client.response(stream)
                #expect(response.status == 408)
                #expect(
                    try client.response(client.request("/", method: "POST", content: pattern(9))).status
                        == 200
                )
            }
        }

        @Test("A client that goes on sending what nobody reads has its stream ended after the response")
        func unreadContent() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://localhost:0/app/"]
            settings.options.timeouts.drainEntityBody = .milliseconds(100)
            try await TestEngine.run(settings, handler: Handlers.ignore) { (server) async throws in
                let client = try server.http2Client()
                // By time, answered by a handler and by the engine itself.
                for (path, status) in [("/app/", 200), ("/other", 404)] {
                    let stream = client.request(path, method: "POST", content: pattern(10), isWhole: false)
                    let response = try client.response(stream)
                    #expect(response.status == status)
                    #expect(!response.content.isEmpty)
                    #expect(response.closed == 0, "NO_ERROR asks for no more (RFC 9113 §8.1)")
                }
            }
            settings.options.timeouts.drainEntityBody = .seconds(60)
            try await TestEngine.run(settings, handler: Handlers.ignore) { (server) async throws in
                let client = try server.http2Client()
                // By count.
                let stream = client.request(
                    "/app/",
                    method: "POST",
                    content: pattern(8 << 20),
                    isWhole: false
                )
                let response = try client.response(stream)
                #expect(response.text == "ignored")
                #expect(response.closed == 0)
            }
        }

        @Test("A handler that fails is 500; one that fails in the middle has its stream reset")
        func failures() async throws {
            try await TestEngine.run(handler: { context in
                if context.request.path == "/late" {
                    try await context.response.write(pattern(100_000))
                    try await context.response.flush()
                }
                throw HandlerFailure()
            }) { (server) async throws in
                let client = try server.http2Client(windowByteCount: 1 << 20)
                #expect(try client.get("/").status == 500)
                #expect(try client.get("/late").closed == 2, "INTERNAL_ERROR")
                #expect(try client.get("/").status == 500)
            }
        }

        @Test("A handler can reset its stream with a code")
        func resetFeature() async throws {
            try await TestEngine.run(handler: { context in
                try context.feature((any HTTPResetFeature).self).reset(errorCode: 11)
            }) { (server) async throws in
                let client = try server.http2Client()
                for _ in 0..<3 { #expect(try client.get("/").closed == 11) }
            }
        }

        @Test(
            "A full queue refuses a stream alone: 503, or REFUSED_STREAM as the verbosity says",
            arguments: [Verbosity503.basic, .limited, .full]
        )
        func queueFull(verbosity: Verbosity503) async throws {
            var settings = TestSettings()
            settings.queueLengthMax = 2
            settings.isAttached = false
            settings.verbosity = verbosity
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.http2Client()
                let waiting = ["HEAD", "GET"].map { client.request("/", method: $0) }
                try client.flush()
                #expect(eventually { server.queue.waitingCount == 2 })
                for method in ["GET", "HEAD", "GET", "GET"] {
                    let response = try client.get("/", method: method)
                    if verbosity == .basic {
                        #expect(response.closed == 7)
                    } else {
                        #expect(response.status == 503)
                        #expect(response.content.isEmpty == (method == "HEAD"))
                    }
                }
                await server.attach()
                for stream in waiting { #expect(try client.response(stream).status == 200) }
                // Exchanges of HEAD were used before.
                for _ in 0..<3 { #expect(try client.get("/").text == "GET /") }
            }
        }

        @Test("A request waits in its queue no longer than it may")
        func queueTimeout() async throws {
            var settings = TestSettings()
            settings.isAttached = false
            settings.options.timeouts.requestQueue = .milliseconds(100)
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.http2Client()
                let streams = (0..<3).map { _ in client.request("/") }
                for stream in streams { #expect(try client.response(stream).status == 503) }
            }
        }

        @Test("An extended CONNECT becomes a tunnel (RFC 8441)", arguments: Setup.allCases)
        func tunnel(setup: Setup) async throws {
            let gate = Gate()
            let handler: TestEngine.Handler = { context in
                let connect = try context.feature((any HTTPExtendedConnectFeature).self)
                guard connect.connectProtocol == "echo" else { return }
                // In a turn that has nothing else to send.
                try await gate.wait()
                let stream = try await connect.accept()
                while true {
                    let bytes = try await stream.read(upTo: 4096)
                    if bytes.isEmpty { break }
                    try await stream.write(bytes)
                }
                await stream.close()
            }
            try await TestEngine.run(TestSettings(setup), handler: handler) { (server) async throws in
                let client = try server.http2Client()
                try client.run { client.settings[8] == 1 }
                let stream = client.request(
                    "/",
                    method: "CONNECT",
                    fields: [(":protocol", "echo")],
                    content: [],
                    isWhole: false
                )
                try client.flush()
                #expect(eventually { gate.waitingCount == 1 })
                gate.open()
                try client.run { client.responses[stream]?.status == 200 }
                client.send(pattern(100_000), on: stream, ends: false)
                try client.run { client.responses[stream]?.content.count == 100_000 }
                client.send([1, 2, 3], on: stream, ends: true)
                let response = try client.response(stream)
                #expect(response.content == pattern(100_000) + [1, 2, 3])
                #expect(response.closed == 0)
                // The client goes while the handler reads.
                let other = client.request(
                    "/",
                    method: "CONNECT",
                    fields: [(":protocol", "echo")],
                    content: [],
                    isWhole: false
                )
                try client.run { client.responses[other]?.status == 200 }
                client.reset(other)
                try client.flush()
                #expect(eventually { server.statistics.requestsInProgress == 0 })
            }
        }
    }
}
