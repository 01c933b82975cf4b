// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPMiddleware
import HTTPTestServer
import Testing

@Suite("HSTS and redirection to https")
struct RedirectTests {
    private static var secure: TestServerOptions {
        var options = TestServerOptions()
        options.urlPrefix = "https://*:443/"
        options.tls = TestTLSConnection()
        return options
    }

    @Test("Over https a host asks browsers to stay there for 30 days (RFC 6797 §6.1)")
    func field() async throws {
        let request = TestRequest(headers: [("Host", "shop.example:443")])
        let plain = try await answer(request, options: Self.secure, HSTS())
        #expect(plain["Strict-Transport-Security"] == "max-age=2592000")
        let all = HSTS(maxAge: .seconds(63_072_000), includesSubdomains: true, preload: true)
        let full = try await answer(request, options: Self.secure, all)
        #expect(full["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains; preload")
        let over = try await answer(request, options: Self.secure, HSTS(maxAge: .zero))
        #expect(over["Strict-Transport-Security"] == "max-age=0")
    }

    @Test("Over http nothing is asked (RFC 6797 §7.2), nor of this machine's own names")
    func absent() async throws {
        #expect(
            try await answer(TestRequest(headers: [("Host", "a.example")]), HSTS())[
                "Strict-Transport-Security"
            ] == nil
        )
        for host in ["localhost", "LOCALHOST:443", "127.0.0.1", "[::1]:443"] {
            let response = try await answer(
                TestRequest(headers: [("Host", host)]),
                options: Self.secure,
                HSTS()
            )
            #expect(response["Strict-Transport-Security"] == nil, "\(host)")
        }
    }

    @Test(
        "A request over http is sent to the same URL over https",
        arguments: [
            ("/", "a.example", "https://a.example/"),
            ("/a%2Fb?c=%20d", "a.example:80", "https://a.example/a%2Fb?c=%20d"),
            ("http://b.example/x?y", "b.example", "https://b.example/x?y"),
            ("/", "[::1]:8080", "https://[::1]/"),
            ("//evil.example/x", "a.example", "https://a.example/evil.example/x"),
            ("http://b.example", "b.example", "https://b.example/"),
            ("http://b.example//evil.example", "b.example", "https://b.example/evil.example"),
            ("/%2F/evil.example", "a.example", "https://a.example/%2F/evil.example"),
        ]
    )
    func redirect(_ target: String, _ host: String, _ location: String) async throws {
        let request = TestRequest(target, headers: [("Host", host)])
        let response = try await answer(request, HTTPSRedirection()) { _ in Issue.record("the handler ran") }
        #expect(response.statusCode == 307)
        #expect(response["Location"] == location)
    }

    @Test(
        "Path and query are sent back as they came, neither decoded nor encoded again (RFC 3986 §2.4)",
        arguments: [
            ("//a%2541", "/a%2541"), ("http://a.example/a%2541?b%2541", "/a%2541?b%2541"),
            ("http://a.example//a%2541", "/a%2541"), ("/a%2541", "/a%2541"), ("/%2e/%61", "/%2e/%61"),
            ("//%C0%25C0%252F", "/%C0%25C0%252F"),
        ]
    )
    func decodedOnce(_ target: String, _ expected: String) async throws {
        let request = TestRequest(target, headers: [("Host", "a.example")])
        let response = try await answer(request, HTTPSRedirection())
        #expect(response["Location"] == "https://a.example" + expected)
    }

    @Test(
        "A prefix that a proxy took away is put before the path as it was sent (RFC 3986 §2.4)",
        arguments: [
            ("http://*:80/", "/a%2541?b%2541", "/outer/a%2541?b%2541"),
            ("http://*:80/", "//a%2541", "/outer/a%2541"),
            ("http://*:80/in/", "/in/a%2541?b", "/outer/a%2541?b"), ("http://*:80/in/", "/in", "/outer"),
            ("http://*:80/in/", "/in?a", "/outer?a"),
            // Not in plain form: decoded and encoded, which keeps what is in it.
            ("http://*:80/in/", "/%69n/a%2541%20b?c", "/outer/a%2541%20b?c"),
            ("http://*:80/in/", "/in/../in/caf%C3%A9%2Fb", "/outer/caf%C3%A9%2Fb"),
        ]
    )
    func prefix(_ prefix: String, _ target: String, _ expected: String) async throws {
        var options = TestServerOptions()
        options.urlPrefix = prefix
        var forwarded = ForwardedHeaders()
        forwarded.parts = .all
        let server = TestServer(options: options)
        try await server.start(application: HandlerApplication(forwarded, HTTPSRedirection()) { _ in })
        let fields = [("Host", "a.example"), ("X-Forwarded-Prefix", "/outer")]
        let response = try await server.send(TestRequest(target, headers: fields))
        #expect(response["Location"] == "https://a.example" + expected)
        await server.stop(within: .seconds(1))
    }

    @Test("Status, port and hosts that stay can be chosen")
    func options() async throws {
        let request = TestRequest("/x", headers: [("Host", "a.example:8080")])
        let permanent = try await answer(request, HTTPSRedirection(.permanent, httpsPort: 8443))
        #expect(permanent.statusCode == 308)
        #expect(permanent["Location"] == "https://a.example:8443/x")
        var redirection = HTTPSRedirection()
        redirection.excludedHosts = ["A.EXAMPLE"]
        #expect(try await answer(request, redirection).statusCode == 200)
        let secure = try await answer(request, options: Self.secure, HTTPSRedirection())
        #expect(secure.statusCode == 200)
    }

    @Test(
        "Behind a proxy, a request that came over https is let through, one over http sent to the outer URL"
    )
    func behindProxy() async throws {
        var forwarded = ForwardedHeaders()
        forwarded.parts = .all
        let application = HandlerApplication(forwarded, HTTPSRedirection()) { _ in }
        let server = TestServer()
        try await server.start(application: application)
        let https = TestRequest(
            "/x",
            headers: [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]
        )
        #expect(try await server.send(https).statusCode == 200)
        let http = TestRequest(
            "/caf%C3%A9/a%2Fb?q",
            headers: [
                ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "http"),
                ("X-Forwarded-Host", "shop.example"), ("X-Forwarded-Prefix", "/outer"),
            ]
        )
        #expect(try await server.send(http)["Location"] == "https://shop.example/outer/caf%C3%A9/a%2Fb?q")
        await server.stop(within: .seconds(1))
    }

    @Test("Middleware sees a request in the order in which it is listed, its response in the reverse order")
    func order() async throws {
        struct Step: RequestMiddleware {
            let name: String
            func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
                try await context.response.write("<\(name)>")
                try await next(context)
                try await context.response.write("</\(name)>")
            }
        }
        let server = TestServer()
        let application = HandlerApplication(Step(name: "a"), Step(name: "b")) {
            try await $0.response.write("x")
        }
        try await server.start(application: application)
        #expect(try await server.send(TestRequest()).text == "<a><b>x</b></a>")
        await server.stop(within: .seconds(1))
    }
}
