// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// A counter alone on its cache lines, so that the two ends of a ring do not slow each other.
struct PaddedPosition: ~Copyable {
    let value = Atomic<UInt64>(0)
    // Two lines of 64 bytes, because the prefetcher fetches pairs.
    private let padding = InlineArray<15, UInt64>(repeating: 0)
}

/// What both ends of a log ring share: the bytes, how far each end has come, and what was dropped.
///
/// **Isolation**: one thread writes (through `LogRing`), one reads (`drain`). The rule that makes
/// `@unchecked Sendable` true: bytes from `readPosition` to `writePosition` belong to the reader, all others
/// to the writer, and each end hands bytes over with a releasing store of its own position.
@safe final class LogRingMemory: @unchecked Sendable {
    /// Bytes, a power of two.
    let capacity: Int
    let base: UnsafeMutableRawPointer
    /// Where the reader is, as bytes since the ring began; only the reader stores it.
    let readPosition = PaddedPosition()
    /// Where the writer is, as bytes since the ring began; only the writer stores it.
    let writePosition = PaddedPosition()
    /// Records of each kind that found no room; only the writer stores them.
    let droppedErrorCount = Atomic<UInt64>(0)
    let droppedAccessCount = Atomic<UInt64>(0)

    static let capacityMin = 16 << 10
    static let capacityMax = 64 << 20

    /// Allocates the ring; `bytes` is brought into 16 KiB through 64 MiB and rounded up to a power of two.
    ///
    /// The pages are first touched when records reach them, so that an idle ring costs no memory.
    init(capacity bytes: Int) {
        var capacity = Self.capacityMin
        while capacity < bytes && capacity < Self.capacityMax { capacity <<= 1 }
        self.capacity = capacity
        unsafe base = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { unsafe base.deallocate() }

    /// Hands `body` each record written up to now, oldest first, and gives its bytes back to the writer.
    ///
    /// **Isolation**: the reading thread only. A view is valid only during the call it is passed to.
    /// **Cost**: one pass; records that arrive meanwhile wait for the next, so a busy ring cannot hold the
    /// reader. Returns the number of records.
    @discardableResult
    func drain(_ body: (LogRecordView) -> Void) -> Int {
        var position = readPosition.value.load(ordering: .relaxed)
        let end = writePosition.value.load(ordering: .acquiring)
        var count = 0
        while position != end {
            // SAFETY: the writer published whole records up to `end`; `position` is the start of one.
            let record = unsafe base + Int(truncatingIfNeeded: position) & (capacity - 1)
            let prefix = unsafe record.assumingMemoryBound(to: LogRecordPrefix.self)
            let byteCount = unsafe prefix.pointee.byteCount
            precondition(
                byteCount >= 8 && UInt64(byteCount) <= end - position,
                "The log ring lost its place."
            )
            if unsafe prefix.pointee.kind != .padding {
                unsafe body(LogRecordView(base: UnsafeRawPointer(record)))
                count += 1
            }
            position += UInt64(byteCount)
            readPosition.value.store(position, ordering: .releasing)
        }
        return count
    }
}
