// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A few threads that do what would hold up a loop, one piece after the other: long signatures.
///
/// Any thread. Started with the first piece of work; ended with `end()`.
final class OffloadThreads: Sendable {
    private struct State {
        var work: [@Sendable () -> Void] = []
        var threadCount = 0
        var isEnding = false
    }

    private let threadCountMax: Int
    private let state = Mutex(State())
    // SAFETY: a semaphore may be used by any thread; initialized here, destroyed with the last reference.
    nonisolated(unsafe) private let ready: UnsafeMutablePointer<sem_t>

    init(threadCountMax: Int) {
        self.threadCountMax = max(1, threadCountMax)
        ready = .allocate(capacity: 1)
        sem_init(ready, 0, 0)
    }

    deinit {
        sem_destroy(ready)
        ready.deallocate()
    }

    /// Runs work on one of the threads, after what was handed in before.
    func run(_ work: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            state.work.append(work)
            guard state.threadCount < threadCountMax else { return false }
            state.threadCount += 1
            return true
        }
        if needsThread { BlockingThread.run { [self] in runAll() } }
        sem_post(ready)
    }

    /// Has the threads end when their work is done.
    func end() {
        let count = state.withLock { state in
            state.isEnding = true
            return state.threadCount
        }
        for _ in 0..<count { sem_post(ready) }
    }

    private func runAll() {
        while true {
            while sem_wait(ready) != 0, errno == EINTR {}
            let (work, ends) = state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
                if !state.work.isEmpty { return (state.work.removeFirst(), false) }
                if state.isEnding { state.threadCount -= 1 }
                return (nil, state.isEnding)
            }
            work?()
            if ends { return }
        }
    }
}
