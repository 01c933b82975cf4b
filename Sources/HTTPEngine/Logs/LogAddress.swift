// SPDX-License-Identifier: Apache-2.0
package import Glibc

/// An IP address and port as log records carry them: sixteen bytes, no text, no allocation.
///
/// **Shape**: IPv6 in network order; IPv4 as its mapped form `::ffff:a.b.c.d`, printed without the prefix.
/// The unspecified address `::` stands for "no address" (a Unix socket) and is printed as `-`.
package struct LogAddress: Equatable, Sendable {
    /// The first eight bytes of the address, most significant first.
    package var high: UInt64
    /// The last eight bytes of the address, most significant first.
    package var low: UInt64
    /// The IPv6 scope (interface index); 0 when the address has none.
    package var scope: UInt32
    /// The port in host order; 0 is printed as `-`.
    package var port: UInt16

    /// No address: both columns are printed as `-`.
    package static var none: LogAddress { LogAddress(high: 0, low: 0, scope: 0, port: 0) }

    /// Creates an address from its words.
    package init(high: UInt64, low: UInt64, scope: UInt32, port: UInt16) {
        self.high = high
        self.low = low
        self.scope = scope
        self.port = port
    }

    /// Creates an IPv4 address from its 32 bits in host order (127.0.0.1 is 0x7F000001).
    package init(ipv4: UInt32, port: UInt16) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4), scope: 0, port: port)
    }

    /// Creates an address from the kernel's IPv4 form, whose fields are in network order.
    package init(_ address: sockaddr_in) {
        self.init(
            ipv4: UInt32(bigEndian: address.sin_addr.s_addr),
            port: UInt16(bigEndian: address.sin_port)
        )
    }

    /// Creates an address from the kernel's IPv6 form, whose fields are in network order.
    package init(_ address: sockaddr_in6) {
        // SAFETY: an IPv6 address is sixteen bytes in network order, whatever its union's members are called.
        let words = unsafe withUnsafeBytes(of: address.sin6_addr) { bytes in
            unsafe (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
        self.init(
            high: UInt64(bigEndian: words.0),
            low: UInt64(bigEndian: words.1),
            scope: address.sin6_scope_id,
            port: UInt16(bigEndian: address.sin6_port)
        )
    }

    /// Whether there is an address to print.
    var isPresent: Bool { high != 0 || low != 0 }

    /// Whether this is an IPv4 address in its mapped form.
    var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The group at `index` (0 through 7) of the IPv6 form.
    func group(_ index: Int) -> UInt16 {
        let word = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: word >> UInt64(48 - 16 * (index & 3)))
    }

    /// The longest run of zero groups, the first of equals, or an empty range where none is two long.
    ///
    /// **Source**: RFC 5952 §4.2.
    var zeroRun: Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        return best
    }
}
