// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport

/// The reading end of a ring that another process writes.
///
/// Loop-affine. Every index and length is read once, checked, and then used; a record is copied before it is
/// looked at. So the other side can make it fail with a violation, and can do no more.
struct RingReader {
    private let base: UnsafeRawPointer
    private let capacity: UInt64
    private let tailWord: UnsafeMutablePointer<UInt64>
    private let headWord: UnsafeMutablePointer<UInt64>
    private let recordBytesMax: Int
    /// Where records are copied to; `recordBytesMax` bytes that the end owns.
    private let scratch: UnsafeMutableRawPointer
    /// How far records have been taken.
    private(set) var head: UInt64 = 0
    private var publishedHead: UInt64 = 0
    private var tail: UInt64 = 0

    init(
        base: UnsafeRawPointer,
        capacity: Int,
        tail: UnsafeMutablePointer<UInt64>,
        head: UnsafeMutablePointer<UInt64>,
        recordBytesMax: Int,
        scratch: UnsafeMutableRawPointer
    ) {
        self.base = base
        self.capacity = UInt64(capacity)
        tailWord = tail
        headWord = head
        self.recordBytesMax = recordBytesMax
        self.scratch = scratch
    }

    /// Whether the other side says that there is more; a look that costs a load.
    @inline(__always)
    var hasMore: Bool { qt_load_relaxed(tailWord) != head }

    /// Looks how far the other side has written; the records up to there are taken with `next()`.
    mutating func refresh() throws(TransportViolation) {
        let found = qt_load_acquire(tailWord)
        // `tail` is behind `found` for an honest writer; one that goes back, or on past what the ring can hold, is
        // further than the capacity from `head` or behind `tail`.
        guard found % 8 == 0, found &- head <= capacity, found &- head >= tail &- head else {
            throw TransportViolation(.index, value: found)
        }
        tail = found
    }

    /// Takes the next record of those `refresh()` found.
    @inline(__always)
    mutating func next() throws(TransportViolation) -> ReceivedRecord? {
        let available = tail &- head
        guard available > 0 else { return nil }
        // SAFETY: the ring is mapped twice in a row: `capacity` bytes can be read from every offset in it.
        let place = base + Int(truncatingIfNeeded: head & (capacity &- 1))
        let first = place.load(as: UInt64.self)
        let count = Int(truncatingIfNeeded: first & 0xFFFF_FFFF)
        let aligned = UInt64(truncatingIfNeeded: (count &+ 7) & ~7)
        guard count >= ReceivedRecord.prefixBytes, count <= recordBytesMax, aligned <= available else {
            throw TransportViolation(
                .length,
                value: UInt64(truncatingIfNeeded: count),
                kind: UInt8(truncatingIfNeeded: first >> 32)
            )
        }
        // SAFETY: the scratch has `recordBytesMax` bytes, and `count` is not more.
        scratch.storeBytes(of: first, as: UInt64.self)
        (scratch + 8).copyMemory(from: place + 8, byteCount: count &- 8)
        head &+= aligned
        // A reader that keeps up gives room back now and then, so that the writer need not wait for all of it.
        if head &- publishedHead > capacity / 4 { publish() }
        return ReceivedRecord(
            bytes: UnsafeRawBufferPointer(start: scratch, count: count),
            prefix: scratch.load(as: qt_prefix.self)
        )
    }

    /// Gives what was taken back to the writer.
    ///
    /// - Returns: whether there was anything.
    @discardableResult
    mutating func publish() -> Bool {
        guard head != publishedHead else { return false }
        qt_store_release(headWord, head)
        publishedHead = head
        return true
    }
}
