// SPDX-License-Identifier: Apache-2.0
import Glibc
import IORing
import Synchronization

/// A moment by which something must have happened.
struct Deadline {
    private let at: MonotonicTime

    init(in duration: Duration = .seconds(5)) { at = MonotonicTime.read() + duration }

    /// Milliseconds left, 0 when none are.
    var milliseconds: Int32 {
        let left = at.nanoseconds - MonotonicTime.read().nanoseconds
        return left <= 0 ? 0 : Int32(clamping: left / 1_000_000 + 1)
    }

    var isOver: Bool { milliseconds == 0 }
}

/// Looks at a condition again and again until it holds; `false` when it does not within the time.
func eventually(in duration: Duration = .seconds(5), _ condition: () -> Bool) -> Bool {
    let deadline = Deadline(in: duration)
    while !condition() {
        if deadline.isOver { return condition() }
        poll(nil, 0, 1)
    }
    return true
}

/// A door that handlers wait at until a test opens it.
///
/// Any thread.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var cancelled: Set<Int> = []
        var next = 0
    }

    private let state = Mutex(State())

    /// Handlers waiting now.
    var waitingCount: Int { state.withLock { $0.waiters.count } }

    /// Waits until the gate is open, or the task is cancelled.
    func wait() async throws {
        let number = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let passes = state.withLock { state in
                    if state.isOpen || state.cancelled.contains(number) { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if passes { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.cancelled.insert(number)
                return state.waiters.removeValue(forKey: number)
            }
            waiter?.resume()
        }
        try Task.checkCancellation()
    }

    /// Lets everybody pass, now and later.
    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// What handlers note and tests read.
///
/// Any thread.
final class Notes: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }

    func contains(_ line: String) -> Bool { lines.withLock { $0.contains(line) } }
}

/// A number that handlers count up.
///
/// Any thread.
final class Tally: Sendable {
    private let number = Atomic<Int>(0)

    var count: Int { number.load(ordering: .sequentiallyConsistent) }

    @discardableResult
    func add(_ amount: Int = 1) -> Int { number.add(amount, ordering: .sequentiallyConsistent).newValue }
}
