// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import ResponseCache

@Suite("Readers on other threads")
struct CacheCoherenceTests {
    @Test("A reader sees a change as soon as the call that made it has returned")
    func sameThread() {
        let store = ResponseCacheStore()
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/a"), now: 0) == nil)
        let entry = CacheEntry.sample(CacheKey("/a"))
        store.insert(entry, asOf: nil, now: 0)
        #expect(reader.lookup(CacheKey("/a"), now: 0) === entry)
        store.flushAll()
        #expect(reader.lookup(CacheKey("/a"), now: 0) == nil)
    }

    @Test("A refreshed reader lets go of removed entries")
    func release() {
        let store = ResponseCacheStore()
        var reader = ResponseCacheReader(store: store)
        weak var removed: CacheEntry?
        do {
            let entry = CacheEntry.sample(CacheKey("/a"))
            removed = entry
            store.insert(entry, asOf: nil, now: 0)
        }
        reader.refresh()
        store.flushAll()
        #expect(removed != nil)
        reader.refresh()
        #expect(removed == nil)
    }

    /// Each step stores the step as its body size, and publishes it after that.
    ///
    /// A reader that saw step n published may get n or later, never something older.
    @Test("Under changes from one thread, readers on others never fall back behind what was published")
    func threads() async {
        let race = Race(stepCount: 500)
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<2 {
                group.addTask { await race.read() }
            }
            group.addTask { await race.write() }
            for await failureCount in group {
                #expect(failureCount == 0)
            }
        }
    }
}

/// One writer and several readers of one key.
private final class Race: Sendable {
    private let store = ResponseCacheStore(limits: CacheLimits(byteBudget: 100_000))
    private let published = Atomic<Int>(0)
    private let stepCount: Int

    init(stepCount: Int) {
        self.stepCount = stepCount
    }

    func write() async -> Int {
        for step in 1...stepCount {
            if step % 7 == 0 { store.flushAll() }
            store.insert(.sample(CacheKey("/a"), bodyByteCount: step), asOf: nil, now: 0)
            store.insert(.sample(CacheKey("/other\(step)")), asOf: nil, now: 0)
            published.store(step, ordering: .releasing)
            await Task.yield()
        }
        return 0
    }

    /// Looks the key up, in the memo and in the cache, until the writer has done; counts what was too old.
    func read() async -> Int {
        var failureCount = 0
        var reader = ResponseCacheReader(store: store)
        var memo = HeadMemo(store: store, slotCount: 4)
        let key = CacheKey("/a")
        let head = Array("GET /a HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        while true {
            let floor = published.load(ordering: .acquiring)
            if let answer = memo.lookup(head.span, endpoint: 1, now: 0), answer.entry.bodyByteCount < floor {
                failureCount += 1
            }
            if let entry = reader.lookup(key, now: 0) {
                if entry.bodyByteCount < floor { failureCount += 1 }
                memo.insert(
                    head: head.span,
                    endpoint: 1,
                    entry: entry,
                    version: reader.version,
                    keepAlive: true,
                    now: 0
                )
            }
            if floor >= stepCount { return failureCount }
            await Task.yield()
        }
    }
}
