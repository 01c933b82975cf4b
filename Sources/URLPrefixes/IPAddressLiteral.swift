// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address, without port or zone, as 16 bytes.
///
/// IPv4 addresses are held in their IPv4-mapped form (`::ffff:0:0/96`), so that an address is equal to itself
/// whichever way a dual-stack socket reports it. Source: RFC 4291 §2.5.5.2.
public struct IPAddressLiteral: Hashable, Sendable, CustomStringConvertible {
    /// The first eight bytes as a number, most significant byte first.
    public let high: UInt64
    /// The last eight bytes as a number, most significant byte first.
    public let low: UInt64

    /// Makes an address from its halves, most significant byte first.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes an IPv4 address from its number: `0x7F00_0001` is `127.0.0.1`.
    public init(ipv4 value: UInt32) {
        self.init(high: 0, low: 0xFFFF << 32 | UInt64(value))
    }

    /// Makes an address from 4 or 16 bytes in network order; nil for any other count.
    public init?(bytes: Span<UInt8>) {
        switch bytes.count {
        case 4:
            var value: UInt32 = 0
            for index in 0..<4 { value = value << 8 | UInt32(bytes[index]) }
            self.init(ipv4: value)
        case 16:
            var high: UInt64 = 0
            var low: UInt64 = 0
            for index in 0..<8 {
                high = high << 8 | UInt64(bytes[index])
                low = low << 8 | UInt64(bytes[index + 8])
            }
            self.init(high: high, low: low)
        default:
            return nil
        }
    }

    /// Whether this is an IPv4 address, also when it was given as an IPv4-mapped one.
    public var isIPv4: Bool {
        high == 0 && low >> 32 == 0xFFFF
    }

    /// Whether this is in `127.0.0.0/8` or is `::1`.
    public var isLoopback: Bool {
        isIPv4 ? (low >> 24) & 0xFF == 127 : high == 0 && low == 1
    }

    /// Whether this is `0.0.0.0` or `::`.
    public var isUnspecified: Bool {
        high == 0 && (low == 0 || low == 0xFFFF << 32)
    }

    /// The 16 bytes in network order, IPv4 addresses in their mapped form.
    public var bytes: [16 of UInt8] {
        [16 of UInt8] { index in
            let half = index < 8 ? high : low
            return UInt8(truncatingIfNeeded: half >> UInt64(8 * (7 - index & 7)))
        }
    }
}
