// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Testing

@testable import ResponseCache

/// The path of a request without and with the memo, as a loop would take it.
private struct Loop: ~Copyable {
    let store = ResponseCacheStore(limits: CacheLimits(byteBudget: 12_000))
    var reader: ResponseCacheReader
    var memo: HeadMemo
    private var head = RequestHead()
    private var key = CacheKey()
    private(set) var memoHitCount = 0

    init() {
        reader = ResponseCacheReader(store: store)
        memo = HeadMemo(store: store, slotCount: 8, seed: 42)
    }

    /// What parsing and looking up gives: the entry, and how many bytes the request took.
    mutating func answerByParsing(
        _ bytes: [UInt8],
        now: Int64
    ) -> (entry: CacheEntry, byteCount: Int, isPlain: Bool, keepAlive: Bool)? {
        guard case .complete(let byteCount) = head.parse(bytes.span, limits: HeadLimits()) else { return nil }
        guard CacheRequestBlockers(head, bytes: bytes.span).mayServe else { return nil }
        let none: [UInt8] = []
        key.assign(
            isSecure: false,
            port: 80,
            localAddress: none.span,
            host: bytes.span.extracting(head.host.range),
            target: bytes.span.extracting(head.target.range)
        )
        let accepted = head.value(of: .acceptEncoding).map {
            ContentCodings(acceptEncoding: bytes.span.extracting($0.range))
        }
        guard let entry = reader.lookup(key, accepting: accepted ?? ContentCodings(), now: now) else {
            return nil
        }
        let disposition = CacheRules.disposition(of: entry, head: head, bytes: bytes.span, wallClock: 0)
        guard disposition == .full || disposition == .notModified else { return nil }
        let isPlain = disposition == .full && !head.present.intersects(FieldIDSet(.range, .ifNoneMatch))
        return (entry, byteCount, isPlain, head.keepAlive)
    }

    /// Answers with the memo if it can, and checks that parsing would have given the same.
    mutating func step(_ bytes: [UInt8], now: Int64) -> String? {
        let remembered = memo.lookup(bytes.span, endpoint: 0, now: now)
        let parsed = answerByParsing(bytes, now: now)
        if let remembered {
            memoHitCount += 1
            guard let parsed else { return "the memo answers what parsing refuses" }
            guard parsed.isPlain else { return "the memo answers a conditional request" }
            guard parsed.entry === remembered.entry else { return "the memo gives another entry" }
            guard parsed.byteCount == remembered.requestByteCount else { return "another length" }
            guard parsed.keepAlive == remembered.keepAlive else { return "another fate of the connection" }
            return remembered.response == parsed.entry.bytes ? nil : "other bytes"
        }
        guard let parsed, parsed.isPlain else { return nil }
        memo.insert(
            head: bytes.span.extracting(0..<parsed.byteCount),
            endpoint: 0,
            entry: parsed.entry,
            version: reader.version,
            keepAlive: parsed.keepAlive,
            now: now
        )
        return nil
    }
}

@Suite("Memo and parsing agree")
struct MemoEquivalenceTests {
    static let fields = [
        "", "Accept-Encoding: gzip\r\n", "Accept-Encoding: br;q=0\r\n", "Connection: close\r\n",
        "If-None-Match: \"v1\"\r\n", "Range: bytes=0-1\r\n", "Authorization: x\r\n", "Cookie: a=b\r\n",
        "X: \(String(repeating: "x", count: 2_000))\r\n",
    ]

    static func request(_ random: inout SplitMix64) -> [UInt8] {
        let target = ["/a", "/b", "/a?q", "/c/d/e/f/g/h/i/j/k/l/m/n"][Int(random.next() % 4)]
        let method = random.next() % 16 == 0 ? "HEAD" : "GET"
        let host = random.next() % 4 == 0 ? "H" : "h"
        let extra = random.next() % 3 == 0 ? fields[Int(random.next() % UInt64(fields.count))] : ""
        let version = random.next() % 8 == 0 ? "HTTP/1.0" : "HTTP/1.1"
        var bytes = Array("\(method) \(target) \(version)\r\nHost: \(host)\r\n\(extra)\r\n".utf8)
        switch random.next() % 16 {
        case 0: bytes.removeLast(Int(random.next() % 8))
        case 1: bytes[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 << (random.next() % 8))
        case 2...6: bytes += bytes
        default: break
        }
        return bytes
    }

    static func change(_ store: ResponseCacheStore, _ random: inout SplitMix64, now: Int64) {
        let target = ["/a", "/b", "/a?q", "/c/d/e/f/g/h/i/j/k/l/m/n"][Int(random.next() % 4)]
        switch random.next() % 12 {
        case 0 where random.next() % 4 == 0: store.flushAll()
        case 1: store.scavenge(now: now)
        case 2, 3: store.insert(.sample(CacheKey(target), coding: .gzip, now: now), asOf: nil, now: now)
        default:
            let lifetime = CacheLifetime.seconds(Int32(1 + random.next() % 30))
            let entry = CacheEntry.sample(
                CacheKey(target),
                bodyByteCount: Int(random.next() % 3_000),
                lifetime: lifetime,
                now: now
            )
            store.insert(entry, asOf: nil, now: now)
        }
    }

    @Test(
        "Whatever is asked and whatever changes, the memo gives what parsing and looking up give",
        arguments: [1, 2, 3] as [UInt64]
    )
    func agree(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var loop = Loop()
        var now: Int64 = 0
        for step in 0..<4_000 {
            now += Int64(random.next() % 200_000_000)
            if random.next() % 15 == 0 { Self.change(loop.store, &random, now: now) }
            if random.next() % 50 == 0 { loop.memo.sweep(now: now) }
            let bytes = Self.request(&random)
            let failure = loop.step(bytes, now: now)
            #expect(failure == nil, "step \(step): \(String(decoding: bytes, as: UTF8.self))")
        }
        let count = loop.memoHitCount
        #expect(count > 500, "the memo has to be tried at all")
    }
}
