// SPDX-License-Identifier: Apache-2.0

/// Eight bytes of a host or path in one register, the first in the lowest bits.
enum ByteWord {
    /// The highest bit of each byte.
    static let highBits: UInt64 = 0x8080_8080_8080_8080
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Loads the eight bytes at `offset`, with zeros for those past the end.
    ///
    /// The whole words become single loads in release builds. The last bytes are taken from the word that ends
    /// with them, so that only texts of less than eight bytes are read byte by byte.
    @inline(__always)
    static func load(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
        let remaining = bytes.count &- offset
        if remaining >= 8 { return loadWhole(bytes, at: offset) }
        guard remaining > 0 else { return 0 }
        guard bytes.count >= 8 else { return loadRest(bytes, at: offset) }
        let word = loadWhole(bytes, at: bytes.count &- 8)
        return word &>> UInt64(truncatingIfNeeded: (8 &- remaining) &* 8)
    }

    @inline(__always)
    private static func loadWhole(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
        let bytes = bytes.extracting(offset..<(offset &+ 8))
        let low =
            UInt64(bytes[0]) | UInt64(bytes[1]) << 8 | UInt64(bytes[2]) << 16 | UInt64(bytes[3]) << 24
        let high =
            UInt64(bytes[4]) | UInt64(bytes[5]) << 8 | UInt64(bytes[6]) << 16 | UInt64(bytes[7]) << 24
        return low | high << 32
    }

    @inline(__always)
    private static func loadRest(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        var index = bytes.count
        while index > offset {
            index &-= 1
            word = word << 8 | UInt64(bytes[index])
        }
        return word
    }

    /// Returns the word with its ASCII capitals in lower case and all other bytes as they are.
    @inline(__always)
    static func lowercased(_ word: UInt64) -> UInt64 {
        let heptets = word & ~highBits
        let isAfterZ = heptets &+ (0x7F - 0x5A) &* ones
        let isFromA = heptets &+ (0x80 - 0x41) &* ones
        let isCapital = (isFromA ^ isAfterZ) & ~word & highBits
        return word | isCapital >> 2
    }

    /// Returns the highest bit of each byte that equals `byte`, and no other bit.
    @inline(__always)
    static func positions(of byte: UInt8, in word: UInt64) -> UInt64 {
        let difference = word ^ (UInt64(byte) &* ones)
        return ~(((difference & ~highBits) &+ ~highBits) | difference | ~highBits)
    }

    /// Returns the first `count` bytes of the word, 0 to 7, and zeros for the others.
    @inline(__always)
    static func prefix(_ word: UInt64, _ count: Int) -> UInt64 {
        word & ((1 &<< UInt64(truncatingIfNeeded: count &* 8)) &- 1)
    }
}
