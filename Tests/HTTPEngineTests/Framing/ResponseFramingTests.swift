// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("message framing: responses")
    struct ResponseFraming {
        // Off the loop a write leaves before the engine knows that it was the last.
        @Test(
            "A whole response has Content-Length, Date and Server, and no Connection",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func whole(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.describe) {
                (server) async throws in
                let response = try server.client().exchange(server.get("/x"))
                #expect(response["Content-Length"] == "6")
                #expect(response["Server"] == "HTTPRing")
                #expect(response["Date"]?.hasSuffix(" GMT") == true)
                #expect(response["Connection"] == nil)
                #expect(response["Transfer-Encoding"] == nil)
            }
        }

        @Test(
            "A response that starts before it is whole is chunked (RFC 9112 §7.1)",
            arguments: Setup.allCases
        )
        func chunked(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    for word in ["one", "two", "three"] {
                        try await context.response.write(word)
                        try await context.response.flush()
                    }
                },
                { (server) async throws in
                    let client = try server.client()
                    for _ in 0..<2 {
                        let response = try client.exchange(server.get())
                        #expect(response.isChunked)
                        #expect(response.text == "onetwothree")
                        // What comes through a queue in one turn of the loop leaves in one chunk.
                        if !server.usesQueue { #expect(response.chunkByteCounts == [3, 3, 5]) }
                    }
                }
            )
        }

        @Test(
            "A response to HEAD has the fields of GET and no content (RFC 9110 §9.3.2)",
            arguments: ["whole", "chunked", "large"]
        )
        func head(form: String) async throws {
            try await TestEngine.run(
                handler: { context in
                    switch form {
                    case "whole": try await context.response.write("whole")
                    case "chunked":
                        try await context.response.write("a")
                        try await context.response.flush()
                        try await context.response.write("b")
                    default: try await context.response.write([UInt8](repeating: 65, count: 100_000))
                    }
                },
                { (server) async throws in
                    let client = try server.client()
                    for _ in 0..<2 {
                        let request = "HEAD / HTTP/1.1\r\nHost: localhost:\(server.port)\r\n\r\n"
                        let response = try client.exchange(request, method: "HEAD")
                        #expect(response.status == 200)
                        if form == "whole" { #expect(response["Content-Length"] == "5") }
                    }
                    #expect(try client.exchange(server.get()).status == 200)
                }
            )
        }

        @Test(
            "204, 205 and 304 have no content, and the connection goes on (RFC 9110 §15)",
            arguments: [204, 205, 304]
        )
        func bodiless(status: Int) async throws {
            try await TestEngine.run(
                handler: { context in context.response.statusCode = status },
                { (server) async throws in
                    let client = try server.client()
                    for _ in 0..<3 {
                        let response = try client.exchange(server.get())
                        #expect(response.status == status)
                        #expect(response["Transfer-Encoding"] == nil)
                        #expect(response["Content-Length"] == (status == 205 ? "0" : nil))
                        #expect(client.pendingCount == 0)
                    }
                }
            )
        }

        @Test(
            "Content written to a status without content is the handler's error: 500",
            arguments: [204, 205, 304]
        )
        func bodilessWithBody(status: Int) async throws {
            try await TestEngine.run(
                handler: { context in
                    context.response.statusCode = status
                    try await context.response.write("x")
                },
                { (server) async throws in
                    #expect(try server.client().exchange(server.get()).status == 500)
                }
            )
        }

        @Test(
            "More content than Content-Length announced never reaches the client (RFC 9110 §8.6)",
            arguments: Setup.allCases
        )
        func tooMuch(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    context.response.contentLength = 3
                    if context.target == "/late" {
                        try await context.response.write("abc")
                        try await context.response.flush()
                        try await context.response.write("d")
                    } else {
                        try await context.response.write("abcd")
                    }
                },
                { (server) async throws in
                    #expect(try server.client().exchange(server.get("/early")).status == 500)
                    let client = try server.client()
                    let response = try client.exchange(server.get("/late"))
                    #expect(response.text == "abc")
                    #expect(try client.readToEnd().bytes.isEmpty)
                }
            )
        }

        @Test("Less content than Content-Length announced is 500, or a reset once it has started")
        func tooLittle() async throws {
            try await TestEngine.run(
                handler: { context in
                    context.response.contentLength = 10
                    try await context.response.write("abc")
                    if context.target == "/late" { try await context.response.flush() }
                },
                { (server) async throws in
                    #expect(try server.client().exchange(server.get("/early")).status == 500)
                    let client = try server.client()
                    #expect(throws: ClientError.ended(.reset)) { try client.exchange(server.get("/late")) }
                }
            )
        }

        @Test("Trailers follow a chunked response (RFC 9110 §6.5)", arguments: Setup.allCases)
        func trailers(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await context.response.write("content")
                    try await context.response.flush()
                    var trailers = FieldSection()
                    try trailers.append(name: "X-Sum", value: "42")
                    try context.feature((any HTTPResponseTrailersFeature).self).responseTrailers = trailers
                },
                { (server) async throws in
                    let client = try server.client()
                    for _ in 0..<2 {
                        let response = try client.exchange(server.get())
                        #expect(response.text == "content")
                        #expect(response.trailers.map(\.name) == ["X-Sum"])
                        #expect(response.trailers.map(\.value) == ["42"])
                    }
                }
            )
        }

        @Test(
            "Interim responses precede the final one; HTTP/1.0 clients get none (RFC 9110 §15.2)",
            arguments: Setup.allCases
        )
        func interim(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    var links = FieldSection()
                    try links.append(name: "Link", value: "</a.css>; rel=preload")
                    let interim = try context.feature((any HTTPInterimResponseFeature).self)
                    try interim.sendInterim(statusCode: 103, headers: links)
                    try interim.sendInterim(statusCode: 103, headers: links)
                    try await context.response.write("final")
                },
                { (server) async throws in
                    let client = try server.client()
                    let first = try client.exchange(server.get())
                    #expect(first.status == 103)
                    #expect(first["Link"] == "</a.css>; rel=preload")
                    #expect(first["Content-Length"] == nil)
                    #expect(try client.readResponse().status == 103)
                    #expect(try client.readResponse().text == "final")
                    let old = try server.client().exchange(
                        "GET / HTTP/1.0\r\nHost: localhost:\(server.port)\r\n\r\n"
                    )
                    #expect(old.status == 200)
                }
            )
        }

        @Test("Status codes 200 to 999 and reason phrases reach the client as set")
        func statusLines() async throws {
            try await TestEngine.run(
                handler: { context in
                    context.response.statusCode = Int(context.target.dropFirst()) ?? 0
                    if context.target == "/299" { context.features.response?.reasonPhrase = "Fine by me" }
                },
                { (server) async throws in
                    let client = try server.client()
                    for status in [200, 201, 299, 301, 404, 418, 500, 599, 600, 999] {
                        let response = try client.exchange(server.get("/\(status)"))
                        #expect(response.status == status)
                        if status == 299 { #expect(response.reason == "Fine by me") }
                    }
                }
            )
        }

        @Test("A handler's own Date and Server replace the engine's")
        func ownCommonFields() async throws {
            try await TestEngine.run(
                handler: { context in
                    try context.response.headers.append(name: "Date", value: "Sun, 06 Nov 1994 08:49:37 GMT")
                    try context.response.headers.append(name: "Server", value: "mine")
                },
                { (server) async throws in
                    let response = try server.client().exchange(server.get())
                    #expect(response["Date"] == "Sun, 06 Nov 1994 08:49:37 GMT")
                    #expect(response["Server"] == "mine")
                }
            )
        }
    }
}
