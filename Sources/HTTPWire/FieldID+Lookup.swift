// SPDX-License-Identifier: Apache-2.0

extension FieldID {
    /// The longest well-known name has this many bytes.
    static let nameBytesMax = 32

    /// Finds the identifier of a field name, in any letter case; `unknown` if it has none.
    ///
    /// Cost: one hash of five bytes and one comparison, no allocation.
    public init(_ name: Span<UInt8>) {
        self = FieldID.lookup(name, start: 0, count: name.count)
    }

    /// Finds the identifier of a field name given as text, in any letter case; `unknown` if it has none.
    public init(_ name: String) {
        self.init(name.utf8.span)
    }

    /// Finds the identifier of the name that stands at an offset of a larger buffer.
    @inline(__always)
    static func lookup(_ bytes: Span<UInt8>, start: Int, count: Int) -> FieldID {
        guard count >= 2, count <= nameBytesMax else { return .unknown }
        let slot = ByteScan.slot(bytes, start: start, count: count)
        let entry = FieldIDTable.slots[slot]
        guard entry >> 8 == count else { return .unknown }
        let id = ByteScan.fieldID(UInt8(truncatingIfNeeded: entry))
        return ByteScan.isFieldName(id, bytes, at: start, count: count) ? id : .unknown
    }

    /// Whether a trailer section must not carry the field: framing, routing, authentication, content handling.
    ///
    /// Source: RFC 9110 §6.5.1; the list is that of HTTP.sys with the fields that route or authenticate added.
    public var isForbiddenInTrailers: Bool {
        switch self {
        case .transferEncoding, .contentLength, .host, .cacheControl, .expect, .maxForwards, .pragma, .range,
            .te,
            .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange,
            .wwwAuthenticate, .authorization, .proxyAuthenticate, .proxyAuthorization,
            .setCookie, .cookie, .age, .expires, .date, .location, .retryAfter, .vary, .warning,
            .contentEncoding, .contentType, .contentRange, .trailer,
            .connection, .keepAlive, .proxyConnection, .upgrade, .http2Settings,
            .forwarded, .xForwardedFor, .xForwardedHost, .xForwardedPort, .xForwardedPrefix, .xForwardedProto,
            .xRealIP, .xContentLength:
            true
        default:
            false
        }
    }
}
