// SPDX-License-Identifier: Apache-2.0

/// The grammar of `uri-host [ ":" port ]`, as in Host and in a request-target's authority.
///
/// **Shape**: a name of letters, digits and `- . _ ~ ! $ ' ( )`, an IPv4 address, `[IPv6]` or `[vN.future]`, with
/// an optional port of one to five digits up to 65535. `example.com:8080` is valid; `user@example.com`,
/// `a%20b`, `host:` and `[::1%eth0]` are refused.
///
/// Source: RFC 3986 §3.2.2 and §3.2.3, without percent-escapes and with the characters that Kestrel allows.
public struct HostSyntax: Equatable, Sendable {
    /// The bytes of the host, brackets included.
    public var host: ByteRange
    /// The port, where one is given.
    public var port: UInt16?

    /// Takes a host apart; nil where it is malformed or empty.
    public init?(_ text: Span<UInt8>) {
        self.init(text, from: 0, to: text.count)
    }

    /// Takes the host in `start..<end` apart; nil where it is malformed or empty.
    init?(_ bytes: Span<UInt8>, from start: Int, to end: Int) {
        guard start < end else { return nil }
        var hostEnd = start
        if bytes[start] == UInt8(ascii: "[") {
            guard let closing = IPLiteral.closingBracket(bytes, from: start, to: end) else { return nil }
            hostEnd = closing + 1
        } else {
            while hostEnd < end, bytes[hostEnd].isIn(.hostName) { hostEnd &+= 1 }
            guard hostEnd > start else { return nil }
        }
        host = ByteRange(from: start, to: hostEnd)
        port = nil
        if hostEnd < end {
            guard bytes[hostEnd] == UInt8(ascii: ":") else { return nil }
            guard let port = HostSyntax.port(bytes, from: hostEnd + 1, to: end) else { return nil }
            self.port = port
        }
    }

    /// A port of one to five digits in `start..<end`, up to 65535.
    private static func port(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> UInt16? {
        guard start < end, end - start <= 5 else { return nil }
        var value: UInt32 = 0
        for offset in start..<end {
            guard bytes[offset].isDigit else { return nil }
            value = value &* 10 &+ UInt32(bytes[offset] &- 0x30)
        }
        return UInt16(exactly: value)
    }
}

/// The grammar of an IP literal in brackets.
enum IPLiteral {
    /// The offset of the `]` that ends a valid literal beginning at `start`, where `[` stands.
    static func closingBracket(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int? {
        var closing = start + 1
        while closing < end, bytes[closing] != UInt8(ascii: "]") { closing += 1 }
        guard closing < end, closing > start + 1 else { return nil }
        let isValid =
            bytes[start + 1] | 0x20 == UInt8(ascii: "v")
            ? isFuture(bytes, from: start + 1, to: closing)
            : isIPv6(bytes, from: start + 1, to: closing)
        return isValid ? closing : nil
    }

    /// `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`.
    private static func isFuture(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        var offset = start + 1
        while offset < end, bytes[offset].isIn(.hexDigit) { offset += 1 }
        guard offset > start + 1, offset < end, bytes[offset] == UInt8(ascii: "."), offset + 1 < end else {
            return false
        }
        for index in (offset + 1)..<end
        where !(bytes[index].isIn(.hostName) || bytes[index] == UInt8(ascii: ":")) {
            return false
        }
        return true
    }

    /// `IPv6address` of RFC 3986 §3.2.2: up to eight groups, one `::`, an IPv4 address as the last two groups.
    static func isIPv6(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        var groups = 0
        var hasGap = false
        var offset = start
        if end - start >= 2, bytes[start] == UInt8(ascii: ":"), bytes[start + 1] == UInt8(ascii: ":") {
            hasGap = true
            offset = start + 2
        }
        while offset < end {
            let groupStart = offset
            while offset < end, offset - groupStart < 4, bytes[offset].isIn(.hexDigit) { offset += 1 }
            guard offset > groupStart, groups < 8 else { return false }
            if offset < end, bytes[offset] == UInt8(ascii: ".") {
                guard isIPv4(bytes, from: groupStart, to: end) else { return false }
                groups += 2
                offset = end
                break
            }
            groups += 1
            guard offset < end else { break }
            guard bytes[offset] == UInt8(ascii: ":") else { return false }
            offset += 1
            guard offset < end else { return false }
            if bytes[offset] == UInt8(ascii: ":") {
                guard !hasGap else { return false }
                hasGap = true
                offset += 1
            }
        }
        return hasGap ? groups <= 7 : groups == 8
    }

    /// `IPv4address` of RFC 3986 §3.2.2: four numbers from 0 to 255 without leading zeros.
    static func isIPv4(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        var parts = 0
        var offset = start
        while offset < end, parts < 4 {
            let partStart = offset
            var value = 0
            while offset < end, offset - partStart < 3, bytes[offset].isDigit {
                value = value * 10 + Int(bytes[offset] - 0x30)
                offset += 1
            }
            let count = offset - partStart
            guard count > 0, value <= 255, count == 1 || bytes[partStart] != 0x30 else { return false }
            parts += 1
            guard parts < 4 else { break }
            guard offset < end, bytes[offset] == UInt8(ascii: ".") else { return false }
            offset += 1
        }
        return parts == 4 && offset == end
    }
}
