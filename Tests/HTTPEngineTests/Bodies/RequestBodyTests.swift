// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

/// Bytes that tell where they stand.
func pattern(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count { bytes += patternBlock.prefix(count - bytes.count) }
    return bytes
}

private let patternBlock: [UInt8] = (0..<(256 * 251)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

extension EngineSuites {
    @Suite("bodies: requests")
    struct RequestBodies {
        static let sizes = [
            0, 1, 2047, 2048, 2049, 4095, 4096, 4097, 16383, 16384, 65535, 65536, 65537, 1 << 20,
        ]

        @Test("Content of any size comes back as it was sent, known and chunked", arguments: Setup.allCases)
        func echo(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.target == "/whole" { return try await Handlers.echoWhole(context) }
                    try await Handlers.echo(context)
                },
                { (server) async throws in
                    let client = try server.client()
                    for size in RequestBodies.sizes {
                        let content = pattern(size)
                        for target in ["/whole", "/pieces"] {
                            if target == "/pieces", size > 65536 { continue }
                            let head =
                                "POST \(target) HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(size)\r\n\r\n"
                            try client.send(Array(head.utf8) + content)
                            #expect(try client.readResponse().body == content, "\(size) \(target)")
                            try client.send(
                                Array(server.chunkedHead(target).utf8) + chunks(content, of: 4000)
                            )
                            #expect(try client.readResponse().body == content, "\(size) \(target), chunked")
                        }
                    }
                }
            )
        }

        @Test(
            "An upload is received into large buffers, what follows it into small ones, and nothing is lost"
        )
        func largeReceives() async throws {
            let settings = TestSettings(.oneLoop)
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.client()
                let content = pattern(3 << 20)
                for _ in 0..<3 {
                    let head =
                        "POST / HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(content.count)\r\n\r\n"
                    try client.send(Array(head.utf8) + content)
                    #expect(try client.readResponse().body == content)
                    #expect(await server.receivesLarge() == [true])
                    for _ in 0..<6 { #expect(try client.exchange(server.post(body: "a")).text == "a") }
                    #expect(await server.receivesLarge() == [false])
                }
            }
        }

        private func chunks(_ content: [UInt8], of size: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            var rest = content[...]
            while !rest.isEmpty {
                let chunk = rest.prefix(size)
                rest = rest.dropFirst(size)
                bytes += Array((String(chunk.count, radix: 16) + ";name=value\r\n").utf8) + chunk + [13, 10]
            }
            return bytes + Array("0\r\n\r\n".utf8)
        }

        @Test("Reading a byte at a time gives the same content and its end", arguments: Setup.allCases)
        func byteReads(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    var count = 0
                    while let byte = try await context.request.body.read(upTo: 1).first {
                        guard byte == pattern(count + 1)[count] else { throw HandlerFailure() }
                        count += 1
                    }
                    try await context.response.write("\(count)")
                },
                { (server) async throws in
                    let client = try server.client()
                    let content = pattern(300)
                    try client.send(Array(server.chunkedHead().utf8) + chunks(content, of: 7))
                    #expect(try client.readResponse().text == "300")
                }
            )
        }

        @Test(
            "Trailers are there when the content has been read, without those that may not be (RFC 9110 §6.5.1)",
            arguments: Setup.allCases
        )
        func trailers(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let trailers = try context.feature((any HTTPRequestTrailersFeature).self)
                    let before = trailers.trailersAvailable
                    _ = try await context.request.body.readAll()
                    let sum = trailers.trailers["X-Sum"] ?? "-"
                    let length = trailers.trailers["Content-Length"] ?? "-"
                    try await context.response.write(
                        "\(before) \(trailers.trailersAvailable) \(sum) \(length)"
                    )
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(
                        server.chunkedHead() + "1\r\na\r\n0\r\nX-Sum: 7\r\nContent-Length: 3\r\n\r\n"
                    )
                    #expect(try client.readResponse().text == "false true 7 -")
                }
            )
        }

        @Test(
            "Content-Length over the limit is 413 when it is read (MaxRequestBodySize)",
            arguments: Setup.allCases
        )
        func tooLargeKnown(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.maxRequestBodySize = 100
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.client()
                #expect(
                    try client.exchange(server.post(body: String(repeating: "a", count: 100))).status == 200
                )
                let response = try client.exchange(
                    server.post(body: String(repeating: "a", count: 101)) + server.get("/smuggled")
                )
                #expect(response.status == 413)
                #expect(response.closes)
                #expect(try client.readResponseIfAny() == nil)
            }
        }

        @Test("Chunked content over the limit is 413 once it is", arguments: Setup.allCases)
        func tooLargeChunked(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.maxRequestBodySize = 100
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.client()
                try client.send(Array(server.chunkedHead().utf8) + chunks(pattern(100), of: 30))
                #expect(try client.readResponse().body == pattern(100))
                try client.send(Array(server.chunkedHead().utf8) + chunks(pattern(101), of: 30))
                #expect(try client.readResponse().status == 413)
                #expect(try client.readResponseIfAny() == nil)
            }
        }

        @Test("A request may change its own limit until it reads (HTTPMaxRequestBodySize)")
        func ownLimit() async throws {
            var settings = TestSettings()
            settings.maxRequestBodySize = 10
            try await TestEngine.run(
                settings,
                handler: { context in
                    let limit = try context.feature((any HTTPMaxRequestBodySizeFeature).self)
                    limit.maxRequestBodySize = context.target == "/none" ? nil : 20
                    let content = try await context.request.body.readAll()
                    limit.maxRequestBodySize = 1
                    try await context.response.write(
                        "\(content.count) \(limit.isReadOnly) \(limit.maxRequestBodySize ?? -1)"
                    )
                },
                { (server) async throws in
                    let client = try server.client()
                    #expect(
                        try client.exchange(server.post("/none", body: String(repeating: "a", count: 50)))
                            .text == "50 true -1"
                    )
                    #expect(
                        try client.exchange(server.post("/20", body: String(repeating: "a", count: 20))).text
                            == "20 true 20"
                    )
                    #expect(
                        try client.exchange(server.post("/20", body: String(repeating: "a", count: 21)))
                            .status == 413
                    )
                }
            )
        }

        @Test(
            "Unread content is drained up to 256 KiB; with more the connection ends (RFC 9112 §9.3)",
            arguments: Setup.allCases
        )
        func unread(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.ignore) { (server) async throws in
                let client = try server.client()
                for _ in 0..<3 {
                    let content = String(repeating: "GET /smuggled HTTP/1.1\r\n\r\n", count: 4000)
                    let response = try client.exchange(server.post(body: content))
                    #expect(response.text == "ignored")
                    #expect(!response.closes)
                }
                // What had arrived when the handler returned costs nothing to throw away; that is at most 1 MiB.
                try client.send(
                    server.post(body: String(repeating: "b", count: 2 << 20)) + server.get("/smuggled")
                )
                let response = try client.readResponse()
                #expect(response.text == "ignored")
                #expect(response.closes)
                #expect(try client.readResponseIfAny() == nil)
                #expect(server.statistics.requestsTotal == 4)
            }
        }

        @Test("Unread chunked content without end closes the connection after 256 KiB")
        func unreadEndless() async throws {
            try await TestEngine.run(handler: Handlers.ignore) { (server) async throws in
                let client = try server.client()
                try client.send(server.chunkedHead())
                #expect(try client.readResponse().text == "ignored")
                let chunk = Array("4000\r\n".utf8) + [UInt8](repeating: 97, count: 0x4000) + [13, 10]
                var sent = 0
                while sent < 2 << 20 {
                    do { try client.send(chunk) } catch { break }
                    sent += chunk.count
                }
                #expect(try client.readToEnd().bytes.isEmpty)
            }
        }

        @Test("A handler that does not read holds the client up (back-pressure)", arguments: Setup.allCases)
        func backPressure(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await gate.wait()
                    var count = 0
                    for try await piece in context.request.body { count += piece.count }
                    try await context.response.write("\(count)")
                },
                { (server) async throws in
                    let client = try server.client()
                    let content = pattern(16 << 20)
                    try client.send(
                        "POST / HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(content.count)\r\n\r\n"
                    )
                    let sent = client.sendUntilStuck(content, for: .milliseconds(100))
                    #expect(sent < content.count)
                    #expect(server.statistics.bytesReceived < 1 << 20)
                    gate.open()
                    try client.send(Array(content[sent...]))
                    #expect(try client.readResponse().text == "\(content.count)")
                }
            )
        }

        @Test(
            "Content cut off by the client ends the read with an error, and the handler",
            arguments: Setup.allCases
        )
        func incomplete(setup: Setup) async throws {
            let notes = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    do {
                        for try await _ in context.request.body {}
                        notes.add("whole")
                    } catch {
                        notes.add("\(type(of: error))")
                        throw error
                    }
                },
                { (server) async throws in
                    for (index, isReset) in [true, false].enumerated() {
                        let client = try server.client()
                        try client.send(server.chunkedHead() + "5\r\nab")
                        #expect(eventually { server.statistics.requestsInProgress == 1 })
                        if isReset { client.reset() } else { client.finishSending() }
                        #expect(eventually { notes.all.count == index + 1 })
                        if !isReset {
                            #expect([0, 400].contains(try client.readResponseIfAny()?.status ?? 0))
                        }
                    }
                    #expect(!notes.contains("whole"))
                }
            )
        }
    }
}
