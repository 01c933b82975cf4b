// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WebSockets

@Suite("The opening handshake (RFC 6455 §4.2)")
struct HandshakeTests {
    @Test("Each request comes to its outcome", arguments: try Corpus.rows("handshakes.tsv"))
    func outcomes(row: [String]) throws {
        try #require(row.count == 3, "\(row)")
        var request = WebSocketHandshake.Request()
        request.upgrade = "websocket"
        request.version = "13"
        request.key = "dGhlIHNhbXBsZSBub25jZQ=="
        var options = WebSocketOptions()
        for field in row[1].components(separator: " | ") where field != "-" {
            try apply(field, to: &request, &options)
        }
        var outcome: String
        do {
            let handshake = try WebSocketHandshake(request, options: options)
            outcome = handshake.accept == nil ? "200" : "101"
            if row[2].contains("accept=") { outcome += " accept=\(handshake.accept ?? "")" }
            if row[2].contains("protocol=") { outcome += " protocol=\(handshake.subprotocol ?? "")" }
        } catch {
            outcome = "\(error.statusCode)"
        }
        #expect(outcome == row[2])
    }

    private func apply(
        _ field: String,
        to request: inout WebSocketHandshake.Request,
        _ options: inout WebSocketOptions
    ) throws {
        let name = field.prefix { $0 != "=" }
        let value = String(field.dropFirst(name.count + 1))
        let given = value.isEmpty ? nil : value
        switch name {
        case "method": request.isGet = value == "GET"
        case "connect": request.isExtendedConnect = true
        case "upgrade": request.upgrade = given
        case "version": request.version = given
        case "key": request.key = given
        case "protocols": request.subprotocols = given
        case "origin": request.origin = given
        case "allowed": options.allowedOrigins = [value]
        case "ours": options.subprotocols = value.components(separator: ", ")
        default: Issue.record("unknown field \(name)")
        }
    }

    @Test(
        "SHA-1 has the digests of FIPS 180-4's examples",
        arguments: [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
            ),
            (String(repeating: "a", count: 1000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
        ]
    )
    func digests(text: String, digest: String) {
        #expect(hex(SHA1.digest(Array(text.utf8))) == digest)
    }

    @Test(
        "Base64 has the examples of RFC 4648 §10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
    )
    func base64(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == Array(encoded.utf8))
    }

    @Test("Each refusal has a status of 400, 403 or 426 and says why")
    func refusals() {
        for refusal in WebSocketRefusal.allCases {
            #expect([400, 403, 426].contains(refusal.statusCode))
            #expect(!refusal.description.isEmpty)
        }
    }
}

extension String {
    /// The parts between separators.
    fileprivate func components(separator: String) -> [String] {
        split(separator: separator).map(String.init)
    }
}
