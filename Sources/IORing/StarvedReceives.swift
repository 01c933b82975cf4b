// SPDX-License-Identifier: Apache-2.0

/// Sockets whose receive ended because no buffer was free, in the order in which they wait.
///
/// Pure and loop-affine. One that is cancelled leaves a tombstone in the order; tombstones are swept out when they
/// outnumber those that wait, so that memory follows the number of waiting sockets.
struct StarvedReceives {
    private var order: [Place] = []
    /// Where in `order` the next one is.
    private var start = 0
    private var sockets: [Token: (socket: Int32, number: UInt64)] = [:]
    private var lastNumber: UInt64 = 0

    /// A place in the order; it is a tombstone when the token waits under another number, or not at all.
    private struct Place {
        var token: Token
        var number: UInt64
    }

    /// How many wait.
    var count: Int { sockets.count }

    /// The length of the order with its tombstones.
    var orderCountForTesting: Int { order.count }

    /// Adds a socket at the end; one that waits already keeps its place.
    mutating func append(socket: Int32, token: Token) {
        guard sockets[token] == nil else { return }
        lastNumber &+= 1
        sockets[token] = (socket, lastNumber)
        order.append(Place(token: token, number: lastNumber))
    }

    /// Takes out the socket that waits longest.
    mutating func popFirst() -> (socket: Int32, token: Token)? {
        while start < order.count {
            let place = order[start]
            start += 1
            if let entry = sockets[place.token], entry.number == place.number {
                sockets[place.token] = nil
                sweep()
                return (entry.socket, place.token)
            }
        }
        sweep()
        return nil
    }

    /// Takes out a socket that is about to be closed; false when it does not wait.
    @discardableResult
    mutating func cancel(_ token: Token) -> Bool {
        guard sockets.removeValue(forKey: token) != nil else { return false }
        sweep()
        return true
    }

    /// Removes the taken and, when they are many, the cancelled from the order.
    private mutating func sweep() {
        guard order.count > 2 * sockets.count + 64 else { return }
        let sockets = self.sockets
        order = order[start...].filter { sockets[$0.token]?.number == $0.number }
        start = 0
    }
}
