// SPDX-License-Identifier: Apache-2.0

/// Why a response is not stored.
///
/// One case for each reason.
///
/// Caching is best effort: no reason ever fails the response itself.
public enum CacheRefusal: UInt8, Error, CaseIterable, Sendable {
    /// The request has one of `CacheRequestBlockers`.
    case requestBlocked
    /// The policy is `disabled`.
    case policyDisabled
    /// The status is 206, 304, or outside 200–599.
    case statusNotCacheable
    /// The response was not sent whole, in one send with its length known.
    case notSingleSend
    /// The response has trailers.
    case trailersPresent
    /// The application suppressed `Date`.
    case dateSuppressed
    /// `Content-Type` is missing.
    case contentTypeMissing
    /// `Last-Modified` is there, but is not an HTTP date.
    case lastModifiedMalformed
    /// `Content-Encoding` names a coding, or several, of which no variant is kept.
    case contentCodingUnknown
    /// Automatic policy: there is no `Cache-Control`.
    case cacheControlMissing
    /// Automatic policy: `Set-Cookie`, `Vary` or `Pragma` is there.
    case variesByRequest
    /// Automatic policy: `Cache-Control` does not parse.
    case cacheControlMalformed
    /// Automatic policy: `Cache-Control` lacks `public`, or has `private`, `no-store` or `no-cache`.
    case notPublic
    /// No lifetime is given, or it is under one second.
    case noLifetime
    /// The head is larger than `CacheLimits.headBytesMax`.
    case headTooLarge
    /// The response is larger than `CacheLimits.entryBytesMax`, or than the budget.
    case entryTooLarge
    /// Host or target is too long for a key.
    case keyTooLong
    /// The cache was flushed after the request had been read.
    case flushedMeanwhile
    /// The entry is in the store, or was once.
    case alreadyStored
}
