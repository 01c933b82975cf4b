// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing
import URLPrefixes

@testable import HTTPEngine

/// A target and the PathBase and Path it has under a prefix (httpsys.md §7.5).
struct PathCase: Sendable {
    let prefix: String
    let target: String
    let pathBase: String
    let path: String

    init(_ prefix: String, _ target: String, _ pathBase: String, _ path: String) {
        self.prefix = prefix
        self.target = target
        self.pathBase = pathBase
        self.path = path
    }

    /// Whether the prefix is found only where `%2F`, or a dot segment behind an empty one, is taken as HTTP.sys's
    /// driver takes it for routing; here both stay as they are, and the request is answered 404.
    var isRoutedElsewhere: Bool {
        prefix == "/base/ball" && (target.lowercased().contains("%2f") || target.contains("//.."))
    }

    static let all = [
        PathCase("/", "/", "", "/"),
        PathCase("/basepath/", "/basepath", "/basepath", ""),
        PathCase("/basepath/", "/basepath/", "/basepath", "/"),
        PathCase("/basepath/", "/basepath/subpath", "/basepath", "/subpath"),
        PathCase("/base path/", "/base%20path/sub%20path", "/base path", "/sub path"),
        PathCase("/base葉path/", "/base%E8%91%89path/sub%E8%91%89path", "/base葉path", "/sub葉path"),
        PathCase("/basepath/", "/basepath/sub%2Fpath", "/basepath", "/sub%2Fpath"),
        PathCase("/base", "/baSe", "/baSe", ""),
        PathCase("/base", "/baSe/", "/baSe", "/"),
        PathCase("/base", "///base/path1/path2", "///base", "/path1/path2"),
        PathCase("/base/ball", "/baSe\\ball//path1//path2", "/baSe\\ball", "//path1//path2"),
        PathCase("/base/ball", "/base%2fball//path1//path2", "/base%2fball", "//path1//path2"),
        PathCase("/base/ball", "/base%2Fball//path1//path2", "/base%2Fball", "//path1//path2"),
        PathCase("/base/ball", "/base%5cball//path1//path2", "/base\\ball", "//path1//path2"),
        PathCase("/base/ball", "///baSe//ball//path1//path2", "///baSe//ball", "//path1//path2"),
        PathCase("/base/ball", "/base/\\ball//path1//path2", "/base/\\ball", "//path1//path2"),
        PathCase("/base/ball", "/base/%2fball//path1//path2", "/base/%2fball", "//path1//path2"),
        PathCase("/base/ball", "/base/%5cball//path1//path2", "/base/\\ball", "//path1//path2"),
        PathCase("/base/ball", "/base/call/../ball//path1//path2", "/base/ball", "//path1//path2"),
        PathCase("/base/ball", "/base/call/.%2e/ball//path1//path2", "/base/ball", "//path1//path2"),
        PathCase("/base/ball", "/base/call//../ball//path1//path2", "", "/base/call/ball//path1//path2"),
        PathCase("/a", "/a/./c", "/a", "/c"),
        PathCase("/a", "/a/d/../b/c", "/a", "/b/c"),
        PathCase("/a/b", "/a/d/../b/c", "/a/b", "/c"),
        PathCase("/a/b", "/a/./b/c", "/a/b", "/c"),
    ]

    static let severalPrefixes = ["/", "/11", "/2/3", "/2", "/11/2"]
    static let several = [
        PathCase("", "/", "", "/"), PathCase("", "/random", "", "/random"),
        PathCase("", "/11", "/11", ""), PathCase("", "/11/", "/11", "/"),
        PathCase("", "/11/random", "/11", "/random"), PathCase("", "/2", "/2", ""),
        PathCase("", "/2/", "/2", "/"), PathCase("", "/2/random", "/2", "/random"),
        PathCase("", "/2/3", "/2/3", ""), PathCase("", "/2/3/", "/2/3", "/"),
        PathCase("", "/2/3/random", "/2/3", "/random"), PathCase("", "/11/2/x", "/11/2", "/x"),
        PathCase("", "/222", "", "/222"),
    ]
}

extension EngineSuites {
    @Suite("routing")
    struct Routing {
        private static let paths: TestEngine.Handler = { context in
            let request = context.request
            try await context.response.write(
                "[\(request.pathBase)][\(request.path)][\(request.queryString)][\(request.rawTarget)]"
            )
        }

        @Test("PathBase and Path are those of HTTP.sys (httpsys.md §7.5), and RawTarget is as sent")
        func pathBases() async throws {
            try await TestEngine.run(handler: Routing.paths) { (server) async throws in
                // A prefix of the port that matches no target keeps the port open between the cases.
                try await server.register(try URLPrefix("http://localhost:\(server.port)/keep/"))
                #expect(await server.engine.unregister(try URLPrefix("http://localhost:\(server.port)/")))
                for item in PathCase.all {
                    let prefix = try URLPrefix("http://localhost:\(server.port)\(item.prefix)")
                    try await server.register(prefix)
                    let text = try server.client().exchange(server.get(item.target + "?a=/b")).text
                    let expected = "[\(item.pathBase)][\(item.path)][?a=/b][\(item.target)?a=/b]"
                    // HTTP.sys takes an encoded slash for a separator when it routes; here it stays encoded, so
                    // that what a proxy in front takes for one segment is one segment.
                    #expect(text == (item.isRoutedElsewhere ? "Not Found\n" : expected), "\(item)")
                    #expect(await server.engine.unregister(prefix))
                }
            }
        }

        @Test("Of several prefixes the longest of whole segments wins (http-server-api.md §1)")
        func several() async throws {
            var settings = TestSettings(.twoLoops)
            settings.prefixes = PathCase.severalPrefixes.map { "http://localhost:0\($0)" }
            try await TestEngine.run(settings, handler: Routing.paths) { (server) async throws in
                let client = try server.client()
                for item in PathCase.several {
                    let text = try client.exchange(server.get(item.target)).text
                    #expect(text == "[\(item.pathBase)][\(item.path)][][\(item.target)]", "\(item)")
                }
            }
        }

        @Test("An unknown host is 400 and the end; an unknown path 404 and not")
        func unknown() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://localhost:0/app/"]
            try await TestEngine.run(settings, handler: Routing.paths) { (server) async throws in
                let client = try server.client()
                for target in ["/", "/ap", "/apple", "/APP2/", "/x/app"] {
                    let response = try client.exchange(server.get(target))
                    #expect(response.status == 404)
                    #expect(!response.closes)
                }
                #expect(try client.exchange(server.get("/APP/x")).text == "[/APP][/x][][/APP/x]")
                let response = try client.exchange(
                    "GET /app/ HTTP/1.1\r\nHost: other:\(server.port)\r\n\r\n" + server.get("/app/")
                )
                #expect(response.status == 400)
                #expect(try client.readResponseIfAny() == nil)
            }
        }

        @Test("404 to a request with content: the client gets the whole response, then the end")
        func unknownWithContent() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://localhost:0/app/"]
            try await TestEngine.run(settings, handler: Routing.paths) { (server) async throws in
                for _ in 0..<10 {
                    let client = try server.client()
                    try client.send(
                        server.post("/x", body: String(repeating: "GET /app/ HTTP/1.1\r\n\r\n", count: 5000))
                    )
                    #expect(try client.readResponse().status == 404)
                    #expect(try client.readToEnd().bytes.isEmpty)
                }
            }
        }

        @Test(
            "A registered prefix without an application: requests wait, and are served when one attaches",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func lateApplication(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.isAttached = false
            try await TestEngine.run(settings, handler: Routing.paths) { (server) async throws in
                let clients = try (0..<5).map { _ in try server.client() }
                for client in clients { try client.send(server.get("/x")) }
                #expect(eventually { server.queue.waitingCount == 5 })
                await server.attach()
                for client in clients { #expect(try client.readResponse().text == "[][/x][][/x]") }
                #expect(server.queue.waitingCount == 0)
            }
        }

        @Test(
            "Prefixes come and go while requests are served; a removed one is 404, its requests in progress finish",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func changes(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.request.path == "/wait" { try await gate.wait() }
                    try await Routing.paths(context)
                },
                { (server) async throws in
                    let prefix = try URLPrefix("http://localhost:\(server.port)/more/")
                    let root = try URLPrefix("http://localhost:\(server.port)/")
                    let waiting = try server.client()
                    try await server.register(prefix)
                    try waiting.send(server.get("/more/wait"))
                    #expect(eventually { gate.waitingCount == 1 })
                    let client = try server.client()
                    for _ in 0..<20 {
                        #expect(try client.exchange(server.get("/more/x")).text == "[/more][/x][][/more/x]")
                        #expect(await server.engine.unregister(prefix))
                        #expect(try client.exchange(server.get("/more/x")).text == "[][/more/x][][/more/x]")
                        try await server.register(prefix)
                    }
                    #expect(await server.engine.unregister(prefix))
                    #expect(await server.engine.unregister(root))
                    #expect(await server.engine.unregister(root) == false)
                    #expect(throws: ClientError.self) { try server.client() }
                    #expect(try client.exchange(server.get("/")).status == 400)
                    gate.open()
                    #expect(try waiting.readResponse().text == "[/more][/wait][][/more/wait]")
                }
            )
        }

        @Test(
            "A port whose last prefix was removed can be registered again at once",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func again(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Routing.paths) { (server) async throws in
                let prefix = try URLPrefix("http://localhost:\(server.port)/")
                for _ in 0..<10 {
                    #expect(await server.engine.unregister(prefix))
                    #expect(throws: ClientError.self) { try server.client() }
                    try await server.register(prefix)
                    #expect(try server.client().exchange(server.get("/a")).text == "[][/a][][/a]")
                }
            }
        }

        @Test("A prefix registered twice is refused, and the first goes on")
        func twice() async throws {
            try await TestEngine.run(handler: Routing.paths) { (server) async throws in
                let prefix = try URLPrefix("http://localhost:\(server.port)/")
                await #expect(throws: PrefixTableError.self) {
                    try await server.register(prefix)
                }
                #expect(try server.client().exchange(server.get("/a")).text == "[][/a][][/a]")
                #expect(server.engine.registeredPrefixes == [prefix])
            }
        }

        @Test(
            "Buckets in order: strong wildcard, name, subdomain wildcard, weak wildcard (http-server-api.md §1.4)"
        )
        func buckets() async throws {
            var settings = TestSettings()
            settings.prefixes = [
                "http://*:0/", "http://+:0/strong/", "http://*.example.com:0/", "http://www.example.com:0/",
            ]
            try await TestEngine.run(
                settings,
                handler: { context in
                    let info = try context.feature((any HTTPRequestInfoFeature).self)
                    try await context.response.write(info.urlPrefix)
                },
                { (server) async throws in
                    let client = try server.client()
                    let cases = [
                        ("localhost", "/", "http://*:{port}/"),
                        ("127.0.0.1:{port}", "/x", "http://*:{port}/"),
                        ("www.example.com", "/", "http://www.example.com:{port}/"),
                        ("a.example.com", "/", "http://*.example.com:{port}/"),
                        ("a.b.example.com", "/", "http://*.example.com:{port}/"),
                        ("WWW.Example.COM:{port}", "/", "http://www.example.com:{port}/"),
                        ("www.example.com", "/strong/x", "http://+:{port}/strong/"),
                    ]
                    for (host, target, expected) in cases {
                        let port = "\(server.port)"
                        let host = host.split(separator: "{port}", omittingEmptySubsequences: false).joined(
                            separator: port
                        )
                        let expected = expected.split(separator: "{port}", omittingEmptySubsequences: false)
                            .joined(separator: port)
                        let response = try client.exchange("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                        #expect(response.text == expected, "\(host)\(target)")
                    }
                }
            )
        }

        @Test(
            "An absolute target is routed by its authority, and has an origin form's Path (RFC 9112 §3.2.2)"
        )
        func absolute() async throws {
            try await TestEngine.run(handler: Routing.paths) { (server) async throws in
                let client = try server.client()
                let authority = "localhost:\(server.port)"
                for (target, path) in [("/a/b", "[/a/b][]"), ("", "[/][]"), ("/?q", "[/][?q]")] {
                    let raw = "http://\(authority)\(target)"
                    let text = try client.exchange("GET \(raw) HTTP/1.1\r\nHost: \(authority)\r\n\r\n").text
                    #expect(text == "[]\(path)[\(raw)]")
                }
            }
        }

        @Test("OPTIONS * reaches the root prefix's application with empty paths (httpsys.md §7.5)")
        func asterisk() async throws {
            try await TestEngine.run(handler: Routing.paths) { (server) async throws in
                let client = try server.client()
                let response = try client.exchange(
                    "OPTIONS * HTTP/1.1\r\nHost: localhost:\(server.port)\r\n\r\n"
                )
                #expect(response.text == "[][][][*]")
                #expect(
                    try client.exchange("TRACE / HTTP/1.1\r\nHost: localhost:\(server.port)\r\n\r\n").status
                        == 200
                )
            }
        }
    }
}
