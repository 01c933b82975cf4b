// SPDX-License-Identifier: Apache-2.0

import HTTPWire
import ResponseCache

/// Finding a stored response: by its key, and by the bytes of the whole head.
enum CacheBenchmarks {
    static let groups = [
        Group("cache") {
            let small = Rig(entryCount: 1)
            let large = Rig(entryCount: 10_000)
            return [
                small.assignment(), small.lookup("look-up, 1 entry"), large.lookup("look-up, 10000 entries"),
                small.parseAndLookup(), small.memo("memo, 44-byte head", WireBenchmarks.shortHead),
                small.memo("memo, 500-byte head", WireBenchmarks.browserHead),
            ]
        }
    ]
}

/// A cache with entries, as one loop has it.
///
/// A class, as the loop that holds reader and memo is one.
private final class Rig {
    private let store = ResponseCacheStore()
    @exclusivity(unchecked) private var reader: ResponseCacheReader
    @exclusivity(unchecked) private var memo: HeadMemo
    @exclusivity(unchecked) private var key = CacheKey()
    private let targets: Texts
    private let hostBytes = Array("localhost".utf8)
    private let accepted = ContentCodings()
    private let now: Int64 = 1_000_000_000

    init(entryCount: Int) {
        var targets: [String] = []
        for index in 0..<entryCount {
            let target = entryCount == 1 ? "/plaintext" : "/plaintext/\(index)"
            targets.append(target)
            store.insert(Rig.entry(target, now: now), asOf: store.flushGeneration, now: now)
        }
        self.targets = Texts(targets)
        reader = ResponseCacheReader(store: store)
        memo = HeadMemo(store: store)
    }

    private static func entry(_ target: String, now: Int64) -> CacheEntry {
        var fields = FieldSection()
        fields.append(id: .contentType, literal: "text/plain")
        let body = Array("Hello, World!".utf8)
        return CacheEntry(
            key: CacheKey(isSecure: false, port: 80, host: "localhost", target: target),
            owner: CacheOwner(queueID: 1, urlGroupID: 1),
            status: 200,
            fields: fields,
            body: body.span,
            policy: .userInvalidates,
            lifetime: .untilFlushed,
            now: now,
            wallClock: 1_795_000_000
        )
    }

    private func assign(_ target: Span<UInt8>, host: Span<UInt8>) {
        key.assign(isSecure: false, port: 80, localAddress: Span(), host: host, target: target)
    }

    func assignment() -> Benchmark {
        Benchmark("key of a 10-byte target") { [self] count in
            let targetBytes = targets.bytes
            let texts = targetBytes.span
            let hostBytes = hostBytes
            let host = hostBytes.span
            var total = 0
            for _ in 0..<count {
                assign(texts.extracting(targets.ranges[0]), host: host)
                total &+= key.isEmpty ? 0 : 1
            }
            return total
        }
    }

    func lookup(_ name: String) -> Benchmark {
        Benchmark("key and \(name)") { [self] count in
            let targetBytes = targets.bytes
            let texts = targetBytes.span
            let hostBytes = hostBytes
            let host = hostBytes.span
            var total = 0
            var index = 0
            for _ in 0..<count {
                assign(texts.extracting(targets.ranges[index]), host: host)
                guard let entry = reader.lookup(key, accepting: accepted, now: now) else { return -1 }
                total &+= entry.headByteCount
                // A stride that meets all entries, and none next to the last.
                index = (index &+ 4099) % targets.ranges.count
            }
            return total
        }
    }

    /// What a hit costs whose head is new: parse, what blocks the cache, key, look-up.
    func parseAndLookup() -> Benchmark {
        let bytes = Array(WireBenchmarks.shortHead.utf8)
        let limits = HeadLimits()
        return Benchmark("44-byte head parsed, key and look-up") { [self] count in
            let hostBytes = hostBytes
            let host = hostBytes.span
            var head = RequestHead()
            var total = 0
            for _ in 0..<count {
                guard case .complete = head.parse(bytes.span, limits: limits) else { return -1 }
                guard CacheRequestBlockers(head, bytes: bytes.span).mayServe else { return -1 }
                assign(bytes.span.extracting(head.path.range), host: host)
                guard let entry = reader.lookup(key, accepting: accepted, now: now) else { return -1 }
                total &+= entry.headByteCount
            }
            return total
        }
    }

    func memo(_ name: String, _ text: String) -> Benchmark {
        let head = Array(text.utf8)
        // Among others, as on a loop that serves several pages.
        for other in 0..<32 { remember(Array(text.replacing("example", with: "example\(other)").utf8)) }
        remember(head)
        return Benchmark(name) { [self] count in
            var total = 0
            for _ in 0..<count {
                guard let answer = memo.lookup(head.span, endpoint: 1, now: now) else { return -1 }
                total &+= answer.requestByteCount
            }
            return total
        }
    }

    private func remember(_ head: [UInt8]) {
        let texts = targets.bytes
        let host = hostBytes
        assign(texts.span.extracting(targets.ranges[0]), host: host.span)
        guard let entry = reader.lookup(key, accepting: accepted, now: now) else { return }
        for _ in 0..<2 {
            memo.insert(
                head: head.span,
                endpoint: 1,
                entry: entry,
                version: reader.version,
                keepAlive: true,
                now: now
            )
        }
    }
}
