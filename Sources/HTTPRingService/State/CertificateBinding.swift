// SPDX-License-Identifier: Apache-2.0

public import URLPrefixes

/// Which connections a certificate is for: the key of a binding.
///
/// Shape: `ipport=0.0.0.0:443`, `ipport=[::]:443`, `hostnameport=www.example.com:443`,
/// `hostnameport=*.example.com:443`, `ccs=443`. Source: HTTP Server API, `HttpServiceConfigSSLCertInfo` and
/// siblings.
public enum CertificateKey: Hashable, Sendable, CustomStringConvertible {
    /// Connections to a local address and port; `0.0.0.0` and `[::]` mean any of their family.
    case addressPort(IPAddressLiteral, UInt16)
    /// Connections to a port that name a host in their greeting (SNI); lower case.
    case hostnamePort(String, UInt16)
    /// Connections to a port whose certificate lies in a directory under the host's name.
    case centralStore(UInt16)

    /// Reads a key; `nil` for a text of another shape.
    public init?(_ text: String) {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        let value = text[text.index(after: equals)...]
        switch text[..<equals] {
        case "ipport":
            guard let (host, port) = Self.split(value) else { return nil }
            let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
            let bare = isBracketed ? String(host.dropFirst().dropLast()) : String(host)
            guard let address = IPAddressLiteral(bare), address.isIPv4 != isBracketed else { return nil }
            self = .addressPort(address, port)
        case "hostnameport":
            guard let (host, port) = Self.split(value), let name = Self.hostname(host) else { return nil }
            self = .hostnamePort(name, port)
        case "ccs":
            guard let port = Self.port(value) else { return nil }
            self = .centralStore(port)
        default:
            return nil
        }
    }

    /// The key as it is read.
    public var description: String { "\(kind)=\(value)" }

    /// The key's name: `ipport`, `hostnameport` or `ccs`.
    public var kind: String {
        switch self {
        case .addressPort: "ipport"
        case .hostnamePort: "hostnameport"
        case .centralStore: "ccs"
        }
    }

    /// The key's value: `0.0.0.0:443`, `www.example.com:443`, `443`.
    public var value: String {
        switch self {
        case .addressPort(let address, let port):
            address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        case .hostnamePort(let name, let port): "\(name):\(port)"
        case .centralStore(let port): "\(port)"
        }
    }

    private static func split(_ text: Substring) -> (Substring, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = port(text[text.index(after: colon)...]) else {
            return nil
        }
        return (text[..<colon], port)
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text.first != "0" else { return nil }
        return UInt16(text)
    }

    /// A name as prefixes have it; borrowing their parser keeps the two the same.
    private static func hostname(_ text: Substring) -> String? {
        guard let prefix = try? URLPrefix("https://\(text):443/") else { return nil }
        switch prefix.host {
        case .name(let name): return name
        case .subdomainWildcard(let suffix): return "*.\(suffix)"
        case .strongWildcard, .weakWildcard, .address: return nil
        }
    }
}

/// A certificate and how TLS is spoken with it, for the connections its key names.
public struct CertificateBinding: Hashable, Sendable {
    /// Which connections it is for.
    public let key: CertificateKey
    /// The values of its switches by `CertificateSwitch.name`; those left out have their defaults.
    public var values: [String: String]

    /// Makes a binding.
    public init(key: CertificateKey, values: [String: String]) {
        self.key = key
        self.values = values
    }

    /// The value of a switch: what was given, or its default.
    public func value(of option: CertificateSwitch) -> String { values[option.name] ?? option.standard }

    /// Whether a switch of kind `flag` is on.
    public func isEnabled(_ name: String) -> Bool {
        guard let option = CertificateSwitch.named(name) else { return false }
        return value(of: option) == "enable"
    }
}

/// One parameter of `add sslcert` that has a meaning on Linux.
///
/// Without one, and therefore refused: `certhash` and `certstorename` (certificates are files), `dsmapperusage`,
/// `enabletokenbinding`, `disablequic`, `disablelegacytls` (TLS 1.1 and older are never spoken), `disablesessionid`
/// (there are tickets only), `usagecheck` (always on).
/// Source: HTTP Server API, `HTTP_SERVICE_CONFIG_SSL_PARAM`.
public struct CertificateSwitch: Hashable, Sendable {
    /// What values a switch takes.
    public enum Kind: Hashable, Sendable {
        /// `enable` or `disable`.
        case flag
        /// An absolute path.
        case path
        /// Any text of at most 256 bytes without control characters.
        case text
    }

    /// Its name, as `clientcertnegotiation`.
    public let name: String
    /// Its label in listings, as `Negotiate Client Certificate`.
    public let label: String
    /// What values it takes.
    public let kind: Kind
    /// The value of a binding that does not give it.
    public let standard: String
    /// What it does, as one sentence.
    public let help: String

    /// Every switch, in the order of listings.
    public static let all: [CertificateSwitch] = [
        .init(
            name: "certfile",
            label: "Certificate File",
            kind: .path,
            standard: "",
            help: "PEM file with the certificate chain, or PKCS#12; with ccs the directory of certificates."
        ),
        .init(
            name: "keyfile",
            label: "Key File",
            kind: .path,
            standard: "",
            help: "PEM file with the private key; without it the key is in certfile."
        ),
        .init(
            name: "passwordfile",
            label: "Password File",
            kind: .path,
            standard: "",
            help: "File whose first line opens the key or the PKCS#12 file."
        ),
        .init(
            name: "ocspfile",
            label: "OCSP Response File",
            kind: .path,
            standard: "",
            help: "DER file with the OCSP response to staple."
        ),
        .init(
            name: "appid",
            label: "Application ID",
            kind: .text,
            standard: "",
            help: "A name for whoever made the binding; kept and shown."
        ),
        .init(
            name: "verifyclientcertrevocation",
            label: "Verify Client Certificate Revocation",
            kind: .flag,
            standard: "enable",
            help: "Whether client certificates are checked against crlfile."
        ),
        .init(
            name: "sslctlidentifier",
            label: "Ctl Identifier",
            kind: .path,
            standard: "",
            help: "PEM file of the issuers client certificates may have."
        ),
        .init(
            name: "crlfile",
            label: "Revocation List File",
            kind: .path,
            standard: "",
            help: "PEM file of revocation lists."
        ),
        .init(
            name: "clientcertnegotiation",
            label: "Negotiate Client Certificate",
            kind: .flag,
            standard: "disable",
            help: "Whether the client's certificate is asked for in the handshake."
        ),
        .init(
            name: "reject",
            label: "Reject Connections",
            kind: .flag,
            standard: "disable",
            help: "Whether connections the key names are refused."
        ),
        .init(
            name: "disablehttp2",
            label: "Disable HTTP2",
            kind: .flag,
            standard: "disable",
            help: "Whether HTTP/2 is not offered."
        ),
        .init(
            name: "disabletls12",
            label: "Disable TLS1.2",
            kind: .flag,
            standard: "disable",
            help: "Whether TLS 1.2 is refused."
        ),
        .init(
            name: "disabletls13",
            label: "Disable TLS1.3",
            kind: .flag,
            standard: "disable",
            help: "Whether TLS 1.3 is refused."
        ),
        .init(
            name: "disableocspstapling",
            label: "Disable OCSP Stapling",
            kind: .flag,
            standard: "disable",
            help: "Whether no OCSP response is stapled."
        ),
        .init(
            name: "enablesessionticket",
            label: "Enable Session Ticket",
            kind: .flag,
            standard: "enable",
            help: "Whether sessions resume by tickets."
        ),
    ]

    /// The switch of a name; `nil` where there is none.
    public static func named(_ name: String) -> CertificateSwitch? { all.first { $0.name == name } }

    /// Whether a text is a value of the switch.
    public func accepts(_ text: String) -> Bool {
        switch kind {
        case .flag: text == "enable" || text == "disable"
        case .path: text.hasPrefix("/") && text.utf8.count < 4096 && !text.utf8.contains { $0 < 0x20 }
        case .text: (1...256).contains(text.utf8.count) && !text.utf8.contains { $0 < 0x20 || $0 == 0x7F }
        }
    }

    /// The values it takes, in words.
    public var expected: String {
        switch kind {
        case .flag: "enable or disable"
        case .path: "an absolute path"
        case .text: "1 to 256 bytes without control characters"
        }
    }
}
