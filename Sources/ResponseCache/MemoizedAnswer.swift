// SPDX-License-Identifier: Apache-2.0

/// Loop-affine: what one request head was answered with: a private copy of the entry's bytes.
public final class MemoizedAnswer {
    /// The whole response: `CacheEntry.bytes`.
    public let response: [UInt8]
    /// Bytes of the response's head: `CacheEntry.headByteCount`.
    public let headByteCount: Int
    /// Where in the response the 29 bytes of the date are: `CacheEntry.dateOffset`.
    public let dateOffset: Int
    /// Bytes of the request head: how far to go on in what was received.
    public let requestByteCount: Int
    /// Whether the connection stays open after the answer.
    public let keepAlive: Bool
    /// The entry that the answer is a copy of.
    public let entry: CacheEntry

    private let requestHead: [UInt8]
    private let endpoint: UInt32
    private let expiresAt: Int64
    /// The last version of the store at which a look-up would have given the entry.
    private var version: UInt64
    private var unreportedHits: UInt64 = 0
    private var reportedAt: Int64
    private var lastHitAt: Int64

    init(
        head: Span<UInt8>,
        endpoint: UInt32,
        entry: CacheEntry,
        version: UInt64,
        keepAlive: Bool,
        now: Int64
    ) {
        let bytes = entry.bytes
        response = ByteOperations.copy(bytes.span)
        headByteCount = entry.headByteCount
        dateOffset = entry.dateOffset
        requestByteCount = head.count
        self.keepAlive = keepAlive
        self.entry = entry
        requestHead = ByteOperations.copy(head)
        self.endpoint = endpoint
        expiresAt = entry.expiresAt
        self.version = version
        reportedAt = now
        lastHitAt = now
    }

    /// Tells whether bytes, taken from where a head begins, begin with this answer's head.
    @inline(__always)
    func matches(_ bytes: Span<UInt8>, endpoint: UInt32) -> Bool {
        self.endpoint == endpoint && ByteOperations.starts(bytes, with: requestHead)
    }

    /// Tells whether this is the answer to exactly one head.
    func isAnswer(to head: Span<UInt8>, endpoint: UInt32) -> Bool {
        head.count == requestHead.count && matches(head, endpoint: endpoint)
    }

    /// Tells whether the cache, at a version of its store, would still give the entry.
    ///
    /// Any change anywhere moves the store's version; the entry itself knows when a change last concerned it.
    @inline(__always)
    func isCurrent(at storeVersion: UInt64, now: Int64) -> Bool {
        guard now < expiresAt else { return false }
        guard storeVersion != version else { return true }
        guard entry.isUndisturbed(since: version) else { return false }
        version = storeVersion
        return true
    }

    /// Counts a hit here, and tells the entry of every 256, or after a second.
    @inline(__always)
    func countHit(now: Int64) {
        unreportedHits &+= 1
        lastHitAt = now
        if unreportedHits & 0xFF == 0 || now &- reportedAt >= 1_000_000_000 {
            reportHits(now: now)
        }
    }

    /// Tells the entry of the hits since the last report.
    func reportHits(now: Int64) {
        guard unreportedHits > 0 else { return }
        entry.report(hits: unreportedHits, now: lastHitAt)
        unreportedHits = 0
        reportedAt = now
    }
}
