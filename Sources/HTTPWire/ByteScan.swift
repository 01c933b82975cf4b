// SPDX-License-Identifier: Apache-2.0

/// Searches and comparisons over many bytes at a time.
///
/// The only file of the parsers with unsafe code. Each function checks its bounds once on entry, as a
/// `precondition`, and then reads nothing outside `start..<end`.
@usableFromInline
enum ByteScan {
    /// The offset of the first control character other than HTAB in `start..<end`; `end` if there is none.
    @inline(__always)
    static func firstControl(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        scan(bytes, from: start, to: end) { block in
            ((block .< SIMD16(repeating: 0x20)) .& (block .!= SIMD16(repeating: 0x09)))
                .| (block .== SIMD16(repeating: 0x7f))
        } isHit: { byte in
            !byte.isIn(.fieldValue)
        }
    }

    /// The offset of the first byte in `start..<end` that is not visible ASCII, or is `#`; else `end`.
    @inline(__always)
    static func firstOutsideTarget(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        scan(bytes, from: start, to: end) { block in
            // 0x21...0x7e, shifted down to 0...0x5d: one comparison for both ends.
            ((block &- SIMD16(repeating: 0x21)) .> SIMD16(repeating: 0x5d))
                .| (block .== SIMD16(repeating: 0x23))
        } isHit: { byte in
            !byte.isIn(.target)
        }
    }

    /// The offset of the first byte of a value in `start..<end`; `end` if there is none.
    @inline(__always)
    static func first(_ byte: UInt8, in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        scan(bytes, from: start, to: end) { block in
            block .== SIMD16(repeating: byte)
        } isHit: { candidate in
            candidate == byte
        }
    }

    /// Goes through `start..<end` by blocks of sixteen bytes, then by bytes, up to the first hit.
    @inline(__always)
    private static func scan(
        _ bytes: Span<UInt8>,
        from start: Int,
        to end: Int,
        hits: (SIMD16<UInt8>) -> SIMDMask<SIMD16<Int8>>,
        isHit: (UInt8) -> Bool
    ) -> Int {
        precondition(start >= 0 && start <= end && end <= bytes.count, "A scan stays inside its bytes.")
        return unsafe bytes.withUnsafeBytes { buffer in
            var offset = start
            while end &- offset >= 16 {
                // SAFETY: offset + 16 <= end <= buffer.count by the loop condition and the precondition.
                let block = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
                // SAFETY: both types are sixteen bytes without padding; a hit is a byte of ones.
                let words = unsafe unsafeBitCast(hits(block), to: SIMD2<UInt64>.self)
                if words[0] != 0 {
                    return offset &+ words[0].trailingZeroBitCount &>> 3
                }
                if words[1] != 0 {
                    return offset &+ 8 &+ words[1].trailingZeroBitCount &>> 3
                }
                offset &+= 16
            }
            while offset < end {
                // SAFETY: offset < end <= buffer.count.
                if isHit(unsafe buffer[offset]) { return offset }
                offset &+= 1
            }
            return end
        }
    }

    /// The eight bytes at an offset as one word, the first byte lowest.
    @inline(__always)
    static func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
        precondition(offset >= 0 && bytes.count - offset >= 8, "A word lies inside its bytes.")
        return unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: offset + 8 <= count, checked above.
            unsafe UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
    }

    /// Whether the bytes from `start` on begin with a text in any letter case; false where they are too few.
    @inline(__always)
    static func hasPrefix(_ bytes: Span<UInt8>, from start: Int, ignoringCase text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard start >= 0, bytes.count - start >= count else { return false }
        // SAFETY: `start + count` is at most the span's count, checked above; the text has `count` bytes.
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return count == 0 }
            return unsafe equals(base + start, UnsafeRawPointer(text.utf8Start), count: count)
        }
    }

    /// Whether `count` bytes at two places are equal but for the case of letters in `name`.
    @inline(__always)
    private static func equals(_ bytes: UnsafeRawPointer, _ name: UnsafeRawPointer, count: Int) -> Bool {
        // SAFETY: every load lies inside the `count` bytes that the caller vouches for at both places.
        if count >= 8 {
            var offset = 0
            while offset &+ 8 <= count {
                let left = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let right = unsafe name.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                guard isSame(left, right) else { return false }
                offset &+= 8
            }
            let left = unsafe bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            let right = unsafe name.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            return isSame(left, right)
        }
        if count >= 4 {
            let left = unsafe bytes.loadUnaligned(as: UInt32.self)
            let right = unsafe name.loadUnaligned(as: UInt32.self)
            let leftTail = unsafe bytes.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            let rightTail = unsafe name.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            return isSame(UInt64(left), UInt64(right)) && isSame(UInt64(leftTail), UInt64(rightTail))
        }
        for offset in 0..<count {
            let left = unsafe bytes.load(fromByteOffset: offset, as: UInt8.self)
            let right = unsafe name.load(fromByteOffset: offset, as: UInt8.self)
            guard isSame(UInt64(left), UInt64(right)) else { return false }
        }
        return true
    }

    /// The slot in the table of well-known names for a name of at least one byte.
    @inline(__always)
    static func slot(_ bytes: Span<UInt8>, start: Int, count: Int) -> Int {
        precondition(start >= 0 && count > 0 && count <= bytes.count - start, "A name lies inside its bytes.")
        return unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: each offset is from start to start + count - 1, inside the buffer as checked above.
            unsafe FieldIDTable.slot(
                count: count,
                first: buffer[start],
                middle: buffer[start &+ count &>> 1],
                late: buffer[start &+ (count &* 3) &>> 2],
                last: buffer[start &+ count &- 1]
            )
        }
    }

    /// The identifier with a raw value out of the table of well-known names.
    @inline(__always)
    static func fieldID(_ rawValue: UInt8) -> FieldID {
        precondition(
            Int(rawValue) < FieldIDTable.nameCount,
            "The table holds raw values of identifiers only."
        )
        // SAFETY: the cases are numbered from 0 without gaps, which a test checks, so each value below is one of them.
        return unsafe unsafeBitCast(rawValue, to: FieldID.self)
    }

    /// Whether `count` bytes at an offset are a well-known name of as many bytes, in any letter case.
    @inline(__always)
    static func isFieldName(_ id: FieldID, _ bytes: Span<UInt8>, at start: Int, count: Int) -> Bool {
        precondition(
            start >= 0 && count >= 0 && count <= bytes.count - start,
            "A name lies inside its bytes."
        )
        let rest = count & 7
        // The last word is read whole, bytes behind the name with it, where there are any.
        guard bytes.count - start - count >= 8 || rest == 0 else {
            return hasPrefix(bytes, from: start, ignoringCase: id.name)
        }
        return unsafe bytes.withUnsafeBytes { buffer in
            var word = Int(id.rawValue) &* 4
            var offset = start
            let wholeEnd = start &+ count &- rest
            while offset < wholeEnd {
                // SAFETY: offset + 8 <= start + count, which lies inside the buffer.
                let left = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                guard isSame(left, FieldIDTable.words[word]) else { return false }
                offset &+= 8
                word &+= 1
            }
            guard rest != 0 else { return true }
            // SAFETY: eight bytes behind the name are inside the buffer, checked above.
            let left = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let mask = ~UInt64(0) &>> UInt64(64 &- 8 &* rest)
            return isSame(left & mask, FieldIDTable.words[word])
        }
    }

    /// Whether the bytes are exactly those of a text.
    @inline(__always)
    static func isEqual(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        // SAFETY: the text has as many bytes as the span.
        let start = unsafe text.utf8Start
        for index in bytes.indices {
            guard unsafe bytes[index] == start[index] else { return false }
        }
        return true
    }

    /// Whether eight bytes equal eight bytes of a name of letters, digits and `-`, but for letter case.
    ///
    /// Bytes may differ only in bit 5, and only where the name's byte has bit 6 set and so is a letter.
    @inline(__always)
    private static func isSame(_ bytes: UInt64, _ name: UInt64) -> Bool {
        (bytes ^ name) & ~((name &>> 1) & 0x2020_2020_2020_2020) == 0
    }

    /// Calls a function with the bytes of a static text.
    @inlinable
    @inline(__always)
    static func withSpan<Result, Failure: Error>(
        of text: StaticString,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: a static text's bytes live for ever, and its count is theirs.
        let span = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        return try body(span)
    }

    /// A string of bytes taken as UTF-8, each malformed stretch replaced by U+FFFD.
    static func string(_ bytes: Span<UInt8>) -> String {
        // SAFETY: the buffer is read during the call only.
        unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// Appends bytes to an array as one block.
    @inline(__always)
    static func append(_ bytes: Span<UInt8>, to array: inout [UInt8]) {
        // SAFETY: the buffer is read during the call only.
        unsafe bytes.withUnsafeBufferPointer { unsafe array.append(contentsOf: $0) }
    }

    /// Appends the bytes of a static text to an array as one block.
    @inline(__always)
    static func append(_ text: StaticString, to array: inout [UInt8]) {
        // SAFETY: a static text's bytes live for ever, and its count is theirs.
        unsafe array.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }
}
