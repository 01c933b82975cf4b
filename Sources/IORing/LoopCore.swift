// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The state of a loop that only its own thread touches.
///
/// Loop-affine. It lives behind a pointer, so that reading and changing it costs neither reference counting
/// nor checks for exclusive access.
struct LoopCore {
    var ring: Ring
    var buffers: BufferRing
    var largeBuffers: BufferRing
    var ready = JobQueue(capacity: 256)
    var sleeps = SleepHeap()
    var starved = StarvedReceives()
    var statistics = LoopStatistics()
    /// Delegate operations whose last completion has not come.
    var inFlight = 0
    /// When `LoopDelegate.tick` is due.
    var nextTick: MonotonicTime
    /// When the loop last had something to do; it spins from then.
    var lastWork: MonotonicTime
    /// The list that is exchanged for the one other threads fill.
    var foreignSpare: ContiguousArray<ForeignQueue.Item> = []
    var isStopping = false
    /// Whether the loop ended with operations that the kernel would not let go of.
    var hasAbandoned = false
    /// The headers of vectored sends, where the kernel takes those only as SENDMSG.
    var messages = MessageHeaders()
    /// Whether the kernel takes several pieces of memory in one SEND (6.17).
    var hasVectorisedSend = false

    init(ring: Ring, buffers: BufferRing, largeBuffers: BufferRing, now: MonotonicTime) {
        self.ring = ring
        self.buffers = buffers
        self.largeBuffers = largeBuffers
        nextTick = now
        lastWork = now
        foreignSpare.reserveCapacity(64)
    }
}

/// Headers for SENDMSG, each used once between two enters.
///
/// Loop-affine. The kernel reads a header while it takes the submission (`IORING_FEAT_SUBMIT_STABLE`), so that all
/// of them are free again when nothing waits to be submitted.
struct MessageHeaders {
    // SAFETY: blocks are never moved or freed before `destroy`, so a header stays where the kernel looks for it.
    private var blocks: [UnsafeMutablePointer<msghdr>] = []
    private var used = 0
    private static let blockCount = 64

    /// A header that no submission uses.
    mutating func next() -> UnsafeMutablePointer<msghdr> {
        let (block, index) = used.quotientAndRemainder(dividingBy: Self.blockCount)
        if block == blocks.count {
            let memory = UnsafeMutablePointer<msghdr>.allocate(capacity: Self.blockCount)
            memory.initialize(repeating: msghdr(), count: Self.blockCount)
            blocks.append(memory)
        }
        used += 1
        return blocks[block] + index
    }

    /// Makes all headers free; nothing may wait to be submitted.
    mutating func reset() {
        used = 0
    }

    mutating func destroy() {
        for block in blocks {
            block.deallocate()
        }
        blocks = []
    }
}

/// The time of an iteration, apart from the rest so that reading it is inlined into other modules.
@usableFromInline
struct LoopClock {
    /// The monotonic clock, as read when the iteration began.
    @usableFromInline var now: MonotonicTime
    /// Seconds since 1970.
    @usableFromInline var wallClockSeconds: Int64
    /// When the wall clock's next second begins.
    var wallClockExpiry: MonotonicTime
}
