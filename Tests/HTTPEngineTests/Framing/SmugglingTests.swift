// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

/// Messages two parsers may frame differently; `{host}` stands for the authority, `{inner}` for a whole request
/// that one of the readings would find, `{n}` for its length.
enum SmugglingForms {
    static let all: [RefusedMessage] = [
        form(
            "CL.TE (RFC 9112 §6.1)",
            400,
            "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n"
        ),
        form("TE.CL", 400, "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n"),
        form("TE.TE with a space", 400, "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        form("TE xchunked (RFC 9112 §6.3, item 4)", 400, "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        form("TE in a vertical tab", 400, "Transfer-Encoding: \u{0B}chunked\r\n", "0\r\n\r\n"),
        form("TE with a NUL", 400, "Transfer-Encoding: chunked\u{00}\r\n", "0\r\n\r\n"),
        form("TE folded", 400, "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        form(
            "TE twice chunked",
            400,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n"
        ),
        form("TE chunked, identity", nil, "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        form("TE identity, chunked", nil, "Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"),
        form("TE gzip, chunked", 501, "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        form(
            "TE chunked, then cow",
            nil,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
            "0\r\n\r\n"
        ),
        form("TE quoted", nil, "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
        form("TE empty", nil, "Transfer-Encoding:\r\n", "0\r\n\r\n"),
        form("TE with a parameter", nil, "Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"),
        form("TE behind a bare CR", 400, "X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        form("TE behind a bare LF", 400, "X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        form(
            "a field name of TE and a comma",
            400,
            "Transfer,Encoding: chunked\r\nContent-Length: 0\r\n",
            ""
        ),
        form(
            "two Content-Lengths that differ (RFC 9112 §6.3)",
            400,
            "Content-Length: 0\r\nContent-Length: {n}\r\n",
            ""
        ),
        form("two Content-Lengths that agree", 400, "Content-Length: 0\r\nContent-Length: 0\r\n", ""),
        form("a list of Content-Lengths", 400, "Content-Length: 0, 0\r\n", ""),
        form("Content-Length +0", 400, "Content-Length: +0\r\n", ""),
        form("Content-Length -1", 400, "Content-Length: -1\r\n", ""),
        form("Content-Length 0x0", 400, "Content-Length: 0x0\r\n", ""),
        form("Content-Length with a space inside", 400, "Content-Length: 1 0\r\n", ""),
        form("Content-Length over 2^63", 400, "Content-Length: 9223372036854775808\r\n", ""),
        form(
            "Content-Length over 2^64, small when wrapped",
            400,
            "Content-Length: 18446744073709551616\r\n",
            ""
        ),
        form("Content-Length empty", 400, "Content-Length:\r\n", ""),
        form("Content-Length and a space before its colon", 400, "Content-Length : 0\r\n", ""),
        form("Content-Length in a vertical tab", 400, "Content-Length: \u{0B}0\r\n", ""),
    ]

    /// Bodies of `Transfer-Encoding: chunked` requests that are not what they seem.
    static let chunked: [RefusedMessage] = [
        chunk("size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        chunk("size with a plus", "+5\r\nhello\r\n0\r\n\r\n"),
        chunk("size with a minus", "-1\r\n\r\n0\r\n\r\n"),
        chunk("size with a space behind", "5 \r\nhello\r\n0\r\n\r\n"),
        chunk("size with a space before", " 5\r\nhello\r\n0\r\n\r\n"),
        chunk("size with an underscore", "1_0\r\nhello\r\n0\r\n\r\n"),
        chunk("size empty", "\r\nhello\r\n0\r\n\r\n"),
        chunk("size over 2^64", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        chunk("size of 2^63", "8000000000000000\r\nhello\r\n0\r\n\r\n"),
        chunk("size line ends with LF (RFC 9112 §7.1)", "5\nhello\r\n0\r\n\r\n"),
        chunk("size line ends with CR", "5\rhello\r\n0\r\n\r\n"),
        chunk("data end with LF", "5\r\nhello\n0\r\n\r\n"),
        chunk("data longer than their size", "5\r\nhelloo\r\n0\r\n\r\n"),
        chunk("data shorter than their size", "6\r\nhello\r\n0\r\n\r\n"),
        chunk("extension with a bare LF (RFC 9112 §7.1.1)", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        chunk("extension with a bare CR", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        chunk("extension ends with LF", "5;\nxx\r\nhello\r\n0\r\n\r\n"),
        chunk("extension with a NUL", "5;a\u{00}\r\nhello\r\n0\r\n\r\n"),
        chunk("extension with an open quote over the line", "5;a=\"\r\nhello\r\n0\r\n\r\n"),
        chunk("last chunk ends with LF", "0\n\r\n"),
        chunk("last chunk ends with LF LF", "0\n\n"),
        chunk("trailer line ends with LF", "0\r\nX: y\n\r\n"),
        chunk("trailer folded", "0\r\nX: y\r\n z\r\n\r\n"),
        chunk("trailer with a space before its colon", "0\r\nX : y\r\n\r\n"),
        chunk("trailer without a colon", "0\r\nX\r\n\r\n"),
    ]

    private static func form(_ name: String, _ status: Int?, _ fields: String, _ body: String)
        -> RefusedMessage
    {
        RefusedMessage(name, status ?? 0, "POST /outer HTTP/1.1\r\nHost: {host}\r\n\(fields)\r\n\(body)")
    }

    private static func chunk(_ name: String, _ body: String) -> RefusedMessage {
        RefusedMessage(
            name,
            400,
            "POST /outer HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n\(body)"
        )
    }
}

extension EngineSuites {
    @Suite("message framing: smuggling")
    struct Smuggling {
        @Test(
            "A head with doubtful framing is refused, and no second request is found (RFC 9112 §11.2)",
            arguments: Setup.allCases
        )
        func heads(setup: Setup) async throws {
            let seen = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    seen.add(context.target)
                    for try await _ in context.request.body {}
                },
                { (server) async throws in
                    for item in SmugglingForms.all {
                        let inner = server.get("/smuggled")
                        let client = try server.client()
                        let count = inner.utf8.count
                        let message = RefusedMessage(
                            item.name,
                            item.status,
                            item.message.replacingCount(with: count)
                        )
                        try client.send(message.bytes(server) + Array((inner + inner).utf8))
                        let response = try client.readResponse()
                        #expect(
                            item.status == 0
                                ? [400, 501].contains(response.status) : response.status == item.status,
                            "\(item.name): \(response.status)"
                        )
                        #expect(response.closes, "\(item.name)")
                        #expect(try client.readToEnd().bytes.isEmpty, "\(item.name)")
                    }
                    #expect(seen.all.isEmpty)
                }
            )
        }

        @Test(
            "Chunked content with doubtful framing is refused, and no second request is found",
            arguments: [true, false]
        )
        func bodies(isRead: Bool) async throws {
            let seen = Notes()
            try await TestEngine.run(
                handler: { context in
                    seen.add(context.target)
                    if isRead { for try await _ in context.request.body {} }
                },
                { (server) async throws in
                    for item in SmugglingForms.chunked {
                        let inner = Array(server.get("/smuggled").utf8)
                        let client = try server.client()
                        try client.send(item.bytes(server) + inner + inner)
                        let response = try client.readResponse()
                        if isRead {
                            #expect(response.status == 400, "\(item.name)")
                            #expect(response.closes, "\(item.name)")
                        } else {
                            #expect(response.status == 200, "\(item.name)")
                        }
                        #expect(try client.readToEnd().bytes.isEmpty, "\(item.name)")
                    }
                    #expect(!seen.contains("/smuggled"))
                    #expect(seen.all.count == SmugglingForms.chunked.count)
                }
            )
        }

        @Test(
            "Requests inside unread content are never answered, whatever their framing",
            arguments: Setup.allCases
        )
        func unread(setup: Setup) async throws {
            let seen = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    seen.add(context.target)
                },
                { (server) async throws in
                    let inner = server.get("/smuggled")
                    let client = try server.client()
                    try client.send(server.post("/1", body: inner + inner))
                    try client.send(
                        server.chunkedHead("/2")
                            + "\(String(inner.utf8.count, radix: 16))\r\n\(inner)\r\n0\r\n\r\n"
                    )
                    try client.send(server.get("/3"))
                    for _ in 0..<3 { #expect(try client.readResponse().status == 200) }
                    #expect(seen.all == ["/1", "/2", "/3"])
                }
            )
        }

        @Test("GET, HEAD and DELETE with content have it read as content (RFC 9110 §9.3.1)")
        func contentOnGet() async throws {
            try await TestEngine.run(handler: Handlers.echoWhole) { (server) async throws in
                let inner = server.get("/smuggled")
                let client = try server.client()
                for method in ["GET", "DELETE", "OPTIONS", "PATCH", "BREW"] {
                    let request =
                        "\(method) / HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(inner.utf8.count)\r\n\r\n"
                    #expect(try client.exchange(request + inner).text == inner, "\(method)")
                }
            }
        }
    }
}

extension String {
    fileprivate func replacingCount(with count: Int) -> String {
        split(separator: "{n}", omittingEmptySubsequences: false).joined(separator: "\(count)")
    }
}
