// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Runs blocking work on a thread of its own, so that neither a loop nor Swift's pool waits for it.
enum BlockingThread {
    static func run(_ work: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(WorkBox(work))
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { raw in
                // SAFETY: the box was retained for this thread alone.
                if let raw { Unmanaged<WorkBox>.fromOpaque(raw).takeRetainedValue().work() }
                return nil
            },
            box.toOpaque()
        )
        guard result == 0 else {
            box.takeRetainedValue().work()
            return
        }
        pthread_detach(thread)
    }

    private final class WorkBox: Sendable {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }
}

/// Waits until every loop has said that it is drained, or a deadline has come.
final class DrainSignal: Sendable {
    private struct State {
        var remaining = 0
        var isExpired = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func expect(_ count: Int) { state.withLock { $0.remaining = count } }

    func one() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.remaining -= 1
            return state.remaining == 0 ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    func wait(atMost deadline: Duration) async {
        let timer = Task.detached { [self] in
            try? await Task.sleep(for: deadline)
            let waiter = state.withLock { state in
                state.isExpired = true
                return state.waiter.take()
            }
            waiter?.resume()
        }
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.remaining <= 0 || state.isExpired { return true }
                state.waiter = continuation
                return false
            }
            if isDone { continuation.resume() }
        }
        timer.cancel()
    }
}
