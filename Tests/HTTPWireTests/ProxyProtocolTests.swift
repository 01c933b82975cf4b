// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("PROXY protocol")
struct ProxyProtocolTests {
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

    /// A version 2 header for two IPv4 addresses with records behind them.
    private static func header(records: [UInt8]) -> [UInt8] {
        let count = 12 + records.count
        let addresses: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 1, 0xbb]
        return signature + [0x21, 0x11, UInt8(count >> 8), UInt8(count & 255)] + addresses + records
    }

    private static func parse(_ bytes: [UInt8], byteCountMax: Int = 4096) -> ProxyProtocolOutcome {
        ProxyProtocolHeader.parse(bytes.span, byteCountMax: byteCountMax)
    }

    private static func record(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        [type, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
    }

    @Test(
        "A header tells addresses and transport or is refused (PROXY protocol §2.1, §2.2)",
        arguments: Corpus.table("proxy-protocol.tsv")
    )
    func corpus(_ row: Corpus.Row) {
        let bytes = row.bytes(1)
        let outcome = Self.parse(bytes + Array("GET / HTTP/1.1\r\n".utf8))
        if let refusal = ProxyProtocolRefusal(rawValue: row.text(0)) {
            #expect(outcome == .refused(refusal), "\(row)")
            return
        }
        guard case .complete(let header, let byteCount) = outcome else {
            Issue.record("\(outcome) of \(row)")
            return
        }
        #expect(byteCount == bytes.count, "\(row)")
        #expect(header.isLocal == (row.text(0) == "local"), "\(row)")
        #expect("\(header.transport)" == (header.isLocal ? "unspecified" : row.text(0)), "\(row)")
        #expect(header.version == (bytes.first == UInt8(ascii: "P") ? .text : .binary), "\(row)")
        let source = header.source?.text(in: bytes.span) ?? ""
        let destination = header.destination?.text(in: bytes.span) ?? ""
        #expect(source == row.text(2), "\(row)")
        #expect((header.source.map { String($0.port) } ?? "") == row.text(3), "\(row)")
        #expect(destination == row.text(4), "\(row)")
        #expect((header.destination.map { String($0.port) } ?? "") == row.text(5), "\(row)")
    }

    @Test(
        "Bytes that arrive one at a time come to the same as all of them at once",
        arguments: Corpus.table("proxy-protocol.tsv")
    )
    func cut(_ row: Corpus.Row) {
        let bytes = row.bytes(1)
        let whole = Self.parse(bytes)
        #expect(whole != .incomplete, "\(row)")
        var last = ProxyProtocolOutcome.incomplete
        for count in 0...bytes.count {
            let outcome = Self.parse(Array(bytes.prefix(count)))
            if last != .incomplete {
                #expect(outcome == last, "once decided, more bytes change nothing: \(row) at \(count)")
            }
            last = outcome
            if case .complete(_, let byteCount) = outcome { #expect(count == byteCount, "\(row)") }
        }
        #expect(last == whole, "\(row)")
    }

    @Test("A version 2 header carries ALPN, authority, unique id, name space and TLS (§2.2.1 to §2.2.9)")
    func records() throws {
        let tls =
            [7, 0, 0, 0, 0] + Self.record(0x21, Array("TLSv1.3".utf8))
            + Self.record(0x22, Array("alice".utf8)) + Self.record(0x23, Array("TLS_AES_128_GCM_SHA256".utf8))
            + Self.record(0x24, Array("SHA256".utf8))
            + Self.record(0x25, Array("EC256".utf8)) + Self.record(0x2f, [])
        let bytes = Self.header(
            records: Self.record(1, Array("h2".utf8)) + Self.record(2, Array("example.com".utf8))
                + Self.record(5, [1, 2, 3]) + Self.record(0x30, Array("blue".utf8)) + Self.record(0x20, tls)
                + Self.record(0xea, [1]) + Self.record(0xea, [2])
        )
        guard case .complete(let header, bytes.count) = Self.parse(bytes) else {
            Issue.record("not complete")
            return
        }
        func text(_ range: ByteRange?) -> String? {
            range.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        }
        #expect(text(header.attributes.applicationProtocol) == "h2")
        #expect(text(header.attributes.authority) == "example.com")
        #expect(text(header.attributes.uniqueID) == "\u{1}\u{2}\u{3}")
        #expect(text(header.attributes.networkNamespace) == "blue")
        let secure = try #require(header.attributes.tls)
        #expect(secure.isTLS && secure.hasClientCertificate && secure.isClientVerified)
        #expect(text(secure.version) == "TLSv1.3")
        #expect(text(secure.commonName) == "alice")
        #expect(text(secure.cipher) == "TLS_AES_128_GCM_SHA256")
        #expect(text(secure.signatureAlgorithm) == "SHA256")
        #expect(text(secure.keyAlgorithm) == "EC256")
        var types: [UInt8] = []
        var last: UInt8?
        header.attributes.forEachRecord(in: bytes.span) { type, value in
            types.append(type)
            last = value.isEmpty ? nil : value[0]
            return true
        }
        #expect(types == [1, 2, 5, 0x30, 0x20, 0xea, 0xea])
        #expect(last == 2)
    }

    @Test("A certificate that was not verified does not count as verified (§2.2.6)")
    func unverified() throws {
        let bytes = Self.header(records: Self.record(0x20, [3, 0, 0, 0, 18]))
        guard case .complete(let header, _) = Self.parse(bytes) else {
            Issue.record("not complete")
            return
        }
        let tls = try #require(header.attributes.tls)
        #expect(tls.isTLS && tls.hasClientCertificate && !tls.isClientVerified)
        #expect(tls.verification == 18)
    }

    @Test("A unique id has at most 128 bytes (§2.2.5)")
    func uniqueID() {
        let longest = Self.header(records: Self.record(5, Array(repeating: 0x61, count: 128)))
        guard case .complete = Self.parse(longest) else {
            Issue.record("not complete")
            return
        }
        let longer = Self.header(records: Self.record(5, Array(repeating: 0x61, count: 129)))
        #expect(Self.parse(longer) == .refused(.recordMalformed))
    }

    @Test("The checksum is that of Castagnoli, with zeros in its own place (§2.2.3)")
    func checksum() {
        // The check value of RFC 9260 and of every catalogue of checksums.
        let digits = Array("123456789".utf8) + [0xe3, 0x06, 0x92, 0x83]
        let agrees = CRC32C.agrees(digits.span, count: 9, checksumAt: ByteRange(from: 9, to: 13))
        #expect(agrees)
        let zeros = Self.header(records: Self.record(3, [0, 0, 0, 0]))
        var value = UInt32.max
        for byte in zeros {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82f6_3b78 }
        }
        value = ~value
        let bytes = Self.header(
            records: Self.record(3, (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) })
        )
        guard case .complete(_, bytes.count) = Self.parse(bytes) else {
            Issue.record("not complete")
            return
        }
        for offset in 16..<bytes.count where !(28..<31).contains(offset) {
            var changed = bytes
            changed[offset] ^= 1
            #expect(Self.parse(changed) == .refused(.checksumWrong), "offset \(offset)")
        }
    }

    @Test("A Unix socket's path ends at its first NUL or after 108 bytes (§2.2)")
    func unixPaths() {
        let path = Array("/run/client.sock".utf8)
        let padding = Array(repeating: UInt8(0), count: 108 - path.count)
        let bytes =
            Self.signature + [0x21, 0x31, 0, 216] + path + padding + Array(repeating: 0x61, count: 108)
        guard case .complete(let header, 232) = Self.parse(bytes) else {
            Issue.record("not complete")
            return
        }
        let source = header.source?.text(in: bytes.span)
        let destination = header.destination?.text(in: bytes.span)
        #expect(source == "/run/client.sock")
        #expect(destination == String(repeating: "a", count: 108))
        #expect(header.source?.port == 0)
    }

    @Test("The limit is of the whole header and holds as soon as its length is known")
    func limit() {
        let bytes = Self.header(records: Self.record(4, Array(repeating: 0, count: 100)))
        #expect(
            Self.parse(Array(bytes.prefix(16)), byteCountMax: bytes.count - 1)
                == .refused(.headerTooLarge)
        )
        guard case .complete = Self.parse(bytes, byteCountMax: bytes.count) else {
            Issue.record("not complete")
            return
        }
        #expect(Self.parse(bytes, byteCountMax: -1) == .refused(.headerTooLarge))
    }

    @Test("No bytes trap, and no header is longer than what was given")
    func hostile() {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let rows = Corpus.table("proxy-protocol.tsv")
        for _ in 0..<20000 {
            var bytes = rows[next(rows.count)].bytes(1)
            for _ in 0..<(1 + next(4)) where !bytes.isEmpty { bytes[next(bytes.count)] = UInt8(next(256)) }
            bytes = Array(bytes.prefix(next(bytes.count + 1)))
            if case .complete(let header, let byteCount) = Self.parse(bytes) {
                #expect(byteCount <= bytes.count, "\(printable(bytes))")
                _ = header.source?.text(in: bytes.span)
                header.attributes.forEachRecord(in: bytes.span) { _, _ in true }
            }
        }
    }
}
