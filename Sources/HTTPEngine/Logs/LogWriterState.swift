// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What the hub, the loops and the writer thread share.
///
/// Nothing here is on a loop's path.
final class LogWriterState: Sendable {
    /// What the other threads want of the writer.
    struct Wishes {
        /// Rung when everything written before the wish has left the process.
        var flushes: [LogDoorbell] = []
        var isStopping = false
        /// Whether the writer still answers; false before it starts and after its last pass.
        var isRunning = false
    }

    /// Wakes the writer: half a ring is full, or there is a wish.
    let doorbell: LogDoorbell
    /// Rung once the writer has done its last pass.
    let ended: LogDoorbell
    let counters = LogCounters()
    private let rings = Mutex<[LogRingMemory]>([])
    private let wishes = Mutex(Wishes())

    /// Opens the doorbells.
    init() throws(LogError) {
        doorbell = try LogDoorbell()
        ended = try LogDoorbell()
    }

    /// Adds a ring for the writer to drain.
    func register(_ ring: LogRingMemory) {
        rings.withLock { $0.append(ring) }
    }

    /// The rings registered so far.
    var registered: [LogRingMemory] { rings.withLock { $0 } }

    /// The losses of all rings and sinks.
    var drops: LogDrops {
        var drops = LogDrops(unwrittenLines: counters.lostLineCount)
        for ring in registered {
            drops.errors &+= ring.droppedErrorCount.load(ordering: .relaxed)
            drops.accesses &+= ring.droppedAccessCount.load(ordering: .relaxed)
        }
        return drops
    }

    /// Marks the writer as running.
    func begin() {
        wishes.withLock { $0.isRunning = true }
    }

    /// Asks for a flush; false where no writer would answer.
    func wishFlush(_ done: LogDoorbell) -> Bool {
        let isAccepted = wishes.withLock { wishes in
            if wishes.isRunning { wishes.flushes.append(done) }
            return wishes.isRunning
        }
        if isAccepted { doorbell.ring() }
        return isAccepted
    }

    /// Asks for the end.
    func wishStop() {
        wishes.withLock { $0.isStopping = true }
        doorbell.ring()
    }

    /// Takes what is wanted; the writer answers it with its next pass.
    func takeWishes() -> Wishes {
        wishes.withLock { wishes in
            let taken = wishes
            wishes.flushes = []
            if taken.isStopping { wishes.isRunning = false }
            return taken
        }
    }
}
