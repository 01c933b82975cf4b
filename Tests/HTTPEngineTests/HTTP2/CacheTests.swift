// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("HTTP/2: caching")
    struct HTTP2Caching {
        private static func handler(_ count: Tally) -> TestEngine.Handler {
            { context in
                count.add()
                try context.response.headers.append(name: "Cache-Control", value: "public, max-age=60")
                try context.response.headers.append(name: "Content-Type", value: "application/octet-stream")
                try context.response.headers.append(name: "ETag", value: "\"v1\"")
                let length = Int(context.request.path.dropFirst()) ?? 0
                try await context.response.write(pattern(length))
            }
        }

        @Test("What one protocol stored is served to the other", arguments: [10, 5000, 200_000])
        func shared(length: Int) async throws {
            let count = Tally()
            try await TestEngine.run(handler: HTTP2Caching.handler(count)) { (server) async throws in
                let older = try server.client()
                let newer = try server.http2Client()
                let first = try newer.get("/\(length)")
                #expect(first.content == pattern(length))
                let second = try newer.get("/\(length)")
                #expect(second.content == first.content)
                #expect(second["content-length"] == "\(length)")
                #expect(second["date"] != nil)
                #expect(second["server"] == "HTTPRing")
                #expect(second.fields.filter { $0.name == "server" }.count == 1)
                #expect(second.fields.filter { $0.name == "date" }.count == 1)
                #expect(try older.exchange(server.get("/\(length)")).body == pattern(length))
                #expect(count.count == 1)
                #expect(server.statistics.cacheHits == 2)
                // The other way round.
                _ = try older.exchange(server.get("/\(length)?2"))
                #expect(try newer.get("/\(length)?2").content == pattern(length))
                #expect(count.count == 2)
            }
        }

        @Test("Upgrade is not stored, so that no answer has it without its option (RFC 9110 §7.8)")
        func upgrade() async throws {
            let count = Tally()
            let handler: TestEngine.Handler = { context in
                try context.response.headers.append(name: "Upgrade", value: "h2c")
                try await HTTP2Caching.handler(count)(context)
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                let client = try server.client()
                let first = try client.exchange(server.get("/9"))
                #expect(first["Upgrade"] == "h2c" && first["Connection"] == "Upgrade")
                for _ in 0..<3 {
                    let stored = try client.exchange(server.get("/9"))
                    #expect(stored.body == pattern(9))
                    #expect(stored["Upgrade"] == nil && stored["Connection"] == nil)
                }
                let stream = try server.http2Client().get("/9")
                #expect(stream["upgrade"] == nil && stream["connection"] == nil)
                #expect(count.count == 1)
            }
        }

        @Test("304, 206 and 416 come from the cache as over HTTP/1.1 (RFC 9110 §13, §14)")
        func conditions() async throws {
            let count = Tally()
            try await TestEngine.run(handler: HTTP2Caching.handler(count)) { (server) async throws in
                let client = try server.http2Client()
                _ = try client.get("/20000")
                let unchanged = try client.get("/20000", ("if-none-match", "\"v1\""))
                #expect(unchanged.status == 304)
                #expect(unchanged.content.isEmpty)
                #expect(unchanged["etag"] == "\"v1\"")
                let part = try client.get("/20000", ("range", "bytes=100-199"))
                #expect(part.status == 206)
                #expect(part.content == Array(pattern(20000)[100..<200]))
                #expect(part["content-range"] == "bytes 100-199/20000")
                let long = try client.get("/20000", ("range", "bytes=100-"))
                #expect(long.content == Array(pattern(20000)[100...]))
                let outside = try client.get("/20000", ("range", "bytes=30000-"))
                #expect(outside.status == 416)
                #expect(outside["content-range"] == "bytes */20000")
                #expect(count.count == 1)
            }
        }

        @Test("What takes a flushed response's place is served with its own fields")
        func replaced() async throws {
            let count = Tally()
            try await TestEngine.run(handler: { context in
                count.add()
                try context.response.headers.append(name: "Cache-Control", value: "public, max-age=60")
                try context.response.headers.append(name: "Content-Type", value: "text/plain")
                try context.response.headers.append(name: "X-Count", value: "\(count.count)")
                try await context.response.write(pattern(10))
            }) { (server) async throws in
                let client = try server.http2Client()
                for number in 1...3 {
                    for _ in 0..<3 { #expect(try client.get("/a")["x-count"] == "\(number)") }
                    #expect(try server.engine.flushCache() == 1)
                }
                #expect(server.statistics.cacheHits == 6)
            }
        }

        @Test("A stored head gives back every byte of its values, and no date (RFC 9110 §5.5)")
        func storedHead() throws {
            var text = Array("HTTP/1.1 404 Not Found\r\nX-Name: caf".utf8)
            text += [0xE9, 0xFF] + Array(" : x\r\nContent-Length: 5\r\nEmpty:\r\nDate: now\r\n\r\n".utf8)
            var head = StoredHead()
            for _ in 0..<2 {
                head.read(text.span)
                #expect(head.status == 404)
                var lines: [[UInt8]] = []
                head.fields.forEach { _, name, value in
                    lines.append(name.indices.map { name[$0] } + [0x3D] + value.indices.map { value[$0] })
                }
                #expect(lines[0] == Array("X-Name=caf".utf8) + [0xE9, 0xFF] + Array(" : x".utf8))
                #expect(lines.dropFirst() == [Array("Content-Length=5".utf8), Array("Empty=".utf8)])
            }
        }
    }
}
