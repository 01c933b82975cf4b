// SPDX-License-Identifier: Apache-2.0

/// Which connections a certificate binding is for.
///
/// A port of `nil` stands for every port; a binding that names the port goes before one that does not.
/// Source: the binding kinds of `netsh http add sslcert`.
public enum TLSBindingKey: Hashable, Sendable {
    /// The name in the client's hello: `www.example.com`, or `*.example.com` for every name below.
    case hostName(String, port: UInt16?)
    /// Any name, to be found in a directory of certificates.
    case anyName(port: UInt16?)
    /// The address that the client reached.
    case address(TLSAddress, port: UInt16)
    /// Every address; with no port the default of all.
    case anyAddress(port: UInt16?)

    /// Reads `name:port`, as in `hostnameport=www.example.com:443`; the name may be `*.name`, or `*` for any.
    ///
    /// `nil` for a port that is none, an empty name, or a `*` elsewhere than in front.
    public init?(hostNamePort text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let port = Self.port(text[text.index(after: colon)...])
        else { return nil }
        let name = String(text[..<colon])
        if name == "*" {
            self = .anyName(port: port)
        } else if let canonical = ServerName.canonicalPattern(name) {
            self = .hostName(canonical, port: port)
        } else {
            return nil
        }
    }

    /// Reads `address:port`, as in `ipport=0.0.0.0:443` or `ipport=[::1]:443`.
    ///
    /// `0.0.0.0` and `[::]` mean every address. `nil` for what is no address or no port.
    public init?(addressPort text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let port = Self.port(text[text.index(after: colon)...])
        else { return nil }
        var literal = text[..<colon]
        if literal.first == "[" {
            guard literal.last == "]" else { return nil }
            literal = literal.dropFirst().dropLast()
            guard literal.utf8.contains(UInt8(ascii: ":")) else { return nil }
        } else if literal.utf8.contains(UInt8(ascii: ":")) {
            return nil
        }
        guard let address = TLSAddress(String(literal)) else { return nil }
        self = address.isAny ? .anyAddress(port: port) : .address(address, port: port)
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(text),
            port > 0
        else { return nil }
        return port
    }
}

extension TLSBindingKey: CustomStringConvertible {
    /// The key as an operator knows it, such as `www.example.com:443` or `every address`.
    public var description: String {
        switch self {
        case .hostName(let name, let port): name + Self.suffix(port)
        case .anyName(let port): "*" + Self.suffix(port)
        case .address(let address, let port): "\(Self.text(address)):\(port)"
        case .anyAddress(let port): port.map { "0.0.0.0:\($0)" } ?? "every address"
        }
    }

    private static func suffix(_ port: UInt16?) -> String {
        port.map { ":\($0)" } ?? ""
    }

    private static func text(_ address: TLSAddress) -> String {
        if address.high == 0, address.low >> 32 == 0xFFFF {
            return (0..<4).map { String(address.low >> (24 - 8 * UInt64($0)) & 0xFF) }.joined(separator: ".")
        }
        let groups = [address.high, address.low].flatMap { half in
            (0..<4).map { String(half >> (48 - 16 * UInt64($0)) & 0xFFFF, radix: 16) }
        }
        return "[" + groups.joined(separator: ":") + "]"
    }
}
