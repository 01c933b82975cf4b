// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Well-known field names")
struct FieldIDTests {
    @Test("The committed hash table is the one that the names make")
    func table() throws {
        let slots = try #require(
            FieldIDTable.makeSlots(),
            "two names share a slot: choose another multiplier"
        )
        for index in slots.indices { #expect(FieldIDTable.slots[index] == slots[index], "slot \(index)") }
        #expect(FieldID.allCases.map { Int($0.rawValue) } == Array(0..<FieldIDTable.nameCount))
        let words = FieldIDTable.makeWords()
        #expect(words.count == FieldIDTable.words.count)
        for index in words.indices { #expect(FieldIDTable.words[index] == words[index], "word \(index)") }
    }

    @Test(
        "Each name is found in any letter case (RFC 9110 §5.1), and no name near it is",
        arguments: FieldID.allCases
    )
    func lookup(_ id: FieldID) {
        guard id != .unknown else { return }
        let name = id.name.description
        #expect(name.utf8.count <= FieldID.nameBytesMax && FieldSyntax.isToken(name))
        #expect(FieldID(name) == id)
        #expect(FieldID(name.lowercased()) == id)
        #expect(FieldID(name.uppercased()) == id)
        let bytes = Array(name.utf8)
        for index in bytes.indices {
            for bit in 0..<8 {
                var other = bytes
                other[index] ^= 1 << bit
                let isLetterCase = bit == 5 && (bytes[index] | 0x20) >= 0x61 && (bytes[index] | 0x20) <= 0x7a
                let found = FieldID(other.span)
                #expect((found == id) == isLetterCase, "\(printable(other))")
            }
        }
        #expect(FieldID(name + "x") != id && FieldID(String(name.dropLast())) != id)
    }

    @Test("No other text is taken for a well-known name")
    func unknown() {
        for text in ["", "a", "x-y", "Hosts", String(repeating: "a", count: 100), "content_type"] {
            #expect(FieldID(text) == .unknown)
        }
    }

    @Test("A set holds exactly what was put in")
    func set() {
        var set = FieldIDSet()
        for id in FieldID.allCases {
            #expect(!set.contains(id))
            set.insert(id)
            #expect(set.contains(id))
        }
        #expect(FieldIDSet(.host, .te).intersects(FieldIDSet(.te)))
        #expect(!FieldIDSet(.host).intersects(FieldIDSet(.te, .xRequestedWith)))
    }

    @Test("Trailers may not carry what frames, routes or authenticates (RFC 9110 §6.5.1, HTTP.sys's list)")
    func forbiddenTrailers() {
        let forbidden = """
            Transfer-Encoding Content-Length Host Cache-Control Expect Max-Forwards Pragma Range TE If-Match \
            If-None-Match If-Modified-Since If-Unmodified-Since If-Range WWW-Authenticate Authorization \
            Proxy-Authenticate Proxy-Authorization Set-Cookie Cookie Age Expires Date Location Retry-After Vary \
            Warning Content-Encoding Content-Type Content-Range Trailer
            """
        for name in forbidden.split(separator: " ") {
            #expect(FieldID(String(name)).isForbiddenInTrailers, "\(name)")
        }
        for id in [FieldID.unknown, .eTag, .contentDigest, .serverTiming, .link, .contentMD5] {
            #expect(!id.isForbiddenInTrailers)
        }
    }
}
