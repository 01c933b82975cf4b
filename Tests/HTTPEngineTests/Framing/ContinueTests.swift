// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("message framing: Expect: 100-continue")
    struct Continue {
        private static let expect = "Expect: 100-continue"

        private static func head(_ server: TestEngine, _ target: String = "/", count: Int) -> String {
            "POST \(target) HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(count)\r\n\(expect)\r\n\r\n"
        }

        @Test("100 is sent when the handler first reads, once (RFC 9110 §10.1.1)", arguments: Setup.allCases)
        func onFirstRead(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await gate.wait()
                    let first = try await context.request.body.read(upTo: 2)
                    let rest = try await context.request.body.readAll()
                    try await context.response.write(first + rest)
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(Continue.head(server, count: 4))
                    #expect(eventually { gate.waitingCount == 1 })
                    #expect(client.pendingCount == 0)
                    gate.open()
                    #expect(try client.readResponse().status == 100)
                    try client.send("ab")
                    try client.send("cd")
                    #expect(try client.readResponse().text == "abcd")
                    #expect(
                        try client.exchange(server.post(body: "wxyz")).text == "wxyz",
                        "the connection goes on"
                    )
                }
            )
        }

        @Test("No 100 when the content is there already", arguments: Setup.allCases)
        func contentCame(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.echoWhole) {
                (server) async throws in
                let client = try server.client()
                for _ in 0..<3 {
                    let response = try client.exchange(Continue.head(server, count: 3) + "abc")
                    #expect(response.status == 200)
                    #expect(response.text == "abc")
                }
            }
        }

        @Test("A handler that does not read: final status without 100, then the end, and no second request")
        func notRead() async throws {
            try await TestEngine.run(handler: Handlers.ignore) { (server) async throws in
                let client = try server.client()
                let inner = server.get("/smuggled")
                let response = try client.exchange(Continue.head(server, count: inner.utf8.count))
                #expect(response.status == 200)
                #expect(response.closes)
                try? client.send(inner)
                #expect(try client.readToEnd().bytes.isEmpty)
                #expect(server.statistics.requestsTotal == 1)
            }
        }

        @Test("Content over the limit is 413 without 100 (RFC 9110 §15.5.14)")
        func tooLarge() async throws {
            var settings = TestSettings()
            settings.maxRequestBodySize = 10
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.client()
                let response = try client.exchange(Continue.head(server, count: 11))
                #expect(response.status == 413)
                #expect(response.closes)
                #expect(try client.readToEnd().bytes.isEmpty)
            }
        }

        @Test(
            "An expectation other than 100-continue is 417; one of a 1.0 client is ignored (RFC 9110 §10.1.1)"
        )
        func others() async throws {
            try await TestEngine.run(handler: Handlers.echoWhole) { (server) async throws in
                #expect(try server.client().exchange(server.get("/", "Expect: 200-ok")).status == 417)
                let old =
                    "POST / HTTP/1.0\r\nHost: localhost:\(server.port)\r\nContent-Length: 3\r\n\(Continue.expect)\r\n\r\n"
                let client = try server.client()
                try client.send(old)
                #expect(try client.isQuiet(for: .milliseconds(50)))
                try client.send("abc")
                let response = try client.readResponse()
                #expect(response.status == 200)
                #expect(response.text == "abc")
            }
        }

        @Test("100 for chunked content, which is then read to its end", arguments: Setup.allCases)
        func chunked(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.echoWhole) {
                (server) async throws in
                let client = try server.client()
                #expect(try client.exchange(server.chunkedHead("/", Continue.expect)).status == 100)
                try client.send("2\r\nab\r\n0\r\n\r\n")
                #expect(try client.readResponse().text == "ab")
                #expect(try client.exchange(server.get()).status == 200)
            }
        }
    }
}
