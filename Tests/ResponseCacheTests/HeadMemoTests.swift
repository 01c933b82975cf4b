// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ResponseCache

@Suite("Head memo")
struct HeadMemoTests {
    static let head = Array("GET /a HTTP/1.1\r\nHost: h\r\n\r\n".utf8)

    /// A cache with one entry, and what a loop holds of it.
    struct Fixture: ~Copyable {
        let store = ResponseCacheStore()
        var reader: ResponseCacheReader
        var memo: HeadMemo
        let entry: CacheEntry

        init(lifetime: CacheLifetime = .untilFlushed, bodyByteCount: Int = 5, slotCount: Int = 256) {
            reader = ResponseCacheReader(store: store)
            memo = HeadMemo(store: store, slotCount: slotCount, seed: 1)
            entry = .sample(CacheKey("/a"), bodyByteCount: bodyByteCount, lifetime: lifetime)
            store.insert(entry, asOf: nil, now: 0)
        }

        /// Looks the entry up and remembers it for a head, as often as it takes.
        mutating func remember(_ head: [UInt8], times: Int = 2, now: Int64 = 0) -> Bool {
            guard let found = reader.lookup(CacheKey("/a"), now: now) else { return false }
            var isRemembered = false
            for _ in 0..<times {
                isRemembered = memo.insert(
                    head: head.span,
                    endpoint: 1,
                    entry: found,
                    version: reader.version,
                    keepAlive: true,
                    now: now
                )
            }
            return isRemembered
        }

        mutating func recall(_ bytes: [UInt8], endpoint: UInt32 = 1, now: Int64 = 0) -> MemoizedAnswer? {
            memo.lookup(bytes.span, endpoint: endpoint, now: now)
        }
    }

    @Test("A head is remembered when it comes for the second time")
    func admission() {
        var fixture = Fixture()
        let once = fixture.remember(Self.head, times: 1)
        let afterOnce = fixture.recall(Self.head)
        let twice = fixture.remember(Self.head, times: 1)
        let afterTwice = fixture.recall(Self.head)
        #expect(!once)
        #expect(afterOnce == nil)
        #expect(twice)
        #expect(afterTwice?.entry === fixture.entry)
        #expect(afterTwice?.response == fixture.entry.bytes)
        #expect(afterTwice?.headByteCount == fixture.entry.headByteCount)
        #expect(afterTwice?.dateOffset == fixture.entry.dateOffset)
        #expect(afterTwice?.requestByteCount == Self.head.count)
        #expect(afterTwice?.keepAlive == true)
    }

    @Test("What follows the head changes nothing; a cut or another byte in it does", arguments: 0..<28)
    func exactBytes(index: Int) {
        var fixture = Fixture()
        _ = fixture.remember(Self.head)
        let pipelined = fixture.recall(Self.head + Self.head)
        let tail = fixture.recall(Self.head + [0])
        #expect(pipelined != nil)
        #expect(tail != nil)
        var changed = Self.head
        changed[index] ^= 0x20
        let other = fixture.recall(changed)
        let cut = fixture.recall(Array(Self.head[..<index]))
        let late = fixture.recall([0x0A] + Self.head)
        #expect(other == nil)
        #expect(cut == nil)
        #expect(late == nil)
    }

    @Test("The same head on another endpoint is another request")
    func endpoints() {
        var fixture = Fixture()
        _ = fixture.remember(Self.head)
        let other = fixture.recall(Self.head, endpoint: 2)
        #expect(other == nil)
    }

    @Test("An answer is gone when its entry expires")
    func expiry() {
        var fixture = Fixture(lifetime: .seconds(1))
        _ = fixture.remember(Self.head)
        let fresh = fixture.recall(Self.head, now: second - 1)
        let stale = fixture.recall(Self.head, now: second)
        #expect(fresh != nil)
        #expect(stale == nil)
    }

    @Test("An answer is gone when its entry is flushed, replaced, or gets a sibling", arguments: 0..<3)
    func invalidation(how: Int) {
        var fixture = Fixture()
        _ = fixture.remember(Self.head)
        switch how {
        case 0: fixture.store.flushAll()
        case 1: fixture.store.insert(.sample(CacheKey("/a")), asOf: nil, now: 0)
        default: fixture.store.insert(.sample(CacheKey("/a"), coding: .gzip), asOf: nil, now: 0)
        }
        let answer = fixture.recall(Self.head)
        #expect(answer == nil)
    }

    @Test("An answer outlives changes elsewhere in the cache")
    func changesElsewhere() {
        var fixture = Fixture()
        _ = fixture.remember(Self.head)
        for number in 0..<10 {
            fixture.store.insert(.sample(CacheKey("/other\(number)")), asOf: nil, now: 0)
            let answer = fixture.recall(Self.head)
            #expect(answer != nil)
        }
    }

    @Test("An answer that was looked up before a change is not remembered past it")
    func staleInsert() throws {
        var fixture = Fixture()
        _ = fixture.remember(Self.head, times: 1)
        let found = fixture.reader.lookup(CacheKey("/a"), now: 0)
        let entry = try #require(found)
        let version = fixture.reader.version
        fixture.store.flushAll()
        let isRemembered = fixture.memo.insert(
            head: Self.head.span,
            endpoint: 1,
            entry: entry,
            version: version,
            keepAlive: true,
            now: 0
        )
        let answer = fixture.recall(Self.head)
        #expect(isRemembered)
        #expect(answer == nil)
    }

    @Test("Heads over 2 KiB and responses over 16 KiB are not remembered")
    func bounds() {
        var fixture = Fixture()
        let longest = Self.padded(to: HeadMemo.headBytesMax)
        let over = Self.padded(to: HeadMemo.headBytesMax + 1)
        let fits = fixture.remember(longest)
        let fitsNot = fixture.remember(over)
        #expect(fits)
        #expect(!fitsNot)
        var large = Fixture(bodyByteCount: HeadMemo.responseBytesMax)
        let tooLarge = large.remember(Self.head)
        #expect(!tooLarge)
    }

    static func padded(to count: Int) -> [UInt8] {
        let start = Array("GET /a HTTP/1.1\r\nHost: h\r\nX: ".utf8)
        let filler = Array(repeating: UInt8(ascii: "x"), count: count - start.count - 4)
        return start + filler + Array("\r\n\r\n".utf8)
    }

    @Test("Heads that all differ push nothing out")
    func flood() {
        var fixture = Fixture(slotCount: 4)
        _ = fixture.remember(Self.head)
        for number in 0..<1_000 {
            let head = Array("GET /a HTTP/1.1\r\nHost: h\r\nX: \(number)\r\n\r\n".utf8)
            let isRemembered = fixture.remember(head, times: 1)
            #expect(!isRemembered)
        }
        let answer = fixture.recall(Self.head)
        #expect(answer != nil)
    }

    @Test("Hits are reported to the entry by the hundreds, by the second, or by a sweep")
    func hitCounts() {
        var fixture = Fixture()
        _ = fixture.remember(Self.head)
        for _ in 0..<256 { _ = fixture.recall(Self.head) }
        #expect(fixture.entry.hitCount == 1 + 256)
        _ = fixture.recall(Self.head, now: 5)
        #expect(fixture.entry.hitCount == 1 + 256)
        fixture.memo.sweep(now: 6)
        #expect(fixture.entry.hitCount == 1 + 257)
        _ = fixture.recall(Self.head, now: 3 * second)
        #expect(fixture.entry.hitCount == 1 + 258)
        #expect(fixture.entry.lastUsedAt == 3 * second)
        #expect(fixture.store.statistics.hitCount == 1 + 258)
    }

    @Test("A sweep lets go of what the cache has removed")
    func sweep() {
        let store = ResponseCacheStore()
        var reader = ResponseCacheReader(store: store)
        var memo = HeadMemo(store: store)
        weak var removed: CacheEntry?
        do {
            let entry = CacheEntry.sample(CacheKey("/a"))
            removed = entry
            store.insert(entry, asOf: nil, now: 0)
            reader.refresh()
            for _ in 0..<2 {
                memo.insert(
                    head: Self.head.span,
                    endpoint: 1,
                    entry: entry,
                    version: reader.version,
                    keepAlive: true,
                    now: 0
                )
            }
        }
        store.flushAll()
        reader.refresh()
        #expect(removed != nil)
        memo.sweep(now: 0)
        #expect(removed == nil)
    }
}
