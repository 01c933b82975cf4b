// SPDX-License-Identifier: Apache-2.0

extension ProxyProtocolHeader {
    /// The first bytes of a version 2 header.
    private static let signature: InlineArray<12, UInt8> = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]

    /// Reads the header that a connection begins with.
    ///
    /// Parse again from the connection's first byte whenever more has arrived; a header in pieces costs no more
    /// than its size allows, since a byte that no header has there is refused at once.
    ///
    /// Cost: no allocation; linear in the header's bytes. Source: "The PROXY protocol", §2.
    ///
    /// - Parameters:
    ///   - bytes: what has arrived so far.
    ///   - byteCountMax: the longest version 2 header that is taken, at least 16. Default 4096, which has room for
    ///     a proxy's records; a client's certificate may need more.
    /// - Returns: what came of it.
    public static func parse(_ bytes: Span<UInt8>, byteCountMax: Int = 4096) -> ProxyProtocolOutcome {
        guard !bytes.isEmpty else { return .incomplete }
        do throws(ProxyProtocolRefusal) {
            return bytes[0] == UInt8(ascii: "P")
                ? try parseText(bytes)
                : try parseBinary(bytes, byteCountMax: max(byteCountMax, binaryByteCountMin))
        } catch {
            return .refused(error)
        }
    }

    /// §2.2, the binary form.
    private static func parseBinary(
        _ bytes: Span<UInt8>,
        byteCountMax: Int
    ) throws(ProxyProtocolRefusal) -> ProxyProtocolOutcome {
        for index in 0..<min(bytes.count, 12) where bytes[index] != signature[index] {
            throw .signatureMissing
        }
        guard bytes.count > 12 else { return .incomplete }
        guard bytes[12] >> 4 == 2 else { throw .versionNotSupported }
        guard bytes[12] & 15 <= 1 else { throw .commandNotSupported }
        guard bytes.count > 13 else { return .incomplete }
        var header = ProxyProtocolHeader(version: .binary)
        header.isLocal = bytes[12] & 15 == 0
        // Of LOCAL everything behind the command is ignored, "including the family"; of PROXY a family or transport
        // that nobody assigned "must be rejected as invalid".
        let assigned = header.isLocal ? 0 : addressByteCount(family: bytes[13])
        guard let addressByteCount = assigned else { throw .familyNotSupported }
        guard bytes.count >= binaryByteCountMin else { return .incomplete }
        let end = binaryByteCountMin + (Int(bytes[14]) << 8 | Int(bytes[15]))
        guard end <= byteCountMax else { throw .headerTooLarge }
        guard end - binaryByteCountMin >= addressByteCount else { throw .addressesTruncated }
        guard bytes.count >= end else { return .incomplete }
        // The block of LOCAL and of UNSPEC is skipped, as long as it says it is.
        if addressByteCount > 0 {
            header.transport = bytes[13] & 15 == 1 ? .stream : .datagram
            header.readAddresses(bytes, family: bytes[13] >> 4)
            try header.attributes.parse(bytes, from: binaryByteCountMin + addressByteCount, to: end)
        }
        return .complete(header, byteCount: end)
    }

    /// How many bytes the addresses of a family and transport take; nil where the pair is not assigned.
    ///
    /// A pair of which one half alone is unspecified says nothing that could be used: a receiver is free to
    /// reject it, and this one does.
    private static func addressByteCount(family: UInt8) -> Int? {
        switch family {
        case 0x00: 0
        case 0x11, 0x12: 12
        case 0x21, 0x22: 36
        case 0x31, 0x32: 216
        default: nil
        }
    }

    /// Reads the addresses, which are known to be there.
    private mutating func readAddresses(_ bytes: Span<UInt8>, family: UInt8) {
        let start = Self.binaryByteCountMin
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            var value: UInt64 = 0
            for index in 0..<count { value = value << 8 | UInt64(bytes[start + offset + index]) }
            return value
        }
        func port(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: number(offset, 2)) }
        func path(_ offset: Int) -> ByteRange {
            let from = start + offset
            let end = (from..<from + 108).first { bytes[$0] == 0 } ?? from + 108
            return ByteRange(from: from, to: end)
        }
        switch family {
        case 1:
            source = .ipv4(UInt32(truncatingIfNeeded: number(0, 4)), port: port(8))
            destination = .ipv4(UInt32(truncatingIfNeeded: number(4, 4)), port: port(10))
        case 2:
            source = .ipv6(high: number(0, 8), low: number(8, 8), port: port(32))
            destination = .ipv6(high: number(16, 8), low: number(24, 8), port: port(34))
        default:
            source = .unix(path: path(0))
            destination = .unix(path: path(108))
        }
    }
}
