// SPDX-License-Identifier: Apache-2.0

import Testing
import URLPrefixes

@Suite("IP address literals (RFC 4291 §2.2, RFC 5952 §4)")
struct IPAddressLiteralTests {
    @Test("A text parses to its RFC 5952 form or is refused", arguments: try Corpus.rows("addresses.tsv"))
    func text(row: [String]) throws {
        try #require(row.count == 2)
        let address = IPAddressLiteral(row[0])
        #expect(address?.description ?? "invalid" == row[1])
        if let address { #expect(IPAddressLiteral(address.description) == address) }
    }

    @Test("Bytes in network order, numbers and texts make the same address")
    func bytes() throws {
        let loopback: [UInt8] = [127, 0, 0, 1]
        let fromBytes = IPAddressLiteral(bytes: loopback.span)
        #expect(fromBytes == IPAddressLiteral("127.0.0.1"))
        #expect(IPAddressLiteral(ipv4: 0x7F00_0001) == IPAddressLiteral("127.0.0.1"))
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1]
        let parsed = IPAddressLiteral(bytes: mapped.span)
        let address = try #require(parsed)
        #expect(address == IPAddressLiteral(ipv4: 0x7F00_0001))
        #expect((0..<16).map { address.bytes[$0] } == mapped)
        let three: [UInt8] = [1, 2, 3]
        let malformed = IPAddressLiteral(bytes: three.span)
        #expect(malformed == nil)
    }

    @Test(
        "Loopback and unspecified addresses are known in both families",
        arguments: [
            ("127.0.0.1", true, false), ("127.255.0.9", true, false), ("128.0.0.1", false, false),
            ("::1", true, false), ("::", false, true), ("0.0.0.0", false, true), ("0.0.0.1", false, false),
            ("::2", false, false), ("1::1", false, false),
        ]
    )
    func kinds(text: String, isLoopback: Bool, isUnspecified: Bool) throws {
        let address = try #require(IPAddressLiteral(text))
        #expect(address.isLoopback == isLoopback)
        #expect(address.isUnspecified == isUnspecified)
    }

    @Test("Random addresses survive the way to text and back")
    func roundTrip() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            // Masks make runs of zero groups, which is what compression is about.
            let mask = generator.next()
            let high = generator.next() & expand(mask)
            let low = generator.next() & expand(mask >> 4)
            let address = IPAddressLiteral(high: high, low: low)
            #expect(IPAddressLiteral(address.description) == address)
        }
    }

    private func expand(_ bits: UInt64) -> UInt64 {
        (0..<4).reduce(0 as UInt64) { $0 << 16 | (bits >> UInt64($1) & 1 == 1 ? 0xFFFF : 0) }
    }
}
