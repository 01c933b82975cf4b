// SPDX-License-Identifier: Apache-2.0
public import HTTPWire

/// A response as it stands when it is sent whole: what the rules look at beside its fields.
public struct CacheCandidate: Sendable {
    /// The status code.
    public var status: UInt16
    /// Bytes of the body.
    public var bodyByteCount: Int
    /// Whether one send held all of it: nothing was flushed before, and the length was known.
    public var isSingleSend: Bool
    /// Whether trailers follow.
    public var hasTrailers: Bool
    /// Whether the application asked for no `Date`.
    public var suppressesDate: Bool
    /// The policy that the application set.
    public var policy: CachePolicy

    /// Makes a candidate; what is left out is as in a usual response.
    public init(
        status: UInt16,
        bodyByteCount: Int,
        isSingleSend: Bool,
        hasTrailers: Bool = false,
        suppressesDate: Bool = false,
        policy: CachePolicy = .automatic
    ) {
        self.status = status
        self.bodyByteCount = bodyByteCount
        self.isSingleSend = isSingleSend
        self.hasTrailers = hasTrailers
        self.suppressesDate = suppressesDate
        self.policy = policy
    }
}

/// What may be stored, for how long, and what of an entry a request is answered with.
///
/// Pure: bytes and times in, decisions out.
///
/// Source: ASP.NET Core's HttpSys server for the automatic policy; the HTTP Server API for the rest;
/// RFC 9110 §13 and §14 for conditional and range requests. Like HTTP.sys, the cache disregards the
/// request's own `Cache-Control` and `Pragma`, and `Vary` under an explicit policy.
public enum CacheRules {
    /// Decides whether a response may be stored, and for how long.
    ///
    /// Cost: nothing worth mention for a response without `Cache-Control` under the automatic policy.
    ///
    /// - Parameters:
    ///   - request: What keeps the request away from the cache.
    ///   - response: The response.
    ///   - fields: The response's fields.
    ///   - limits: The bounds of the cache. The bound of the head is checked by the store.
    ///   - wallClock: Unix seconds.
    /// - Returns: For how long it may be stored.
    /// - Throws: Why it may not be.
    public static func lifetime(
        request: CacheRequestBlockers,
        response: CacheCandidate,
        fields: FieldSection,
        limits: CacheLimits,
        wallClock: Int64
    ) throws(CacheRefusal) -> CacheLifetime {
        guard response.policy != .disabled else { throw .policyDisabled }
        guard response.policy != .automatic || fields.contains(id: .cacheControl) else {
            throw .cacheControlMissing
        }
        guard request.mayStore else { throw .requestBlocked }
        try checkShape(response, limits: limits)
        try checkFields(fields, wallClock: wallClock)
        return try lifetime(fields: fields, policy: response.policy, wallClock: wallClock)
    }

    /// HTTP Server API, conditions on the response but for its fields.
    private static func checkShape(
        _ response: CacheCandidate,
        limits: CacheLimits
    ) throws(CacheRefusal) {
        switch response.status {
        case 206, 304:
            throw .statusNotCacheable
        case 204, 205:
            guard response.bodyByteCount == 0 else { throw .statusNotCacheable }
        case 200...599:
            break
        default:
            throw .statusNotCacheable
        }
        guard response.isSingleSend else { throw .notSingleSend }
        guard !response.hasTrailers else { throw .trailersPresent }
        guard !response.suppressesDate else { throw .dateSuppressed }
        guard response.bodyByteCount <= limits.entryBytesMax else { throw .entryTooLarge }
    }

    /// HTTP Server API, conditions on the response's fields, whatever the policy.
    private static func checkFields(_ fields: FieldSection, wallClock: Int64) throws(CacheRefusal) {
        guard let type = fields.joined(.contentType), !type.isEmpty else { throw .contentTypeMissing }
        if let date = fields.joined(.lastModified), HTTPDate.parse(date.span, now: wallClock) == nil {
            throw .lastModifiedMalformed
        }
        guard contentCoding(of: fields) != nil else { throw .contentCodingUnknown }
    }

    /// The coding under which a response would be stored; nil if there is no variant for it.
    static func contentCoding(of fields: FieldSection) -> ContentCoding? {
        guard let name = fields.joined(.contentEncoding), !name.isEmpty else { return .identity }
        return ContentCoding(name: name.span)
    }

    /// The lifetime that policy and fields give, in the order of the rules.
    ///
    /// Source: ASP.NET Core, HttpSys server, `Response.GetEffectiveCachePolicy`-time computation of the TTL.
    private static func lifetime(
        fields: FieldSection,
        policy: CachePolicy,
        wallClock: Int64
    ) throws(CacheRefusal) -> CacheLifetime {
        switch policy {
        case .disabled:
            throw .policyDisabled
        case .userInvalidates:
            return .untilFlushed
        case .timeToLive(let duration):
            return try lifetime(seconds: duration.components.seconds)
        case .automatic:
            return try lifetime(seconds: automaticSeconds(fields: fields, wallClock: wallClock))
        }
    }

    /// `s-maxage`, else `max-age`, else what is left until `Expires`, of a response that is public.
    private static func automaticSeconds(
        fields: FieldSection,
        wallClock: Int64
    ) throws(CacheRefusal) -> Int64 {
        guard let value = fields.joined(.cacheControl) else { throw .cacheControlMissing }
        for id in [FieldID.setCookie, .vary, .pragma] where fields.contains(id: id) {
            throw .variesByRequest
        }
        guard let control = CacheControl(value) else { throw .cacheControlMalformed }
        // The ancestor asks for `public` alone. A response that also says `private`, `no-store` or
        // `no-cache` contradicts itself, and RFC 9111 §3 has the prohibition win.
        guard control.isPublic, !control.forbidsStoring else { throw .notPublic }
        if let seconds = control.sharedMaxAge ?? control.maxAge { return Int64(seconds) }
        guard let text = fields.joined(.expires) else { throw .noLifetime }
        guard let expires = HTTPDate.parse(text.span, now: wallClock) else { throw .noLifetime }
        let (left, overflow) = expires.subtractingReportingOverflow(wallClock)
        guard !overflow else { throw .noLifetime }
        return left
    }

    private static func lifetime(seconds: Int64) throws(CacheRefusal) -> CacheLifetime {
        guard seconds > 0 else { throw .noLifetime }
        return .seconds(Int32(clamping: seconds))
    }
}

extension FieldSection {
    /// The values of a field's lines, joined with commas; nil without a line.
    func joined(_ id: FieldID) -> [UInt8]? {
        guard let first = firstIndex(of: id) else { return nil }
        var bytes: [UInt8] = []
        withValue(at: first) { ByteOperations.append($0, to: &bytes) }
        var next = firstIndex(of: id, from: first + 1)
        while let index = next {
            bytes += [UInt8(ascii: ","), UInt8(ascii: " ")]
            withValue(at: index) { ByteOperations.append($0, to: &bytes) }
            next = firstIndex(of: id, from: index + 1)
        }
        return bytes
    }
}
