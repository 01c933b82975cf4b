// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
public import URLPrefixes

/// Where the service listens: a port, at one of the machine's addresses or at all.
///
/// Shape: `443`, `10.0.0.5:443`, `[2001:db8::5]:443`; `10.0.0.5`, `localhost:443` and `*:443` are refused. The
/// unspecified address, as in `0.0.0.0:443`, means the listener that is bound to it, not those of single addresses.
public struct ListeningAddress: Sendable, Hashable, CustomStringConvertible {
    /// The address the listener is bound to; `nil` for any.
    public let address: IPAddressLiteral?
    /// The port, 1 to 65535.
    public let port: UInt16

    /// Reads an address; `nil` where the text is none.
    public init?(_ text: String) {
        var digits = text[...]
        var literal: IPAddressLiteral?
        if let colon = text.lastIndex(of: ":") {
            let host = text[..<colon]
            digits = text[text.index(after: colon)...]
            let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
            let inner = isBracketed ? host.dropFirst().dropLast() : host
            guard isBracketed == inner.contains(":"), let address = IPAddressLiteral(String(inner)) else {
                return nil
            }
            literal = address
        }
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits), port > 0
        else { return nil }
        address = literal
        self.port = port
    }

    /// As it is written in the configuration file.
    public var description: String {
        guard let address else { return "\(port)" }
        return address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// Has the connections of the listener begin with a PROXY protocol header.
    var proxyHeaderRule: ListenerRule {
        ListenerRule(port: port, address: address.map { "\($0)" }) { $0.expectsProxyHeader = true }
    }
}
