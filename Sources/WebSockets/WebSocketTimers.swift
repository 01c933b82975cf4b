// SPDX-License-Identifier: Apache-2.0

/// The tasks that wait for a socket's time-outs.
struct WebSocketTimers {
    var keepAlive: Task<Void, Never>?
    var closing: Task<Void, Never>?

    mutating func cancel() {
        keepAlive?.cancel()
        closing?.cancel()
        keepAlive = nil
        closing = nil
    }
}
