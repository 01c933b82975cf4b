// SPDX-License-Identifier: Apache-2.0

/// Writes a run of one byte as a gzip member: a deflate block with fixed Huffman codes, header and trailer.
///
/// The one compressed body this application needs; 10000 × `a` becomes 82 bytes. Source: RFC 1951 §3.2.6,
/// RFC 1952 §2.3.
public enum GzipRun {
    /// A gzip member that decodes to `count` times `byte`.
    ///
    /// - Parameters:
    ///   - byte: the byte, below 144 so that its code has 8 bits.
    ///   - count: how often, at least 1.
    /// - Returns: the member.
    public static func compress(_ byte: UInt8, count: Int) -> [UInt8] {
        precondition(byte < 144 && count > 0, "a run is of one byte below 144, at least once")
        var member: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        member += deflate(byte, count: count)
        let checksum = crc32(byte, count: count)
        for word in [checksum, UInt32(truncatingIfNeeded: count)] {
            for shift in stride(from: 0, through: 24, by: 8) {
                member.append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
            }
        }
        return member
    }

    /// One final block: the byte itself, then copies of up to 258 bytes from a distance of 1.
    private static func deflate(_ byte: UInt8, count: Int) -> [UInt8] {
        var bits = BitWriter()
        bits.write(0b011, count: 3)  // BFINAL, BTYPE 01, least significant bit first
        bits.writeCode(0x30 + UInt32(byte), count: 8)
        var rest = count - 1
        while rest >= 258 {
            bits.writeCode(0b1100_0101, count: 8)  // length symbol 285: 258 bytes
            bits.writeCode(0, count: 5)  // distance symbol 0: 1 byte back
            rest -= 258
        }
        // A short remainder stands as literals: at most 257 of them.
        for _ in 0..<rest { bits.writeCode(0x30 + UInt32(byte), count: 8) }
        bits.writeCode(0, count: 7)  // end of block
        return bits.finish()
    }

    private static func crc32(_ byte: UInt8, count: Int) -> UInt32 {
        let step: [UInt32] = (0..<256).map { (index: UInt32) in
            var word = index
            for _ in 0..<8 { word = word & 1 == 1 ? (word >> 1) ^ 0xEDB8_8320 : word >> 1 }
            return word
        }
        var checksum = UInt32.max
        for _ in 0..<count { checksum = step[Int((checksum ^ UInt32(byte)) & 0xFF)] ^ (checksum >> 8) }
        return ~checksum
    }
}

/// Packs bits into bytes from the least significant end, as deflate wants them.
private struct BitWriter {
    private var bytes: [UInt8] = []
    private var word: UInt32 = 0
    private var bitCount: UInt32 = 0

    mutating func write(_ value: UInt32, count: UInt32) {
        word |= value << bitCount
        bitCount += count
        while bitCount >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: word))
            word >>= 8
            bitCount -= 8
        }
    }

    /// Huffman codes go in from their most significant bit.
    mutating func writeCode(_ code: UInt32, count: UInt32) {
        for bit in stride(from: Int(count) - 1, through: 0, by: -1) {
            write(code >> UInt32(bit) & 1, count: 1)
        }
    }

    mutating func finish() -> [UInt8] {
        if bitCount > 0 { bytes.append(UInt8(truncatingIfNeeded: word)) }
        return bytes
    }
}
