// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("caching: what is served")
    struct Serving {
        private static let body = String(
            decoding: (0..<100).map { UInt8(ascii: "a") + UInt8($0 % 26) },
            as: UTF8.self
        )

        /// Answers with something to cache, and counts how often it was asked.
        private static func handler(_ count: Tally) -> TestEngine.Handler {
            { context in
                count.add()
                for try await _ in context.request.body {}
                try context.response.headers.append(name: "Cache-Control", value: "public, max-age=60")
                try context.response.headers.append(name: "Content-Type", value: "text/plain")
                try context.response.headers.append(name: "ETag", value: "\"v1\"")
                try context.response.headers.append(
                    name: "Last-Modified",
                    value: "Sun, 06 Nov 1994 08:49:37 GMT"
                )
                try await context.response.write(body)
            }
        }

        @Test("Methods other than GET bypass the cache and leave the entry (httpsys.md §11.3)")
        func methods() async throws {
            let count = Tally()
            try await TestEngine.run(handler: Serving.handler(count)) { (server) async throws in
                let client = try server.client()
                _ = try client.exchange(server.get("/x"))
                for method in [
                    "HEAD", "OPTIONS", "DELETE", "TRACE", "MOVE", "PROPFIND", "PATCH", "POST", "PUT", "BREW",
                ] {
                    let before = count.count
                    for _ in 0..<2 {
                        let request =
                            "\(method) /x HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: 0\r\n\r\n"
                        #expect(try client.exchange(request, method: method).status == 200)
                    }
                    #expect(count.count == before + 2, "\(method)")
                    _ = try client.exchange(server.get("/x"))
                    #expect(count.count == before + 2, "the entry is left by \(method)")
                }
            }
        }

        @Test("Requests that may not be served, and those that may (httpsys.md §11.2, §11.3)")
        func requests() async throws {
            let count = Tally()
            try await TestEngine.run(handler: Serving.handler(count)) { (server) async throws in
                let client = try server.client()
                _ = try client.exchange(server.get("/x"))
                let cases = [
                    ("Authorization: Basic YTpi", false), ("Translate: f", false), ("Pragma: no-cache", true),
                    ("Cache-Control: no-cache", true), ("Cache-Control: max-age=0", true),
                    ("Cookie: a=b", true),
                    ("Expect: 100-continue", true), ("Connection: upgrade\r\nUpgrade: websocket", false),
                    ("Connection: upgrade\r\nUpgrade: h2c", true),
                ]
                for (field, isServed) in cases {
                    let before = count.count
                    #expect(try client.exchange(server.get("/x", field)).text == Serving.body)
                    #expect((count.count == before) == isServed, "\(field)")
                }
                let before = count.count
                _ = try client.exchange(server.get("/x?query"))
                _ = try client.exchange(server.get("/X"))
                #expect(count.count >= before + 1, "the query is part of the key")
            }
        }

        @Test("Conditions are judged on the entry: 304 to If-None-Match and If-Modified-Since (RFC 9110 §13)")
        func conditions() async throws {
            let count = Tally()
            try await TestEngine.run(handler: Serving.handler(count)) { (server) async throws in
                let client = try server.client()
                _ = try client.exchange(server.get("/x"))
                let cases = [
                    ("If-None-Match: \"v1\"", 304), ("If-None-Match: W/\"v1\"", 304),
                    ("If-None-Match: \"v2\", \"v1\"", 304),
                    ("If-None-Match: *", 304), ("If-None-Match: \"v2\"", 200),
                    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304),
                    ("If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT", 200),
                    ("If-Modified-Since: yesterday", 200),
                ]
                for (field, status) in cases {
                    let response = try client.exchange(server.get("/x", field))
                    #expect(response.status == status, "\(field)")
                    #expect(response["ETag"] == "\"v1\"", "\(field)")
                }
                #expect(count.count == 1)
            }
        }

        @Test("Ranges are cut from the entry (RFC 9110 §14; httpsys.md §11.3)")
        func ranges() async throws {
            let count = Tally()
            try await TestEngine.run(handler: Serving.handler(count)) { (server) async throws in
                let client = try server.client()
                _ = try client.exchange(server.get("/x"))
                let one = try client.exchange(server.get("/x", "Range: bytes=0-10"))
                #expect(one.status == 206)
                #expect(one["Content-Range"] == "bytes 0-10/100")
                #expect(one.text == String(Serving.body.prefix(11)))
                let last = try client.exchange(server.get("/x", "Range: bytes=-5"))
                #expect(last.text == String(Serving.body.suffix(5)))
                let several = try client.exchange(server.get("/x", "Range: bytes=0-1,10-11"))
                #expect(several.status == 206)
                #expect(several["Content-Type"]?.hasPrefix("multipart/byteranges") == true)
                #expect(try client.exchange(server.get("/x", "Range: bytes=200-")).status == 416)
                #expect(try client.exchange(server.get("/x", "Range: lines=1-2")).status == 200)
                #expect(count.count == 1)
            }
        }

        @Test(
            "The same head again and again is served alike, also pipelined and cut (head memo)",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func memo(setup: Setup) async throws {
            let count = Tally()
            try await TestEngine.run(TestSettings(setup), handler: Serving.handler(count)) {
                (server) async throws in
                let client = try server.client()
                let first = try client.exchange(server.get("/x"))
                for _ in 0..<5 {
                    let response = try client.exchange(server.get("/x"))
                    #expect(response.body == first.body)
                    #expect(response["Date"] != nil)
                    #expect(response["Connection"] == nil)
                }
                try client.send(String(repeating: server.get("/x"), count: 50))
                for _ in 0..<50 { #expect(try client.readResponse().body == first.body) }
                for byte in Array(server.get("/x").utf8) { try client.send([byte]) }
                #expect(try client.readResponse().body == first.body)
                #expect(try client.exchange(server.get("/x", "Connection: close")).closes)
                #expect(try client.readToEnd().bytes.isEmpty)
                let old = try server.client().exchange(
                    "GET /x HTTP/1.0\r\nHost: localhost:\(server.port)\r\n\r\n"
                )
                #expect(old.body == first.body)
                #expect(old.closes)
                #expect(count.count == 1)
                #expect(server.statistics.cacheHits == 58)
                #expect(server.statistics.requestsTotal == 59)
            }
        }

        @Test(
            "A flush of one URL, of a subtree and of everything is seen by every loop at once",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func flush(setup: Setup) async throws {
            let count = Tally()
            try await TestEngine.run(TestSettings(setup), handler: Serving.handler(count)) {
                (server) async throws in
                let clients = try (0..<4).map { _ in try server.client() }
                func ask(_ target: String) throws -> Int {
                    let before = count.count
                    for client in clients { for _ in 0..<3 { _ = try client.exchange(server.get(target)) } }
                    return count.count - before
                }
                let root = "http://localhost:\(server.port)"
                for target in ["/a", "/a/b", "/c"] {
                    #expect(try ask(target) == 1)
                    #expect(try ask(target) == 0)
                }
                #expect(try server.engine.flushCache(url: root + "/a") == 1)
                #expect(try ask("/a") == 1)
                #expect(try ask("/a/b") == 0)
                #expect(try server.engine.flushCache(url: root + "/a/", recursive: true) >= 1)
                #expect(try ask("/a/b") == 1)
                #expect(try ask("/c") == 0)
                #expect(try server.engine.flushCache() >= 2)
                #expect(try ask("/c") == 1)
            }
        }

        @Test("With caching off nothing is stored (EnableResponseCaching)")
        func off() async throws {
            let count = Tally()
            var settings = TestSettings()
            settings.options.responseCaching = false
            try await TestEngine.run(settings, handler: Serving.handler(count)) { (server) async throws in
                let client = try server.client()
                for _ in 0..<3 { _ = try client.exchange(server.get()) }
                #expect(count.count == 3)
                #expect(server.statistics.cacheHits == 0)
            }
        }
    }
}
