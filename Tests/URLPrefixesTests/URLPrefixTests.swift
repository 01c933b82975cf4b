// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import URLPrefixes

@Suite("URL prefix grammar (HTTP Server API, UrlPrefix Strings; ASP.NET Core, UrlPrefix)")
struct URLPrefixTests {
    @Test(
        "A valid text parses into its parts and prints in full form",
        arguments: try Corpus.rows("prefix-valid.tsv")
    )
    func valid(row: [String]) throws {
        try #require(row.count == 7)
        let prefix = try URLPrefix(row[0])
        #expect(prefix.scheme.description == row[1])
        #expect("\(prefix.host.bucket)" == row[2])
        #expect(prefix.host.description == row[3])
        #expect(prefix.port.description == row[4])
        #expect(Array(prefix.path.unicodeScalars) == Array(row[5].unicodeScalars))
        #expect(Array(prefix.description.unicodeScalars) == Array(row[6].unicodeScalars))
        #expect(try URLPrefix(prefix.description) == prefix)
    }

    @Test(
        "An invalid text is refused with the rule it breaks",
        arguments: try Corpus.rows("prefix-invalid.tsv")
    )
    func invalid(row: [String]) throws {
        try #require(row.count == 2)
        let error = #expect(throws: URLPrefixError.self) { try URLPrefix(row[0]) }
        #expect(error?.code.description == row[1])
        #expect(error?.description.contains("http://+:80/shop/") == true)
    }

    @Test("Equality and hash ignore case and nothing else", arguments: try Corpus.rows("prefix-equal.tsv"))
    func equality(row: [String]) throws {
        try #require(row.count == 3)
        let (left, right) = (try URLPrefix(row[0]), try URLPrefix(row[1]))
        #expect((left == right) == (row[2] == "equal"))
        if left == right { #expect(left.hashValue == right.hashValue) }
    }

    @Test("Port 0 is accepted on request only, and gives way to a chosen port (HttpSys, dynamic ports)")
    func portZero() throws {
        let error = #expect(throws: URLPrefixError.self) { try URLPrefix("http://localhost:0/") }
        #expect(error?.code == .invalidPort)
        let open = try URLPrefix("http://localhost:0/a", allowingPortZero: true)
        #expect(open.port == 0)
        #expect(open.description == "http://localhost:0/a/")
        #expect(open.withPort(5123) == (try URLPrefix("http://LOCALHOST:5123/A/")))
        #expect(throws: URLPrefixError.self) { try URLPrefix("http://h:00/", allowingPortZero: true) }
    }

    @Test("A long refused text is shortened in the error")
    func longText() {
        let error = #expect(throws: URLPrefixError.self) {
            try URLPrefix(String(repeating: "x", count: 100_000))
        }
        #expect((error?.description.count ?? 0) < 500)
    }

    @Test("A path at the limits of bytes and segments is accepted")
    func limits() throws {
        let long = try URLPrefix("http://h/" + String(repeating: "a", count: URLPrefix.pathBytesMax - 2))
        #expect(long.path.utf8.count == URLPrefix.pathBytesMax)
        let deep = try URLPrefix("http://h/" + String(repeating: "a/", count: URLPrefix.pathSegmentsMax))
        #expect(deep.path.utf8.count == 1 + 2 * URLPrefix.pathSegmentsMax)
    }

    @Test("A host name converts to A-labels (RFC 3492 §7.1)", arguments: try Corpus.rows("punycode.tsv"))
    func punycode(row: [String]) throws {
        try #require(row.count == 2)
        #expect(String(decoding: HostName.asciiForm(row[0]), as: UTF8.self) == row[1])
    }

    @Test("The lower case of a scalar is at most half as long again, so that folded prefixes fit their room")
    func foldingGrowth() {
        var offenders: [UInt32] = []
        for value in UInt32(0x80)...0x1FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let folded = scalar.properties.lowercaseMapping.utf8.count
            if 2 * folded > 3 * UTF8.width(scalar) { offenders.append(value) }
        }
        #expect(offenders.isEmpty)
    }
}
