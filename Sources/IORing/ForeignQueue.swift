// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// What other threads ask a loop to do, and the doorbell that wakes it.
///
/// Any thread. The lock guards the list only; whether the loop sleeps is an atomic that is looked at first,
/// because ringing costs 200 ns and a wake-up of another processor 16 µs (measured, 6.18).
final class ForeignQueue: @unchecked Sendable {
    /// One piece of work.
    enum Item {
        case job(UnownedJob)
        case work(@Sendable () -> Void)
    }

    // The rule for `@unchecked`: `items` and `isServed` are touched with `lock` held.
    // SAFETY: the mutex lives at one heap address from `init` to `deinit`.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private var items: ContiguousArray<Item> = []
    /// Whether a thread will look at `items` again.
    private var isServed = true
    private let hasItems = Atomic<Bool>(false)
    private let isAsleep = Atomic<Bool>(false)
    private let wakeCount = Atomic<UInt64>(0)
    /// The eventfd that the ring polls.
    let doorbell: Int32

    init(doorbell: Int32) {
        self.doorbell = doorbell
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
        items.reserveCapacity(64)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
        Glibc.close(doorbell)
    }

    /// Adds an item and wakes the loop if it sleeps.
    ///
    /// False when the loop has ended and nobody stands in for it: then the caller has to see to that.
    func append(_ item: Item) -> Bool {
        pthread_mutex_lock(lock)
        items.append(item)
        hasItems.store(true, ordering: .sequentiallyConsistent)
        let isServed = isServed
        self.isServed = true
        pthread_mutex_unlock(lock)
        wake()
        return isServed
    }

    /// Rings the doorbell if the loop sleeps.
    func wake() {
        // The store to `hasItems` and this exchange are ordered against their mirror images in `prepareToSleep`:
        // either the loop sees the item, or this thread sees it sleep.
        guard isAsleep.load(ordering: .sequentiallyConsistent),
            isAsleep.exchange(false, ordering: .sequentiallyConsistent)
        else { return }
        wakeCount.add(1, ordering: .relaxed)
        hr_eventfd_ring(doorbell)
    }

    /// How often the doorbell was rung.
    var wakes: UInt64 { wakeCount.load(ordering: .relaxed) }

    /// The loop's side, any time: whether there may be items.
    @inline(__always)
    var mayHaveItems: Bool { hasItems.load(ordering: .relaxed) }

    /// The loop's side, before it sleeps: whether it may, now that others know of it.
    @inline(__always)
    func prepareToSleep() -> Bool {
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        guard hasItems.load(ordering: .sequentiallyConsistent) else { return true }
        isAsleep.store(false, ordering: .relaxed)
        return false
    }

    /// The loop's side, after it slept.
    @inline(__always)
    func awake() {
        isAsleep.store(false, ordering: .relaxed)
    }

    /// The loop's side: exchanges the list for `spare`, which is empty and keeps its capacity.
    func take(into spare: inout ContiguousArray<Item>) {
        pthread_mutex_lock(lock)
        swap(&items, &spare)
        hasItems.store(false, ordering: .relaxed)
        pthread_mutex_unlock(lock)
    }

    /// The stand-in's side: stops serving; false when there is more to do first.
    func retireStandIn() -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard items.isEmpty else { return false }
        isServed = false
        return true
    }
}
