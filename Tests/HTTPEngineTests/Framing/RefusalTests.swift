// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

/// A message that is refused; `{host}` stands for the server's authority.
struct RefusedMessage: Sendable, CustomTestStringConvertible {
    let name: String
    let message: String
    let status: Int

    init(_ name: String, _ status: Int, _ message: String) {
        self.name = name
        self.status = status
        self.message = message
    }

    var testDescription: String { name }

    func bytes(_ server: TestEngine) -> [UInt8] {
        // One scalar is one byte, so that cases can hold bytes that are not UTF-8.
        let text = message.split(separator: "{host}", omittingEmptySubsequences: false).joined(
            separator: "localhost:\(server.port)"
        )
        return text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    private static let host = "Host: {host}\r\n"

    static let heads: [RefusedMessage] = [
        RefusedMessage("no spaces in the request line (RFC 9112 §3)", 400, "GET/HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("two spaces before the target", 400, "GET  / HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("a space behind the version", 400, "GET / HTTP/1.1 \r\n\(host)\r\n"),
        RefusedMessage("a tab for a space", 400, "GET\t/ HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("HTTP/0.9", 400, "GET /\r\n\r\n"),
        RefusedMessage("HTTP/2.0 (RFC 9110 §15.6.6)", 505, "GET / HTTP/2.0\r\n\(host)\r\n"),
        RefusedMessage("HTTP/1.2", 505, "GET / HTTP/1.2\r\n\(host)\r\n"),
        RefusedMessage("the version in lower case", 505, "GET / http/1.1\r\n\(host)\r\n"),
        RefusedMessage("the HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        RefusedMessage(
            "a TLS handshake",
            400,
            "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\u{01}\u{FC}\u{03}\u{03}"
        ),
        RefusedMessage("a method that is no token", 400, "G@T / HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("a NUL in the target", 400, "GET /\u{00} HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("a byte over 127 in the target", 400, "GET /\u{E1} HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("a fragment in the target", 400, "GET /a#b HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("a target without a slash", 400, "GET a HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("a malformed escape (httpsys §7.4)", 400, "GET /path%XY HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("an escaped NUL (httpsys §7.2)", 400, "GET /%00 HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("no Host (RFC 9112 §3.2)", 400, "GET / HTTP/1.1\r\n\r\n"),
        RefusedMessage("two Hosts (RFC 9112 §3.2)", 400, "GET / HTTP/1.1\r\n\(host)\(host)\r\n"),
        RefusedMessage("an invalid Host", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        RefusedMessage("a Host with user information", 400, "GET / HTTP/1.1\r\nHost: a@{host}\r\n\r\n"),
        RefusedMessage(
            "an absolute target and another Host",
            400,
            "GET http://{host}/ HTTP/1.1\r\nHost: other\r\n\r\n"
        ),
        RefusedMessage("a bare LF in the request line (RFC 9112 §2.2)", 400, "GET / HTTP/1.1\n\(host)\r\n"),
        RefusedMessage("a bare LF behind a field line", 400, "GET / HTTP/1.1\r\nHost: {host}\n\r\n"),
        RefusedMessage("a bare LF for the empty line", 400, "GET / HTTP/1.1\r\n\(host)\n\n"),
        RefusedMessage(
            "a bare CR in a field value (RFC 9112 §2.2)",
            400,
            "GET / HTTP/1.1\r\n\(host)X: a\rb\r\n\r\n"
        ),
        RefusedMessage("a bare CR in the request line", 400, "GET /\r HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage(
            "a NUL in a field value (RFC 9110 §5.5)",
            400,
            "GET / HTTP/1.1\r\n\(host)X: a\u{00}b\r\n\r\n"
        ),
        RefusedMessage("a folded line (RFC 9112 §5.2)", 400, "GET / HTTP/1.1\r\n\(host)X: a\r\n b\r\n\r\n"),
        RefusedMessage("a field line of white space first", 400, "GET / HTTP/1.1\r\n \(host)\r\n"),
        RefusedMessage(
            "a space before a colon (RFC 9112 §5.1)",
            400,
            "GET / HTTP/1.1\r\nHost : {host}\r\n\r\n"
        ),
        RefusedMessage("no colon", 400, "GET / HTTP/1.1\r\n\(host)X\r\n\r\n"),
        RefusedMessage("an empty name", 400, "GET / HTTP/1.1\r\n\(host): a\r\n\r\n"),
        RefusedMessage("CONNECT", 501, "CONNECT {host} HTTP/1.1\r\n\(host)\r\n"),
        RefusedMessage("an asterisk with GET (RFC 9112 §3.2.4)", 400, "GET * HTTP/1.1\r\n\(host)\r\n"),
    ]
}

extension EngineSuites {
    @Suite("message framing: refusals")
    struct Refusals {
        @Test("A malformed head gets its status from the table, and nothing behind it is answered")
        func heads() async throws {
            var settings = TestSettings()
            // Else its preface is no reason to refuse anything.
            settings.options.http2 = nil
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                for item in RefusedMessage.heads {
                    let requests = server.statistics.requestsInProgress
                    let client = try server.client()
                    try client.send(item.bytes(server) + Array(server.get("/smuggled").utf8))
                    let response = try client.readResponse()
                    #expect(response.status == item.status, "\(item.name)")
                    #expect(response.closes, "\(item.name)")
                    #expect(response["Content-Length"] != nil, "\(item.name)")
                    client.finishSending()
                    #expect(try client.readToEnd().bytes.isEmpty, "\(item.name)")
                    #expect(requests == 0)
                }
                #expect(server.statistics.refusals == UInt64(RefusedMessage.heads.count))
                #expect(server.statistics.requestsTotal == 1, "CONNECT is well formed")
            }
        }

        @Test("A target longer than any head may be is 414, fields over the limit are 431 (RFC 9112 §3)")
        func longTarget() async throws {
            var settings = TestSettings()
            settings.options.limits.maxRequestHeadBytes = 2048
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let target = "/" + String(repeating: "a", count: 9000)
                let long = try server.client().exchange(server.get(target))
                #expect(long.status == 414 && long.closes)
                let fields = "X: " + String(repeating: "a", count: 9000) + "\r\n"
                let request = "GET / HTTP/1.1\r\nHost: localhost:\(server.port)\r\n\(fields)\r\n"
                #expect(try server.client().exchange(request).status == 431)
                let stream = try server.http2Client().get(String(target.prefix(2049)))
                #expect(stream.status == 414)
            }
        }

        @Test("A malformed head is refused wherever it is cut")
        func cutHeads() async throws {
            var settings = TestSettings()
            // Else its preface is no reason to refuse anything.
            settings.options.http2 = nil
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                for item in RefusedMessage.heads {
                    let client = try server.client()
                    var statusLine: ClientResponse?
                    for byte in item.bytes(server) {
                        do { try client.send([byte]) } catch { break }
                    }
                    statusLine = try client.readResponse()
                    #expect(statusLine?.status == item.status, "\(item.name)")
                }
                #expect(server.statistics.requestsTotal == 1, "CONNECT is well formed")
            }
        }

        @Test("A refusal after a good request leaves that one's response whole", arguments: Setup.allCases)
        func behindGoodOne(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.describe) {
                (server) async throws in
                let client = try server.client()
                let first = try client.exchange(server.get("/1") + "BAD\r\n\r\n")
                #expect(first.text == "GET /1")
                #expect(try client.readResponse().status == 400)
                #expect(try client.readResponseIfAny() == nil)
            }
        }

        @Test("Limits: target over 8 KiB 414, head over 32 KiB 431, more than 100 fields 431")
        func limits() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                #expect(try server.status(of: server.get("/" + String(repeating: "a", count: 8191))) == 200)
                #expect(try server.status(of: server.get("/" + String(repeating: "a", count: 8192))) == 414)
                #expect(
                    try server.status(of: server.get("/", "X: " + String(repeating: "a", count: 40000)))
                        == 431
                )
                let fields = (0..<99).map { "X-\($0): a\r\n" }.joined()
                let host = "Host: localhost:\(server.port)\r\n"
                #expect(try server.status(of: "GET / HTTP/1.1\r\n\(host)\(fields)\r\n") == 200)
                #expect(try server.status(of: "GET / HTTP/1.1\r\n\(host)\(fields)Y: a\r\n\r\n") == 431)
            }
        }

        @Test("A client that sends a head without end gets 431, not memory")
        func endlessHead() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                try client.send("GET / HTTP/1.1\r\n")
                let line = Array("X-Filler: \(String(repeating: "b", count: 1000))\r\n".utf8)
                for _ in 0..<200 { do { try client.send(line) } catch { break } }
                #expect(try client.readResponse().status == 431)
            }
        }
    }
}
