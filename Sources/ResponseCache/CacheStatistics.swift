// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What a response cache holds and has done, summed over all loops when it is read.
public struct CacheStatistics: Sendable, Equatable {
    /// Entries now.
    public var entryCount = 0
    /// Bytes that count against the budget now.
    public var byteCount = 0
    /// Look-ups that were answered.
    public var hitCount: UInt64 = 0
    /// Look-ups that were not.
    public var missCount: UInt64 = 0
    /// Entries stored.
    public var storedCount: UInt64 = 0
    /// Entries that the store refused.
    public var refusedCount: UInt64 = 0
    /// Entries that gave way to a newer one of the same key.
    public var replacedCount: UInt64 = 0
    /// Entries removed by a flush.
    public var flushedCount: UInt64 = 0
    /// Entries removed because they had expired.
    public var expiredCount: UInt64 = 0
    /// Entries that the scavenger removed because nobody had asked for them.
    public var scavengedCount: UInt64 = 0
    /// Entries removed to make room.
    public var evictedCount: UInt64 = 0

    /// Makes statistics of nothing.
    public init() {}
}

/// The hits and misses of one loop.
///
/// One loop writes, anybody reads: plain loads and stores, and a cache line of its own.
final class CacheCounters: Sendable {
    private let paddingBefore = InlineArray<14, UInt64>(repeating: 0)
    private let hits = Atomic<UInt64>(0)
    private let misses = Atomic<UInt64>(0)
    private let paddingAfter = InlineArray<14, UInt64>(repeating: 0)

    var hitCount: UInt64 { hits.load(ordering: .relaxed) }
    var missCount: UInt64 { misses.load(ordering: .relaxed) }

    @inline(__always)
    func countHit() {
        hits.store(hits.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    @inline(__always)
    func countMiss() {
        misses.store(misses.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
