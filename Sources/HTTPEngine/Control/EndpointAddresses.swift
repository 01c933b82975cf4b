// SPDX-License-Identifier: Apache-2.0

import Glibc
import IORing
import URLPrefixes

/// Which addresses a prefix's host stands for.
enum EndpointAddresses {
    /// Wildcards and names listen everywhere or on the addresses of a list, `localhost` on loopback, an address on
    /// itself.
    static func of(
        _ host: URLPrefix.Host,
        port: UInt16,
        at listenAddresses: [IPAddressLiteral]
    ) -> [SocketAddress] {
        switch host {
        case .name("localhost"):
            return [.loopback(port: port), SocketAddress(ipv6High: 0, low: 1, port: port)]
        case .strongWildcard, .weakWildcard, .name, .subdomainWildcard:
            guard listenAddresses.isEmpty else {
                return listenAddresses.map { SocketAddress(literal: $0, port: port) }
            }
            return [.anyIPv4(port: port), .anyIPv6(port: port)]
        case .address(let literal): return [SocketAddress(literal: literal, port: port)]
        }
    }

    /// Whether an error says that the machine has no such address family.
    static func isFamilyMissing(_ error: any Error) -> Bool {
        guard let error = error as? IORingError else { return false }
        return error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL
    }
}

extension SocketAddress {
    init(literal: IPAddressLiteral, port: UInt16) {
        if literal.isIPv4 {
            self.init(ipv4: UInt32(truncatingIfNeeded: literal.low), port: port)
        } else {
            self.init(ipv6High: literal.high, low: literal.low, port: port)
        }
    }

    /// The address as prefixes know it; `nil` for a Unix socket.
    var literal: IPAddressLiteral? {
        switch family {
        case .ipv4: IPAddressLiteral(ipv4: ipv4 ?? 0)
        case .ipv6: IPAddressLiteral(high: high, low: low)
        case .unix: nil
        }
    }
}
