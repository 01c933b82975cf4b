// SPDX-License-Identifier: Apache-2.0

public import URLPrefixes

/// A block of IP addresses: an address and how many of its leading bits count.
///
/// **Shape**: `10.0.0.0/8`, `2001:db8::/32`, or a single address such as `127.0.0.1` or `::1`. Refused are a name,
/// a length over 32 or 128, and bits set behind the length, as in `10.0.0.1/8`, which is most often a slip.
///
/// An IPv4 block also holds the IPv4-mapped IPv6 addresses of its addresses; `::/0` holds every address.
/// Source: RFC 4632 §3.1, RFC 4291 §2.3.
public struct IPNetwork: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The block's first address.
    public let address: IPAddressLiteral
    /// How many leading bits count, 0 to 128; of an IPv4 block 96 to 128, its own length and 96.
    public let prefixBitCount: Int

    /// Reads a block, nil where it is malformed.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddressLiteral(String($0)) }) else { return nil }
        let isShort = address.isIPv4 && !parts[0].utf8.contains(UInt8(ascii: ":"))
        let bitCount = isShort ? 32 : 128
        var length = bitCount
        if parts.count == 2 {
            let digits = parts[1].utf8
            guard (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let value = Int(parts[1]), value <= bitCount
            else { return nil }
            length = value
        }
        self.address = address
        prefixBitCount = length + 128 - bitCount
        let first = Self.masked(address, prefixBitCount)
        guard first.high == address.high, first.low == address.low else { return nil }
    }

    /// Makes a block of the program's own text, which must be well-formed.
    public init(stringLiteral value: String) {
        guard let network = Self(value) else {
            preconditionFailure("\(value) is no IP address and no block of them, such as 10.0.0.0/8")
        }
        self = network
    }

    /// Whether an address is in the block.
    public func contains(_ other: IPAddressLiteral) -> Bool {
        let masked = Self.masked(other, prefixBitCount)
        return masked.high == address.high && masked.low == address.low
    }

    /// The block as text.
    public var description: String {
        "\(address)/\(address.isIPv4 && prefixBitCount >= 96 ? prefixBitCount - 96 : prefixBitCount)"
    }

    /// The halves of an address with all but the leading bits cleared.
    private static func masked(_ address: IPAddressLiteral, _ bitCount: Int) -> (high: UInt64, low: UInt64) {
        // A shift by 64 of a smart shift is 0.
        let high = address.high & ~(UInt64.max >> UInt64(min(bitCount, 64)))
        let low = address.low & ~(UInt64.max >> UInt64(max(bitCount - 64, 0)))
        return (high, low)
    }
}
