// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Testing

@testable import ResponseCache

@Suite("What a request is answered with from the cache")
struct CacheResponseTests {
    static let body = Array((0..<100).map { UInt8(0x30 + $0 % 10) })
    static let placeholder = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"

    static let fields =
        "Content-Type: text/plain | ETag: \"v1\" | Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"

    static func entry(
        _ fields: String = fields,
        status: UInt16 = 200,
        reason: String? = nil,
        body: [UInt8] = body
    ) throws -> CacheEntry {
        CacheEntry(
            key: CacheKey("/a"),
            owner: CacheOwner(queueID: 1, urlGroupID: 2),
            status: status,
            reason: reason,
            fields: try CacheRulesTests.fields(fields),
            body: body.span,
            policy: .userInvalidates,
            lifetime: .untilFlushed,
            now: 0,
            wallClock: CacheRulesTests.wallClock
        )
    }

    static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    static func describe(_ disposition: CacheDisposition) -> String {
        switch disposition {
        case .full: "full"
        case .notModified: "304"
        case .rangeNotSatisfiable: "416"
        case .partial(let ranges): ranges.map { "\($0)" }.joined(separator: " ")
        }
    }

    @Test("Conditions and ranges decide as their row says", arguments: Corpus.rows("dispositions.tsv"))
    func dispositions(row: [String]) throws {
        let entry = try Self.entry()
        let fields = try CacheRulesTests.fields(row[1])
        let found = CacheRules.disposition(of: entry, fields: fields, wallClock: CacheRulesTests.wallClock)
        #expect(Self.describe(found) == row[2], "\(row)")

        let bytes = Array("GET /a HTTP/1.1\r\nHost: h\r\n\(Self.lines(row[1]))\r\n".utf8)
        var head = RequestHead()
        #expect(head.parse(bytes.span, limits: HeadLimits()) == .complete(byteCount: bytes.count))
        let same = CacheRules.disposition(
            of: entry,
            head: head,
            bytes: bytes.span,
            wallClock: CacheRulesTests.wallClock
        )
        #expect(same == found, "\(row)")
    }

    static func lines(_ fields: String) -> String {
        fields.split(separator: " | ").map { $0 + "\r\n" }.joined()
    }

    @Test("Only a stored 200 is conditional or has ranges (RFC 9110 §13.2.1, §14.2)")
    func otherStatus() throws {
        let entry = try Self.entry(status: 404)
        for text in [#"If-None-Match: "v1""#, "Range: bytes=0-10"] {
            let fields = try CacheRulesTests.fields(text)
            let found = CacheRules.disposition(of: entry, fields: fields, wallClock: 0)
            #expect(found == .full)
        }
    }

    @Test("An entry is the response, without what concerns one connection or moment, with length and date")
    func head() throws {
        let entry = try Self.entry(
            "Content-Type: text/plain | Connection: keep-alive | Keep-Alive: x | Transfer-Encoding: chunked"
                + " | Date: now | Content-Length: 7 | X-Y: z | Server: S",
            body: Array("Hello".utf8)
        )
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Y: z\r\nServer: S\r\nContent-Length: 5\r\n"
        #expect(Self.text(entry.bytes) == head + Self.placeholder + "Hello")
        #expect(entry.headByteCount == entry.bytes.count - 5)
        #expect(Self.text(Array(entry.bytes[entry.dateOffset..<entry.dateOffset + 4])) == "Thu,")
        #expect(!entry.closesConnection)
        #expect(entry.bodyByteCount == 5)
    }

    @Test("Connection: close of the application is kept as a mark (force disconnect after serving)")
    func close() throws {
        #expect(try Self.entry("Content-Type: a/b | Connection: x, Close").closesConnection)
    }

    @Test("A reason phrase is kept; 204 has no Content-Length (RFC 9110 §8.6)")
    func statusLine() throws {
        let teapot = try Self.entry("Content-Type: a/b", status: 418, reason: "Short and stout", body: [])
        #expect(Self.text(teapot.bytes).hasPrefix("HTTP/1.1 418 Short and stout\r\n"))
        let split = try Self.entry("Content-Type: a/b", reason: "OK\r\nSet-Cookie: a=b", body: [])
        #expect(Self.text(split.bytes).hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n"))
        let empty = try Self.entry("Content-Type: a/b", status: 204, body: [])
        let head = "HTTP/1.1 204 No Content\r\nContent-Type: a/b\r\n"
        #expect(Self.text(empty.bytes) == head + Self.placeholder)
    }

    @Test("Age is replayed unchanged, and none is added (Caching_SetAge_AgeHeaderCachedAndNotUpdated)")
    func age() throws {
        #expect(Self.text(try Self.entry("Content-Type: a/b | Age: 12").bytes).contains("\r\nAge: 12\r\n"))
        #expect(!Self.text(try Self.entry().bytes).contains("Age"))
    }

    @Test("Validators and coding are read from the fields")
    func metadata() throws {
        let entry = try Self.entry()
        #expect(entry.lastModified == CacheRulesTests.wallClock)
        #expect(entry.entityTag == #""v1""#)
        #expect(entry.contentType == "text/plain")
        #expect(entry.contentEncoding == nil)
        let coded = try Self.entry("Content-Type: a/b | Content-Encoding: br")
        #expect(coded.contentEncoding == "br")
        #expect(coded.entityTag == nil)
    }

    @Test("Other protocols read the fields of a head one by one")
    func fields() throws {
        var names: [String] = []
        var values: [String] = []
        try Self.entry("Content-Type: a/b | X: | ETag: \"v\"").forEachField { _, name, value in
            names.append(FieldSyntax.string(name))
            values.append(FieldSyntax.string(value))
        }
        #expect(names == ["Content-Type", "X", "ETag", "Content-Length", "Date"])
        #expect(values == ["a/b", "", "\"v\"", "100", "Thu, 01 Jan 1970 00:00:00 GMT"])
    }

    @Test("A full disposition needs no response of its own")
    func full() throws {
        #expect(try CacheResponse(of: Self.entry(), as: .full) == nil)
    }

    @Test("304 keeps what says that the client's copy is valid (RFC 9110 §15.4.5)")
    func notModified() throws {
        let entry = try Self.entry(
            "Content-Type: a/b | ETag: \"v1\" | Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT | Vary: Accept"
                + " | Cache-Control: public, max-age=5 | Expires: 0 | Content-Location: /b | X-Y: z | Server: S"
        )
        let response = try #require(CacheResponse(of: entry, as: .notModified))
        let head =
            "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nVary: Accept\r\nCache-Control: public, max-age=5\r\n"
            + "Expires: 0\r\nContent-Location: /b\r\nServer: S\r\n"
        #expect(Self.text(response.bytes) == head + Self.placeholder)
        #expect(response.headByteCount == response.bytes.count)
        #expect(response.dateOffset == response.bytes.count - 33)
        let untagged = try Self.entry("Content-Type: a/b | Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT")
        let other = try #require(CacheResponse(of: untagged, as: .notModified))
        #expect(Self.text(other.bytes).contains("\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
    }

    @Test("One range is a 206 with Content-Range: bytes 0-10/100 and one Content-Length")
    func oneRange() throws {
        let entry = try Self.entry("Content-Type: a/b")
        let response = try #require(CacheResponse(of: entry, as: .partial([0..<11])))
        let head =
            "HTTP/1.1 206 Partial Content\r\nContent-Type: a/b\r\nContent-Range: bytes 0-10/100\r\n"
            + "Content-Length: 11\r\n"
        #expect(Self.text(response.bytes) == head + Self.placeholder + "01234567890")
        #expect(response.headByteCount == response.bytes.count - 11)
        #expect(response.status == 206)
    }

    @Test("Several ranges are a multipart/byteranges (RFC 9110 §15.3.7.2)")
    func ranges() throws {
        let entry = try Self.entry("Content-Type: a/b | X: y")
        let response = try #require(
            CacheResponse(of: entry, as: .partial([0..<2, 15..<18]), boundary: (1, 0xABCD_EF01_2345_6789))
        )
        let boundary = "0000000000000001abcdef0123456789"
        let content =
            "--\(boundary)\r\nContent-Type: a/b\r\nContent-Range: bytes 0-1/100\r\n\r\n01"
            + "\r\n--\(boundary)\r\nContent-Type: a/b\r\nContent-Range: bytes 15-17/100\r\n\r\n567"
            + "\r\n--\(boundary)--\r\n"
        let head =
            "HTTP/1.1 206 Partial Content\r\nX: y\r\nContent-Type: multipart/byteranges; boundary=\(boundary)\r\n"
            + "Content-Length: \(content.utf8.count)\r\n"
        #expect(Self.text(response.bytes) == head + Self.placeholder + content)
    }

    @Test("Boundaries are drawn anew for each response")
    func boundaries() throws {
        let entry = try Self.entry()
        let first = try #require(CacheResponse(of: entry, as: .partial([0..<2, 15..<18])))
        let second = try #require(CacheResponse(of: entry, as: .partial([0..<2, 15..<18])))
        #expect(first.bytes != second.bytes)
    }

    @Test("No satisfiable range is a 416 with the complete length (RFC 9110 §15.5.17)")
    func rangeNotSatisfiable() throws {
        let response = try #require(CacheResponse(of: Self.entry(), as: .rangeNotSatisfiable))
        let head = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */100\r\nContent-Length: 0\r\n"
        #expect(Self.text(response.bytes) == head + Self.placeholder)
    }

    @Test("Whatever Range says, the response holds what it announces")
    func fuzz() throws {
        let entry = try Self.entry()
        var random = SplitMix64(state: 3)
        let pieces = ["bytes=", "0", "1", "9", "99", "100", "-", ",", " ", "9223372036854775807"]
        for _ in 0..<5_000 {
            var range = "bytes="
            for _ in 0..<random.next() % 12 { range += pieces[Int(random.next() % UInt64(pieces.count))] }
            var fields = FieldSection()
            try fields.append(id: .range, value: range)
            let disposition = CacheRules.disposition(of: entry, fields: fields, wallClock: 0)
            guard let response = CacheResponse(of: entry, as: disposition) else { continue }
            let length = "\r\nContent-Length: \(response.bytes.count - response.headByteCount)\r\n"
            #expect(Self.text(response.bytes).contains(length), "\(range)")
        }
    }
}

@Suite("Accept-Encoding (RFC 9110 §12.5.3)")
struct ContentCodingTests {
    @Test(
        "The codings that a client takes are those with a weight above 0",
        arguments: [
            ("gzip", ["gzip"]), ("gzip, br", ["br", "gzip"]), ("GZIP;q=0.5", ["gzip"]), ("gzip;q=0", []),
            ("*", ["br", "deflate", "gzip", "zstd"]), ("*;q=0, gzip", ["gzip"]),
            ("*, gzip;q=0", ["br", "deflate", "zstd"]),
            ("x-gzip", ["gzip"]), ("", []), ("compress", []), ("identity", []), ("gzip;q=x", []),
        ]
    )
    func accepted(value: String, names: [String]) {
        let bytes = Array(value.utf8)
        let codings = ContentCodings(acceptEncoding: bytes.span)
        let found = ContentCoding.allCases.filter { $0 != .identity && codings.contains($0) }
        #expect(found.map(\.text.description).sorted() == names)
        #expect(codings.contains(.identity))
    }
}

@Suite("Multipart ranges (RFC 9110 §14.6)")
struct MultipartByteRangesTests {
    @Test("The announced length is that of heads, ranges and closing, for files of any size")
    func length() {
        let multipart = MultipartByteRanges(
            ranges: [0..<10, 1 << 40..<1 << 41],
            completeLength: 1 << 42,
            contentType: [],
            boundary: (0, 0)
        )
        let framing = multipart.partHead(0).count + multipart.partHead(1).count + multipart.closing.count
        #expect(multipart.byteCount == Int64(framing) + 10 + 1 << 40)
        #expect(!String(decoding: multipart.partHead(0), as: UTF8.self).contains("Content-Type"))
    }

    @Test("A length beyond all is the largest, and no trap")
    func overflow() {
        let multipart = MultipartByteRanges(
            ranges: [0..<Int64.max, 0..<Int64.max],
            completeLength: .max,
            contentType: [],
            boundary: (0, 0)
        )
        #expect(multipart.byteCount == .max)
    }
}
