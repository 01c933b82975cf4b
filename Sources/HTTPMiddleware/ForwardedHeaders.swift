// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire
import URLPrefixes

/// Lets a request behind a proxy look as the client sent it: its address, scheme, host and path.
///
/// Reads `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`, or `Forwarded`, from the right, one entry a hop, as long
/// as the address that sent the entry is a known proxy's and the limit is not reached. What is believed replaces
/// the connection's remote address and port and the request's scheme, authority and `pathBase`; the entries used
/// up are removed; the values before are in `HTTPOriginalRequestFeature`. What is malformed is not believed, nor
/// is anything left of it; the request goes on with what was found so far. A client that reaches
/// the server without a proxy can say what it likes: its address is not known. A proxy that does not tell the
/// client's address (`unknown`, `_hidden`) is believed in the rest; the address stays what it was.
///
/// Put it before all other middleware. Cost: nothing but a look at the fields for a request without them.
/// Source: RFC 7239; ASP.NET Core's ForwardedHeadersMiddleware, but that an unknown sender is never believed,
/// whichever fields are read, and an empty list of proxies trusts nobody.
public struct ForwardedHeaders: RequestMiddleware {
    /// What is taken over from a proxy.
    public struct Parts: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int
        /// Makes a set of its bits.
        public init(rawValue: Int) { self.rawValue = rawValue }
        /// The client's address: `X-Forwarded-For`, `for=`.
        public static let address = Parts(rawValue: 1)
        /// The host: `X-Forwarded-Host`, `host=`.
        public static let host = Parts(rawValue: 2)
        /// The scheme: `X-Forwarded-Proto`, `proto=`.
        public static let scheme = Parts(rawValue: 4)
        /// The path that the proxy took away: `X-Forwarded-Prefix`.
        public static let prefix = Parts(rawValue: 8)
        /// All of them.
        public static let all: Parts = [.address, .host, .scheme, .prefix]
    }

    /// What is taken over.
    ///
    /// Default: address and scheme. Host and prefix go into links and redirects; take them from a proxy only that sets
    /// them itself, whatever the client sent.
    public var parts: Parts = [.address, .scheme]
    /// Whether `Forwarded` (RFC 7239) is read instead of `X-Forwarded-*`.
    ///
    /// Never both: a proxy that sets one leaves the other to the client. Default false.
    public var usesForwarded = false
    /// How many hops are believed at most, `nil` for no limit.
    ///
    /// Default 1: the entry the nearest proxy wrote. At least 1.
    public var forwardLimit: Int? = 1
    /// The proxies that are believed, by address or block.
    ///
    /// Default: this machine, `127.0.0.0/8` and `::1`. `::/0` believes anyone, for servers only a proxy can reach.
    public var knownProxies: [IPNetwork] = ["127.0.0.0/8", "::1"]
    /// Whether whoever connects to a Unix socket is a known proxy; the socket's access mode decides who can.
    ///
    /// Default false.
    public var trustsUnixSockets = false
    /// The hosts that a proxy may name: exact, `*.example.com`, or `*`; ports are not looked at.
    ///
    /// Default empty, which allows any.
    public var allowedHosts: [String] = []
    /// Whether lists of unequal lengths, or an invalid entry, leave the request as it is.
    ///
    /// Default false: a part that is missing is skipped for its hop.
    public var requiresSymmetry = false

    /// Makes middleware with the defaults.
    public init() {}

    /// Makes middleware that believes proxies of these addresses.
    public init(knownProxies: [IPNetwork], parts: Parts = [.address, .scheme], forwardLimit: Int? = 1) {
        self.knownProxies = knownProxies
        self.parts = parts
        self.forwardLimit = forwardLimit
    }

    /// Rewrites the request where a known proxy sent it, then goes on.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        if let request = context.features.request, let connection = context.features.connection {
            apply(request, connection, context.features)
        }
        try await next(context)
    }

    private func apply(
        _ request: any HTTPRequestFeature,
        _ connection: any HTTPConnectionFeature,
        _ features: FeatureCollection
    ) {
        let lists = ForwardedLists(request, parts: parts, usesForwarded: usesForwarded)
        guard lists.hopCount > 0, isKnown(connection.remoteAddress) else { return }
        if requiresSymmetry, !lists.isSymmetric { return }
        guard let outcome = walk(lists, from: connection.remoteAddress), outcome.hopCount > 0 else { return }
        let original = OriginalRequest(request, connection, hopCount: outcome.hopCount)
        features[(any HTTPOriginalRequestFeature).self] = original
        if let client = outcome.client {
            connection.remoteAddress = client.address.description
            connection.remotePort = client.port
        }
        if let scheme = outcome.scheme { request.scheme = scheme }
        if let prefix = outcome.prefix { request.pathBase = prefix }
        var fields = request.requestHeaders
        lists.removeRightmost(outcome.hopCount, from: &fields)
        if let host = outcome.host {
            request.authority = host
            try? fields.set(id: .host, value: host)
        }
        request.requestHeaders = fields
    }

    /// What the hops that are believed come to.
    private struct Outcome {
        var hopCount = 0
        var client: ForwardedAddress?
        var scheme: String?
        var host: String?
        var prefix: String?
    }

    /// Goes from the nearest proxy towards the client; nil where symmetry is asked for and an entry is invalid.
    private func walk(_ lists: ForwardedLists, from sender: String) -> Outcome? {
        var outcome = Outcome()
        var isSenderKnown = true
        for index in 0..<min(lists.hopCount, max(forwardLimit ?? .max, 1)) {
            let hop = lists.hop(index)
            guard isSenderKnown else { break }
            if hop.isMalformed {
                if requiresSymmetry { return nil }
                break
            }
            if parts.contains(.address), let text = hop.client {
                guard let node = ForwardedNode(text) else {
                    if requiresSymmetry { return nil }
                    break
                }
                switch node {
                case .address(let client):
                    outcome.client = client
                    isSenderKnown = isKnown(client.address)
                case .hidden:
                    // The proxy keeps to itself who sent it the request.
                    isSenderKnown = false
                }
            } else if parts.contains(.address), requiresSymmetry {
                return nil
            } else {
                // Nobody knows who sent the entry left of this one.
                isSenderKnown = !parts.contains(.address)
            }
            outcome.hopCount += 1
            let scheme = hop.scheme.flatMap(Self.scheme)
            let host = hop.host.flatMap(allowedHost)
            let prefix = hop.prefix.flatMap(Self.prefix)
            if requiresSymmetry {
                if parts.contains(.scheme), scheme == nil { return nil }
                if parts.contains(.host), host == nil { return nil }
                if parts.contains(.prefix), !usesForwarded, prefix == nil { return nil }
            }
            outcome.scheme = scheme ?? outcome.scheme
            outcome.host = host ?? outcome.host
            outcome.prefix = prefix ?? outcome.prefix
        }
        return outcome
    }

    private func isKnown(_ remoteAddress: String) -> Bool {
        // A Unix socket's peer has no address.
        guard !remoteAddress.isEmpty else { return trustsUnixSockets }
        return IPAddressLiteral(remoteAddress).map(isKnown) ?? false
    }

    private func isKnown(_ address: IPAddressLiteral) -> Bool {
        knownProxies.contains { $0.contains(address) }
    }

    /// The scheme that a proxy's word means; some say `wss` of a WebSocket handshake.
    private static func scheme(_ text: String) -> String? {
        switch text.lowercased() {
        case "http", "ws": "http"
        case "https", "wss": "https"
        default: nil
        }
    }

    /// The host, where it is well-formed and allowed.
    private func allowedHost(_ text: String) -> String? {
        guard let syntax = HostSyntax(text.utf8.span) else { return nil }
        guard !allowedHosts.isEmpty else { return text }
        let name = String(text.utf8.prefix(Int(syntax.host.count))) ?? ""
        let isAllowed = allowedHosts.contains { pattern in
            if pattern == "*" { return true }
            guard pattern.hasPrefix("*.") else { return FieldSyntax.equalsIgnoringCase(pattern, name) }
            let suffix = pattern.dropFirst()
            return name.utf8.count > suffix.utf8.count
                && FieldSyntax.equalsIgnoringCase(String(suffix), String(name.suffix(suffix.count)))
        }
        return isAllowed ? text : nil
    }

    /// The path, decoded and without its last slash, where it is one that no client takes for another host.
    private static func prefix(_ text: String) -> String? {
        guard text.utf8.first == UInt8(ascii: "/"), !text.hasPrefix("//"),
            !text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7f || "?#\\\"<>".utf8.contains($0) }),
            let decoded = try? RequestPath.decode(text.utf8.span)
        else { return nil }
        let path = String(decoding: decoded, as: UTF8.self)
        guard !path.hasPrefix("//"), !path.hasPrefix("/\\") else { return nil }
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}
