// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The submission and completion queues of one io_uring, as liburing mapped them.
///
/// Loop-affine, and more: only the thread that created the ring may enter it (`SINGLE_ISSUER`). Lives at one
/// address, in `LoopCore`.
struct Ring {
    // SAFETY: liburing's structure lives at one heap address from `create` to `destroy`; the pointers below
    // go into the two mappings it made, which `destroy` removes after the last use. Only the loop's thread
    // touches them, but for the words that the kernel writes, which are read with acquire loads.
    private let memory: UnsafeMutablePointer<io_uring>
    private let entries: UnsafeMutablePointer<io_uring_sqe>
    private let submissionHead: UnsafeMutablePointer<UInt32>
    private let submissionTail: UnsafeMutablePointer<UInt32>
    private let submissionFlags: UnsafeMutablePointer<UInt32>
    private let completionHead: UnsafeMutablePointer<UInt32>
    private let completionTail: UnsafeMutablePointer<UInt32>
    private let completions: UnsafeMutableRawPointer
    private let entryCount: UInt32
    private let entryMask: UInt32
    private let completionMask: UInt32
    private let completionCount: UInt32
    private let enterDescriptor: Int32
    private let enterFlags: UInt32

    /// Makes the kernel seem out of memory: it takes no submissions.
    var refusesSubmissionsForTesting = false

    /// Where the next submission goes; published when the ring is entered.
    private var tail: UInt32 = 0
    /// The entries that the kernel is known to have taken.
    private var head: UInt32 = 0
    /// Submissions that found the queue full although the kernel was entered; they go first next time.
    private var overflow: SubmissionOverflow
    private var isOpen = true

    /// How often the kernel was entered.
    private(set) var enterCount: UInt64 = 0

    /// Whether the kernel runs completions only when the loop enters it (`DEFER_TASKRUN`).
    let defersTaskRun: Bool

    /// Creates a ring of the calling thread.
    ///
    /// Falls back to `COOP_TASKRUN` where `DEFER_TASKRUN` (kernel 6.1) is refused.
    static func create(
        submissionEntries: Int,
        completionEntries: Int,
        deferring: Bool
    ) throws(IORingError) -> Ring {
        let memory = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        memory.initialize(to: io_uring())
        let common = UInt32(IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP)
        let modes = [
            UInt32(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN),
            UInt32(IORING_SETUP_COOP_TASKRUN),
        ].suffix(deferring ? 2 : 1)
        var result: Int32 = 0
        for mode in modes {
            result = hr_ring_create(
                memory,
                UInt32(submissionEntries),
                UInt32(completionEntries),
                common | mode
            )
            guard result == -EINVAL else { break }
        }
        guard result == 0 else {
            memory.deallocate()
            throw IORingError(setUp: "io_uring_setup", code: -result)
        }
        // Both are savings that older kernels do not know, so a refusal changes nothing.
        _ = hr_ring_register_descriptor(memory)
        _ = hr_ring_limit_workers(memory, 2, 2)
        return Ring(memory)
    }

    private init(_ memory: UnsafeMutablePointer<io_uring>) {
        self.memory = memory
        let ring = memory.pointee
        entries = ring.sq.sqes
        submissionHead = ring.sq.khead
        submissionTail = ring.sq.ktail
        submissionFlags = ring.sq.kflags
        completionHead = ring.cq.khead
        completionTail = ring.cq.ktail
        completions = UnsafeMutableRawPointer(ring.cq.cqes)
        entryCount = ring.sq.ring_entries
        entryMask = ring.sq.ring_mask
        completionMask = ring.cq.ring_mask
        completionCount = ring.cq.ring_entries
        enterDescriptor = ring.enter_ring_fd
        var flags: UInt32 = 0
        if ring.enter_ring_fd != ring.ring_fd {
            flags |= UInt32(IORING_ENTER_REGISTERED_RING)
        }
        if ring.features & HTTPRING_FEAT_NO_IOWAIT != 0 {
            flags |= HTTPRING_ENTER_NO_IOWAIT
        }
        enterFlags = flags
        defersTaskRun = ring.flags & UInt32(IORING_SETUP_DEFER_TASKRUN) != 0
        overflow = SubmissionOverflow()
        // The indirection is never used: entry `i` of the index array names submission `i` for ever.
        for index in 0..<Int(entryCount) {
            ring.sq.array[index] = UInt32(index)
        }
    }

    /// Closes the ring and frees its memory; the kernel cancels what is in flight.
    ///
    /// What is submitted later goes nowhere.
    mutating func destroy() {
        io_uring_queue_exit(memory)
        memory.deallocate()
        overflow.destroy()
        isOpen = false
        head = 0
        tail = entryCount
    }

    /// The ring as liburing knows it, for registrations.
    var raw: UnsafeMutablePointer<io_uring> { memory }

    /// Whether submissions wait for the kernel to be entered.
    var hasUnsubmitted: Bool { tail != head || !overflow.isEmpty }

    /// Whether submissions wait for room in the queue, so that the ring has to be entered again at once.
    var hasBacklog: Bool { !overflow.isEmpty }

    /// Frees the place that late submissions were written to.
    mutating func destroyScratch() {
        overflow.destroy()
    }

    /// The entry to fill for one more submission; it must be filled before the ring is used again.
    ///
    /// With the queue full the ring is entered first. Where the kernel takes nothing then (it is out of
    /// memory), the entry is one on the heap, submitted later in order.
    @inline(__always)
    mutating func nextSubmission() -> UnsafeMutablePointer<io_uring_sqe> {
        if tail &- head < entryCount && overflow.isEmpty {
            let entry = entries + Int(tail & entryMask)
            tail &+= 1
            return entry
        }
        return nextSubmissionWhenFull()
    }

    @inline(never)
    private mutating func nextSubmissionWhenFull() -> UnsafeMutablePointer<io_uring_sqe> {
        guard isOpen else { return overflow.scratch() }
        _ = enter(waitingFor: 0, getEvents: false, nanoseconds: -1)
        if tail &- head < entryCount && overflow.isEmpty {
            let entry = entries + Int(tail & entryMask)
            tail &+= 1
            return entry
        }
        return overflow.append()
    }

    /// Submits what is queued and waits for `count` completions, at most `nanoseconds` when not negative.
    ///
    /// Gives what the system call gave: a count or a negative errno.
    mutating func enter(waitingFor count: UInt32, getEvents: Bool, nanoseconds: Int64) -> Int32 {
        while let entry = overflow.first, tail &- head < entryCount {
            entries[Int(tail & entryMask)] = entry
            tail &+= 1
            overflow.removeFirst()
        }
        hr_store_release(submissionTail, tail)
        let flags = enterFlags | (getEvents ? UInt32(IORING_ENTER_GETEVENTS) : 0)
        enterCount &+= 1
        let submissions = refusesSubmissionsForTesting ? 0 : tail &- head
        let result = hr_enter(enterDescriptor, submissions, count, flags, nanoseconds)
        head = hr_load_acquire(submissionHead)
        return result
    }

    /// Copies up to `capacity` completions to `batch`, frees their places, and gives their number.
    mutating func reap(into batch: UnsafeMutablePointer<Completion>, capacity: Int) -> Int {
        // Only this thread writes the head, so a relaxed load gives what was last stored.
        let first = hr_load_relaxed(completionHead)
        let available = hr_load_acquire(completionTail) &- first
        let count = min(Int(available), capacity)
        guard count > 0 else { return 0 }
        let start = Int(first & completionMask)
        let run = min(count, Int(completionCount) - start)
        let size = MemoryLayout<Completion>.size
        let target = UnsafeMutableRawPointer(batch)
        target.copyMemory(from: completions + start * size, byteCount: run * size)
        if run < count {
            (target + run * size).copyMemory(from: completions, byteCount: (count - run) * size)
        }
        hr_store_release(completionHead, first &+ UInt32(count))
        return count
    }

    /// Whether the kernel holds completions back because the queue is full (`IORING_SQ_CQ_OVERFLOW`).
    var hasOverflowed: Bool { hr_load_relaxed(submissionFlags) & HTTPRING_SQ_CQ_OVERFLOW != 0 }
}

/// Submissions in order that the kernel did not take for lack of memory.
private struct SubmissionOverflow {
    // SAFETY: `storage` holds `capacity` initialised entries; a pointer that `append` gave is used before
    // the next call, so that growing does not leave it dangling.
    private var storage: UnsafeMutablePointer<io_uring_sqe>?
    private var capacity = 0
    private var start = 0
    private var end = 0

    var isEmpty: Bool { start == end }

    var first: io_uring_sqe? {
        guard let storage, start < end else { return nil }
        return storage[start]
    }

    mutating func removeFirst() {
        start += 1
        if start == end {
            start = 0
            end = 0
        }
    }

    mutating func append() -> UnsafeMutablePointer<io_uring_sqe> {
        if let storage, end < capacity {
            end += 1
            return storage + (end - 1)
        }
        let grown = UnsafeMutablePointer<io_uring_sqe>.allocate(capacity: max(64, capacity * 2))
        if let storage {
            grown.initialize(from: storage, count: end)
            storage.deallocate()
        }
        (grown + end).initialize(repeating: io_uring_sqe(), count: max(64, capacity * 2) - end)
        capacity = max(64, capacity * 2)
        storage = grown
        end += 1
        return grown + (end - 1)
    }

    /// A place for an entry that nobody will read.
    mutating func scratch() -> UnsafeMutablePointer<io_uring_sqe> {
        start = 0
        end = 0
        return append()
    }

    mutating func destroy() {
        storage?.deallocate()
        storage = nil
        start = 0
        end = 0
        capacity = 0
    }
}

extension IORingError {
    /// The error of a step of setting up a ring, with the reason in words.
    init(setUp operation: String, code: Int32) {
        let advice =
            switch code {
            case EPERM:
                """
                io_uring is forbidden here. Look at sysctl kernel.io_uring_disabled (0 allows it; 1 only to \
                CAP_SYS_ADMIN and the group kernel.io_uring_group), at a seccomp filter (the default profiles \
                of container runtimes deny io_uring: run with a profile that allows io_uring_setup, \
                io_uring_enter and io_uring_register), and at SELinux
                """
            case ENOSYS:
                """
                The kernel has no io_uring, or a sandbox (gVisor, a seccomp filter) hides it. Linux 6.0 or newer \
                with CONFIG_IO_URING is needed
                """
            case ENOMEM:
                """
                Ring memory counts against RLIMIT_MEMLOCK of the user, about 220 KiB for each loop. Raise it \
                (LimitMEMLOCK=infinity in a systemd unit, ulimit -l unlimited in a shell) or run fewer loops. \
                Just after a restart the old rings may still be counted for a moment
                """
            case EINVAL:
                "The kernel is too old for what is asked: Linux 6.0 or newer is needed, 6.1 recommended"
            case EMFILE, ENFILE:
                "No descriptor is left. Raise RLIMIT_NOFILE (LimitNOFILE= in a systemd unit)"
            default: ""
            }
        self.init(operation: operation, code: code, advice: advice)
    }
}
