// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("message framing: pipelines and cuts")
    struct Pipelining {
        @Test(
            "Pipelined requests are answered one for one and in order (RFC 9112 §9.3.2)",
            arguments: Setup.allCases,
            [1, 2, 3, 16, 50]
        )
        func order(setup: Setup, count: Int) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.describe) {
                (server) async throws in
                let client = try server.client()
                try client.send((0..<count).map { server.get("/\($0)") }.joined())
                for index in 0..<count {
                    let response = try client.readResponse()
                    #expect(response.status == 200)
                    #expect(response.text == "GET /\(index)")
                }
                #expect(server.statistics.requestsTotal == UInt64(count))
            }
        }

        @Test("Pipelined requests with content, known and chunked, stay apart", arguments: Setup.allCases)
        func contents(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.echoWhole) {
                (server) async throws in
                let client = try server.client()
                try client.send(
                    server.post(body: "first") + server.chunkedHead() + "3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n"
                        + server.get() + server.post(body: "") + server.post(body: "last")
                )
                for expected in ["first", "second", "", "", "last"] {
                    #expect(try client.readResponse().text == expected)
                }
            }
        }

        @Test(
            "A handler that waits holds up the answers behind it, not those before",
            arguments: Setup.allCases
        )
        func waiting(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.target == "/wait" { try await gate.wait() }
                    try await context.response.write(context.target)
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get("/a") + server.get("/wait") + server.get("/b"))
                    #expect(try client.readResponse().text == "/a")
                    #expect(eventually { gate.waitingCount == 1 })
                    #expect(client.pendingCount == 0)
                    gate.open()
                    #expect(try client.readResponse().text == "/wait")
                    #expect(try client.readResponse().text == "/b")
                }
            )
        }

        @Test("A request cut at any byte is the same request (RFC 9112 §2.2)")
        func cuts() async throws {
            try await TestEngine.run(handler: Handlers.echoWhole) { (server) async throws in
                let request = Array(
                    (server.chunkedHead("/cut", "X-A: b") + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: t\r\n\r\n")
                        .utf8
                )
                for cut in 1..<request.count {
                    let client = try server.client()
                    let before = server.statistics.bytesReceived
                    try client.send(Array(request[..<cut]))
                    #expect(eventually { server.statistics.bytesReceived == before + UInt64(cut) })
                    try client.send(Array(request[cut...]))
                    #expect(try client.readResponse().text == "abcde", "cut at \(cut)")
                }
            }
        }

        @Test("A request sent byte by byte is the same request", arguments: Setup.allCases)
        func bytes(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.echoWhole) {
                (server) async throws in
                let client = try server.client()
                for byte in Array((server.post("/slow", body: "content") + server.get()).utf8) {
                    try client.send([byte])
                }
                #expect(try client.readResponse().text == "content")
                #expect(try client.readResponse().text == "")
            }
        }

        @Test("Up to two empty lines before a request line are skipped (RFC 9112 §2.2)")
        func emptyLines() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                #expect(try client.exchange("\r\n" + server.get("/1")).text == "GET /1")
                #expect(try client.exchange("\r\n\r\n" + server.get("/2")).text == "GET /2")
            }
        }
    }
}
