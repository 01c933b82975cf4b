// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

// What any thread may do.
extension Loop {
    /// Whether the calling thread is the one that runs the loop.
    ///
    /// Cost: about a nanosecond.
    public var isCurrent: Bool {
        owner.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// Makes a Swift job ready to run on the loop.
    ///
    /// Called by the Swift runtime, from any thread. On the loop's thread the job is appended without a lock. On another one it goes through a locked list,
    /// and the doorbell is rung only if the loop sleeps. Jobs that come after the loop has ended still run,
    /// one at a time, on a thread made for them.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            core.pointee.ready.append(job)
        } else if !foreign.append(.job(job)) {
            startStandIn()
        }
    }

    /// Runs `work` on the loop, in its next iteration; in order with what the same thread posted before.
    ///
    /// Work that comes after the loop has ended still runs, one at a time with late jobs, on a thread made for
    /// them; the loop's operations do nothing then.
    public func post(_ work: @escaping @Sendable () -> Void) {
        if !foreign.append(.work(work)) {
            startStandIn()
        }
    }

    /// Begins the end of the loop.
    ///
    /// `LoopDelegate.stopping()` tells what happens. Does not wait for the end; `join()` does.
    public func stop() {
        post { self.core.pointee.isStopping = true }
    }

    /// Waits until the loop has ended.
    ///
    /// Blocks the calling thread, which must not be the loop's own.
    public func join() {
        precondition(!isCurrent, "a loop cannot wait for its own end")
        ending.wait()
    }
}
