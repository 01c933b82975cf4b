// SPDX-License-Identifier: Apache-2.0

import ResponseCache
import Synchronization

// What may be set while the engine runs.
extension Engine {
    /// Has all loops wait for heads and on idle connections by other time-outs from now on.
    ///
    /// A wait that has begun keeps its deadline, and an HTTP/2 connection the time-out of its heads. Listeners for
    /// which something in particular was said keep that. Groups have their own time-outs for what comes after routing:
    /// `replace(_:)` changes those.
    ///
    /// - Parameter timeouts: of which `headerWait` and `idleConnection` count.
    public func setTimeouts(_ timeouts: TimeoutManager) async {
        control.withLock { $0.timeouts = timeouts }
        _ = await onEachLoop { $0.setTimeouts(timeouts) }
    }

    /// Returns when each loop has had a turn: none of them is stuck.
    public func visitLoops() async { _ = await onEachLoop { _ in } }

    /// Refuses the requests of a queue whose application has failed too often, those that wait too: 503 (`AppOffline`).
    ///
    /// Until its `isActive` is set. Source: IIS, rapid-fail protection.
    public func takeOffline(_ queue: RequestQueue) async {
        queue.goOffline()
        _ = await onEachLoop { $0.rejectWaiting(in: queue, queue.refusal) }
    }

    /// The bytes of the largest response that is stored, from now on.
    ///
    /// Default 262,144. Responses that are stored already stay.
    public var cachedResponseBytesMax: Int {
        get { cache.limits.entryBytesMax }
        set { cache.entryBytesMax = newValue }
    }
}
