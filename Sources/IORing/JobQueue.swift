// SPDX-License-Identifier: Apache-2.0

/// The Swift jobs that are ready to run on a loop, first in, first out.
///
/// Loop-affine. A ring that doubles when full and never shrinks, so that the steady state allocates nothing.
struct JobQueue {
    // SAFETY: `storage` has `capacity` places; those from `head` to `tail`, modulo capacity, are initialised.
    // `UnownedJob` is trivial, so that places need no deinitialisation.
    private var storage: UnsafeMutablePointer<UnownedJob>
    private var capacity: Int
    private var head = 0
    private var tail = 0

    /// Makes an empty queue with room for `capacity` jobs, a power of two.
    init(capacity: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "the capacity is a power of two")
        self.capacity = capacity
        storage = .allocate(capacity: capacity)
    }

    func destroy() {
        storage.deallocate()
    }

    var isEmpty: Bool { head == tail }

    var count: Int { tail &- head }

    @inline(__always)
    mutating func append(_ job: UnownedJob) {
        if tail &- head == capacity {
            grow()
        }
        (storage + (tail & (capacity &- 1))).initialize(to: job)
        tail &+= 1
    }

    @inline(__always)
    mutating func popFirst() -> UnownedJob? {
        guard head != tail else { return nil }
        let job = storage[head & (capacity &- 1)]
        head &+= 1
        return job
    }

    @inline(never)
    private mutating func grow() {
        let grown = UnsafeMutablePointer<UnownedJob>.allocate(capacity: capacity * 2)
        for offset in 0..<capacity {
            (grown + offset).initialize(to: storage[(head &+ offset) & (capacity &- 1)])
        }
        storage.deallocate()
        storage = grown
        head = 0
        tail = capacity
        capacity *= 2
    }
}
