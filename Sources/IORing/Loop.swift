// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread, one io_uring and everything that belongs to them: buffers, timers, Swift jobs.
///
/// A delegate begins operations and is told when they complete. The loop is also a task executor: a task made
/// with `Task(executorPreference: loop)` runs on the loop's thread, between completions, and never hops.
///
/// Isolation: `enqueue`, `post`, `sleep`, `stop`, `join` and `isCurrent` may be used by any thread; everything
/// else is loop-affine, for the delegate and for tasks that run on the loop.
///
/// The iteration is `iterate(_:)`: submit and wait, take completions, foreign work, timers, jobs, flush.
public final class Loop: TaskExecutor, @unchecked Sendable {
    // The rule for `@unchecked`: what `core`, `clock` and `wheel` point to is touched only by the thread whose
    // identity `owner` holds; `foreign`, `owner` and `ending` synchronise themselves.
    // SAFETY: the three pointers are initialised in `init` and released in `deinit`.
    let core: UnsafeMutablePointer<LoopCore>
    @usableFromInline let clock: UnsafeMutablePointer<LoopClock>
    @usableFromInline let wheel: UnsafeMutablePointer<TimerWheel>
    private let batch: UnsafeMutablePointer<Completion>
    let foreign: ForeignQueue
    /// `pthread_self()` of the thread that runs the loop; 0 when there is none.
    let owner: Atomic<UInt>
    let ending = LoopEnding()
    private let spinNanoseconds: Int64

    /// The configuration the loop runs with, each number brought into its range.
    public let configuration: Configuration

    /// Completions taken from the queue at a time.
    private static let batchCapacity = 256
    /// Jobs run in one iteration, so that tasks that resume each other cannot keep completions waiting.
    private static let jobBudget = 256
    /// Starved receives armed again in one iteration.
    private static let rearmBudget = 32
    /// The time between two calls of `LoopDelegate.tick`, in nanoseconds.
    private static let tickInterval: Int64 = 1_000_000_000

    /// Takes over a ring and its buffers, which the calling thread created.
    init(
        configuration: Configuration,
        ring: Ring,
        buffers: BufferRing,
        largeBuffers: BufferRing,
        doorbell: Int32
    ) {
        self.configuration = configuration
        let now = MonotonicTime.read()
        core = .allocate(capacity: 1)
        core.initialize(to: LoopCore(ring: ring, buffers: buffers, largeBuffers: largeBuffers, now: now))
        clock = .allocate(capacity: 1)
        clock.initialize(to: LoopClock(now: now, wallClockSeconds: 0, wallClockExpiry: now))
        wheel = .allocate(capacity: 1)
        wheel.initialize(to: TimerWheel(now: now))
        batch = .allocate(capacity: Self.batchCapacity)
        let none = Completion(token: .ignored, result: 0, flags: 0)
        batch.initialize(repeating: none, count: Self.batchCapacity)
        foreign = ForeignQueue(doorbell: doorbell)
        owner = Atomic(UInt(pthread_self()))
        spinNanoseconds = configuration.spin.saturatedNanoseconds
        readClock()
    }

    deinit {
        // With operations abandoned the kernel may still write to the buffers, so they stay for ever.
        if !core.pointee.hasAbandoned {
            core.pointee.buffers.destroy()
            core.pointee.largeBuffers.destroy()
        }
        core.pointee.ready.destroy()
        core.pointee.ring.destroyScratch()
        core.pointee.messages.destroy()
        core.deinitialize(count: 1)
        core.deallocate()
        clock.deallocate()
        wheel.deinitialize(count: 1)
        wheel.deallocate()
        batch.deallocate()
    }

    // MARK: The iteration

    /// Turns the loop until it is stopped.
    func run(_ delegate: any LoopDelegate) {
        armDoorbell()
        while !core.pointee.isStopping {
            iterate(delegate, waitMax: .max)
        }
        end(delegate)
    }

    /// One turn: everything a loop does, in order.
    func iterate(_ delegate: any LoopDelegate, waitMax: Int64) {
        submitAndWait(atMost: waitMax)
        readClock()
        dispatchCompletions(to: delegate)
        // Foreign work and timers make jobs ready, so they come before the jobs: what they resume runs in
        // this turn and leaves with this turn's flush.
        if foreign.mayHaveItems {
            takeForeignWork()
        }
        expireTimers(delegate)
        runReadyJobs()
        delegate.flush()
        returnBuffers()
        core.pointee.statistics.iterations &+= 1
    }

    /// Enters the kernel once: submits what is queued and waits until there is something to do.
    private func submitAndWait(atMost waitMax: Int64) {
        var count: UInt32 = 0
        var nanoseconds: Int64 = -1
        if !hasWorkWaiting {
            nanoseconds = min(nanosecondsToNextDeadline, waitMax)
            // Others ring the doorbell only after this, so nothing that they add is overlooked.
            count = nanoseconds > 0 && foreign.prepareToSleep() ? 1 : 0
            if nanoseconds == .max || count == 0 {
                nanoseconds = -1
            }
        }
        let result = core.pointee.ring.enter(waitingFor: count, getEvents: true, nanoseconds: nanoseconds)
        if count != 0 {
            foreign.awake()
        }
        if !core.pointee.ring.hasUnsubmitted {
            core.pointee.messages.reset()
        }
        if result < 0 {
            entered(with: -result)
        }
    }

    /// Judges an enter that failed.
    @inline(never)
    private func entered(with code: Int32) {
        switch code {
        case EINTR, ETIME: break
        case EAGAIN, ENOMEM, EBUSY:
            // The kernel is short of memory or wants its completions taken first. Both pass.
            core.pointee.statistics.submissionRefusals &+= 1
            sched_yield()
        case EBADR:
            // A completion was dropped for want of memory; those that are there are good.
            core.pointee.statistics.completionOverflows &+= 1
        default:
            preconditionFailure(
                "io_uring_enter failed with \(IORingError.name(of: code)): the ring is misused"
            )
        }
    }

    /// Whether the next enter must not sleep.
    private var hasWorkWaiting: Bool {
        if !core.pointee.ready.isEmpty || core.pointee.isStopping && core.pointee.inFlight == 0 {
            return true
        }
        if core.pointee.starved.count > 0 && core.pointee.buffers.freeCount > 0 { return true }
        if core.pointee.ring.hasBacklog { return true }
        return spinNanoseconds > 0
            && clock.pointee.now.nanoseconds &- core.pointee.lastWork.nanoseconds < spinNanoseconds
    }

    /// How long the loop may sleep; `.max` when nothing is scheduled.
    private var nanosecondsToNextDeadline: Int64 {
        let timer = wheel.pointee.nextDeadline
        let sleep = core.pointee.sleeps.nextDeadline
        guard timer != nil || sleep != nil else { return .max }
        let next = min(timer ?? .distantFuture, sleep ?? .distantFuture, core.pointee.nextTick)
        let now = clock.pointee.now
        return next > now ? next.nanoseconds &- now.nanoseconds : 0
    }

    private func readClock() {
        let now = MonotonicTime.read()
        clock.pointee.now = now
        if now >= clock.pointee.wallClockExpiry {
            // Read again at each new second, so that a step of the wall clock is seen within one.
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            clock.pointee.wallClockSeconds = Int64(time.tv_sec)
            clock.pointee.wallClockExpiry = now.adding(nanoseconds: 1_000_000_000 &- Int64(time.tv_nsec))
        }
    }

    /// Takes a batch of completions off the queue, then hands them on: what handlers submit meanwhile finds room.
    private func dispatchCompletions(to delegate: any LoopDelegate) {
        let core = self.core
        let batch = self.batch
        let count = core.pointee.ring.reap(into: batch, capacity: Self.batchCapacity)
        if core.pointee.ring.hasOverflowed {
            core.pointee.statistics.completionOverflows &+= 1
        }
        guard count > 0 else { return }
        core.pointee.statistics.completions &+= UInt64(count)
        core.pointee.lastWork = clock.pointee.now
        for index in 0..<count {
            let completion = batch[index]
            if let buffer = completion.bufferID {
                if !Self.isLarge(buffer: buffer) {
                    core.pointee.buffers.received(buffer)
                } else {
                    core.pointee.largeBuffers.received(buffer)
                }
            }
            if completion.token.isLoops {
                completedOwn(completion)
                continue
            }
            if !completion.hasMore {
                core.pointee.inFlight &-= 1
            }
            if completion.isOutOfBuffers {
                core.pointee.statistics.bufferShortages &+= 1
            }
            delegate.completed(completion)
        }
    }

    /// The completions of the loop's own operations.
    @inline(never)
    private func completedOwn(_ completion: Completion) {
        guard completion.token == .doorbell, !completion.hasMore, !core.pointee.isStopping else { return }
        hr_eventfd_drain(foreign.doorbell)
        armDoorbell()
    }

    /// Polls the doorbell from now on; its counter is never read, because every ring is a new event.
    private func armDoorbell() {
        let entry = core.pointee.ring.nextSubmission()
        hr_prepare_poll(entry, foreign.doorbell, hr_poll_in(), 1, Token.doorbell.rawValue)
    }

    func takeForeignWork() {
        var items: ContiguousArray<ForeignQueue.Item> = []
        swap(&items, &core.pointee.foreignSpare)
        foreign.take(into: &items)
        core.pointee.lastWork = clock.pointee.now
        for item in items {
            switch item {
            case .job(let job): core.pointee.ready.append(job)
            case .work(let work): work()
            }
        }
        items.removeAll(keepingCapacity: true)
        swap(&items, &core.pointee.foreignSpare)
    }

    private func expireTimers(_ delegate: any LoopDelegate) {
        let now = clock.pointee.now
        while let index = wheel.pointee.popExpired(at: now) {
            delegate.timerExpired(index)
        }
        while let sleeper = core.pointee.sleeps.popExpired(at: now) {
            wake(sleeper, completed: true)
        }
        if now >= core.pointee.nextTick {
            core.pointee.nextTick = now.adding(nanoseconds: Self.tickInterval)
            delegate.tick(now)
        }
    }

    /// Runs the jobs that are ready, which the iteration does by itself once all completions are handed on.
    ///
    /// For a delegate that has been handed much by few completions and would rather see it done while it is in the
    /// processor's caches. Loop-affine; not from within a job.
    public func runReadyJobs() {
        guard !core.pointee.ready.isEmpty else { return }
        core.pointee.lastWork = clock.pointee.now
        let executor = asUnownedTaskExecutor()
        var budget = Self.jobBudget
        while budget > 0, let job = core.pointee.ready.popFirst() {
            job.runSynchronously(on: executor)
            budget &-= 1
        }
        core.pointee.statistics.jobs &+= UInt64(Self.jobBudget &- budget)
    }

    /// Shows the kernel the buffers that came back, and arms receives that waited for them.
    private func returnBuffers() {
        _ = core.pointee.buffers.publish()
        _ = core.pointee.largeBuffers.publish()
        guard core.pointee.starved.count > 0 else { return }
        var budget = min(Self.rearmBudget, core.pointee.buffers.freeCount)
        while budget > 0, let (socket, token) = core.pointee.starved.popFirst() {
            receiveMultishot(socket: socket, token: token)
            budget &-= 1
        }
    }
}
