// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ResponseCache

@Suite("Response cache store")
struct ResponseCacheStoreTests {
    @Test("Two URLs that differ by query are two entries (check 16)")
    func query() {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/a?w=1"), bodyByteCount: 1), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/a?w=2"), bodyByteCount: 2), asOf: nil, now: 0)
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/a?w=1"), now: 0)?.bodyByteCount == 1)
        #expect(reader.lookup(CacheKey("/a?w=2"), now: 0)?.bodyByteCount == 2)
        #expect(reader.lookup(CacheKey("/a"), now: 0) == nil)
        #expect(store.statistics.hitCount == 2)
        #expect(store.statistics.missCount == 1)
    }

    @Test("A newer response takes the place of the older one of its key")
    func replace() {
        let store = ResponseCacheStore()
        let old = CacheEntry.sample(CacheKey("/a"), bodyByteCount: 1000)
        let new = CacheEntry.sample(CacheKey("/a"), bodyByteCount: 10)
        #expect(store.insert(old, asOf: nil, now: 0) == nil)
        #expect(store.insert(new, asOf: nil, now: 0) == nil)
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/a"), now: 0) === new)
        #expect(store.statistics.entryCount == 1)
        #expect(store.statistics.byteCount == new.byteCost)
        #expect(store.statistics.replacedCount == 1)
    }

    @Test("An entry is stored once only")
    func storedOnce() {
        let store = ResponseCacheStore()
        let entry = CacheEntry.sample(CacheKey("/a"))
        #expect(store.insert(entry, asOf: nil, now: 0) == nil)
        #expect(store.insert(entry, asOf: nil, now: 0) == .alreadyStored)
        store.flushAll()
        #expect(store.insert(entry, asOf: nil, now: 0) == .alreadyStored)
        #expect(store.statistics.refusedCount == 2)
    }

    @Test("An entry is served until its lifetime ends, and not at the instant it ends")
    func expiry() {
        let store = ResponseCacheStore()
        let now = 5 * second
        store.insert(.sample(CacheKey("/a"), lifetime: .seconds(10), now: now), asOf: nil, now: now)
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/a"), now: 15 * second - 1) != nil)
        #expect(reader.lookup(CacheKey("/a"), now: 15 * second) == nil)
    }

    @Test("A lifetime beyond the end of the clock never ends")
    func clockEnd() {
        #expect(CacheLifetime.seconds(.max).end(startingAt: .max - 1) == .max)
        #expect(CacheLifetime.seconds(1).end(startingAt: 0) == second)
        #expect(CacheLifetime.untilFlushed.end(startingAt: 0) == .max)
    }

    @Test("A response over UriMaxUriBytes is refused, one of just that size is stored (§4.2)")
    func largest() {
        let store = ResponseCacheStore()
        let head = CacheEntry.sample(CacheKey("/a"), bodyByteCount: 200_000).headByteCount
        let fits = CacheEntry.sample(CacheKey("/a"), bodyByteCount: 262_144 - head)
        let over = CacheEntry.sample(CacheKey("/b"), bodyByteCount: 262_145 - head)
        #expect(fits.bytes.count == 262_144)
        #expect(store.insert(fits, asOf: nil, now: 0) == nil)
        #expect(store.insert(over, asOf: nil, now: 0) == .entryTooLarge)
    }

    @Test("A head over its bound is refused")
    func headBound() {
        let store = ResponseCacheStore(limits: CacheLimits(headBytesMax: 200))
        #expect(store.insert(.sample(CacheKey("/a")), asOf: nil, now: 0) == nil)
        #expect(store.insert(.sample(CacheKey("/b"), headPadding: 200), asOf: nil, now: 0) == .headTooLarge)
    }

    @Test("With no budget at all, nothing is stored")
    func noBudget() {
        let store = ResponseCacheStore(limits: CacheLimits(byteBudget: 0))
        #expect(store.insert(.sample(CacheKey("/a")), asOf: nil, now: 0) == .entryTooLarge)
    }

    @Test("The budget counts responses, keys and bookkeeping, and is never exceeded")
    func budget() {
        let limits = CacheLimits(byteBudget: 100_000)
        let store = ResponseCacheStore(limits: limits)
        var random = SplitMix64(state: 7)
        for step in 0..<2_000 {
            let target = "/\(random.next() % 500)" + String(repeating: "k", count: Int(random.next() % 200))
            let entry = CacheEntry.sample(
                CacheKey(target),
                bodyByteCount: Int(random.next() % 4_000),
                lifetime: .seconds(Int32(1 + random.next() % 100))
            )
            store.insert(entry, asOf: nil, now: Int64(step) * second / 20)
            let statistics = store.statistics
            #expect(statistics.byteCount <= limits.byteBudget)
            guard step % 100 == 0 else { continue }
            let entries = store.entries()
            #expect(statistics.byteCount == entries.reduce(0) { $0 + $1.byteCost })
            #expect(statistics.entryCount == entries.count)
        }
        #expect(store.statistics.evictedCount > 100)
        #expect(store.flushAll() > 0)
        #expect(store.statistics.byteCount == 0)
    }

    @Test("Room is made by what expired first")
    func expiredGoFirst() {
        let cost = CacheEntry.sample(CacheKey("/0")).byteCost
        let store = ResponseCacheStore(limits: CacheLimits(byteBudget: 3 * cost))
        store.insert(.sample(CacheKey("/0")), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/1"), lifetime: .seconds(1), now: second), asOf: nil, now: second)
        store.insert(.sample(CacheKey("/2"), now: 2 * second), asOf: nil, now: 2 * second)
        store.insert(.sample(CacheKey("/3"), now: 3 * second), asOf: nil, now: 3 * second)
        #expect(Set(store.entries().map(\.key.url)) == ["http://h:80/0", "http://h:80/2", "http://h:80/3"])
        #expect(store.statistics.expiredCount == 1)
        #expect(store.statistics.evictedCount == 0)
    }

    @Test("Then by the least recently used")
    func leastRecentlyUsed() {
        let cost = CacheEntry.sample(CacheKey("/0")).byteCost
        let store = ResponseCacheStore(limits: CacheLimits(byteBudget: 3 * cost))
        for number in 0..<3 {
            let now = Int64(number) * second
            store.insert(.sample(CacheKey("/\(number)"), now: now), asOf: nil, now: now)
        }
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/0"), now: 10 * second) != nil)
        store.insert(.sample(CacheKey("/3"), now: 11 * second), asOf: nil, now: 11 * second)
        #expect(Set(store.entries().map(\.key.url)) == ["http://h:80/0", "http://h:80/2", "http://h:80/3"])
        #expect(store.statistics.evictedCount == 1)
    }

    @Test("In a large cache, what is used often survives a flood of pages that are asked for once")
    func flood() {
        let cost = CacheEntry.sample(CacheKey("/0000000")).byteCost
        let store = ResponseCacheStore(limits: CacheLimits(byteBudget: 200 * cost))
        var reader = ResponseCacheReader(store: store)
        for number in 0..<10 {
            store.insert(.sample(CacheKey("/popular\(number)")), asOf: nil, now: 0)
        }
        for number in 0..<2_000 {
            let now = Int64(number) * second / 10
            store.insert(.sample(CacheKey("/flood\(number)"), now: now), asOf: nil, now: now)
            let isThere = reader.lookup(CacheKey("/popular\(number % 10)"), now: now) != nil
            #expect(isThere)
        }
    }
}

@Suite("Scavenger and flushes")
struct ResponseCacheFlushTests {
    @Test("An entry unused for one UriScavengerPeriod goes, whatever its policy (check 17)")
    func scavenger() {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/idle")), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/used")), asOf: nil, now: 0)
        var reader = ResponseCacheReader(store: store)
        #expect(store.scavenge(now: 120 * second - 1) == 0)
        #expect(reader.lookup(CacheKey("/used"), now: 100 * second) != nil)
        #expect(store.scavenge(now: 120 * second) == 1)
        #expect(reader.lookup(CacheKey("/idle"), now: 120 * second) == nil)
        #expect(reader.lookup(CacheKey("/used"), now: 120 * second) != nil)
        #expect(store.statistics.scavengedCount == 1)
    }

    @Test("The scavenger takes what expired")
    func scavengerExpired() {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/a"), lifetime: .seconds(5)), asOf: nil, now: 0)
        #expect(store.scavenge(now: 5 * second - 1) == 0)
        #expect(store.scavenge(now: 5 * second) == 1)
        #expect(store.statistics.expiredCount == 1)
        #expect(store.statistics.byteCount == 0)
    }

    @Test(
        "A scavenger period is what it says, within what the clock can hold",
        arguments: [
            (Duration.seconds(120), 120 * second), (.milliseconds(1500), 1_500_000_000), (.zero, 0),
            (.seconds(-1), 0), (.seconds(Int64.max), .max), (.seconds(Int64.min), 0),
        ]
    )
    func period(duration: Duration, nanoseconds: Int64) {
        #expect(CacheLimits(scavengerPeriod: duration).scavengerNanoseconds == nanoseconds)
    }

    @Test("A recursive flush of /a/ takes /a/b, leaves /ab and another queue's entries (check 18)")
    func recursive() throws {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/a/b"), queueID: 1), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/ab"), queueID: 1), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/a/c"), queueID: 2), asOf: nil, now: 0)
        let pattern = try CacheFlushPattern("http://h:80/a/", includesDescendants: true)
        #expect(store.flush(pattern, queueID: 1) == 1)
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/a/b"), now: 0) == nil)
        #expect(reader.lookup(CacheKey("/ab"), now: 0) != nil)
        #expect(reader.lookup(CacheKey("/a/c"), now: 0) != nil)
        #expect(store.entries(matching: pattern).map(\.key) == [CacheKey("/a/c")])
        #expect(store.flush(pattern) == 1)
        #expect(store.statistics.flushedCount == 2)
    }

    @Test("Closing a queue or a URL group takes its entries along")
    func owners() {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/1"), queueID: 1, urlGroupID: 10), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/2"), queueID: 1, urlGroupID: 11), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/3"), queueID: 2, urlGroupID: 12), asOf: nil, now: 0)
        #expect(store.flush(urlGroupID: 11) == 1)
        #expect(store.flush(queueID: 1) == 1)
        #expect(store.entries().map(\.key) == [CacheKey("/3")])
        #expect(store.flushAll() == 1)
        #expect(store.flushAll() == 0)
    }

    @Test("What was computed before a flush is not stored after it")
    func generation() {
        let store = ResponseCacheStore()
        let before = store.flushGeneration
        store.flush(queueID: 99)
        #expect(store.insert(.sample(CacheKey("/a")), asOf: before, now: 0) == .flushedMeanwhile)
        #expect(store.insert(.sample(CacheKey("/a")), asOf: store.flushGeneration, now: 0) == nil)
    }
}

@Suite("Content coding variants")
struct CacheVariantsTests {
    @Test("Each coding has its entry; the client gets the most compact that it takes")
    func variants() {
        let store = ResponseCacheStore()
        for coding in ContentCoding.allCases {
            store.insert(.sample(CacheKey("/a"), coding: coding), asOf: nil, now: 0)
        }
        var reader = ResponseCacheReader(store: store)
        let key = CacheKey("/a")
        #expect(store.statistics.entryCount == 5)
        #expect(reader.lookup(key, now: 0)?.coding == .identity)
        #expect(reader.lookup(key, accepting: ContentCodings(.gzip, .deflate), now: 0)?.coding == .gzip)
        #expect(reader.lookup(key, accepting: ContentCodings(.gzip, .brotli), now: 0)?.coding == .brotli)
        #expect(reader.variants(of: key)?.isIdentityAlone == false)
    }

    @Test(
        "Of the stored codings the client gets the one it weighs most (RFC 9110 §12.5.3)",
        arguments: [
            // Accept-Encoding, what is stored, what is served
            ("gzip;q=0.1, identity", [.gzip], nil), ("identity, gzip;q=0.1", [.gzip, .identity], .identity),
            ("identity;q=0.5, gzip", [.gzip, .identity], .gzip),
            ("identity, gzip", [.gzip, .identity], .gzip),
            ("identity, gzip", [.gzip], .gzip), ("identity;q=0.5, gzip;q=0.4, br", [.gzip], nil),
            ("identity;q=0.5, gzip;q=0.4, br", [.gzip, .brotli], .brotli),
            ("br;q=0.5, gzip", [.gzip, .brotli], .gzip), ("br;q=0.5, gzip", [.brotli], .brotli),
            ("br, gzip", [.gzip, .brotli], .brotli), ("br, gzip", [.gzip], .gzip),
            ("zstd;q=0.9, br;q=0.8, gzip;q=1", [.brotli, .zstandard], .zstandard),
            ("*;q=0.5, gzip;q=0.1", [.gzip, .brotli], .brotli), ("*;q=0.5, gzip;q=0.1", [.gzip], .gzip),
            ("gzip", [.identity], .identity), ("identity;q=0", [.identity], .identity),
            ("*;q=0", [.identity, .gzip], .identity), ("gzip;q=0", [.gzip], nil),
            ("x-gzip;q=0.2, br;q=0.1", [.brotli, .gzip], .gzip), ("*;q=0, x-gzip", [.gzip], .gzip),
            ("*, x-gzip;q=0", [.gzip], nil), ("IDENTITY;q=0.3, gzip;q=0.2", [.gzip], nil), ("", [.gzip], nil),
        ] as [(String, [ContentCoding], ContentCoding?)]
    )
    func weights(_ accept: String, _ stored: [ContentCoding], _ served: ContentCoding?) {
        for codings in [stored, stored.reversed()] {
            let store = ResponseCacheStore()
            for coding in codings {
                store.insert(.sample(CacheKey("/a"), coding: coding), asOf: nil, now: 0)
            }
            var reader = ResponseCacheReader(store: store)
            let accepted = ContentCodings(acceptEncoding: accept.utf8.span)
            #expect(reader.lookup(CacheKey("/a"), accepting: accepted, now: 0)?.coding == served)
        }
    }

    @Test("A coded entry alone is not served to a client that does not take the coding")
    func coded() {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/a"), coding: .gzip), asOf: nil, now: 0)
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/a"), now: 0) == nil)
        #expect(reader.lookup(CacheKey("/a"), accepting: .init(.brotli), now: 0) == nil)
        #expect(reader.lookup(CacheKey("/a"), accepting: .init(.gzip), now: 0) != nil)
    }

    @Test("An identity entry alone is served to anyone")
    func identity() {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/a")), asOf: nil, now: 0)
        var reader = ResponseCacheReader(store: store)
        #expect(reader.variants(of: CacheKey("/a"))?.isIdentityAlone == true)
        #expect(reader.lookup(CacheKey("/a"), accepting: .init(.brotli), now: 0) != nil)
    }

    @Test("One variant expires, another is still served")
    func expiry() {
        let store = ResponseCacheStore()
        store.insert(.sample(CacheKey("/a"), coding: .gzip, lifetime: .seconds(1)), asOf: nil, now: 0)
        store.insert(.sample(CacheKey("/a")), asOf: nil, now: 0)
        var reader = ResponseCacheReader(store: store)
        #expect(reader.lookup(CacheKey("/a"), accepting: .init(.gzip), now: 0)?.coding == .gzip)
        #expect(reader.lookup(CacheKey("/a"), accepting: .init(.gzip), now: second)?.coding == .identity)
        #expect(store.scavenge(now: second) == 1)
        #expect(reader.lookup(CacheKey("/a"), accepting: .init(.gzip), now: second)?.coding == .identity)
    }

    @Test("A flush takes all variants")
    func flush() throws {
        let store = ResponseCacheStore()
        for coding in ContentCoding.allCases {
            store.insert(.sample(CacheKey("/a"), coding: coding), asOf: nil, now: 0)
        }
        #expect(store.flush(try CacheFlushPattern("http://h:80/a", includesDescendants: false)) == 5)
        var reader = ResponseCacheReader(store: store)
        let found = reader.variants(of: CacheKey("/a"))
        #expect(found == nil)
    }
}
