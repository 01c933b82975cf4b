// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire

/// Sends requests of scheme `http` to the same URL with `https`.
///
/// Behind a proxy that ends TLS, put `ForwardedHeaders` before it, or every request is sent round in a circle.
/// The answer keeps method and content (307, 308), and must not be cached where the host is not told in it.
public struct HTTPSRedirection: RequestMiddleware {
    /// Whether a client may remember.
    public enum Permanence: Int, Sendable {
        /// 307 Temporary Redirect.
        case temporary = 307
        /// 308 Permanent Redirect.
        case permanent = 308
    }

    /// The status to answer with.
    ///
    /// Default 307.
    public var permanence: Permanence
    /// The port that https is served on.
    ///
    /// Default 443, which is not written.
    public var httpsPort: UInt16
    /// Hosts that are served over http, without port; default none.
    public var excludedHosts: [String] = []

    /// Makes middleware.
    public init(_ permanence: Permanence = .temporary, httpsPort: UInt16 = 443) {
        self.permanence = permanence
        self.httpsPort = httpsPort
    }

    /// Answers a request of scheme `http` with the way to https; lets others through.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        let host = RedirectTarget.host(of: context.request.authority)
        guard context.request.scheme == "http", !host.isEmpty,
            !excludedHosts.contains(where: { FieldSyntax.equalsIgnoringCase($0, host) })
        else { return try await next(context) }
        let port = httpsPort == 443 ? "" : ":\(httpsPort)"
        let location = "https://\(host)\(port)\(RedirectTarget.pathAndQuery(of: context))"
        guard (try? context.response.headers.set(id: .location, value: location)) != nil else {
            throw BadHTTPRequestError(statusCode: 400, "the request's URL does not fit a Location field")
        }
        context.response.statusCode = permanence.rawValue
    }
}

/// Parts of URLs to send clients to.
enum RedirectTarget {
    /// The authority without its port; empty where it is malformed.
    static func host(of authority: String) -> String {
        guard let syntax = HostSyntax(authority.utf8.span) else { return "" }
        return String(authority.utf8.prefix(Int(syntax.host.count))) ?? ""
    }

    /// Path and query as the client sent them, or, where a proxy took part of the path away, as it wrote them.
    ///
    /// What was sent is sent back without decoding and encoding it, which would not give the same (RFC 3986 §2.4).
    static func pathAndQuery(of context: HTTPContext) -> String {
        let request = context.request
        let sent = pathAndQuery(ofTarget: request.rawTarget)
        let original = context.features[(any HTTPOriginalRequestFeature).self]
        guard let original, original.pathBase != request.pathBase else { return sent }
        if let rest = rest(of: sent, below: original.pathBase) {
            return withoutLeadingSlashes(encode(request.pathBase) + rest)
        }
        return withoutLeadingSlashes(encode(request.pathBase + request.path)) + request.queryString
    }

    /// Path and query of a request-target in any form, as they were sent, with one slash before them.
    static func pathAndQuery(ofTarget target: String) -> String {
        if target.utf8.first == UInt8(ascii: "/") { return withoutLeadingSlashes(target) }
        // Absolute form: `scheme://authority`, then what there is. `*` has no path.
        guard let scheme = target.firstRange(of: "://") else { return "/" }
        let rest = target[scheme.upperBound...].drop { $0 != "/" && $0 != "?" }
        return withoutLeadingSlashes(String(rest))
    }

    /// What follows a prefix's path in a path that is in plain form, so that it can be told without decoding.
    private static func rest(of path: String, below prefixPath: String) -> Substring? {
        guard path.utf8.starts(with: prefixPath.utf8) else { return nil }
        let rest = Substring(path.utf8.dropFirst(prefixPath.utf8.count))
        switch rest.utf8.first {
        case nil, UInt8(ascii: "/"), UInt8(ascii: "?"): break
        default: return nil
        }
        // Dot segments could lead out of the prefix.
        let path = path.prefix { $0 != "?" }
        return path.contains("/.") || path.contains("\\") ? nil : rest
    }

    /// "//host" would be another host's to a client that resolves it against a URL.
    private static func withoutLeadingSlashes(_ path: String) -> String {
        "/" + path.drop { $0 == "/" }
    }

    /// Percent-encodes what a path cannot hold, and a decoded `%`.
    ///
    /// The escapes that `RequestPath.decode(_:)` leaves as they are stay: `%2F`, and bytes from 0x80 up.
    static func encode(_ path: String) -> String {
        var bytes: [UInt8] = []
        let source = Array(path.utf8)
        let digits = Array("0123456789ABCDEF".utf8)
        for (index, byte) in source.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < source.count
                && isEscapeLeftAlone(source[index + 1], source[index + 2])
            if isEscape || isPathByte(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isEscapeLeftAlone(_ high: UInt8, _ low: UInt8) -> Bool {
        guard isHexadecimal(high), isHexadecimal(low) else { return false }
        return high >= UInt8(ascii: "8") || (high == UInt8(ascii: "2") && low | 0x20 == UInt8(ascii: "f"))
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte & 0xdf)
    }

    /// `pchar` and `/` (RFC 3986 §3.3).
    private static func isPathByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "-._~!$&'()*+,;=:@/".utf8.contains(byte)
        }
    }
}
