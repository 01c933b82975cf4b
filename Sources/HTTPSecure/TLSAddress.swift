// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// An IP address as the key of a certificate binding; IPv4 has its mapped form, `::ffff:a.b.c.d`.
///
/// Any thread, trivially copied, so that the address a client reached costs nothing to pass on.
public struct TLSAddress: Hashable, Sendable {
    /// The first 64 bits as a number.
    public let high: UInt64
    /// The last 64 bits as a number.
    public let low: UInt64

    /// Makes an address from the two halves of its IPv6 form.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes an IPv4 address from its number, as 0x7F000001 for 127.0.0.1.
    public init(ipv4: UInt32) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4))
    }

    /// Reads an address without brackets or port, as `127.0.0.1` or `::1`; `nil` for anything else.
    public init?(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(ipv4: UInt32(bigEndian: four.s_addr))
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let halves = withUnsafeBytes(of: &six) { bytes in
            (bytes.load(as: UInt64.self), bytes.load(fromByteOffset: 8, as: UInt64.self))
        }
        self.init(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
    }

    /// Whether it is `0.0.0.0` or `::`, which stand for every address.
    var isAny: Bool { high == 0 && (low == 0 || low == 0xFFFF_0000_0000) }
}
