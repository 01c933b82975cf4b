// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// One stored response: head and body in one buffer, ready to be sent but for the date.
///
/// Any thread may read an entry. All but its hit count and the marks that the store keeps on it is
/// immutable; an entry that was flushed stays readable for whoever still holds it.
///
/// **Shape** of `bytes`: status line, field lines, `Content-Length`, `Date` with 29 bytes of room at
/// `dateOffset`, the empty line, the body. No `Connection` and no `Transfer-Encoding`. To close the
/// connection after it, send `Connection: close` CRLF before the last two bytes of the head.
public final class CacheEntry: Sendable {
    /// What a request must name to be answered with this entry.
    public let key: CacheKey
    /// Whose the entry is.
    public let owner: CacheOwner
    /// The status code.
    public let status: UInt16
    /// The policy that the response was stored under.
    public let policy: CachePolicy
    /// The content coding of the body.
    public let coding: ContentCoding
    /// The whole response; see the type's shape.
    public let bytes: [UInt8]
    /// Bytes of the head, including the empty line that ends it.
    public let headByteCount: Int
    /// Where in `bytes` the 29 bytes of the date are.
    public let dateOffset: Int
    /// Whether the application asked for the connection to be closed after the response.
    public let closesConnection: Bool
    /// The instant of `Last-Modified` in Unix seconds, if the response has one.
    public let lastModified: Int64?
    /// Where in `bytes` the value of `ETag` is; empty without one.
    public let entityTagRange: Range<Int>
    /// Where in `bytes` the value of `Content-Type` is; empty without one.
    public let contentTypeRange: Range<Int>
    /// When the entry was made, in Unix seconds.
    public let createdAt: Int64
    /// When the entry ceases to be fresh, in monotonic nanoseconds; `Int64.max` is never.
    public let expiresAt: Int64

    /// Hits that were reported so far.
    private let hits = Atomic<UInt64>(0)
    /// When the last hit was reported, or the entry made, in monotonic nanoseconds.
    private let used: Atomic<Int64>
    /// The store's version at which a look-up by the key may have begun to give something else; 0 is never.
    private let disturbed = Atomic<UInt64>(0)
    /// Where the store lists the entry, or -1.
    ///
    /// Touched under the store's lock only.
    private let position = Atomic<Int>(-1)

    /// Makes an entry of parts that agree with each other.
    init(
        key: CacheKey,
        owner: CacheOwner,
        parts: CacheEntryParts,
        policy: CachePolicy,
        lifetime: CacheLifetime,
        now: Int64,
        wallClock: Int64
    ) {
        precondition(
            parts.dateOffset + 29 <= parts.headByteCount && parts.headByteCount <= parts.bytes.count,
            "the date lies in the head, and the head in the entry"
        )
        self.key = key
        self.owner = owner
        self.status = parts.status
        self.policy = policy
        self.coding = parts.coding
        self.bytes = parts.bytes
        self.headByteCount = parts.headByteCount
        self.dateOffset = parts.dateOffset
        self.closesConnection = parts.closesConnection
        self.lastModified = parts.lastModified
        self.entityTagRange = parts.entityTagRange
        self.contentTypeRange = parts.contentTypeRange
        self.createdAt = wallClock
        self.expiresAt = lifetime.end(startingAt: now)
        self.used = Atomic(now)
    }

    /// Bytes of the body.
    public var bodyByteCount: Int { bytes.count - headByteCount }

    /// What the entry counts for in the byte budget: response, key and bookkeeping.
    public var byteCost: Int {
        bytes.count + key.bytes.count + Self.overheadByteCount
    }

    /// Whether the entry is fresh.
    ///
    /// - Parameter now: Monotonic nanoseconds.
    /// - Returns: Whether it may be served still.
    @inline(__always)
    public func isFresh(at now: Int64) -> Bool { now < expiresAt }

    /// How often the entry was served, as far as it was reported.
    public var hitCount: UInt64 { hits.load(ordering: .relaxed) }

    /// When the entry was last asked for, in monotonic nanoseconds, to within a second.
    public var lastUsedAt: Int64 { used.load(ordering: .relaxed) }

    /// Adds hits, and notes the instant, to within a second, as that of the last use.
    @inline(__always)
    func report(hits count: UInt64, now: Int64) {
        hits.wrappingAdd(count, ordering: .relaxed)
        // Written once a second at most: every loop reads this line.
        if now &- used.load(ordering: .relaxed) >= 1_000_000_000 {
            used.store(now, ordering: .relaxed)
        }
    }

    /// Whether a look-up made at `version` of the store would still give this entry.
    @inline(__always)
    func isUndisturbed(since version: UInt64) -> Bool {
        disturbed.load(ordering: .acquiring) <= version
    }

    /// Notes the store's version at which look-ups may begin to give something else.
    func markDisturbed(at version: UInt64) {
        disturbed.store(version, ordering: .releasing)
    }

    /// Where the store lists the entry; nil if it does not.
    var storePosition: Int? {
        get {
            let value = position.load(ordering: .relaxed)
            return value < 0 ? nil : value
        }
        set {
            position.store(newValue ?? -1, ordering: .relaxed)
        }
    }

    /// What the objects, array heads and table nodes of one entry cost, rounded up generously.
    static let overheadByteCount = 640
}

/// The parts of an entry that come from rendering a response.
struct CacheEntryParts {
    var status: UInt16 = 200
    var coding: ContentCoding = .identity
    var bytes: [UInt8] = []
    var headByteCount = 0
    var dateOffset = 0
    var closesConnection = false
    var lastModified: Int64?
    var entityTagRange = 0..<0
    var contentTypeRange = 0..<0
}
