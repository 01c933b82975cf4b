// SPDX-License-Identifier: Apache-2.0

import IORing
import Synchronization

/// How many connections each client address has, over all loops, held to a limit.
///
/// Any thread. Asked once for each connection and only where there is a limit; one lock.
final class AddressPlaces: Sendable {
    /// Who counts as one client: an IPv4 address, or the /64 that an IPv6 address is in.
    private struct Client: Hashable {
        let high: UInt64
        let low: UInt64

        init(_ address: SocketAddress) {
            high = address.high
            low = address.family == .ipv6 ? 0 : address.low
        }
    }

    private let limit: Int
    private let counts = Mutex<[Client: Int]>([:])

    init(limit: Int) { self.limit = limit }

    /// Counts one more connection of an address; `false` where it has as many as it may.
    func take(_ address: SocketAddress) -> Bool {
        guard address.family != .unix else { return true }
        return counts.withLock { counts in
            let count = counts[Client(address), default: 0]
            guard count < limit else { return false }
            counts[Client(address)] = count + 1
            return true
        }
    }

    /// A connection that was counted has ended.
    func release(_ address: SocketAddress) {
        guard address.family != .unix else { return }
        counts.withLock { counts in
            let count = counts[Client(address), default: 0] - 1
            counts[Client(address)] = count > 0 ? count : nil
        }
    }
}
