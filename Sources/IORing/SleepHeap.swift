// SPDX-License-Identifier: Apache-2.0

/// A task that sleeps on a loop.
///
/// Loop-affine but for the reference itself, which a cancellation handler carries to the loop.
final class Sleeper: @unchecked Sendable {
    // The rule for `@unchecked`: the stored properties are touched on the loop's thread only.
    var deadline: MonotonicTime
    var continuation: CheckedOrUnsafeContinuation?
    /// Where in the heap it is; -1 when it is not there.
    var position = -1
    /// Cancelled before it was in the heap.
    var isCancelled = false

    init(deadline: MonotonicTime) {
        self.deadline = deadline
    }
}

/// The sleepers of a loop, soonest first: a binary heap in which each knows its position.
///
/// Loop-affine. Cost: logarithmic in the number of sleeping tasks, also to cancel.
struct SleepHeap {
    private var sleepers: ContiguousArray<Sleeper> = []

    /// When the next one has to wake.
    var nextDeadline: MonotonicTime? { sleepers.first?.deadline }

    var count: Int { sleepers.count }

    mutating func insert(_ sleeper: Sleeper) {
        sleeper.position = sleepers.count
        sleepers.append(sleeper)
        siftUp(sleeper.position)
    }

    /// Takes out a sleeper whose deadline is not after `now`; `nil` when there is none.
    mutating func popExpired(at now: MonotonicTime) -> Sleeper? {
        guard let first = sleepers.first, first.deadline <= now else { return nil }
        remove(first)
        return first
    }

    /// Takes out any sleeper, as when the loop ends.
    mutating func popAny() -> Sleeper? {
        guard let last = sleepers.last else { return nil }
        remove(last)
        return last
    }

    /// Takes out a sleeper; one that is not there is left alone.
    mutating func remove(_ sleeper: Sleeper) {
        let position = sleeper.position
        guard position >= 0 else { return }
        let last = sleepers.count - 1
        exchange(position, last)
        sleepers.removeLast()
        sleeper.position = -1
        guard position < last else { return }
        siftDown(position)
        siftUp(position)
    }

    private mutating func siftUp(_ start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard sleepers[position].deadline < sleepers[parent].deadline else { return }
            exchange(position, parent)
            position = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var position = start
        while true {
            var least = position
            for child in [2 * position + 1, 2 * position + 2] where child < sleepers.count {
                if sleepers[child].deadline < sleepers[least].deadline {
                    least = child
                }
            }
            guard least != position else { return }
            exchange(position, least)
            position = least
        }
    }

    private mutating func exchange(_ one: Int, _ other: Int) {
        guard one != other else { return }
        sleepers.swapAt(one, other)
        sleepers[one].position = one
        sleepers[other].position = other
    }
}
