// SPDX-License-Identifier: Apache-2.0

/// Sockets whose receive ended because no buffer was free, in the order in which they wait.
///
/// Pure and loop-affine. One that is cancelled leaves a tombstone in the order; tombstones are swept out when they
/// outnumber those that wait, so that memory follows the number of waiting sockets.
struct StarvedReceives {
    private var order: [Token] = []
    /// Where in `order` the next one is.
    private var start = 0
    private var sockets: [Token: Int32] = [:]

    /// How many wait.
    var count: Int { sockets.count }

    /// Adds a socket at the end; one that waits already keeps its place.
    mutating func append(socket: Int32, token: Token) {
        guard sockets.updateValue(socket, forKey: token) == nil else { return }
        order.append(token)
    }

    /// Takes out the socket that waits longest.
    mutating func popFirst() -> (socket: Int32, token: Token)? {
        while start < order.count {
            let token = order[start]
            start += 1
            if let socket = sockets.removeValue(forKey: token) {
                sweep()
                return (socket, token)
            }
        }
        sweep()
        return nil
    }

    /// Takes out a socket that is about to be closed; false when it does not wait.
    @discardableResult
    mutating func cancel(_ token: Token) -> Bool {
        guard sockets.removeValue(forKey: token) != nil else { return false }
        // A token that comes back must not find its tombstone and jump the queue.
        sweep()
        return true
    }

    /// Removes the taken and, when they are many, the cancelled from the order.
    private mutating func sweep() {
        guard order.count > 2 * sockets.count + 64 else { return }
        let sockets = self.sockets
        order = order[start...].filter { sockets[$0] != nil }
        start = 0
    }
}
