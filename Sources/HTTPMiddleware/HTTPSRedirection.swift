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
    static func pathAndQuery(of context: HTTPContext) -> String {
        let request = context.request
        let original = context.features[(any HTTPOriginalRequestFeature).self]
        if original == nil || original?.pathBase == request.pathBase, request.rawTarget.hasPrefix("/"),
            !request.rawTarget.hasPrefix("//")
        {
            return request.rawTarget
        }
        let path = encode(request.pathBase + request.path)
        // "//host" would be another host's.
        let trimmed = path.drop { $0 == "/" }
        return "/" + trimmed + request.queryString
    }

    /// Percent-encodes what a path cannot hold; escapes that are there stay, as `%2F` in a decoded path.
    static func encode(_ path: String) -> String {
        var bytes: [UInt8] = []
        let source = Array(path.utf8)
        let digits = Array("0123456789ABCDEF".utf8)
        for (index, byte) in source.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < source.count && isHexadecimal(source[index + 1])
                && isHexadecimal(source[index + 2])
            if isEscape || isPathByte(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
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
