// SPDX-License-Identifier: Apache-2.0

import IORing

/// A task of the loop that waits for something to happen on its connection.
///
/// Loop-affine.
///
/// Resumed exactly once: by what it waits for, by the end of the connection, or by its task's cancellation.
class LoopWaiter {
    @exclusivity(unchecked) private var continuation: UnsafeContinuation<Void, Never>?
    @exclusivity(unchecked) private var isResumed = false

    func resume() {
        isResumed = true
        continuation.take()?.resume()
    }

    fileprivate final func wait() async {
        guard !isResumed else { return }
        await withUnsafeContinuation { continuation = $0 }
    }

    /// Waits until `resume()`; a cancelled task's wait ends at once, on the loop.
    static func wait(on loop: Loop, store: (LoopWaiter) -> Void) async {
        let waiter = LoopWaiter()
        store(waiter)
        // SAFETY: both closures touch the waiter on the loop's thread only.
        nonisolated(unsafe) let shared = waiter
        await withTaskCancellationHandler {
            await shared.wait()
        } onCancel: {
            loop.post { shared.resume() }
        }
    }
}
