// SPDX-License-Identifier: Apache-2.0

/// One end of a connection, as a PROXY protocol header tells it.
public enum ProxyProtocolAddress: Equatable, Sendable {
    /// An IPv4 address as a number, `0x7F00_0001` for `127.0.0.1`, and a port.
    case ipv4(UInt32, port: UInt16)
    /// The two halves of an IPv6 address, most significant byte first, and a port.
    case ipv6(high: UInt64, low: UInt64, port: UInt16)
    /// The path of a Unix socket, as a range of the header's bytes; empty for one without a name.
    case unix(path: ByteRange)

    /// The port, 0 for a Unix socket.
    public var port: UInt16 {
        switch self {
        case .ipv4(_, let port), .ipv6(_, _, let port): port
        case .unix: 0
        }
    }

    /// The address without its port as text: dotted IPv4, IPv6 as RFC 5952 §4 writes it, or the path.
    ///
    /// Cost: allocates for more than 15 characters.
    ///
    /// - Parameter header: the bytes that the header was parsed from.
    /// - Returns: the text; an address in `::ffff:0:0/96` is written as the IPv4 address it stands for.
    public func text(in header: Span<UInt8>) -> String {
        switch self {
        case .ipv4(let value, _):
            return Self.dotted(value)
        case .ipv6(let high, let low, _):
            if high == 0, low >> 32 == 0xFFFF { return Self.dotted(UInt32(truncatingIfNeeded: low)) }
            return Self.compressed(high, low)
        case .unix(let path):
            guard path.end <= header.count else { return "" }
            return ByteScan.string(header.extracting(path.range))
        }
    }

    private static func dotted(_ value: UInt32) -> String {
        "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
    }

    /// Groups in lower case without leading zeros, the longest run of two zeros or more as `::`.
    private static func compressed(_ high: UInt64, _ low: UInt64) -> String {
        func group(_ index: Int) -> UInt16 {
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(16 * (3 - index & 3)))
        }
        var longest = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start > max(longest.count, 1) { longest = start..<index }
            start = index + 1
        }
        var text = ""
        var index = 0
        while index < 8 {
            if index == longest.lowerBound, !longest.isEmpty {
                text += "::"
                index = longest.upperBound
                continue
            }
            if !text.isEmpty, !text.hasSuffix("::") { text += ":" }
            text += String(group(index), radix: 16)
            index += 1
        }
        return text
    }
}
