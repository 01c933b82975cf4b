// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

extension Loop {
    /// Ends what is in flight, lets the delegate see it, and leaves nothing behind.
    func end(_ delegate: any LoopDelegate) {
        delegate.stopping()
        // Waits that no cancellation ends (a read from a dead disk) must not keep the process from ending.
        let deadline = MonotonicTime.read() + .seconds(2)
        repeat {
            while let sleeper = core.pointee.sleeps.popAny() {
                wake(sleeper, completed: false)
            }
            if core.pointee.inFlight > 0 {
                let entry = core.pointee.ring.nextSubmission()
                hr_prepare_cancel(entry, 0, 1, 0, Token.ignored.rawValue)
            }
            iterate(delegate, waitMax: 10_000_000)
        } while clock.pointee.now < deadline && hasUnfinishedWork
        core.pointee.hasAbandoned = core.pointee.inFlight > 0
        delegate.stopped()
        if core.pointee.ring.hasUnsubmitted {
            // Descriptors that the delegate closed with its last call.
            _ = core.pointee.ring.enter(waitingFor: 0, getEvents: true, nanoseconds: -1)
        }
        core.pointee.ring.destroy()
        ending.signal()
        runLeftovers()
    }

    private var hasUnfinishedWork: Bool {
        core.pointee.inFlight > 0 || !core.pointee.ready.isEmpty || core.pointee.ring.hasUnsubmitted
            || foreign.mayHaveItems
    }

    /// Ends a loop whose delegate could not be made, so that it never ran.
    func abandonStart() {
        core.pointee.ring.destroy()
        ending.signal()
        runLeftovers()
    }

    /// Runs what came too late for the loop, in place of its thread, until there is no more.
    private func runLeftovers() {
        repeat {
            owner.store(UInt(pthread_self()), ordering: .relaxed)
            takeForeignWork()
            while !core.pointee.ready.isEmpty {
                runReadyJobs()
            }
            owner.store(0, ordering: .relaxed)
        } while !foreign.retireStandIn()
    }

    /// Makes a thread for work that came after the loop ended.
    func startStandIn() {
        let work = Unmanaged.passRetained(ThreadBody { self.runLeftovers() })
        guard startThread(work) == nil else {
            // With no thread to be had the caller's own is the only one left.
            work.release()
            runLeftovers()
            return
        }
    }
}
