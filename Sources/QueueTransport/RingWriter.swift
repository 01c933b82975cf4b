// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport

/// The writing end of a ring that another process reads.
///
/// Loop-affine. Trusts nothing in shared memory but by the check in `refresh()`: where it stands it knows itself.
struct RingWriter {
    private let base: UnsafeMutableRawPointer
    private let capacity: UInt64
    private let tailWord: UnsafeMutablePointer<UInt64>
    private let headWord: UnsafeMutablePointer<UInt64>
    /// Where the next record goes.
    private(set) var tail: UInt64 = 0
    private var publishedTail: UInt64 = 0
    private var readerHead: UInt64 = 0
    /// What the reader was found to have done wrong; no record is written after it.
    private(set) var violation: TransportViolation?

    init(
        base: UnsafeMutableRawPointer,
        capacity: Int,
        tail: UnsafeMutablePointer<UInt64>,
        head: UnsafeMutablePointer<UInt64>
    ) {
        self.base = base
        self.capacity = UInt64(capacity)
        tailWord = tail
        headWord = head
    }

    /// Bytes that can be written now, by what was last known of the reader.
    var room: Int { Int(truncatingIfNeeded: capacity &- (tail &- readerHead)) }

    /// Whether the reader had come to a place in the ring when it was last looked at.
    @inline(__always)
    func hasBeenRead(upTo place: UInt64) -> Bool { Int64(bitPattern: readerHead &- place) >= 0 }

    /// Looks how far the reader has come.
    mutating func refresh() {
        let found = qt_load_acquire(headWord)
        // An honest reader is between where it was and where the last published record ends.
        guard found % 8 == 0, publishedTail &- found <= publishedTail &- readerHead else {
            violation = TransportViolation(.index, value: found)
            return
        }
        readerHead = found
    }

    /// Finds room for a record of `count` bytes and writes its prefix; `nil` where there is none now.
    ///
    /// The caller writes what follows the prefix and calls `append(_:)`. At most half of the capacity.
    @inline(__always)
    mutating func reserve(_ kind: RecordKind, _ flags: UInt8, _ id: UInt64, count: Int)
        -> UnsafeMutableRawPointer?
    {
        guard room >= Self.aligned(count) || findRoom(Self.aligned(count)) else { return nil }
        // SAFETY: the ring is mapped twice in a row: `room` bytes can be written from every offset in it.
        let place = base + Int(truncatingIfNeeded: tail & (capacity &- 1))
        let prefix = qt_prefix(
            byte_count: UInt32(truncatingIfNeeded: count),
            kind: kind.rawValue,
            flags: flags,
            reserved: 0,
            id: id
        )
        place.storeBytes(of: prefix, as: qt_prefix.self)
        return place + ReceivedRecord.prefixBytes
    }

    @inline(never)
    private mutating func findRoom(_ count: Int) -> Bool {
        guard violation == nil else { return false }
        refresh()
        return violation == nil && room >= count
    }

    /// Adds a reserved record of `count` bytes to those `publish()` hands over.
    @inline(__always)
    mutating func append(_ count: Int) { tail &+= UInt64(truncatingIfNeeded: Self.aligned(count)) }

    /// Hands what was appended to the reader.
    ///
    /// - Returns: whether there was anything.
    mutating func publish() -> Bool {
        guard tail != publishedTail else { return false }
        qt_store_release(tailWord, tail)
        publishedTail = tail
        return true
    }

    @inline(__always)
    private static func aligned(_ count: Int) -> Int { (count &+ 7) & ~7 }
}
