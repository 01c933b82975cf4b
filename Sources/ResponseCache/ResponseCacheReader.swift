// SPDX-License-Identifier: Apache-2.0
internal import HashTreeCollections

/// Loop-affine: one loop's view of the response cache: a snapshot, looked up without a lock.
///
/// A look-up compares the store's version with that of the snapshot, takes a new snapshot (and for that
/// the store's lock) only if they differ, and then searches it. It allocates nothing.
public struct ResponseCacheReader: ~Copyable {
    /// The cache that is read.
    public let store: ResponseCacheStore
    private var entries: TreeDictionary<CacheKey, CacheVariants>
    private let counters: CacheCounters

    /// The store's version that the snapshot, and so the answer of the last look-up, belongs to.
    public private(set) var version: UInt64

    /// Makes a reader of a cache.
    ///
    /// - Parameter store: The cache. It keeps the reader's counters for good: make one reader a loop.
    public init(store: ResponseCacheStore) {
        self.store = store
        (entries, version) = store.snapshot()
        counters = store.makeCounters()
    }

    /// Takes a new snapshot if the cache changed.
    ///
    /// Also called once a second on a loop that has nothing to look up, it lets go of removed entries.
    @inline(__always)
    public mutating func refresh() {
        guard store.version != version else { return }
        takeSnapshot()
    }

    @inline(never)
    private mutating func takeSnapshot() {
        (entries, version) = store.snapshot()
    }

    /// Whether nothing is stored, so that no look-up can find anything.
    @inline(__always)
    public var isEmpty: Bool {
        mutating get {
            refresh()
            return entries.isEmpty
        }
    }

    /// Finds the variants of a key, fresh or not, without counting a hit or a miss.
    ///
    /// For requests whose `Accept-Encoding` is worth reading only if there is more than the identity variant.
    public mutating func variants(of key: CacheKey) -> CacheVariants? {
        refresh()
        return entries[key]
    }

    /// Finds the fresh entry to serve, and counts a hit or a miss.
    ///
    /// Whether the request may be served from the cache at all is the caller's to ask first
    /// (`CacheRequestBlockers.mayServe`), and what to send of the entry after (`CacheRules.disposition`).
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - accepted: The content codings that the client takes.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: The entry, or nil if there is none for the client.
    public mutating func lookup(
        _ key: CacheKey,
        accepting accepted: ContentCodings = ContentCodings(),
        now: Int64
    ) -> CacheEntry? {
        refresh()
        guard let entry = entries[key]?.entry(accepting: accepted, now: now) else {
            counters.countMiss()
            return nil
        }
        counters.countHit()
        entry.report(hits: 1, now: now)
        return entry
    }
}
