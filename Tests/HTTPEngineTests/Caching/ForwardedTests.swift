// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPMiddleware
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("caching: requests that proxies rewrite")
    struct ForwardedCaching {
        /// Answers publicly with what it sees of the request, behind `ForwardedHeaders` and `HSTS`.
        private static func handler(
            _ count: Tally,
            known: IPNetwork = "127.0.0.0/8"
        ) -> TestEngine.Handler {
            var forwarded = ForwardedHeaders(knownProxies: [known], parts: .all)
            forwarded.forwardLimit = 2
            var hsts = HSTS()
            hsts.excludedHosts = []
            let middleware: [any RequestMiddleware] = [forwarded, hsts]
            return { context in
                try await middleware[0].handle(context) { context in
                    try await middleware[1].handle(context) { context in
                        count.add()
                        let request = context.request
                        try context.response.headers.append(
                            name: "Cache-Control",
                            value: "public, max-age=60"
                        )
                        try context.response.headers.append(name: "Content-Type", value: "text/plain")
                        try await context.response.write(
                            "\(request.scheme)://\(request.authority)\(request.pathBase)\(request.path)"
                        )
                    }
                }
            }
        }

        private static let variants = [
            ["X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example"],
            ["X-Forwarded-Proto: http", "X-Forwarded-Host: shop.example"],
            ["X-Forwarded-Proto: https", "X-Forwarded-Host: other.example"], ["X-Forwarded-Prefix: /outer"],
            ["X-Forwarded-Proto: https", "X-Forwarded-For: nonsense"],
            ["X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1"],
            ["X-Forwarded-Proto: https, http", "X-Forwarded-For: 127.0.0.9"],
            ["X-Forwarded-Proto: https, http", "X-Forwarded-For: 192.0.2.1"], [],
        ]

        private static let expected = [
            "https://shop.example/x", "http://shop.example/x", "https://other.example/x", "http://H/outer/x",
            "http://H/x", "https://H/x", "https://H/x", "http://H/x", "http://H/x",
        ]

        @Test(
            "Each gets its own answer, from the cache too, and HSTS over https alone (RFC 6797 §7.2)",
            arguments: [Setup.oneLoop, .twoLoops, .queue]
        )
        func variants(setup: Setup) async throws {
            let count = Tally()
            let handler = ForwardedCaching.handler(count)
            try await TestEngine.run(TestSettings(setup), handler: handler) { (server) async throws in
                let client = try server.client()
                let host = "localhost:\(server.port)"
                for round in 0..<4 {
                    for (fields, expected) in zip(ForwardedCaching.variants, ForwardedCaching.expected) {
                        let lines = fields.map { $0 + "\r\n" }.joined()
                        let response = try client.exchange("GET /x HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n")
                        let text = response.text.split(separator: host, omittingEmptySubsequences: false)
                            .joined(separator: "H")
                        #expect(text == expected, "\(fields) in round \(round)")
                        let isSecure = expected.hasPrefix("https")
                        #expect((response["Strict-Transport-Security"] != nil) == isSecure, "\(fields)")
                    }
                }
                #expect(count.count == ForwardedCaching.variants.count, "each is stored once")
            }
        }

        @Test("What a stranger sends of proxies is not served to those of the proxy, nor the other way round")
        func stranger() async throws {
            let count = Tally()
            try await TestEngine.run(handler: ForwardedCaching.handler(count, known: "127.0.0.1")) {
                (server) async throws in
                let request = server.get("/x", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example")
                for _ in 0..<3 {
                    let stranger = try Client(from: "127.0.0.66", port: server.port).exchange(request)
                    #expect(stranger.text == "http://localhost:\(server.port)/x")
                    #expect(try server.client().exchange(request).text == "https://shop.example/x")
                }
                #expect(count.count == 2)
            }
        }

        @Test(
            "Over HTTP/2 each gets its own answer, shared with HTTP/1.1",
            arguments: [Setup.oneLoop, .queue]
        )
        func http2(setup: Setup) async throws {
            let count = Tally()
            let handler = ForwardedCaching.handler(count)
            try await TestEngine.run(TestSettings(setup), handler: handler) { (server) async throws in
                let newer = try server.http2Client()
                let older = try server.client()
                for _ in 0..<3 {
                    for host in ["a.example", "b.example"] {
                        let response = try newer.get(
                            "/x",
                            ("x-forwarded-proto", "https"),
                            ("x-forwarded-host", host)
                        )
                        #expect(String(decoding: response.content, as: UTF8.self) == "https://\(host)/x")
                        let request = server.get(
                            "/x",
                            "X-Forwarded-Proto: https",
                            "X-Forwarded-Host: \(host)"
                        )
                        #expect(try older.exchange(request).text == "https://\(host)/x")
                    }
                }
                #expect(count.count == 2)
                #expect(server.statistics.cacheHits == 10)
            }
        }

        @Test("The same head again and again is answered by who sent it, too (head memo)")
        func memo() async throws {
            let count = Tally()
            let handler = ForwardedCaching.handler(count, known: "127.0.0.1")
            try await TestEngine.run(handler: handler) { (server) async throws in
                let request = server.get("/x", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example")
                let (proxy, stranger) = (
                    try server.client(), try Client(from: "127.0.0.66", port: server.port)
                )
                for _ in 0..<5 {
                    #expect(try stranger.exchange(request).text == "http://localhost:\(server.port)/x")
                }
                for _ in 0..<5 { #expect(try proxy.exchange(request).text == "https://shop.example/x") }
                for _ in 0..<5 {
                    #expect(try stranger.exchange(request).text == "http://localhost:\(server.port)/x")
                }
                #expect(count.count == 2)
                #expect(server.statistics.cacheHits == 13)
            }
        }

        @Test("Clients of one proxy share what is stored, whatever their addresses")
        func shared() async throws {
            let count = Tally()
            try await TestEngine.run(handler: ForwardedCaching.handler(count)) { (server) async throws in
                let client = try server.client()
                for number in 1...5 {
                    let address = "X-Forwarded-For: 192.0.2.\(number)"
                    let response = try client.exchange(server.get("/x", address, "X-Forwarded-Proto: https"))
                    #expect(response.text == "https://localhost:\(server.port)/x")
                }
                #expect(count.count == 1)
            }
        }

        @Test("Requests with Forwarded neither fill the cache nor are answered from it (RFC 7239)")
        func forwarded() async throws {
            let count = Tally()
            try await TestEngine.run(handler: ForwardedCaching.handler(count)) { (server) async throws in
                let client = try server.client()
                for _ in 0..<3 { _ = try client.exchange(server.get("/x", "Forwarded: proto=https")) }
                #expect(count.count == 3)
                for _ in 0..<3 { _ = try client.exchange(server.get("/x")) }
                #expect(count.count == 4)
                _ = try client.exchange(server.get("/x", "Forwarded: for=192.0.2.1"))
                #expect(count.count == 5)
            }
        }

        @Test("A port in Host that is not the one the request came to does not get into others' answers")
        func port() async throws {
            let count = Tally()
            try await TestEngine.run(handler: ForwardedCaching.handler(count)) { (server) async throws in
                let client = try server.client()
                for _ in 0..<3 {
                    for host in ["localhost:1", "localhost", "localhost:\(server.port)"] {
                        let request = "GET /x HTTP/1.1\r\nHost: \(host)\r\n\r\n"
                        #expect(try client.exchange(request).text == "http://\(host)/x")
                    }
                }
                #expect(count.count == 3)
            }
        }

        @Test("Several lines of Accept-Encoding are one list to the cache (RFC 9110 §5.3)")
        func acceptEncoding() async throws {
            let count = Tally()
            try await TestEngine.run(handler: { context in
                count.add()
                try context.response.headers.append(name: "Cache-Control", value: "public, max-age=60")
                try context.response.headers.append(name: "Content-Type", value: "text/plain")
                try context.response.headers.append(name: "Content-Encoding", value: "gzip")
                try await context.response.write("coded")
            }) { (server) async throws in
                let client = try server.client()
                func isServed(_ fields: String...) throws -> Bool {
                    let before = count.count
                    let lines = fields.map { "Accept-Encoding: \($0)\r\n" }.joined()
                    let host = "Host: localhost:\(server.port)\r\n"
                    _ = try client.exchange("GET /x HTTP/1.1\r\n\(host)\(lines)\r\n")
                    return count.count == before
                }
                #expect(try !isServed("gzip"))
                #expect(try isServed("gzip"))
                #expect(try isServed("br", "gzip"))
                #expect(try !isServed("br", "deflate"))
                #expect(try !isServed("gzip;q=0.1", "identity"))
                #expect(try !isServed("gzip;q=0.1, identity"))
            }
        }
    }
}
