// SPDX-License-Identifier: Apache-2.0

import HTTPTestServer
import TestAppRoutes
import Testing

@Suite("Routes of the test application that read content")
struct ContentRouteTests {
    private let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    private let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @Test(
        "/echo returns the content byte for byte with its type and length",
        arguments: ["POST", "PUT", "PATCH", "DELETE"]
    )
    func echo(method: String) async throws {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        let response = try await get(
            "/echo",
            method: method,
            headers: [("Content-Type", "x/y; z=1")],
            body: bytes
        )
        #expect(response.statusCode == 200)
        #expect(response.body == bytes)
        #expect(response["Content-Type"] == "x/y; z=1")
        #expect(response["Content-Length"] == "1000")
    }

    @Test("/echo without a type or content answers application/octet-stream and nothing")
    func echoNothing() async throws {
        let response = try await get("/echo", method: "POST", headers: [("Content-Length", "0")])
        #expect(response.statusCode == 200)
        #expect(response.body.isEmpty)
        #expect(response["Content-Type"] == "application/octet-stream")
        #expect(response["Content-Length"] == "0")
    }

    @Test("/echo streams what is over 1 MiB, of a known length and of an unknown one")
    func echoLarge() async throws {
        let bytes = pattern(0..<(3 << 20))
        let known = try await get("/echo", method: "POST", body: bytes)
        #expect(known.body == bytes)
        #expect(known["Content-Length"] == "\(3 << 20)")
        let pieces = stride(from: 0, to: bytes.count, by: 100_000).map {
            Array(bytes[$0..<min($0 + 100_000, bytes.count)])
        }
        let server = try await makeServer()
        let chunked = try await server.send(TestRequest("/echo", method: "PUT", content: .pieces(pieces)))
        #expect(chunked.body == bytes)
        #expect(chunked["Transfer-Encoding"] == "chunked")
        #expect(chunked["Content-Length"] == nil)
    }

    @Test("/upload hashes what it reads")
    func upload() async throws {
        let response = try await get("/upload", method: "PUT", body: Array("abc".utf8))
        #expect(response.text == #"{"length":3,"sha256":"\#(abc)","trailers":[]}"#)
        #expect(response["Content-Type"] == "application/json")
        #expect(
            try await get("/upload", method: "POST", body: []).text
                == #"{"length":0,"sha256":"\#(nothing)","trailers":[]}"#
        )
    }

    @Test("/upload lists trailers in order, names in lower case, values as ISO-8859-1")
    func uploadTrailers() async throws {
        let server = try await makeServer()
        let response = try await server.send(
            TestRequest(
                "/upload",
                method: "POST",
                content: .pieces([Array("a".utf8), Array("bc".utf8)]),
                trailers: [("X-Checksum", "1"), ("X-B", "q\"\\"), ("X-Checksum", "\u{E9}")]
            )
        )
        #expect(
            response.text
                == #"{"length":3,"sha256":"\#(abc)","trailers":[["x-checksum","1"],["x-b","q\"\\"],["x-checksum","Ã©"]]}"#
        )
    }

    @Test("/upload/limit/N takes N bytes, refuses one more with 413 and closes")
    func uploadLimit() async throws {
        #expect(try await get("/upload/limit/3", method: "POST", body: Array("abc".utf8)).statusCode == 200)
        let known = try await get("/upload/limit/2", method: "POST", body: Array("abc".utf8))
        #expect(known.statusCode == 413)
        #expect(!known.keepsConnection)
        #expect(known["Connection"] == "close")
        let server = try await makeServer()
        let chunked = try await server.send(
            TestRequest("/upload/limit/2", method: "POST", content: .pieces([[1], [2], [3]]))
        )
        #expect(chunked.statusCode == 413)
        #expect(!chunked.keepsConnection)
    }

    @Test("/upload/limit/N refuses at once, without 100, what announces too much (RFC 9110 §10.1.1)")
    func uploadLimitExpect() async throws {
        let server = try await makeServer()
        let refused = try await server.send(
            TestRequest(
                "/upload/limit/10",
                method: "POST",
                headers: [("Expect", "100-continue"), ("Content-Length", "11")],
                content: .open
            )
        )
        #expect(refused.statusCode == 413)
        #expect(refused.interimResponses.isEmpty)
        #expect(!refused.keepsConnection)
        let taken = try await server.send(
            TestRequest("/upload/limit/10", method: "POST", headers: [("Expect", "100-continue")], body: [1])
        )
        #expect(taken.statusCode == 200)
        #expect(taken.interimResponses.map(\.statusCode) == [100])
    }

    @Test("/unread answers without reading; a small body is drained, one not asked for is not")
    func unread() async throws {
        let small = try await get("/unread", method: "POST", body: [1, 2, 3])
        #expect(small.text == "unread\n")
        #expect(small.keepsConnection)
        let waiting = try await get(
            "/unread",
            method: "POST",
            headers: [("Expect", "100-continue")],
            body: [1, 2, 3]
        )
        #expect(waiting.interimResponses.isEmpty)
        #expect(!waiting.keepsConnection)
    }

    @Test("/duplex returns each piece before the request is complete")
    func duplex() async throws {
        let server = try await makeServer()
        let exchange = try await server.open(TestRequest("/duplex", method: "POST", content: .open))
        await exchange.send("one")
        #expect(await exchange.content(atLeast: 3) == Array("one".utf8))
        await exchange.send("two")
        #expect(await exchange.content(atLeast: 3) == Array("two".utf8))
        await exchange.finish()
        let rest = await exchange.response()
        #expect(rest.body.isEmpty)
        #expect(!rest.isAborted)
    }

    @Test(
        "SHA-256 agrees with FIPS 180-4 examples, however the message is cut",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1000),
                "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
            ),
        ]
    )
    func sha256(message: String, digest: String) {
        let bytes = Array(message.utf8)
        for size in [1, 7, 55, 56, 63, 64, 65, 1000] {
            var hash = SHA256()
            for start in stride(from: 0, to: bytes.count, by: size) {
                hash.update(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(hash.hexadecimalDigest() == digest, "pieces of \(size)")
        }
    }
}
