// SPDX-License-Identifier: Apache-2.0
internal import HashTreeCollections
internal import Synchronization

/// The response cache of one engine: a byte budget's worth of entries, shared by all loops.
///
/// Any thread may call it. Changes take a lock; readers (`ResponseCacheReader`, one a loop) work on
/// snapshots of a persistent hash tree and take it only when something changed.
///
/// **Room.** Response, key and bookkeeping of every entry count against the budget. An entry that
/// needs room gets it first from entries that expired, then from the least recently used of sixteen
/// neighbours, and so on round the store: exact up to sixteen entries, a good guess above, and never a
/// pass over everything for each entry. Removed entries live on in the snapshots of loops that have not
/// looked since; let each loop call `ResponseCacheReader.refresh()` once a second to bound that.
///
/// Source: HTTP Server API, response cache (`UriMaxCacheMegabyteCount`, `UriMaxUriBytes`,
/// `UriScavengerPeriod`, `HttpFlushResponseCache`).
public final class ResponseCacheStore: Sendable {
    /// The bounds.
    public var limits: CacheLimits {
        var limits = startingLimits
        limits.entryBytesMax = entryBytesMax
        return limits
    }
    /// Bytes of the largest response, head and body, that is stored from now on.
    public var entryBytesMax: Int {
        get { largestEntry.load(ordering: .relaxed) }
        set { largestEntry.store(newValue, ordering: .relaxed) }
    }
    private let startingLimits: CacheLimits
    private let largestEntry: Atomic<Int>
    /// Counts changes; published after each.
    private let published = Atomic<UInt64>(1)
    /// Counts flushes; see `flushGeneration`.
    private let flushes = Atomic<UInt64>(0)
    private let state = Mutex(CacheTable())

    /// Makes an empty cache.
    public init(limits: CacheLimits = CacheLimits()) {
        startingLimits = limits
        largestEntry = Atomic(limits.entryBytesMax)
    }

    /// Changes with every change of what look-ups may give.
    @inline(__always)
    var version: UInt64 { published.load(ordering: .acquiring) }

    /// Changes with every flush.
    ///
    /// Read it before the application sees a request, and hand it to `insert` with the response: what
    /// was computed before a flush is then not stored after it. Any flush counts, whatever it named: the next
    /// response will be stored instead.
    public var flushGeneration: UInt64 { flushes.load(ordering: .acquiring) }

    /// Stores an entry, in the place of one of the same key and content coding.
    ///
    /// Cost: a lock, one path of the tree copied; with the budget spent, a few dozen entries looked at.
    ///
    /// - Parameters:
    ///   - entry: The entry. One entry can be stored once.
    ///   - generation: `flushGeneration` as it was before the response was computed; nil to store anyhow.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: Nil if it was stored, else why not. Not being stored is never an error of the response.
    @discardableResult
    public func insert(_ entry: CacheEntry, asOf generation: UInt64?, now: Int64) -> CacheRefusal? {
        change { table, version in
            if let refusal = refusal(of: entry, generation: generation) {
                table.statistics.refusedCount &+= 1
                return refusal
            }
            table.makeRoom(byteCount: entry.byteCost, budget: limits.byteBudget, now: now, version: version)
            table.insert(entry, version: version)
            return nil
        }
    }

    private func refusal(of entry: CacheEntry, generation: UInt64?) -> CacheRefusal? {
        if entry.key.isEmpty { return .keyTooLong }
        if entry.headByteCount > limits.headBytesMax { return .headTooLarge }
        if entry.bytes.count > limits.entryBytesMax { return .entryTooLarge }
        if entry.byteCost > limits.byteBudget { return .entryTooLarge }
        if let generation, generation != flushGeneration { return .flushedMeanwhile }
        if entry.storePosition != nil || !entry.isUndisturbed(since: 0) { return .alreadyStored }
        return nil
    }

    /// Removes what expired, and what nobody asked for during one scavenger period, whatever its policy.
    ///
    /// Call it once in a while, some ten times a period. Cost: a pass over all entries, under the lock.
    ///
    /// - Parameter now: Monotonic nanoseconds.
    /// - Returns: How many entries went.
    @discardableResult
    public func scavenge(now: Int64) -> Int {
        let period = limits.scavengerNanoseconds
        let removed = change { table, version in
            table.scavenge(period: period, now: now, version: version)
        }
        return removed.count
    }

    /// Removes every entry.
    ///
    /// - Returns: How many entries went.
    @discardableResult
    public func flushAll() -> Int {
        flush { _ in true }
    }

    /// Removes the entries whose requests were routed to a queue.
    ///
    /// - Returns: How many entries went.
    @discardableResult
    public func flush(queueID: UInt64) -> Int {
        flush { $0.owner.queueID == queueID }
    }

    /// Removes the entries whose requests were routed to a URL group.
    ///
    /// - Returns: How many entries went.
    @discardableResult
    public func flush(urlGroupID: UInt64) -> Int {
        flush { $0.owner.urlGroupID == urlGroupID }
    }

    /// Removes the entries that a pattern names, of one queue or of all.
    ///
    /// Source: `HttpFlushResponseCache`; `netsh http delete cache`.
    ///
    /// - Parameters:
    ///   - pattern: A URL, or a URL and all below it.
    ///   - queueID: The queue whose entries alone may go; nil for everybody's.
    /// - Returns: How many entries went.
    @discardableResult
    public func flush(_ pattern: CacheFlushPattern, queueID: UInt64? = nil) -> Int {
        flush { entry in
            (queueID == nil || entry.owner.queueID == queueID) && pattern.matches(entry.key)
        }
    }

    /// Removes the entries for which `matches` says true.
    ///
    /// The generation moves first, so nothing computed before this call is stored from now on. Then
    /// entries are matched without the lock, and those found are removed under it.
    private func flush(where matches: (CacheEntry) -> Bool) -> Int {
        let candidates = state.withLock { table in
            flushes.wrappingAdd(1, ordering: .acquiringAndReleasing)
            return table.listed
        }
        let found = candidates.filter(matches)
        guard !found.isEmpty else { return 0 }
        return change { table, version in
            var count = 0
            for entry in found where entry.storePosition != nil {
                table.remove(entry, version: version)
                count += 1
            }
            table.statistics.flushedCount &+= UInt64(count)
            return count
        }
    }

    /// Runs a change under the lock; the version moves if entries came or went.
    private func change<Result: Sendable>(
        _ body: (inout CacheTable, _ version: UInt64) -> sending Result
    ) -> Result {
        state.withLock { table in
            let next = published.load(ordering: .relaxed) &+ 1
            let before = table.changeCount
            let result = body(&table, next)
            if table.changeCount != before {
                published.store(next, ordering: .releasing)
            }
            return result
        }
    }

    /// The tree of entries, and the version that it belongs to.
    func snapshot() -> (entries: TreeDictionary<CacheKey, CacheVariants>, version: UInt64) {
        state.withLock { ($0.entries, published.load(ordering: .relaxed)) }
    }

    /// Makes the counters of one more loop.
    func makeCounters() -> CacheCounters {
        let counters = CacheCounters()
        state.withLock { $0.counters.append(counters) }
        return counters
    }

    /// What the cache holds and has done.
    public var statistics: CacheStatistics {
        state.withLock { table in
            var statistics = table.statistics
            statistics.entryCount = table.listed.count
            statistics.byteCount = table.byteCount
            for counters in table.counters {
                statistics.hitCount &+= counters.hitCount
                statistics.missCount &+= counters.missCount
            }
            return statistics
        }
    }

    /// All entries, in no order: for `show cachestate`.
    ///
    /// - Parameter pattern: What to list; nil for everything.
    /// - Returns: The entries, which stay readable whatever becomes of the cache.
    public func entries(matching pattern: CacheFlushPattern? = nil) -> [CacheEntry] {
        let entries = state.withLock { $0.listed }
        guard let pattern else { return entries }
        return entries.filter { pattern.matches($0.key) }
    }
}
