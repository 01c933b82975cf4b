// SPDX-License-Identifier: Apache-2.0

/// Loop-affine: remembers what whole request heads, byte for byte, were answered with from the cache.
///
/// A head that is the same in every byte, on the same endpoint, parses to the same request; as long as the
/// cache would still give the same entry for it, it has the same answer, and neither need be done again.
/// Heads are admitted when they come for the second time, so heads that are all different (a trace
/// id, say) push nothing out and cost next to nothing.
///
/// **Shape**: sets of four, chosen by a hash of the request line; a match is a comparison of the
/// whole head. Head and response are private copies, so that loops share no cache line while they hit.
///
/// **Limits**: 256 heads unless said otherwise, of at most 2 KiB each; responses of at most 16 KiB.
/// So one memo holds at most some 4.6 MiB beyond the cache.
///
/// **What the caller must see to**: only heads that were parsed whole and whose answer was the
/// full entry may be inserted: no conditional or range request, nothing that anything but these bytes
/// and the endpoint had a say in. What is sent to one must be right for all that send those bytes.
public struct HeadMemo: ~Copyable {
    /// Bytes of the longest head that is remembered.
    public static let headBytesMax = 2048
    /// Bytes of the largest response that is remembered; for larger ones, parsing costs nothing beside sending.
    public static let responseBytesMax = 16 * 1024

    private let store: ResponseCacheStore
    private let counters: CacheCounters
    private let seed: UInt64
    private let setMask: Int
    /// The hash of the request line in each way of each set; 0 where there is nothing.
    private var tags: [UInt64]
    private var answers: [MemoizedAnswer?]
    /// Hashes of whole heads that came once, a few for each set.
    private var candidates: [UInt64]
    private var turn = 0

    private static let wayCount = 4

    /// Makes an empty memo.
    ///
    /// - Parameters:
    ///   - store: The cache. It keeps the memo's counters for good: make one memo a loop.
    ///   - slotCount: How many heads are remembered, rounded up to a power of two from 4 to 65,536.
    ///   - seed: Stirs the hash, so that nobody outside knows which heads share a set.
    public init(
        store: ResponseCacheStore,
        slotCount: Int = 256,
        seed: UInt64 = .random(in: .min ... .max)
    ) {
        self.store = store
        counters = store.makeCounters()
        self.seed = seed
        var setCount = 1
        while setCount * Self.wayCount < min(slotCount, 65_536) { setCount *= 2 }
        setMask = setCount - 1
        tags = Array(repeating: 0, count: setCount * Self.wayCount)
        answers = Array(repeating: nil, count: setCount * Self.wayCount)
        candidates = Array(repeating: 0, count: setCount * Self.wayCount)
    }

    /// Finds the answer to the request head that `bytes` begins with, and counts a hit if there is one.
    ///
    /// A miss is not counted: the look-up in the cache that follows it is.
    ///
    /// - Parameters:
    ///   - bytes: What was received, from the first byte of a head on; it may go on beyond the head.
    ///   - endpoint: What the caller numbers its endpoints by.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: The answer, or nil: then parse the head and look in the cache.
    @inline(__always)
    public mutating func lookup(
        _ bytes: Span<UInt8>,
        endpoint: UInt32,
        now: Int64
    ) -> MemoizedAnswer? {
        let tag = self.tag(of: bytes, endpoint: endpoint)
        let first = firstWay(of: tag)
        for way in first..<first &+ Self.wayCount where tags[way] == tag {
            guard let answer = answers[way], answer.matches(bytes, endpoint: endpoint) else { continue }
            guard answer.isCurrent(at: store.version, now: now) else {
                forget(way, now: now)
                return nil
            }
            counters.countHit()
            answer.countHit(now: now)
            return answer
        }
        return nil
    }

    /// Remembers the answer to a request head, if the head has come before.
    ///
    /// - Parameters:
    ///   - head: The whole head, from its first byte to the end of its empty line.
    ///   - endpoint: What the caller numbers its endpoints by.
    ///   - entry: The entry that the request is answered with, in full.
    ///   - version: `ResponseCacheReader.version` right after the look-up that gave the entry.
    ///   - keepAlive: Whether the connection stays open after the answer.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: Whether it was remembered.
    @discardableResult
    public mutating func insert(
        head: Span<UInt8>,
        endpoint: UInt32,
        entry: CacheEntry,
        version: UInt64,
        keepAlive: Bool,
        now: Int64
    ) -> Bool {
        guard head.count >= 4, head.count <= Self.headBytesMax else { return false }
        guard entry.bytes.count <= Self.responseBytesMax else { return false }
        let tag = self.tag(of: head, endpoint: endpoint)
        let first = firstWay(of: tag)
        let whole = ByteOperations.hash(head, seed: seed ^ UInt64(endpoint)) | 1
        guard candidates[first..<first + Self.wayCount].contains(whole) else {
            candidates[nextWay(after: first)] = whole
            return false
        }
        let way = freeWay(from: first, tag: tag, head: head, endpoint: endpoint, now: now)
        forget(way, now: now)
        tags[way] = tag
        answers[way] = MemoizedAnswer(
            head: head,
            endpoint: endpoint,
            entry: entry,
            version: version,
            keepAlive: keepAlive,
            now: now
        )
        return true
    }

    /// Forgets answers that no longer hold, and reports the hits of the others to their entries.
    ///
    /// Call it once a second or so: it lets go of entries that the cache has removed.
    public mutating func sweep(now: Int64) {
        let version = store.version
        for way in answers.indices {
            guard let answer = answers[way] else { continue }
            if answer.isCurrent(at: version, now: now) {
                answer.reportHits(now: now)
            } else {
                forget(way, now: now)
            }
        }
    }

    @inline(__always)
    private func tag(of bytes: Span<UInt8>, endpoint: UInt32) -> UInt64 {
        ByteOperations.hashFirstLine(bytes, seed: seed ^ UInt64(endpoint)) | 1
    }

    @inline(__always)
    private func firstWay(of tag: UInt64) -> Int {
        (Int(truncatingIfNeeded: tag >> 32) & setMask) &* Self.wayCount
    }

    private mutating func nextWay(after first: Int) -> Int {
        turn = (turn + 1) % Self.wayCount
        return first + turn
    }

    /// The way of the same head, else an empty or stale one, else the next in turn.
    private mutating func freeWay(
        from first: Int,
        tag: UInt64,
        head: Span<UInt8>,
        endpoint: UInt32,
        now: Int64
    ) -> Int {
        let version = store.version
        var free: Int?
        for way in first..<first + Self.wayCount {
            guard let answer = answers[way] else {
                free = free ?? way
                continue
            }
            if tags[way] == tag, answer.isAnswer(to: head, endpoint: endpoint) { return way }
            if !answer.isCurrent(at: version, now: now) { free = free ?? way }
        }
        return free ?? nextWay(after: first)
    }

    private mutating func forget(_ way: Int, now: Int64) {
        answers[way]?.reportHits(now: now)
        answers[way] = nil
        tags[way] = 0
    }
}
