// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@Suite("Requests of the in-memory server")
struct RequestTests {
    @Test("The request feature tells method, path, query, target, authority and version")
    func facts() async throws {
        let request = TestRequest(
            "/a%20b/../c%2Fd?x=1&y=%20",
            method: "POST",
            headers: [("Host", "h:81"), ("X-A", "1"), ("x-a", "2")]
        )
        _ = try await answer(request) { context in
            #expect(context.features.request?.knownMethod == .post)
            #expect(context.request.path == "/c%2Fd")
            #expect(context.request.pathBase == "")
            #expect(context.request.queryString == "?x=1&y=%20")
            #expect(context.request.rawTarget == "/a%20b/../c%2Fd?x=1&y=%20")
            #expect(context.request.authority == "h:81")
            #expect(context.request.scheme == "http")
            #expect(context.request.protocolVersion == "HTTP/1.1")
            #expect(context.request.headers["X-a"] == "1, 2")
            #expect(context.features.request?.value(of: .host) == "h:81")
            #expect(context.request.query.map(\.name) == ["x", "y"])
        }
    }

    @Test("The prefix's path is split off as path base")
    func pathBase() async throws {
        var options = TestServerOptions()
        options.urlPrefix = "http://*:80/shop/"
        let server = try await makeServer(options) {
            try await $0.response.write($0.request.pathBase + "|" + $0.request.path)
        }
        #expect(try await server.send(TestRequest("/shop/a")).text == "/shop|/a")
        #expect(try await server.send(TestRequest("/shop")).text == "/shop|")
        #expect(server.addresses == ["http://*:80/shop/"])
    }

    @Test("OPTIONS * has an empty path and path base")
    func asterisk() async throws {
        let response = try await answer(TestRequest("*", method: "OPTIONS")) { context in
            try await context.response.write(
                "\(context.request.rawTarget)|\(context.request.path)|\(context.request.pathBase)"
            )
        }
        #expect(response.text == "*||")
    }

    @Test(
        "A malformed request is refused with the parser's status and never reaches the application",
        arguments: [
            (TestRequest("/%zz"), 400), (TestRequest("no-slash"), 400),
            (TestRequest("/", headers: [("A b", "1")]), 400),
            (TestRequest("/", headers: [("Host", "a"), ("Host", "b")]), 400),
            (TestRequest("/", method: "POST", headers: [("Transfer-Encoding", "gzip, chunked")]), 501),
            (TestRequest("/" + String(repeating: "a", count: 9000)), 414),
            (TestRequest("/", headers: (0..<101).map { ("X-\($0)", "") }), 431),
        ]
    )
    func refused(request: TestRequest, status: Int) async throws {
        let response = try await answer(request) { _ in Issue.record("the application was called") }
        #expect(response.statusCode == status)
        #expect(!response.keepsConnection)
        let server = try await makeServer { _ in }
        await #expect(throws: TestServerError.refused(status)) { try await server.open(request) }
    }

    @Test("Everything of the request may be rewritten by middleware")
    func rewritten() async throws {
        let response = try await answer { context in
            context.features.request?.path = "/new"
            context.features.request?.method = "PUT"
            context.features.request?.requestHeaders = FieldSection()
            #expect(context.features.request?.value(of: .host) == nil)
            try await context.response.write(context.request.path)
        }
        #expect(response.text == "/new")
    }

    @Test("Content is read in pieces no larger than asked for, then as an empty array")
    func pieces() async throws {
        let request = TestRequest("/", method: "POST", body: Array("hello world".utf8))
        _ = try await answer(request) { context in
            let body = context.request.body
            let pieces = [
                try await body.read(upTo: 4), try await body.read(upTo: 100), try await body.read(),
            ]
            #expect(pieces == [Array("hell".utf8), Array("o world".utf8), []])
            #expect(context.features.requestBody?.isAtEnd == true)
        }
    }

    @Test("A request without content has none (HTTP.sys: CanHaveBody)", arguments: [nil, []] as [[UInt8]?])
    func noContent(body: [UInt8]?) async throws {
        _ = try await answer(TestRequest("/", method: "POST", body: body)) { context in
            #expect(context.features.requestBody?.canHaveBody == false)
            let piece = try await context.request.body.read()
            #expect(piece.isEmpty)
        }
    }

    @Test("Trailers are there once the content has been read to its end (RFC 9110 §6.5)")
    func trailers() async throws {
        let request = TestRequest(
            "/",
            method: "POST",
            content: .pieces([[1], [2]]),
            trailers: [("X-T", "1")]
        )
        _ = try await answer(request) { context in
            let feature = try #require(context.features[(any HTTPRequestTrailersFeature).self])
            #expect(!feature.trailersAvailable && feature.trailers.isEmpty)
            #expect(try await context.request.body.readAll() == [1, 2])
            #expect(feature.trailersAvailable)
            #expect(feature.trailers["x-t"] == "1")
        }
    }

    @Test("The first read sends 100 where the client waits for it, once; no read, no 100 (RFC 9110 §10.1.1)")
    func expectContinue() async throws {
        let request = TestRequest("/", method: "POST", headers: [("Expect", "100-Continue")], body: [1, 2])
        let read = try await answer(request) { context in
            _ = try await context.request.body.read(upTo: 1)
            _ = try await context.request.body.read(upTo: 1)
        }
        #expect(read.interimResponses.map(\.statusCode) == [100])
        #expect(read.keepsConnection)
        let unread = try await answer(request) { _ in }
        #expect(unread.interimResponses.isEmpty)
        #expect(!unread.keepsConnection)
    }

    @Test("Content over the limit fails every read with 413 (HTTP.sys: MaxRequestBodySize)")
    func limit() async throws {
        var options = TestServerOptions()
        options.maxRequestBodySize = 3
        let server = try await makeServer(options) { context in
            await #expect(throws: BadHTTPRequestError.self) {
                while try await !context.request.body.read().isEmpty {}
            }
            _ = try await context.request.body.read()
        }
        for content in [TestRequest.Content.whole([1, 2, 3, 4]), .pieces([[1, 2], [3, 4]])] {
            let response = try await server.send(TestRequest("/", method: "POST", content: content))
            #expect(response.statusCode == 413)
            #expect(!response.keepsConnection)
        }
    }

    @Test("The limit may be raised until reading has begun, and is not there for a request without content")
    func limitChanged() async throws {
        var options = TestServerOptions()
        options.maxRequestBodySize = 3
        let server = try await makeServer(options) { context in
            let feature = try #require(context.features[(any HTTPMaxRequestBodySizeFeature).self])
            guard context.features.request?.knownMethod == .post else {
                #expect(feature.maxRequestBodySize == nil)
                return
            }
            #expect(feature.maxRequestBodySize == 3 && !feature.isReadOnly)
            feature.maxRequestBodySize = 4
            try await context.response.write(context.request.body.readAll())
            #expect(feature.isReadOnly)
            feature.maxRequestBodySize = 1
            #expect(feature.maxRequestBodySize == 4)
        }
        #expect(
            try await server.send(TestRequest("/", method: "POST", body: [1, 2, 3, 4])).body == [1, 2, 3, 4]
        )
        #expect(try await server.send(TestRequest()).statusCode == 200)
    }

    @Test("Content that ends before its announced length is 400 to the reader")
    func endedEarly() async throws {
        let request = TestRequest(
            "/",
            method: "POST",
            headers: [("Content-Length", "5")],
            content: .pieces([[1, 2]])
        )
        #expect(try await answer(request) { _ = try await $0.request.body.readAll() }.statusCode == 400)
    }

    @Test("A handler reads content as the client sends it")
    func open() async throws {
        let server = try await makeServer { context in
            for try await piece in context.request.body {
                try await context.response.write("[\(piece.count)]")
            }
        }
        let exchange = try await server.open(TestRequest("/", method: "POST", content: .open))
        await exchange.send([1, 2])
        #expect(await exchange.content(atLeast: 3) == Array("[2]".utf8))
        await exchange.send([3])
        await exchange.finish()
        #expect(await exchange.response().text == "[1]")
    }

    @Test("Facts of the connection, the identifier, the timing and TLS are there as the options say")
    func connection() async throws {
        var options = TestServerOptions()
        options.remoteAddress = "::1"
        options.tls = TestTLSConnection()
        options.monotonicNanoseconds = { 42 }
        let server = try await makeServer(options) { context in
            #expect(context.connection.remoteAddress == "::1")
            #expect(context.connection.localPort == 80)
            #expect(context.request.scheme == "https")
            #expect(context.traceIdentifier == "1:1")
            #expect(context.features[(any TLSConnectionFeature).self]?.tlsVersion == "TLSv1.3")
            #expect(context.features[(any HTTPRequestTimingFeature).self]?.timestamp(.requestDelivered) == 42)
            #expect(context.features[(any HTTPRequestInfoFeature).self]?.urlPrefix == "http://*:80/")
            #expect(context.features[(any HTTPResetFeature).self] == nil)
        }
        _ = try await server.send(TestRequest())
    }

    @Test("A feature may be replaced or hidden for one request")
    func replaced() async throws {
        _ = try await answer { context in
            context.features[(any HTTPUpgradeFeature).self] = nil
            #expect(context.features[(any HTTPUpgradeFeature).self] == nil)
            #expect(context.features[(any TLSConnectionFeature).self] == nil)
            #expect(context.features[(any HTTPResponseCachingFeature).self] != nil)
        }
    }
}
