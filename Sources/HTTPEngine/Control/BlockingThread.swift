// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Runs blocking work on a thread of its own, so that neither a loop nor Swift's pool waits for it.
package enum BlockingThread {
    /// Starts the thread.
    package static func run(_ work: @escaping @Sendable () -> Void) {
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
