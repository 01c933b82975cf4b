// SPDX-License-Identifier: Apache-2.0

/// Checks that bytes which arrive in pieces are UTF-8, and fails at the first byte that can't be.
///
/// **Shape**: the sequences of RFC 3629 §4; `ED 9F BF` is fine, `C0 80` (overlong), `ED A0 80` (a surrogate)
/// and `F4 90` (above U+10FFFF) are not.
///
/// **Cost**: no allocation; ASCII goes 32 bytes a step, other text a sequence a step.
package struct UTF8Checker: Sendable {
    /// How many bytes the sequence begun still lacks.
    private var missing = 0
    /// What the next byte of it may be.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Starts between two characters.
    package init() {}

    /// Whether no character is cut off here.
    package var isAtBoundary: Bool { missing == 0 }

    /// Takes more bytes.
    ///
    /// - Parameter bytes: what follows the bytes taken before.
    /// - Returns: `false` where no continuation could make the text valid.
    package mutating func accept(_ bytes: Span<UInt8>) -> Bool {
        var offset = 0
        while offset < bytes.count, missing > 0 {
            guard accept(bytes[offset]) else { return false }
            offset += 1
        }
        offset += ByteKernels.wellFormedPrefix(bytes.extracting(offset..<bytes.count))
        while offset < bytes.count {
            guard accept(bytes[offset]) else { return false }
            offset += 1
        }
        return true
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        if missing > 0 {
            guard byte >= lowest, byte <= highest else { return false }
            lowest = 0x80
            highest = 0xBF
            missing -= 1
            return true
        }
        switch byte {
        case 0...0x7F: break
        case 0xC2...0xDF: missing = 1
        case 0xE0...0xEF:
            missing = 2
            if byte == 0xE0 { lowest = 0xA0 }
            if byte == 0xED { highest = 0x9F }
        case 0xF0...0xF4:
            missing = 3
            if byte == 0xF0 { lowest = 0x90 }
            if byte == 0xF4 { highest = 0x8F }
        default: return false
        }
        return true
    }
}
