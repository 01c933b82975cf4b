// SPDX-License-Identifier: Apache-2.0

/// The loops over payload bytes: eight and more at a time, with every length checked by the caller's spans.
enum ByteKernels {
    /// Appends bytes to an array.
    @inline(__always)
    static func append(_ bytes: Span<UInt8>, to target: inout [UInt8]) {
        // SAFETY: the pointer is used during the call only.
        unsafe bytes.withUnsafeBufferPointer { unsafe target.append(contentsOf: $0) }
    }

    /// Appends masked bytes to an array and takes the mask off on the way (RFC 6455 §5.3).
    ///
    /// - Parameters:
    ///   - bytes: the masked bytes.
    ///   - key: the masking key as it lies in memory, its first byte the one for the first of the bytes.
    ///   - target: where the bytes go.
    /// - Returns: all bytes that were appended, or-ed into eight: a top bit is set where one is above 0x7F.
    @inline(__always)
    static func unmask(_ bytes: Span<UInt8>, key: UInt32, appendingTo target: inout [UInt8]) -> UInt64 {
        var seen: UInt64 = 0
        target.append(addingCapacity: bytes.count) { (output: inout OutputSpan<UInt8>) in
            unsafe output.withUnsafeMutableBufferPointer { room, initialized in
                // SAFETY: both pointers are used during the call only, and unmask(_:key:to:) checks the room.
                unsafe bytes.withUnsafeBytes { source in
                    seen = unsafe unmask(source, key: key, to: UnsafeMutableRawBufferPointer(room))
                }
                initialized = bytes.count
            }
        }
        return seen
    }

    private static func unmask(
        _ source: UnsafeRawBufferPointer,
        key: UInt32,
        to target: UnsafeMutableRawBufferPointer
    ) -> UInt64 {
        precondition(source.count <= target.count, "Bytes are unmasked into room for all of them.")
        guard let from = source.baseAddress, let to = target.baseAddress else { return 0 }
        let count = source.count
        let wide = UInt64(key) | UInt64(key) << 32
        let key64 = SIMD4<UInt64>(repeating: wide)
        var seen = SIMD4<UInt64>()
        var offset = 0
        while count - offset >= 64 {
            // SAFETY: 64 bytes from offset lie in both buffers, since offset <= count - 64.
            let first = unsafe from.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self) ^ key64
            let second =
                unsafe from.loadUnaligned(fromByteOffset: offset + 32, as: SIMD4<UInt64>.self) ^ key64
            unsafe to.storeBytes(of: first, toByteOffset: offset, as: SIMD4<UInt64>.self)
            unsafe to.storeBytes(of: second, toByteOffset: offset + 32, as: SIMD4<UInt64>.self)
            seen |= first | second
            offset += 64
        }
        var rest = seen[0] | seen[1] | seen[2] | seen[3]
        while count - offset >= 8 {
            // SAFETY: 8 bytes from offset lie in both buffers.
            let word = unsafe from.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ wide
            unsafe to.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            rest |= word
            offset += 8
        }
        var tailKey = key
        while offset < count {
            // SAFETY: offset < count.
            let byte =
                unsafe from.load(fromByteOffset: offset, as: UInt8.self) ^ UInt8(truncatingIfNeeded: tailKey)
            unsafe to.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
            rest |= UInt64(byte)
            tailKey = tailKey >> 8 | tailKey << 24
            offset += 1
        }
        return rest
    }

    /// How many bytes from the front are whole, well-formed UTF-8 sequences as far as fast steps can tell.
    ///
    /// Stops in front of anything else: an ill-formed sequence, one that is cut off, or the last three bytes.
    /// What follows is for the byte-wise check of `UTF8Checker`.
    ///
    /// Source: Unicode 16, table 3-7; the bit patterns assume little-endian words.
    static func wellFormedPrefix(_ bytes: Span<UInt8>) -> Int {
        // SAFETY: the pointer is used during the call only.
        unsafe bytes.withUnsafeBytes { unsafe wellFormedPrefix($0) }
    }

    private static func wellFormedPrefix(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        let count = bytes.count
        var offset = 0
        while count - offset >= 4 {
            if count - offset >= 32 {
                // SAFETY: 32 bytes from offset lie in the buffer.
                let block = unsafe base.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
                if (block[0] | block[1] | block[2] | block[3]) & 0x8080_8080_8080_8080 == 0 {
                    offset += 32
                    continue
                }
            }
            // SAFETY: 4 bytes from offset lie in the buffer.
            var word = UInt32(
                littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            )
            let plain = (word & 0x8080_8080).trailingZeroBitCount / 8
            if plain > 0 {
                offset += plain
                continue
            }
            // Runs of sequences of one length are common; each turn takes one.
            while true {
                let length = sequenceLength(word)
                guard length > 0 else { return offset }
                offset += length
                guard count - offset >= 4 else { return offset }
                // SAFETY: 4 bytes from offset lie in the buffer.
                word = UInt32(
                    littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                )
                if word & 0x80 == 0 { break }
            }
        }
        return offset
    }

    /// The length of the well-formed sequence of two to four bytes that a word begins with; 0 for anything else.
    @inline(__always)
    private static func sequenceLength(_ word: UInt32) -> Int {
        if word & 0x00C0_C0F0 == 0x0080_80E0 {
            // E0 is followed by A0 and above, ED by 9F and below.
            let high = word & 0x200F
            return high != 0 && high != 0x200D ? 3 : 0
        }
        if word & 0xC0E0 == 0x80C0 {
            return word & 0x1E != 0 ? 2 : 0
        }
        if word & 0xC0C0_C0F8 == 0x8080_80F0 {
            // F0 is followed by 90 and above, F4 by 8F and below; F5 to F7 are not used.
            let high = word & 0x3007
            return high != 0 && (word & 4 == 0 || word & 0x3003 == 0) ? 4 : 0
        }
        return 0
    }
}
