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
        if response.policy == .automatic { try checkCacheControl(fields) }
        guard request.mayStore else { throw .requestBlocked }
        try checkShape(response, limits: limits)
        try checkFields(fields, wallClock: wallClock)
        return try lifetime(fields: fields, policy: response.policy, wallClock: wallClock)
    }

    /// What most responses fall out by: there is no `Cache-Control`, or it does not say `public`.
    private static func checkCacheControl(_ fields: FieldSection) throws(CacheRefusal) {
        guard var index = fields.firstIndex(of: .cacheControl) else { throw .cacheControlMissing }
        while true {
            if fields.withValue(at: index, { FieldSyntax.listContains("public", in: $0) }) { return }
            guard let next = fields.firstIndex(of: .cacheControl, from: index + 1) else { throw .notPublic }
            index = next
        }
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
        guard fields.withJoined(.contentType, { !$0.isEmpty }) == true else { throw .contentTypeMissing }
        guard fields.withJoined(.lastModified, { HTTPDate.parse($0, now: wallClock) != nil }) != false else {
            throw .lastModifiedMalformed
        }
        guard contentCoding(of: fields) != nil else { throw .contentCodingUnknown }
    }

    /// The coding under which a response would be stored; nil if there is no variant for it.
    static func contentCoding(of fields: FieldSection) -> ContentCoding? {
        let coding = fields.withJoined(.contentEncoding) { name -> ContentCoding? in
            name.isEmpty ? .identity : ContentCoding(name: name)
        }
        return coding ?? .identity
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
        let varies =
            fields.contains(id: .setCookie) || fields.contains(id: .vary) || fields.contains(id: .pragma)
        guard !varies else { throw .variesByRequest }
        guard let control = fields.withJoined(.cacheControl, { CacheControl($0) }) else {
            throw .cacheControlMissing
        }
        guard let control else { throw .cacheControlMalformed }
        // The ancestor asks for `public` alone. A response that also says `private`, `no-store` or
        // `no-cache` contradicts itself, and RFC 9111 §3 has the prohibition win.
        guard control.isPublic, !control.forbidsStoring else { throw .notPublic }
        if let seconds = control.sharedMaxAge ?? control.maxAge { return Int64(seconds) }
        let expires = fields.withJoined(.expires) { HTTPDate.parse($0, now: wallClock) }
        guard case .some(.some(let expires)) = expires else { throw .noLifetime }
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
    /// Calls a function with the values of a field's lines, joined with commas; nil without a line.
    func withJoined<Result>(_ id: FieldID, _ body: (Span<UInt8>) -> Result) -> Result? {
        guard let first = firstIndex(of: id) else { return nil }
        guard firstIndex(of: id, from: first + 1) != nil else { return withValue(at: first, body) }
        var bytes: [UInt8] = []
        var next: Int? = first
        while let index = next {
            if index != first { bytes += [UInt8(ascii: ","), UInt8(ascii: " ")] }
            withValue(at: index) { ByteOperations.append($0, to: &bytes) }
            next = firstIndex(of: id, from: index + 1)
        }
        return body(bytes.span)
    }
}
