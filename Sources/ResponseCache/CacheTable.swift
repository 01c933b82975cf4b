// SPDX-License-Identifier: Apache-2.0
internal import HashTreeCollections

/// What the store guards with its lock: the tree, the list of entries beside it, and the counts.
///
/// Every entry of the tree is in the list once, knows its place there, and counts in `byteCount`.
struct CacheTable {
    private(set) var entries: TreeDictionary<CacheKey, CacheVariants> = [:]
    private(set) var listed: [CacheEntry] = []
    private(set) var byteCount = 0
    /// Counts entries that came or went.
    private(set) var changeCount: UInt64 = 0
    var statistics = CacheStatistics()
    var counters: [CacheCounters] = []

    /// Where the search for room goes on.
    private var hand = 0
    /// When all entries were last looked at for having expired.
    private var sweptAt = Int64.min

    /// Entries among which the least recently used is looked for.
    private static let neighbourCount = 16

    /// Adds an entry, in the place of one of the same key and coding.
    mutating func insert(_ entry: CacheEntry, version: UInt64) {
        if let old = entries[entry.key]?.entry(coding: entry.coding) {
            remove(old, version: version)
            statistics.replacedCount &+= 1
        }
        if var variants = entries[entry.key] {
            // Who takes the new coding must no longer be given the old one from memory.
            for sibling in variants.entries {
                sibling.markDisturbed(at: version)
            }
            variants.set(entry)
            entries[entry.key] = variants
        } else {
            entries[entry.key] = CacheVariants(entry)
        }
        entry.storePosition = listed.count
        listed.append(entry)
        byteCount += entry.byteCost
        changeCount &+= 1
        statistics.storedCount &+= 1
    }

    /// Removes an entry that is in the table.
    mutating func remove(_ entry: CacheEntry, version: UInt64) {
        guard let position = entry.storePosition, listed[position] === entry else {
            preconditionFailure("an entry is removed from the table that lists it")
        }
        entries[entry.key] = entries[entry.key]?.removing(entry)
        let last = listed.removeLast()
        if last !== entry {
            listed[position] = last
            last.storePosition = position
        }
        entry.storePosition = nil
        entry.markDisturbed(at: version)
        byteCount -= entry.byteCost
        changeCount &+= 1
    }

    /// Removes entries until `byteCount` more bytes fit into the budget.
    mutating func makeRoom(byteCount wanted: Int, budget: Int, now: Int64, version: UInt64) {
        guard byteCount > budget - wanted else { return }
        // Once a second at most: with nothing expired, each new entry would pay for a pass over all.
        if sweptAt == .min || now &- sweptAt >= 1_000_000_000 {
            sweptAt = now
            removeExpired(now: now, version: version)
        }
        while byteCount > budget - wanted, !listed.isEmpty {
            evictOne(now: now, version: version)
        }
    }

    /// Removes the first expired, else the least recently used, of the next few entries.
    private mutating func evictOne(now: Int64, version: UInt64) {
        if hand >= listed.count { hand = 0 }
        let end = min(hand + Self.neighbourCount, listed.count)
        var victim = listed[hand]
        for entry in listed[hand..<end] {
            guard entry.isFresh(at: now) else {
                remove(entry, version: version)
                statistics.expiredCount &+= 1
                return
            }
            if entry.lastUsedAt < victim.lastUsedAt { victim = entry }
        }
        hand = end
        remove(victim, version: version)
        statistics.evictedCount &+= 1
    }

    private mutating func removeExpired(now: Int64, version: UInt64) {
        for entry in listed where !entry.isFresh(at: now) {
            remove(entry, version: version)
            statistics.expiredCount &+= 1
        }
    }

    /// Removes what expired, and what was not used for `period` nanoseconds; returns what it removed.
    mutating func scavenge(period: Int64, now: Int64, version: UInt64) -> [CacheEntry] {
        sweptAt = now
        var removed: [CacheEntry] = []
        for entry in listed {
            let isFresh = entry.isFresh(at: now)
            guard !isFresh || now &- entry.lastUsedAt >= period else { continue }
            remove(entry, version: version)
            removed.append(entry)
            if isFresh {
                statistics.scavengedCount &+= 1
            } else {
                statistics.expiredCount &+= 1
            }
        }
        return removed
    }
}
