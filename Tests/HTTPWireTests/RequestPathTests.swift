// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Request paths")
struct RequestPathTests {
    @Test("Paths are decoded and routed as by HTTP.sys", arguments: Corpus.table("paths.tsv"))
    func table(_ row: Corpus.Row) throws {
        let path = row.bytes(0)
        guard row.text(1) != "!" else {
            #expect(throws: Refusal.pathMalformed) { try RequestPath.decode(path.span) }
            return
        }
        let decoded = try RequestPath.decode(path.span)
        #expect(decoded == row.bytes(1), "\(row): \(printable(decoded))")
        let routed = RequestPath.routingForm(decoded.span)
        #expect(routed == (row.text(2) == "=" ? decoded : row.bytes(2)), "\(row): \(printable(routed))")
        // A head that says a path needs no decoding is believed by routing.
        let message = "GET \(String(decoding: path, as: UTF8.self)) HTTP/1.1\r\nHost: a\r\n\r\n"
        let (head, outcome) = RequestHead.parsing(message)
        #expect(outcome == .complete(byteCount: message.utf8.count))
        #expect(head.pathNeedsDecoding || (path == decoded && path == routed), "\(row)")
    }

    @Test("Every escaped visible character is decoded, but for the slash (HttpSys RequestTests)")
    func visibleCharacters() throws {
        for byte in UInt8(0x20)...0x7e {
            let escape = "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            let decoded = try RequestPath.decode("/a\(escape)".utf8.span)
            #expect(decoded == Array("/a".utf8) + (byte == UInt8(ascii: "/") ? Array("%2f".utf8) : [byte]))
        }
    }

    @Test("Every Unicode scalar's UTF-8 form is decoded, and is valid UTF-8 after it")
    func scalars() throws {
        for value in stride(from: UInt32(0x80), through: 0x10ffff, by: 97) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let utf8 = Array(String(scalar).utf8)
            let escaped = utf8.map { "%" + String($0, radix: 16, uppercase: true) }.joined()
            #expect(try RequestPath.decode("/\(escaped)".utf8.span) == [0x2f] + utf8)
        }
    }

    @Test("Decoding appends to what an array holds, and dots never reach back into it")
    func appending() throws {
        var bytes = Array("/kept/".utf8)
        try RequestPath.decode("/../../a".utf8.span, into: &bytes)
        #expect(bytes == Array("/kept//a".utf8))
        RequestPath.routingForm("/..\\..\\b".utf8.span, into: &bytes)
        #expect(bytes == Array("/kept//a/b".utf8))
    }

    @Test("PathBase is split off as by HTTP.sys", arguments: Corpus.table("pathbase.tsv"))
    func split(_ row: Corpus.Row) throws {
        let path = String(decoding: try RequestPath.decode(row.bytes(1).span), as: UTF8.self)
        let (base, rest) = RequestPath.split(prefixPath: row.text(0), path: path)
        #expect(base == row.text(2), "\(row)")
        #expect(rest == row.text(3), "\(row)")
        #expect(base + rest == path)
    }
}
