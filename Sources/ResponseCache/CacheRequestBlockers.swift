// SPDX-License-Identifier: Apache-2.0

/// What keeps a request away from the response cache, found while its head is read.
///
/// Source: HTTP Server API, conditions on the request: GET alone, no entity body, no `Authorization` and
/// anonymous, no `Range` or `If-Range` to store, no `Translate: f`, and no `Expect` but `100-continue`;
/// beyond it, no `Forwarded` and no `Upgrade`.
/// (HTTP/0.9, which is not cached either, does not get as far as having a head.)
public struct CacheRequestBlockers: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt16

    /// Makes a set from its bits.
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The method is not GET.
    ///
    /// Such a request leaves the entry of the same URL as it is.
    public static let method = Self(rawValue: 1 << 0)
    /// The request has content: a `Transfer-Encoding`, or a `Content-Length` other than 0.
    public static let body = Self(rawValue: 1 << 1)
    /// The request has `Authorization`, or its connection is authenticated.
    public static let credentials = Self(rawValue: 1 << 2)
    /// The request has `Range` or `If-Range`.
    ///
    /// It may be served from an entry, but makes none.
    public static let range = Self(rawValue: 1 << 3)
    /// The request has `Translate: f`.
    public static let translate = Self(rawValue: 1 << 4)
    /// The request has an `Expect` other than `100-continue`.
    public static let expectation = Self(rawValue: 1 << 5)
    /// The request has `If-Match` or `If-Unmodified-Since`, which are the application's to judge.
    public static let precondition = Self(rawValue: 1 << 6)

    /// The request has `Forwarded`, which may say of it anything that the key has otherwise.
    public static let forwarded = Self(rawValue: 1 << 7)
    /// The request has an `Upgrade` to something else than `h2c`, such as `websocket`, which a stored page must not
    /// answer in the application's place.
    public static let upgrade = Self(rawValue: 1 << 8)

    /// Whether the response to the request may be stored.
    @inlinable
    public var mayStore: Bool { isEmpty }

    /// Whether the request may be answered from an entry.
    @inlinable
    public var mayServe: Bool { isSubset(of: .range) }
}
