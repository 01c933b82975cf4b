// SPDX-License-Identifier: Apache-2.0

/// Why a text is no flush pattern.
public enum CacheFlushPatternError: Error, Sendable, Equatable {
    /// The scheme is neither `http` nor `https`.
    case scheme
    /// The host is empty or has a character that no host has.
    case host
    /// The port is not 1–65535.
    case port
    /// The path is missing or has a fragment.
    case path
    /// A query was given for a URL and all below it.
    case queryWithDescendants
}

/// Which URLs to flush: one, or one and all below it.
///
/// **Shape**: `scheme://host[:port]/path[?query]`; the host is `+` or `*` for any, `*.name` for any below
/// a name, a name, or an IP literal, which also names entries that were routed by that local address.
/// `http://+:80/shop/` is valid, `+:80/shop/` is not. Without a port it is the scheme's own.
///
/// With descendants, whole segments count: `/a/` takes `/a/b`, `/a?x=1` and `/a` along, and leaves `/ab`.
/// Paths are compared as they are routed: decoded, dot segments and doubled slashes removed, and without
/// regard to ASCII case. So every spelling under which a page was stored is found, and never fewer entries
/// go than were asked for. A query is compared as it was sent.
///
/// Source: HTTP Server API, `HttpFlushResponseCache` and `HTTP_FLUSH_RESPONSE_FLAG_RECURSIVE`.
public struct CacheFlushPattern: Sendable, Equatable {
    private enum Host: Sendable, Equatable {
        case any
        case suffix([UInt8])
        case exact([UInt8])
    }

    private let isSecure: Bool
    private let port: UInt16
    private let host: Host
    /// The path, normalised.
    private let path: [UInt8]
    private let query: [UInt8]?
    private let includesDescendants: Bool

    /// Parses a pattern.
    ///
    /// - Parameters:
    ///   - url: The URL.
    ///   - includesDescendants: Whether all below the URL is meant too.
    /// - Throws: `CacheFlushPatternError`, which says what part of the text is wrong.
    public init(_ url: String, includesDescendants: Bool) throws(CacheFlushPatternError) {
        let bytes = Array(url.utf8)
        var position: Int
        (isSecure, position) = try Self.scheme(of: bytes)
        guard let slash = bytes[position...].firstIndex(of: UInt8(ascii: "/")) else { throw .path }
        let authority = bytes[position..<slash]
        let hostEnd = try Self.hostEnd(of: authority)
        host = try Self.host(authority[..<hostEnd])
        port = try Self.port(authority[hostEnd...], standard: isSecure ? 443 : 80)
        let target = bytes[slash...]
        guard !target.contains(UInt8(ascii: "#")) else { throw .path }
        let mark = target.firstIndex(of: UInt8(ascii: "?"))
        path = CachePath.normalized(Array(target[..<(mark ?? target.endIndex)]))
        query = mark.map { Array(target[($0 + 1)...]) }
        guard query == nil || !includesDescendants else { throw .queryWithDescendants }
        self.includesDescendants = includesDescendants
        position = slash
    }

    private static func scheme(of bytes: [UInt8]) throws(CacheFlushPatternError) -> (Bool, Int) {
        for (text, isSecure) in [("http://", false), ("https://", true)] {
            let start = bytes.prefix(text.utf8.count).map(ASCII.lowercased)
            if start.elementsEqual(text.utf8) { return (isSecure, start.count) }
        }
        throw .scheme
    }

    /// Where the host ends: at the colon before the port, if that is not within an IPv6 literal.
    private static func hostEnd(of authority: ArraySlice<UInt8>) throws(CacheFlushPatternError) -> Int {
        guard authority.first == UInt8(ascii: "[") else {
            return authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        }
        guard let bracket = authority.firstIndex(of: UInt8(ascii: "]")) else { throw .host }
        return bracket + 1
    }

    private static func host(_ bytes: ArraySlice<UInt8>) throws(CacheFlushPatternError) -> Host {
        let text = bytes.map(ASCII.lowercased)
        if text.elementsEqual("+".utf8) || text.elementsEqual("*".utf8) { return .any }
        let isBelow = text.starts(with: "*.".utf8)
        let name = Array(isBelow ? text.dropFirst() : text[...])
        guard !name.isEmpty, name.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw .host }
        guard !name.contains(where: { "*+@/\\?".utf8.contains($0) }) else { throw .host }
        return isBelow ? .suffix(name) : .exact(name)
    }

    private static func port(
        _ bytes: ArraySlice<UInt8>,
        standard: UInt16
    ) throws(CacheFlushPatternError) -> UInt16 {
        guard let colon = bytes.first else { return standard }
        let digits = bytes.dropFirst()
        guard colon == UInt8(ascii: ":"), (1...5).contains(digits.count) else { throw .port }
        guard digits.allSatisfy({ $0 &- 0x30 < 10 }) else { throw .port }
        guard let port = UInt16(String(decoding: digits, as: UTF8.self)), port > 0 else { throw .port }
        return port
    }

    /// Tells whether the pattern names a key.
    ///
    /// Cost: allocates where the key's path is written in an unusual way; meant for flushes, not for requests.
    public func matches(_ key: CacheKey) -> Bool {
        guard !key.isEmpty, key.isSecure == isSecure, key.port == port else { return false }
        guard matchesHost(of: key) else { return false }
        let bytes = key.bytes
        let range = key.targetRange
        let mark = bytes[range].firstIndex(of: UInt8(ascii: "?"))
        if !includesDescendants {
            guard (mark == nil) == (query == nil) else { return false }
            if let mark, let query, !bytes[(mark + 1)...].elementsEqual(query) { return false }
        }
        let candidate = bytes.span.extracting(range.lowerBound..<(mark ?? range.upperBound))
        return CachePath.matches(candidate, path, includesDescendants: includesDescendants)
    }

    private func matchesHost(of key: CacheKey) -> Bool {
        let text = key.bytes[key.hostRange]
        switch host {
        case .any:
            return true
        case .exact(let name):
            return text.elementsEqual(name) || key.bytes[key.addressRange].elementsEqual(name)
        case .suffix(let name):
            return text.count > name.count && text.suffix(name.count).elementsEqual(name)
        }
    }
}
