// SPDX-License-Identifier: Apache-2.0

import IORing
public import ResponseCache
import Synchronization
public import URLPrefixes

/// The HTTP engine: loops, listeners, routes and the response cache.
///
/// Any thread.
///
/// Made, given prefixes and started by a host: in process by `HTTPRingServer`, or by the service.
public final class Engine: Sendable {
    /// What the engine was told.
    public let options: EngineOptions
    let cache: ResponseCacheStore
    let connectionPlaces: ConnectionPlaces
    let addressPlaces: AddressPlaces?
    let upgradePlaces: ConnectionPlaces
    /// Threads for signatures that would hold up a loop.
    let offloads = OffloadThreads(threadCountMax: Processors.usable.count)
    private let log: LogHub?
    private let eventHandler: @Sendable (EngineEvent) -> Void
    let control: Mutex<Control>

    /// What control threads share.
    struct Control {
        var table = PrefixTable()
        var targets: [RouteTarget?] = []
        var nextRegistration: UInt32 = 1
        var loops: [LoopHandle] = []
        var endpoints: [OpenEndpoint] = []
        var nextEndpointID: UInt32 = 1
        /// Where wildcards and names listen; empty for everywhere.
        var listenAddresses: [IPAddressLiteral] = []
        /// Sockets that nobody accepts from yet.
        var waitingListeners: [WaitingListener] = []
        var isAcceptingHeld = false
        /// The time-outs of listeners for which nothing in particular is said.
        var timeouts: TimeoutManager
        /// Changes with every socket that comes or goes.
        var listenerRevision: UInt64 = 0
        /// Sockets of an engine before this one, for the prefixes that will listen there.
        var kept: [Listener] = []
        var state = State.new
    }

    enum State { case new, running, stopping, stopped }

    /// A loop as other threads see it.
    struct LoopHandle: Sendable {
        let ring: Loop
        let counters: LoopCounters
        // SAFETY: touched only in work posted to its ring.
        nonisolated(unsafe) let loop: EngineLoop
    }

    struct OpenEndpoint: Sendable {
        let endpoint: ListenerEndpoint
        let address: SocketAddress
        /// The sockets that were opened for prefixes; none for those that came from elsewhere.
        var listeners: [Listener]
        /// Prefixes that need it; an address of the options' own has none and stays.
        var useCount: Int
    }

    /// A socket that a loop will accept from once the routes of its prefix are there.
    struct WaitingListener: Sendable {
        let endpoint: ListenerEndpoint
        let settings: ListenerSettings
        let listener: Listener
        let loop: LoopHandle
    }

    private let drained = DrainSignal()

    /// Makes an engine; nothing is opened or started yet.
    ///
    /// - Parameters:
    ///   - options: everything it works by.
    ///   - onEvent: told of what happens, on loops' threads.
    /// - Throws: where a log can't be opened.
    public init(options: EngineOptions, onEvent: @escaping @Sendable (EngineEvent) -> Void = { _ in }) throws
    {
        self.options = options
        eventHandler = onEvent
        cache = ResponseCacheStore(limits: CacheLimits(byteBudget: options.cacheByteBudget))
        log =
            options.errorLog == nil && options.accessLog == nil
            ? nil
            : try LogHub(
                errorSink: options.errorLog,
                accessSink: options.accessLog,
                format: options.accessLogFormat
            )
        let pokes = LoopPokes()
        pokeTargets = pokes
        connectionPlaces = ConnectionPlaces(limit: options.limits.maxConnections) { pokes.resumeAccepting() }
        addressPlaces = options.limits.maxConnectionsPerAddress.map { AddressPlaces(limit: $0) }
        upgradePlaces = ConnectionPlaces(limit: options.limits.maxConcurrentUpgradedConnections) {}
        control = Mutex(Control(timeouts: options.timeouts))
    }

    private let pokeTargets: LoopPokes

    /// Places for the connections of a listener that counts by itself.
    func makeConnectionPlaces(limit: Int?) -> ConnectionPlaces {
        let pokes = pokeTargets
        return ConnectionPlaces(limit: limit) { pokes.resumeAccepting() }
    }

    // MARK: Life

    /// Starts the loops.
    ///
    /// - Throws: `IORingError` where io_uring is refused, with what to do.
    public func start() throws {
        try log?.start()
        let count = max(1, options.loopCount ?? Processors.usable.count)
        var handles: [LoopHandle] = []
        do {
            for index in 0..<count { handles.append(try startLoop(index)) }
        } catch {
            for handle in handles {
                handle.ring.stop()
                handle.ring.join()
            }
            throw error
        }
        let started = handles
        control.withLock {
            $0.loops = started
            $0.state = .running
        }
        pokeTargets.set(
            started.map { handle in
                LoopPokes.Target(
                    resumeAccepting: { handle.ring.post { handle.loop.resumeAccepting() } },
                    retryWaiting: { handle.ring.post { handle.loop.retryWaiting() } }
                )
            }
        )
    }

    private func startLoop(_ index: Int) throws -> LoopHandle {
        let counters = LoopCounters()
        let routes = Routes(snapshot: PrefixTable().compile(), targets: [])
        var configuration = Loop.Configuration()
        configuration.name = "httpring-\(index)"
        if options.pinsLoops { configuration.pinnedCPU = Processors.usable[index % Processors.usable.count] }
        let made = Mutex<LoopBox?>(nil)
        let ring = try Loop.start(configuration) { [self] ring in
            let loop = EngineLoop(
                ring: ring,
                index: index,
                engine: self,
                counters: counters,
                routes: routes,
                log: log?.makeRing()
            )
            made.withLock { $0 = LoopBox(loop: loop) }
            return loop
        }
        guard let box = made.withLock({ $0 }) else {
            preconditionFailure("a started loop has made its delegate")
        }
        return LoopHandle(ring: ring, counters: counters, loop: box.loop)
    }

    private struct LoopBox: Sendable {
        // SAFETY: handed once from the loop's thread to the one that waits for its start.
        nonisolated(unsafe) let loop: EngineLoop
    }

    /// Stops: no new connections, requests in progress finish within the deadline, the rest is closed.
    public func stop(within deadline: Duration) async {
        let loops = control.withLock { control -> [LoopHandle] in
            guard control.state == .running else { return [] }
            control.state = .stopping
            // The loops close theirs now; nobody else holds them any longer.
            for index in control.endpoints.indices { control.endpoints[index].listeners = [] }
            control.kept = []
            control.waitingListeners = []
            return control.loops
        }
        guard !loops.isEmpty else { return }
        for handle in loops { handle.ring.post { handle.loop.drain() } }
        await drained.wait(for: loops.count, atMost: deadline)
        for handle in loops { handle.ring.stop() }
        await withCheckedContinuation { continuation in
            // Joining blocks, so it has a thread of its own.
            BlockingThread.run {
                for handle in loops { handle.ring.join() }
                continuation.resume()
            }
        }
        control.withLock {
            $0.state = .stopped
            $0.loops = []
            $0.endpoints = []
        }
        pokeTargets.set([])
        offloads.end()
        log?.stop()
    }

    /// A loop has no connection left after `drain()`.
    func loopDrained(_ loop: EngineLoop) { drained.one() }

    func report(_ event: EngineEvent) { eventHandler(event) }

    /// Has every loop look at the requests that wait in queues.
    func pokeLoops() { pokeTargets.retryWaiting() }

    // MARK: Prefixes

    /// Registers a prefix for a group and listens where its requests will arrive.
    ///
    /// - Parameters:
    ///   - prefix: the prefix; port 0 takes a free one.
    ///   - group: whose requests will be routed by it.
    ///   - principal: who asks; an embedded host owns its table.
    /// - Returns: the prefix with the port it got where it asked for port 0.
    /// - Throws: `PrefixTableError` or `IORingError`; nothing is changed then.
    @discardableResult
    public func register(_ prefix: URLPrefix, group: URLGroup, by principal: Principal = .embedded)
        async throws -> URLPrefix
    {
        let addresses = control.withLock { $0.listenAddresses }
        let bound = try openEndpoints(for: prefix, at: addresses)
        do {
            try control.withLock { control in
                let index = control.targets.firstIndex { $0 == nil } ?? control.targets.count
                try control.table.register(bound, target: Int32(index), by: principal)
                let registration = control.nextRegistration
                control.nextRegistration &+= 1
                let target = RouteTarget(
                    index: Int32(index),
                    registrationCount: registration,
                    prefix: bound,
                    group: group
                )
                if index == control.targets.count {
                    control.targets.append(target)
                } else {
                    control.targets[index] = target
                }
            }
        } catch {
            await closeEndpoints(for: bound, at: addresses)
            throw error
        }
        await publishRoutes()
        // Not before: whoever waits at a socket that was kept would meet the routes without the prefix.
        acceptWaiting()
        // What was stored under the old routes may belong to another group now.
        cache.flushAll()
        return bound
    }

    /// Routes a registered prefix to another group from now on; its listeners stay as they are.
    ///
    /// Requests that wait stay in their queue where that is the new group's, too, else they get 503.
    ///
    /// - Returns: whether it was registered.
    @discardableResult
    public func assign(_ prefix: URLPrefix, to group: URLGroup) async -> Bool {
        let old = control.withLock { control -> URLGroup? in
            guard let index = control.targets.firstIndex(where: { $0?.prefix == prefix }),
                let old = control.targets[index]
            else { return nil }
            control.targets[index] = RouteTarget(old, group: group)
            return old.group
        }
        guard let old else { return false }
        cache.flush(urlGroupID: old.id)
        await publishRoutes()
        return true
    }

    /// Takes a prefix back; requests in progress go on.
    ///
    /// - Returns: whether it was registered.
    @discardableResult
    public func unregister(_ prefix: URLPrefix) async -> Bool {
        let (group, addresses) = control.withLock { control -> (URLGroup?, [IPAddressLiteral]) in
            let addresses = control.listenAddresses
            guard let index = control.targets.firstIndex(where: { $0?.prefix == prefix }) else {
                return (nil, addresses)
            }
            guard control.table.unregister(prefix) else { return (nil, addresses) }
            let group = control.targets[index]?.group
            control.targets[index] = nil
            return (group, addresses)
        }
        guard let group else { return false }
        await closeEndpoints(for: prefix, at: addresses)
        cache.flush(urlGroupID: group.id)
        await publishRoutes()
        return true
    }

    /// Puts groups in the places of others, all at once: no request of their prefixes meets a gap.
    ///
    /// Requests that wait stay in their queue where that is the new group's, too, else they get 503. What the old
    /// groups' responses have stored is removed.
    ///
    /// - Parameter groups: old groups and what takes their place.
    public func replace(_ groups: [(old: URLGroup, new: URLGroup)]) async {
        guard !groups.isEmpty else { return }
        let successors = Dictionary(
            groups.map { (ObjectIdentifier($0.old), $0.new) },
            uniquingKeysWith: { $1 }
        )
        control.withLock { control in
            for index in control.targets.indices {
                guard let target = control.targets[index],
                    let new = successors[ObjectIdentifier(target.group)]
                else { continue }
                control.targets[index] = RouteTarget(target, group: new)
            }
        }
        await publishRoutes()
        for (old, _) in groups { cache.flush(urlGroupID: old.id) }
    }

    /// Adds and removes reservations: requests below one that nobody has registered get 503, and reach no
    /// registration that is looked at after it.
    ///
    /// Rights are the host's to check. Cost: compiles the table once, whatever the number of changes.
    ///
    /// - Parameters:
    ///   - added: prefixes and who may do what there; those that stand against the table are left out.
    ///   - removed: prefixes whose reservations go.
    public func changeReservations(
        added: [(prefix: URLPrefix, acl: AccessControlList)],
        removed: [URLPrefix]
    ) async {
        control.withLock { control in
            for prefix in removed { try? control.table.unreserve(prefix, by: .embedded) }
            for entry in added { try? control.table.reserve(entry.prefix, acl: entry.acl, by: .embedded) }
        }
        // What was stored below another registration may be hidden now.
        cache.flushAll()
        await publishRoutes()
    }

    /// Takes over the reservations of a table that has been made already; for an engine that has no prefixes yet.
    ///
    /// Cost: compiles the table; with 100,000 reservations a third of what adding them takes.
    public func adoptReservations(of table: PrefixTable) async {
        control.withLock { control in
            precondition(control.targets.isEmpty, "Reservations are adopted before anything is registered.")
            control.table = table
        }
        await publishRoutes()
    }

    /// Prefixes registered now, in full form, with real ports.
    public var registeredPrefixes: [URLPrefix] {
        control.withLock { $0.targets.compactMap { $0?.prefix } }
    }

    /// Has every loop route by the table as it is now; returns when all do.
    ///
    /// Call after a queue got its consumer.
    public func publishRoutes() async {
        let (routes, loops) = control.withLock { control in
            for index in control.targets.indices {
                guard let old = control.targets[index] else { continue }
                control.targets[index] = RouteTarget(old, group: old.group)
            }
            return (Routes(snapshot: control.table.compile(), targets: control.targets), control.loops)
        }
        for handle in loops {
            await withCheckedContinuation { continuation in
                handle.ring.post {
                    handle.loop.setRoutes(routes)
                    continuation.resume()
                }
            }
        }
    }

    /// Runs a closure on each loop's thread, one after the other, and gathers what they return.
    func onEachLoop<Result: Sendable>(_ body: @escaping @Sendable (EngineLoop) -> Result) async -> [Result] {
        var results: [Result] = []
        for handle in control.withLock({ $0.loops }) {
            results.append(
                await withCheckedContinuation { continuation in
                    handle.ring.post { continuation.resume(returning: body(handle.loop)) }
                }
            )
        }
        return results
    }

    /// Runs a closure on one loop's thread.
    func onLoop(_ index: Int, _ body: @escaping @Sendable (EngineLoop) -> Void) async {
        let loops = control.withLock { $0.loops }
        guard !loops.isEmpty else { return }
        let handle = loops[index % loops.count]
        await withCheckedContinuation { continuation in
            handle.ring.post {
                body(handle.loop)
                continuation.resume()
            }
        }
    }

    // MARK: State

    /// Counters of all loops, summed.
    public var statistics: EngineStatistics {
        var sum = EngineStatistics()
        let (loops, targets) = control.withLock { ($0.loops, $0.targets) }
        for handle in loops { sum.add(handle.counters) }
        sum.logRecordsDropped = log?.droppedCount ?? 0
        sum.upgradesOpen = upgradePlaces.takenCount
        sum.cache = cache.statistics
        var (seen, groups): (Set<UInt64>, Set<UInt64>) = ([], [])
        for case let target? in targets where groups.insert(target.group.id).inserted {
            sum.upgradesOpen += target.group.upgradePlaces?.takenCount ?? 0
        }
        for case let queue? in targets.map({ $0?.queue }) where seen.insert(queue.id).inserted {
            sum.queues.append(
                RequestQueueStatistics(
                    name: queue.name,
                    waitingCount: queue.waitingCount,
                    inProgressCount: queue.inProgressCount
                )
            )
        }
        return sum
    }

    /// Removes stored responses: one URL, a URL and all below it, or everything.
    ///
    /// - Returns: how many were removed.
    /// - Throws: `CacheFlushPatternError` for a URL that is none.
    @discardableResult
    public func flushCache(url: String? = nil, recursive: Bool = false) throws -> Int {
        guard let url else { return cache.flushAll() }
        return cache.flush(try CacheFlushPattern(url, includesDescendants: recursive))
    }

    /// Stored responses: those of a URL, or all, in no order.
    ///
    /// - Throws: `CacheFlushPatternError` for a URL that is none.
    public func cachedResponses(url: String? = nil) throws -> [CacheEntry] {
        try cache.entries(matching: url.map { try CacheFlushPattern($0, includesDescendants: true) })
    }

    /// Writes out what the logs hold.
    public func flushLogs() { _ = log?.flush() }
}

/// Calls to all loops from places that know none of them.
final class LoopPokes: Sendable {
    struct Target: Sendable {
        let resumeAccepting: @Sendable () -> Void
        let retryWaiting: @Sendable () -> Void
    }

    private let targets = Mutex<[Target]>([])

    func set(_ new: [Target]) { targets.withLock { $0 = new } }

    func resumeAccepting() { for target in targets.withLock({ $0 }) { target.resumeAccepting() } }
    func retryWaiting() { for target in targets.withLock({ $0 }) { target.retryWaiting() } }
}
