// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import TestAppRoutes
import Testing

@Suite("Routes of the test application about fields, streams and caching")
struct FieldRouteTests {
    @Test("/headers tells the request exactly as it came")
    func headers() async throws {
        var options = TestServerOptions()
        options.remoteAddress = "::1"
        options.remotePort = 4711
        let server = try await makeServer(options)
        let response = try await server.send(
            TestRequest(
                "/headers?x=%41&y",
                headers: [
                    ("Host", "example:81"), ("X-A", "1"), ("x-b", "\"q\"\t\\"), ("X-A", "2"),
                    ("X-Latin", "é"),
                ]
            )
        )
        #expect(
            response.text == #"{"method":"GET","target":"/headers?x=%41&y","version":"1.1","scheme":"http","#
                + #""authority":"example:81","client":"[::1]:4711","headers":[["host","example:81"],["x-a","1"],"#
                + #"["x-b","\"q\"\u0009\\"],["x-a","2"],["x-latin","Ã©"]]}"#
        )
    }

    @Test("/headers tells HTTP/1.0, the scheme of a TLS connection, and POST and PUT as well")
    func headersOfOthers() async throws {
        var options = TestServerOptions()
        options.tls = TestTLSConnection()
        let server = try await makeServer(options)
        var request = TestRequest("/headers")
        request.version = "HTTP/1.0"
        #expect(
            try await server.send(request).text.contains(#""version":"1.0","scheme":"https","authority":"""#)
        )
        #expect(try await get("/headers", method: "POST", body: []).text.contains(#""method":"POST""#))
        #expect(try await get("/headers", method: "PUT", body: []).text.contains(#""method":"PUT""#))
    }

    @Test("/response-headers sends one field for each pair, decoded, in order")
    func responseHeaders() async throws {
        let response = try await get("/response-headers?A=1&b=two%20words&A=3&C=%C3%A9")
        #expect(response.statusCode == 200)
        #expect(response.headers.values(of: "A") == ["1", "3"])
        #expect(response["b"] == "two words")
        #expect(response["C"] == "é")
        #expect(response.body.isEmpty)
        #expect(response["Content-Length"] == "0")
    }

    @Test(
        "/response-headers is 400 for what is no field, and injects nothing (RFC 9110 §5.5)",
        arguments: [
            "a=x%0D%0AEvil:%201", "a=%0A", "a=%0D", "a=%00", "a%20b=1", "a%0D%0A=1", "=1", "a:=1", "%C3%A9=1",
            "a=%01",
            "Transfer-Encoding=chunked", "content-length=5",
        ]
    )
    func responseHeadersRefused(query: String) async throws {
        let response = try await get("/response-headers?\(query)")
        #expect(response.statusCode == 400)
        #expect(response["Evil"] == nil)
        #expect(response["Transfer-Encoding"] == nil)
    }

    @Test("/big-header/N and /many-headers/N send what they are asked for")
    func bigAndMany() async throws {
        for count in [0, 1, 60000] {
            #expect(try await get("/big-header/\(count)")["X-Big"] == String(repeating: "a", count: count))
        }
        let response = try await get("/many-headers/500")
        #expect((0..<500).allSatisfy { response["X-H-\($0)"] == "\($0)" })
        #expect(response.text == "ok\n")
    }

    @Test("/set-cookies sends two lines that are never joined (RFC 9110 §5.3)")
    func setCookies() async throws {
        #expect(
            try await get("/set-cookies").headers.values(of: "Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
        )
    }

    @Test("/stream sends its events one by one, each on its own")
    func stream() async throws {
        let server = try await makeServer()
        let exchange = try await server.open(TestRequest("/stream?n=3&ms=1"))
        for index in 0..<3 {
            let event = "data: \(index)\n\n"
            #expect(await exchange.content(atLeast: event.utf8.count) == Array(event.utf8))
        }
        let rest = await exchange.response()
        #expect(rest.body.isEmpty)
        let whole = try await get("/stream?n=5&ms=0")
        #expect(whole["Content-Type"] == "text/event-stream")
        #expect(whole.text == (0..<5).map { "data: \($0)\n\n" }.joined())
    }

    @Test("/trailers announces and sends its field after the content (RFC 9110 §6.6.2)")
    func trailers() async throws {
        let response = try await get("/trailers")
        #expect(response.text == "body\n")
        #expect(response["Content-Length"] == nil)
        #expect(response["Trailer"] == "X-Checksum")
        #expect(response.trailers["X-Checksum"] == "ok")
    }

    @Test("/early-hints sends 103 before the response, and none to HTTP/1.0 (RFC 8297)")
    func earlyHints() async throws {
        let response = try await get("/early-hints")
        #expect(response.interimResponses.map(\.statusCode) == [103])
        #expect(response.interimResponses.first?.headers["Link"] == "</s.css>; rel=preload")
        #expect(response["Link"] == nil)
        var request = TestRequest("/early-hints")
        request.version = "HTTP/1.0"
        let old = try await makeServer().send(request)
        #expect(old.interimResponses.isEmpty)
        #expect(old.text == "ok\n")
    }

    @Test("/cached tells its validators and for how long it may be kept")
    func cached() async throws {
        let response = try await get("/cached")
        #expect(response["ETag"] == "\"cached-v1\"")
        #expect(response["Last-Modified"] == "Wed, 01 Jan 2025 00:00:00 GMT")
        #expect(response["Cache-Control"] == "public, max-age=60")
    }

    @Test(
        "/cached evaluates conditions in the order of RFC 9110 §13.2.2",
        arguments: [
            ([("If-None-Match", "\"cached-v1\"")], 304), ([("If-None-Match", "W/\"cached-v1\"")], 304),
            ([("If-None-Match", "*")], 304), ([("If-None-Match", "\"x\", \"cached-v1\"")], 304),
            ([("If-None-Match", "\"x\"")], 200),
            ([("If-Modified-Since", "Wed, 01 Jan 2025 00:00:00 GMT")], 304),
            ([("If-Modified-Since", "Wed, 01 Jan 2025 00:00:01 GMT")], 304),
            ([("If-Modified-Since", "Tue, 31 Dec 2024 23:59:59 GMT")], 200),
            ([("If-Modified-Since", "yesterday")], 200),
            ([("If-None-Match", "\"x\""), ("If-Modified-Since", "Wed, 01 Jan 2025 00:00:00 GMT")], 200),
            ([("If-Match", "\"cached-v1\"")], 200), ([("If-Match", "*")], 200),
            ([("If-Match", "\"x\"")], 412),
            ([("If-Match", "W/\"cached-v1\"")], 412),
            ([("If-Unmodified-Since", "Wed, 01 Jan 2025 00:00:00 GMT")], 200),
            ([("If-Unmodified-Since", "Tue, 31 Dec 2024 23:59:59 GMT")], 412),
            ([("If-Match", "\"cached-v1\""), ("If-Unmodified-Since", "Tue, 31 Dec 2024 23:59:59 GMT")], 200),
            ([("If-Match", "\"cached-v1\""), ("If-None-Match", "\"cached-v1\"")], 304),
        ] as [([(String, String)], Int)]
    )
    func conditional(fields: [(String, String)], status: Int) async throws {
        for method in ["GET", "HEAD"] {
            let response = try await get(
                "/cached",
                method: method,
                headers: fields.map { (name: $0.0, value: $0.1) }
            )
            #expect(response.statusCode == status, "\(method) \(fields)")
            guard status == 304 else { continue }
            #expect(response.body.isEmpty)
            #expect(response["ETag"] == "\"cached-v1\"")
            #expect(response["Cache-Control"] == "public, max-age=60")
            #expect(response["Date"] != nil)
        }
    }

    @Test(
        "/gzip compresses for those who accept it (RFC 9110 §12.5.3)",
        arguments: [
            (nil, false), ("gzip", true), ("GZIP", true), ("deflate, gzip;q=0.5", true), ("*", true),
            ("gzip;q=0", false),
            ("identity", false), ("*;q=0", false), ("", false), ("gzip;q=0, *", false), ("br", false),
        ] as [(String?, Bool)]
    )
    func gzip(accepted: String?, isCompressed: Bool) async throws {
        let response = try await get(
            "/gzip",
            headers: accepted.map { [(name: "Accept-Encoding", value: $0)] } ?? []
        )
        #expect(response["Vary"] == "Accept-Encoding")
        #expect(response["Content-Encoding"] == (isCompressed ? "gzip" : nil))
        let plain = [UInt8](repeating: UInt8(ascii: "a"), count: 10000)
        #expect(isCompressed ? try inflate(response.body) == plain : response.body == plain)
    }

    @Test("/ws that is no upgrade, or of another version, is 426 with what would do (RFC 6455 §4.4)")
    func webSocketUpgradeRequired() async throws {
        let upgrade = [(name: "Connection", value: "Upgrade"), (name: "Upgrade", value: "websocket")]
        for headers in [[], upgrade, upgrade + [(name: "Sec-WebSocket-Version", value: "8")]] {
            let response = try await get("/ws", headers: headers)
            #expect(response.statusCode == 426)
            #expect(response["Upgrade"] == "websocket")
            #expect(response["Sec-WebSocket-Version"] == "13")
        }
    }

    @Test("/ws with a key that is not 16 bytes of base64 is 400 (RFC 6455 §4.2.1)")
    func webSocketKey() async throws {
        let upgrade = [
            (name: "Connection", value: "keep-alive, Upgrade"), (name: "Upgrade", value: "WebSocket"),
            (name: "Sec-WebSocket-Version", value: "13"),
        ]
        #expect(try await get("/ws", headers: upgrade).statusCode == 400)
        for key in ["x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25j!Q=="] {
            #expect(
                try await get("/ws", headers: upgrade + [(name: "Sec-WebSocket-Key", value: key)]).statusCode
                    == 400
            )
        }
    }

    @Test("/ws sends messages back, over the subprotocol echo, compressed where offered (RFC 6455, RFC 7692)")
    func webSocketEcho() async throws {
        let request = TestRequest(
            "/ws",
            headers: [
                (name: "Connection", value: "Upgrade"), (name: "Upgrade", value: "websocket"),
                (name: "Sec-WebSocket-Version", value: "13"),
                (name: "Sec-WebSocket-Key", value: "dGhlIHNhbXBsZSBub25jZQ=="),
                (name: "Sec-WebSocket-Protocol", value: "chat, echo"),
                (name: "Sec-WebSocket-Extensions", value: "permessage-deflate; client_max_window_bits"),
            ]
        )
        let exchange = try await makeServer().open(request)
        // A text, a binary message and a Close, with a masking key of zeros.
        await exchange.send([0x81, 0x85, 0, 0, 0, 0] + Array("Hello".utf8))
        await exchange.send([0x82, 0x80, 0, 0, 0, 0, 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8])
        let response = await exchange.response()
        #expect(response.statusCode == 101)
        #expect(response["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(response["Sec-WebSocket-Protocol"] == "echo")
        #expect(response["Sec-WebSocket-Extensions"] == "permessage-deflate")
        let text: [UInt8] = [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        #expect(response.body == text + [0xC2, 0x01, 0x00, 0x88, 0x02, 0x03, 0xE8])
    }
}
