// SPDX-License-Identifier: Apache-2.0

import IORing

extension Exchange {
    /// The same on the loop's own thread, without an asynchronous call.
    ///
    /// - Returns: `false`, with nothing done, on any other thread.
    public func finishHandlerHere(_ error: (any Error)?) -> Bool {
        guard loop.ring.isCurrent else { return false }
        finish(error)
        return true
    }

    /// The handler has returned: completes the response, or answers for the error it threw.
    ///
    /// Called once for each exchange, by whoever consumed it, on any thread.
    public func finishHandler(_ error: (any Error)?) async {
        guard loop.ring.isCurrent else {
            try? await onLoop { $0.finish(error) }
            return
        }
        finish(error)
    }
}
