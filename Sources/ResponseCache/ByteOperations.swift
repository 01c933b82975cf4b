// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whole-buffer operations on bytes: the one file of this module that uses unsafe pointers.
///
/// Comparing, copying and hashing run over every byte of a request head, where a checked loop over
/// a span costs several times as much. Every function takes bounds from the buffers themselves.
enum ByteOperations {
    /// Tells whether `bytes` begins with all of `prefix`.
    @inline(__always)
    static func starts(_ bytes: Span<UInt8>, with prefix: [UInt8]) -> Bool {
        let count = prefix.count
        guard bytes.count >= count, count > 0 else { return count == 0 }
        // SAFETY: both buffers hold at least `count` bytes, checked above, and outlive the closures.
        return unsafe bytes.withUnsafeBufferPointer { left in
            unsafe prefix.withUnsafeBufferPointer { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return false }
                return unsafe memcmp(left, right, count) == 0
            }
        }
    }

    /// Tells whether two arrays hold the same bytes.
    @inline(__always)
    static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return starts(left.span, with: right)
    }

    /// Tells whether bytes and text are equal but for the case of ASCII letters.
    static func equalIgnoringCase(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        // SAFETY: the pointer covers `utf8CodeUnitCount` bytes that live as long as the program.
        return text.withUTF8Buffer { buffer in
            for index in bytes.indices {
                let byte = unsafe buffer[index]
                if ASCII.lowercased(bytes[index]) != ASCII.lowercased(byte) { return false }
            }
            return true
        }
    }

    /// Appends a static text to `array`.
    @inline(__always)
    static func append(_ text: StaticString, to array: inout [UInt8]) {
        text.withUTF8Buffer { unsafe array.append(contentsOf: $0) }
    }

    /// Appends all of `bytes` to `array`.
    @inline(__always)
    static func append(_ bytes: Span<UInt8>, to array: inout [UInt8]) {
        // SAFETY: the pointer covers the span, which is borrowed for the whole call.
        unsafe bytes.withUnsafeBufferPointer { unsafe array.append(contentsOf: $0) }
    }

    /// Appends all of `bytes` to `array`, ASCII letters in lower case.
    @inline(__always)
    static func appendLowercased(_ bytes: Span<UInt8>, to array: inout [UInt8]) {
        let start = array.count
        append(bytes, to: &array)
        // SAFETY: the pointer covers the array, to which nothing is added meanwhile; `start` lies in it.
        unsafe array.withUnsafeMutableBufferPointer { buffer in
            for index in start..<buffer.count {
                unsafe buffer[index] = ASCII.lowercased(buffer[index])
            }
        }
    }

    /// Returns an array that holds `bytes` in storage of its own.
    static func copy(_ bytes: Span<UInt8>) -> [UInt8] {
        var array: [UInt8] = []
        array.reserveCapacity(bytes.count)
        append(bytes, to: &array)
        return array
    }

    /// Feeds all of `bytes` to `hasher` at once.
    @inline(__always)
    static func hash(_ bytes: [UInt8], into hasher: inout Hasher) {
        // SAFETY: the pointer covers the array, which is borrowed for the whole call.
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }

    /// Hashes the first line of `bytes`, up to its CR, to at most `lineBytesMax` bytes.
    ///
    /// What follows the CR has no influence, so that a head hashes alike whatever is behind it.
    @inline(__always)
    static func hashFirstLine(_ bytes: Span<UInt8>, seed: UInt64) -> UInt64 {
        // SAFETY: eight bytes are loaded at `offset` only where `offset + 8 <= count`, and single
        // bytes only where `offset < count`; the span is borrowed for the whole closure.
        unsafe bytes.withUnsafeBytes { buffer in
            let count = min(buffer.count, lineBytesMax)
            var hash = seed
            var offset = 0
            while offset &+ 8 <= count {
                let word = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
                let returns = carriageReturns(in: word)
                if returns != 0 {
                    let mask = (UInt64(1) &<< UInt64((returns.trailingZeroBitCount & ~7))) &- 1
                    return mix(hash, word & mask)
                }
                hash = mix(hash, word)
                offset &+= 8
            }
            var tail: UInt64 = 0
            while offset < count {
                let byte = unsafe buffer[offset]
                if byte == 0x0D { break }
                tail = tail &<< 8 | UInt64(byte)
                offset &+= 1
            }
            return mix(hash, tail)
        }
    }

    /// Hashes all of `bytes`.
    static func hash(_ bytes: Span<UInt8>, seed: UInt64) -> UInt64 {
        // SAFETY: eight bytes are loaded at `offset` only where `offset + 8 <= count`, and single
        // bytes only where `offset < count`; the span is borrowed for the whole closure.
        unsafe bytes.withUnsafeBytes { buffer in
            var hash = mix(seed, UInt64(buffer.count))
            var offset = 0
            while offset &+ 8 <= buffer.count {
                hash = mix(hash, unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                offset &+= 8
            }
            var tail: UInt64 = 0
            while offset < buffer.count {
                tail = unsafe tail &<< 8 | UInt64(buffer[offset])
                offset &+= 1
            }
            return mix(hash, tail)
        }
    }

    /// Bytes of a request line that take part in its hash.
    private static let lineBytesMax = 128

    /// Has the top bit of each byte that is CR set, exactly for the lowest of them.
    @inline(__always)
    private static func carriageReturns(in word: UInt64) -> UInt64 {
        let differences = word ^ 0x0D0D_0D0D_0D0D_0D0D
        return (differences &- 0x0101_0101_0101_0101) & ~differences & 0x8080_8080_8080_8080
    }

    /// Folds one word into a hash.
    ///
    /// Not cryptographic: a collision may cost time, never an answer.
    @inline(__always)
    private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}
