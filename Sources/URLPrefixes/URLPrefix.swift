// SPDX-License-Identifier: Apache-2.0

/// A claim on a part of the URL space: `scheme://host:port/path/`.
///
/// Shape: `scheme "://" host [":" port] [path]`. The host is `+`, `*`, a name, `*.name`, an IPv4 address
/// or an IPv6 address in brackets. An absent port means 80 for `http` and 443 for `https`; a missing final
/// slash is added. The path is given un-escaped: `/base path/`, not `/base%20path/`; `?` and `:` are not
/// special in it. `http://*.example.com/shop` is accepted, `http://shop.*.com/` is refused.
///
/// Two prefixes are equal when they differ only in the case of letters, or in whether a host name is
/// spelled in Unicode or as an A-label. Nothing else is normalised: composed and decomposed letters differ.
///
/// Source: HTTP Server API, "UrlPrefix Strings"; ASP.NET Core's `UrlPrefix`.
public struct URLPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The scheme of a URL prefix.
    ///
    /// A port carries one scheme only.
    public enum Scheme: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
        /// Plain HTTP; the default port is 80.
        case http
        /// HTTP over TLS; the default port is 443.
        case https

        /// `http` or `https`.
        public var description: String {
            switch self {
            case .http: "http"
            case .https: "https"
            }
        }

        /// The port meant when a prefix names none: 80 or 443.
        public var defaultPort: UInt16 {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    /// The most UTF-8 bytes the path of a prefix may have, its slashes included.
    public static let pathBytesMax = 2048
    /// The most segments the path of a prefix may have.
    ///
    /// Source: HTTP.sys, `UrlSegmentMaxCount`.
    public static let pathSegmentsMax = 255

    /// The scheme.
    public let scheme: Scheme
    /// The host, names in lower case.
    public let host: Host
    /// The port; 0 only in prefixes made with `allowingPortZero: true`.
    public let port: UInt16
    /// The path, un-escaped and in the spelling given; begins and ends with `/`.
    public let path: String

    /// The case-folded full form, which decides equality: host as A-label, path folded.
    let key: [UInt8]
    /// Where the path begins in `key`.
    let keyPathOffset: Int

    /// Makes a prefix from parts that the parser has checked.
    init(scheme: Scheme, host: Host, port: UInt16, path: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        var key = Array("\(scheme)://".utf8)
        key += host.key
        key += Array(":\(port)".utf8)
        self.keyPathOffset = key.count
        CaseFolding.append(path, to: &key)
        self.key = key
    }

    /// The full form with port and final slash, as in `http://+:80/shop/`.
    public var description: String {
        "\(scheme)://\(host):\(port)\(path)"
    }

    /// Returns the same prefix on another port: what a prefix on port 0 becomes once a port is chosen.
    public func withPort(_ port: UInt16) -> URLPrefix {
        URLPrefix(scheme: scheme, host: host, port: port, path: path)
    }

    /// Compares without regard to the case of letters.
    public static func == (left: URLPrefix, right: URLPrefix) -> Bool {
        left.key == right.key
    }

    /// Feeds the case-folded full form to `hasher`.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(key)
    }
}
