// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// What a new thread runs.
final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

/// Starts a detached thread that runs `body` with all signals blocked; gives the errno when it cannot.
///
/// The thread takes over the reference to `body`, unless an errno is given.
func startThread(_ body: Unmanaged<ThreadBody>) -> Int32? {
    let mask = hr_block_signals()
    defer { hr_restore_signals(mask) }
    var thread = pthread_t()
    let result = pthread_create(&thread, nil, threadMain, body.toOpaque())
    guard result == 0 else { return result }
    pthread_detach(thread)
    return nil
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // SAFETY: the argument is the retained reference that `startThread` was given.
    guard let argument else { return nil }
    Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// Where threads wait for a loop to be ready or to end.
///
/// Any thread.
final class LoopEnding: @unchecked Sendable {
    // The rule for `@unchecked`: `isSignalled` is touched with `lock` held.
    // SAFETY: mutex and condition live at one heap address from `init` to `deinit`.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var isSignalled = false

    init() {
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(lock)
        condition.deallocate()
        lock.deallocate()
    }

    /// Lets everybody who waits go on, now and later.
    func signal() {
        pthread_mutex_lock(lock)
        isSignalled = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(lock)
    }

    /// Waits for the signal.
    func wait() {
        pthread_mutex_lock(lock)
        while !isSignalled {
            pthread_cond_wait(condition, lock)
        }
        pthread_mutex_unlock(lock)
    }
}
