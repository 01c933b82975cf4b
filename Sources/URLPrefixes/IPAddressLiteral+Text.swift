// SPDX-License-Identifier: Apache-2.0

extension IPAddressLiteral {
    /// Parses an IPv4 address in dotted form or an IPv6 address without brackets; nil if it is neither.
    ///
    /// Accepts `192.0.2.1`, `::1`, `::ffff:192.0.2.1`; refuses `192.0.2`, `192.0.2.01`, `fe80::1%eth0`.
    /// Source: RFC 3986 §3.2.2, `IPv4address` and `IPv6address`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let address = IPAddressLiteral(ipv4: bytes) ?? IPAddressLiteral(ipv6: bytes) else { return nil }
        self = address
    }

    /// Parses four decimal octets of 0 to 255, without leading zeros.
    init?(ipv4 text: [UInt8]) {
        guard text.count <= 15 else { return nil }
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let octet = Self.octet(part) else { return nil }
            value = value << 8 | octet
        }
        self.init(ipv4: value)
    }

    private static func octet(_ digits: ArraySlice<UInt8>) -> UInt32? {
        guard (1...3).contains(digits.count) else { return nil }
        if digits.count > 1 && digits.first == UInt8(ascii: "0") { return nil }
        var value: UInt32 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + UInt32(digit - 0x30)
        }
        return value <= 255 ? value : nil
    }

    /// Parses up to eight groups of hexadecimal digits with at most one `::`, the last two perhaps dotted.
    init?(ipv6 text: [UInt8]) {
        guard (2...45).contains(text.count) else { return nil }
        let colon = UInt8(ascii: ":")
        let gap = text.indices.first { text[$0...].starts(with: [colon, colon]) }
        var groups: [UInt16] = []
        if let gap {
            let tail = text[(gap + 2)...]
            guard let before = Self.groups(text[..<gap], mayEndDotted: false),
                let after = Self.groups(tail, mayEndDotted: true),
                // `::` stands for one group or more. Source: RFC 4291 §2.2.
                before.count + after.count <= 7
            else { return nil }
            groups = before + Array(repeating: 0, count: 8 - before.count - after.count) + after
        } else {
            guard let all = Self.groups(text[...], mayEndDotted: true), all.count == 8 else { return nil }
            groups = all
        }
        let high = groups[0..<4].reduce(0 as UInt64) { $0 << 16 | UInt64($1) }
        let low = groups[4..<8].reduce(0 as UInt64) { $0 << 16 | UInt64($1) }
        self.init(high: high, low: low)
    }

    /// Parses groups between single colons; an empty text is no groups, anything malformed is nil.
    private static func groups(_ text: ArraySlice<UInt8>, mayEndDotted: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if let group = group(part) {
                groups.append(group)
            } else if mayEndDotted && index == parts.count - 1,
                let dotted = IPAddressLiteral(ipv4: Array(part))
            {
                groups.append(UInt16(truncatingIfNeeded: dotted.low >> 16))
                groups.append(UInt16(truncatingIfNeeded: dotted.low))
            } else {
                return nil
            }
        }
        return groups
    }

    private static func group(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(digits.count) else { return nil }
        var value: UInt16 = 0
        for digit in digits {
            guard let nibble = hexadecimalValue(digit) else { return nil }
            value = value << 4 | nibble
        }
        return value
    }

    private static func hexadecimalValue(_ digit: UInt8) -> UInt16? {
        switch digit {
        case 0x30...0x39: UInt16(digit - 0x30)
        case 0x41...0x46: UInt16(digit - 0x41 + 10)
        case 0x61...0x66: UInt16(digit - 0x61 + 10)
        default: nil
        }
    }

    /// The address as text: IPv4 dotted; IPv6 compressed, in lower case, without brackets (RFC 5952 §4).
    public var description: String {
        if isIPv4 {
            return (0..<4).map { "\(low >> UInt64(24 - 8 * $0) & 0xFF)" }.joined(separator: ".")
        }
        let groups = (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard let zeros = Self.longestZeroRun(groups) else { return text(0..<8) }
        return text(0..<zeros.lowerBound) + "::" + text(zeros.upperBound..<8)
    }

    /// The first of the longest runs of two or more zero groups.
    ///
    /// Source: RFC 5952 §4.2.
    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
        var longest: Range<Int>?
        var start = 0
        for index in 0...8 {
            if index < 8 && groups[index] == 0 { continue }
            if index - start > max(longest?.count ?? 0, 1) { longest = start..<index }
            start = index + 1
        }
        return longest
    }
}
