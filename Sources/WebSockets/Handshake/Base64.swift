// SPDX-License-Identifier: Apache-2.0

/// The little of Base64 (RFC 4648 §4) that the handshake needs.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Encodes bytes, with padding.
    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for offset in 0..<3 {
                group = group << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0)
            }
            for digit in 0..<4 {
                let value = Int(group >> UInt32(18 - digit * 6)) & 0x3F
                text.append(digit <= count ? digits[value] : UInt8(ascii: "="))
            }
        }
        return text
    }

    /// Whether a text encodes 16 bytes: 22 digits, the last with four zero bits, and `==`.
    static func encodesSixteenBytes(_ text: Span<UInt8>) -> Bool {
        guard text.count == 24, text[22] == UInt8(ascii: "="), text[23] == UInt8(ascii: "=") else {
            return false
        }
        for offset in 0..<22 where !digits.contains(text[offset]) { return false }
        switch text[21] {
        case UInt8(ascii: "A"), UInt8(ascii: "Q"), UInt8(ascii: "g"), UInt8(ascii: "w"): return true
        default: return false
        }
    }
}
