// SPDX-License-Identifier: Apache-2.0

import Synchronization
public import URLPrefixes

/// What the requests of one registered prefix came to that reached its queue: those answered from the response cache
/// are not among them.
public struct PrefixTraffic: Sendable, Hashable {
    /// The prefix.
    public let prefix: URLPrefix
    /// Requests that reached the queue, since the registration.
    public var requests: UInt64 = 0
    /// Of those, how many an application has or waits for now.
    public var inProgress = 0
    /// Nanoseconds from whole heads to ended requests, summed over those that an application had.
    public var nanoseconds: UInt64 = 0
    /// The longest of those times since they were last reset.
    public var nanosecondsMax: UInt64 = 0

    /// Makes the traffic of a prefix that had none.
    public init(prefix: URLPrefix) { self.prefix = prefix }
}

/// The traffic of each registration on one loop.
///
/// Loop-affine. A request costs three additions and a comparison in one array, which no other thread reads.
struct LoopTraffic {
    struct Counters {
        /// Which registration of the index is counted.
        var registrationCount: UInt32 = 0
        var begun: UInt64 = 0
        var ended: UInt64 = 0
        var nanoseconds: UInt64 = 0
        var nanosecondsMax: UInt64 = 0
    }

    private var counters: ContiguousArray<Counters> = []

    /// Counts the registrations of `routes` from now on; those that are new begin at zero.
    mutating func follow(_ routes: Routes) {
        for index in routes.targets.indices {
            if index == counters.count { counters.append(Counters()) }
            let count = routes.targets[index]?.registrationCount ?? 0
            if counters[index].registrationCount != count {
                counters[index] = Counters(registrationCount: count)
            }
        }
    }

    @inline(__always)
    private func index(_ exchange: Exchange) -> Int? {
        guard let target = exchange.target else { return nil }
        let index = Int(target.index)
        guard index < counters.count, counters[index].registrationCount == target.registrationCount else {
            return nil
        }
        return index
    }

    /// A request reached its queue.
    @inline(__always)
    mutating func began(_ exchange: Exchange) {
        if let index = index(exchange) { counters[index].begun &+= 1 }
    }

    /// A request left its queue without an application.
    mutating func left(_ exchange: Exchange) {
        if let index = index(exchange) { counters[index].ended &+= 1 }
    }

    /// The application has ended a request.
    @inline(__always)
    mutating func ended(_ exchange: Exchange, at now: Int64) {
        guard let index = index(exchange) else { return }
        let nanoseconds = UInt64(clamping: now &- exchange.headEndedAt)
        counters[index].ended &+= 1
        counters[index].nanoseconds &+= nanoseconds
        if nanoseconds > counters[index].nanosecondsMax { counters[index].nanosecondsMax = nanoseconds }
    }

    /// All counters; with `resets` the longest times begin anew.
    mutating func take(resets: Bool) -> [Counters] {
        let all = Array(counters)
        if resets { for index in counters.indices { counters[index].nanosecondsMax = 0 } }
        return all
    }
}

extension Engine {
    /// What the requests of each registered prefix came to, summed over the loops.
    ///
    /// Cost: a visit to each loop, which copies 40 bytes for each registration.
    ///
    /// - Parameter resetsLongest: whether the longest times begin anew.
    /// - Returns: one value for each registered prefix, in no order.
    public func prefixTraffic(resetsLongest: Bool = false) async -> [PrefixTraffic] {
        let loops = await onEachLoop { $0.traffic.take(resets: resetsLongest) }
        let targets = control.withLock { $0.targets }
        return targets.compactMap { target in
            guard let target else { return nil }
            var traffic = PrefixTraffic(prefix: target.prefix)
            for counters in loops where Int(target.index) < counters.count {
                let counters = counters[Int(target.index)]
                guard counters.registrationCount == target.registrationCount else { continue }
                traffic.requests &+= counters.begun
                traffic.inProgress += Int(clamping: counters.begun &- counters.ended)
                traffic.nanoseconds &+= counters.nanoseconds
                traffic.nanosecondsMax = max(traffic.nanosecondsMax, counters.nanosecondsMax)
            }
            return traffic
        }
    }
}
