// SPDX-License-Identifier: Apache-2.0

/// A hashed timing wheel over dense indices: 1024 slots of 16.8 ms, with rounds beyond 17 seconds.
///
/// Pure and loop-affine. An entry is an index that the owner already has (a connection's slot), so scheduling
/// makes no object; each index is scheduled at most once. An entry comes due never before its deadline
/// and at most one slot (16.8 ms) after it.
///
/// Cost: `schedule` and `cancel` a few nanoseconds, 16 bytes for each index up to the largest one used. An
/// owner that pushes a deadline back often should only note the new one and schedule again when the old one
/// comes due.
///
/// Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", scheme 6.
public struct TimerWheel {
    // 2²⁴ ns, so that a slot is found by shifting.
    private static let tickShift: Int64 = 24
    private static let slotCount = 1024
    private static let slotMask: Int64 = 1023
    /// The list of entries whose slot was reached; its heads sit behind those of the slots.
    private static let dueList = 1024
    private static let none = UInt32.max
    /// In `previous`: the entry heads a list, whose number is in the other bits.
    private static let headMark: UInt32 = 1 << 31
    private static let unscheduled = Int64.min

    /// The tick an entry is due at, and its neighbours in the list of its slot.
    private struct Entry {
        var tick: Int64
        var next: UInt32
        var previous: UInt32
    }

    private var entries: ContiguousArray<Entry> = []
    private var heads: ContiguousArray<UInt32>
    /// One bit for each slot that has entries.
    private var occupied: ContiguousArray<UInt64>
    /// The next tick whose slot was not looked at yet.
    private var cursor: Int64

    /// The number of scheduled entries.
    public private(set) var count = 0

    /// Makes an empty wheel whose time begins at `now`.
    public init(now: MonotonicTime) {
        heads = ContiguousArray(repeating: Self.none, count: Self.slotCount + 1)
        occupied = ContiguousArray(repeating: 0, count: Self.slotCount / 64)
        cursor = now.nanoseconds >> Self.tickShift
    }

    /// The largest index that can be scheduled.
    public static var indexMax: UInt32 { headMark - 1 }

    /// Schedules `index` for `deadline`, in place of what it was scheduled for.
    ///
    /// A deadline that has passed comes due with the next slot, so that an entry that schedules itself again
    /// while it expires cannot hold the loop.
    public mutating func schedule(_ index: UInt32, at deadline: MonotonicTime) {
        precondition(index <= Self.indexMax, "a timer index has 31 bits")
        if Int(index) >= entries.count {
            grow(toHold: Int(index))
        } else if entries[Int(index)].tick != Self.unscheduled {
            unlink(index)
            count &-= 1
        }
        let exact = deadline.nanoseconds >> Self.tickShift
        let isWhole = deadline.nanoseconds & ((1 << Self.tickShift) - 1) == 0
        let tick = max(isWhole ? exact : exact &+ 1, cursor)
        entries[Int(index)].tick = tick
        link(index, into: Int(tick & Self.slotMask))
        count &+= 1
    }

    /// Takes `index` out of the wheel; one that is not scheduled is left alone.
    public mutating func cancel(_ index: UInt32) {
        guard isScheduled(index) else { return }
        unlink(index)
        entries[Int(index)].tick = Self.unscheduled
        count &-= 1
    }

    /// Whether `index` is scheduled.
    public func isScheduled(_ index: UInt32) -> Bool {
        Int(index) < entries.count && entries[Int(index)].tick != Self.unscheduled
    }

    /// When the wheel next has to be looked at, or `nil` when it is empty.
    ///
    /// This is the end of the nearest slot in use: it is not later than the earliest deadline's slot, but may be
    /// earlier than any deadline, when the slot holds only entries of later rounds.
    public var nextDeadline: MonotonicTime? {
        guard count > 0 else { return nil }
        guard heads[Self.dueList] == Self.none else { return MonotonicTime(nanoseconds: .min) }
        let start = Int(cursor & Self.slotMask)
        // One word more than there are: the first is visited again for the bits before `start`.
        for step in 0...occupied.count {
            let word = (start / 64 + step) % occupied.count
            var bits = occupied[word]
            if step == 0 {
                bits &= ~0 &<< UInt64(start % 64)
            }
            guard bits != 0 else { continue }
            let slot = word * 64 + bits.trailingZeroBitCount
            let distance = Int64((slot - start) & Int(Self.slotMask))
            let tick = cursor &+ distance
            return MonotonicTime(
                nanoseconds: tick > Int64.max >> Self.tickShift ? .max : tick << Self.tickShift
            )
        }
        return nil
    }

    /// Takes an entry that is due at `now` out of the wheel and gives its index; `nil` when there is none.
    ///
    /// Call it until it gives `nil`. Between the calls every entry may be scheduled and cancelled.
    public mutating func popExpired(at now: MonotonicTime) -> UInt32? {
        let current = now.nanoseconds >> Self.tickShift
        if heads[Self.dueList] == Self.none {
            guard cursor <= current else { return nil }
            advance(to: current)
        }
        let index = heads[Self.dueList]
        guard index != Self.none else { return nil }
        cancel(index)
        return index
    }

    /// Moves the entries that came due by `current` to the due list, and the cursor past it.
    private mutating func advance(to current: Int64) {
        if count > 0 {
            // After a long sleep each slot still has to be visited only once.
            var tick = max(cursor, current &- Self.slotMask)
            while tick <= current {
                let slot = Int(tick & Self.slotMask)
                if occupied[slot / 64] & 1 &<< UInt64(slot % 64) != 0 {
                    collect(slot, dueBy: current)
                }
                tick &+= 1
            }
        }
        cursor = current &+ 1
    }

    private mutating func collect(_ slot: Int, dueBy current: Int64) {
        var index = heads[slot]
        while index != Self.none {
            let entry = entries[Int(index)]
            if entry.tick <= current {
                unlink(index)
                link(index, into: Self.dueList)
            }
            index = entry.next
        }
    }

    private mutating func grow(toHold index: Int) {
        let count = max(index + 1, min(entries.count * 2, Int(Self.indexMax)), 64)
        let vacant = Entry(tick: Self.unscheduled, next: Self.none, previous: Self.none)
        entries.append(contentsOf: repeatElement(vacant, count: count - entries.count))
    }

    private mutating func link(_ index: UInt32, into list: Int) {
        let head = heads[list]
        entries[Int(index)].next = head
        entries[Int(index)].previous = Self.headMark | UInt32(list)
        if head != Self.none {
            entries[Int(head)].previous = index
        } else if list != Self.dueList {
            occupied[list / 64] |= 1 &<< UInt64(list % 64)
        }
        heads[list] = index
    }

    private mutating func unlink(_ index: UInt32) {
        let entry = entries[Int(index)]
        if entry.next != Self.none {
            entries[Int(entry.next)].previous = entry.previous
        }
        guard entry.previous & Self.headMark != 0 else {
            entries[Int(entry.previous)].next = entry.next
            return
        }
        let list = Int(entry.previous & ~Self.headMark)
        heads[list] = entry.next
        if entry.next == Self.none && list != Self.dueList {
            occupied[list / 64] &= ~(1 &<< UInt64(list % 64))
        }
    }
}
