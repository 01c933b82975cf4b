// SPDX-License-Identifier: Apache-2.0

extension Loop {
    /// Suspends the task until `deadline`, without leaving the loop.
    ///
    /// Any thread; on the loop itself nothing is locked. The task resumes in the first iteration that begins at or
    /// after the deadline. Cost: one allocation and a place in a heap.
    ///
    /// - Throws: `CancellationError` when the task is cancelled meanwhile, or the loop ends.
    public func sleep(until deadline: MonotonicTime) async throws {
        let sleeper = Sleeper(deadline: deadline)
        let completed = await withTaskCancellationHandler {
            await withLoopContinuation { continuation in
                sleeper.continuation = continuation
                if isCurrent {
                    begin(sleeper)
                } else {
                    post { self.begin(sleeper) }
                }
            }
        } onCancel: {
            if isCurrent {
                cancel(sleeper)
            } else {
                post { self.cancel(sleeper) }
            }
        }
        guard completed else { throw CancellationError() }
    }

    /// Suspends the task for `duration`; see `sleep(until:)`.
    public func sleep(for duration: Duration) async throws {
        try await sleep(until: MonotonicTime.read() + duration)
    }

    private func begin(_ sleeper: Sleeper) {
        if sleeper.isCancelled || core.pointee.isStopping {
            wake(sleeper, completed: false)
        } else {
            core.pointee.sleeps.insert(sleeper)
        }
    }

    private func cancel(_ sleeper: Sleeper) {
        sleeper.isCancelled = true
        guard sleeper.position >= 0 else { return }
        core.pointee.sleeps.remove(sleeper)
        wake(sleeper, completed: false)
    }

    /// Resumes the task of a sleeper that is in no heap.
    func wake(_ sleeper: Sleeper, completed: Bool) {
        let continuation = sleeper.continuation
        sleeper.continuation = nil
        continuation?.resume(returning: completed)
    }
}
