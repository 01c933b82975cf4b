// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import IORing
import HTTPWire
import ResponseCache
import Synchronization
import URLPrefixes

/// The queues that a worker may hand requests on to, by the numbers it knows them by.
///
/// Any thread. The host changes it while queues come and go, so that a worker need not know.
public final class DelegationTargets: Sendable {
    private let queues = Mutex<[UInt64: RequestQueue]>([:])

    /// Makes a table without queues.
    public init() {}

    /// Sets the queue of a number; `nil` where there is none now, or the worker's user has no right to it.
    public func set(_ number: UInt64, _ queue: RequestQueue?) { queues.withLock { $0[number] = queue } }

    subscript(number: UInt64) -> RequestQueue? { queues.withLock { $0[number] } }
}

/// The same as the worker knows it: numbers by names.
final class DelegationNames: Sendable {
    let numbers: [String: UInt64]

    init(_ numbers: [String: UInt64]) { self.numbers = numbers }
}

extension Exchange: HTTPDelegationFeature {
    /// The names of the queues.
    public var delegationTargets: [String] { delegations?.numbers.keys.sorted() ?? [] }

    /// Whether the request can be handed on.
    public var canDelegate: Bool {
        delegations != nil && !hasStartedResponse && !hasReadContent && !isAborted && !isHandlerDone
    }

    /// Hands the request on.
    public func delegate(to queue: String) async throws {
        guard loop.ring.isCurrent else { return try await onLoop { try await $0.delegate(to: queue) } }
        guard canDelegate, let number = delegations?.numbers[queue], let driver = driver as? QueueDriver
        else {
            throw HTTPResponseError(.notDelegable, queue)
        }
        hasStartedResponse = true
        isComplete = true
        isContentAtEnd = true
        driver.delegate(to: number)
    }

    /// Goes to the queue of another prefix, for its second handler.
    func redirect(to target: RouteTarget) {
        let path = target.prefix.path
        self.target = target
        limitsConcurrency = target.limitsConcurrency
        contentLimit = target.contentLimit
        minContentBytesPerSecond = target.minContentBytesPerSecond
        driver?.minSendBytesPerSecond = target.minSendBytesPerSecond
        prefixPathByteCount = isBelow(path) ? path.utf8.count - 1 : 0
        delegationCount += 1
        // Stored, it would be served to requests that the first handler has a right to see.
        cacheBlockers.insert(.range)
    }

    /// Comes below that of a process's prefixes which covers its path, the longest; where none does, below none.
    func settle(among targets: some Sequence<RouteTarget>) {
        let covering = targets.filter { isBelow($0.prefix.path) }
        guard let best = covering.max(by: { $0.prefix.path.utf8.count < $1.prefix.path.utf8.count }) else {
            prefixPathByteCount = 0
            return
        }
        target = best
        prefixPathByteCount = best.prefix.path.utf8.count - 1
    }

    /// Whether the request's path, as it was sent, lies below a prefix's.
    func isBelow(_ path: String) -> Bool {
        // A prefix's path ends in a slash, which may be missing at the path's end.
        let own = bytes(head.path)
        var path = path
        return path.withUTF8 { path in
            guard own.count >= path.count - 1 else { return false }
            for index in 0..<min(path.count, own.count) {
                let (a, b) = (own[index], path[index])
                if a != b, a | 0x20 != b | 0x20 || !(0x61...0x7A).contains(a | 0x20) { return false }
            }
            return true
        }
    }

    /// Hand-overs after which a request gets 503, so that queues do not pass it round for ever.
    static let delegationsMax: UInt8 = 8
}

extension EngineLoop {
    /// The prefix of a queue that a request from elsewhere is to be found below: the longest that covers its path.
    func target(of exchange: Exchange, in queue: RequestQueue) -> RouteTarget? {
        let own = targets(of: queue)
        let covering = own.filter { exchange.isBelow($0.prefix.path) }
        return covering.max { $0.prefix.path.utf8.count < $1.prefix.path.utf8.count } ?? own.first
    }

    private func targets(of queue: RequestQueue) -> [RouteTarget] {
        if let known = targetsOfQueue[queue.id] { return known }
        let found = routes.targets.compactMap { $0 }.filter { $0.queue === queue }
        targetsOfQueue[queue.id] = found
        return found
    }

    /// Gives a request that one application handed on to the queue of another.
    func delegate(_ exchange: Exchange, to target: RouteTarget) {
        if exchange.limitsConcurrency { exchange.queue?.giveProgress() }
        traffic.ended(exchange, at: ring.now.nanoseconds)
        exchange.redirect(to: target)
        traffic.began(exchange)
        guard let queue = target.queue, !queue.isClosed else {
            counters.exchangesEnded.count()
            traffic.left(exchange)
            return exchange.reject(.appShutdown)
        }
        enqueue(exchange, queue, target.consumer)
    }
}
