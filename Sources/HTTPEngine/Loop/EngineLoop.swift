// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTP2
import HTTPFeatures
import HTTPWire
import IORing
import ResponseCache
import Synchronization
import URLPrefixes

/// One loop of the engine: its listeners, its connections, and the handlers that run on it.
///
/// Loop-affine.
///
/// The path of a request begins in `completed(_:)` and ends in `flush()`; `docs/life-of-a-request.md` names
/// every step between.
final class EngineLoop: LoopDelegate {
    let ring: Loop
    let index: Int
    // Held, so that a server nobody refers to any more serves on until it is stopped; `Engine.stop` ends the cycle.
    let engine: Engine
    let options: EngineOptions
    /// Over what time minimum rates are measured, in nanoseconds.
    let rateWindow: Int64
    let halfCloseGrace: Int64
    private let queueSpin: Int64
    /// Those of heads that come through a queue.
    let headLimits: HeadLimits
    let counters: LoopCounters
    let blocks = BlockPool()
    let plaintext = PlaintextMemory()
    /// One for each set of limits that listeners have.
    @exclusivity(unchecked) private var http2Workspaces: [HTTP2Workspace] = []
    /// The value of `Server`, where it is the default.
    let serverLiteral: StaticString?
    let log: LogRing?

    @exclusivity(unchecked) private(set) var routes: Routes
    /// The prefixes of queues that requests were handed on to, by the queues' numbers.
    @exclusivity(unchecked) var targetsOfQueue: [UInt64: [RouteTarget]] = [:]
    @exclusivity(unchecked) private var listeners: [LoopListener?] = []
    @exclusivity(unchecked) private var retiredListeners: [LoopListener] = []
    @exclusivity(unchecked) private(set) var connections: ContiguousArray<Connection> = []
    @exclusivity(unchecked) private var freeSlots: ContiguousArray<UInt32> = []
    @exclusivity(unchecked) private var touched: ContiguousArray<Unmanaged<Connection>> = []
    @exclusivity(unchecked) private var touchedSpare: ContiguousArray<Unmanaged<Connection>> = []
    /// How many requests had come when connections were last finished with.
    @exclusivity(unchecked) private var answeredCount: UInt64 = 0
    @exclusivity(unchecked) private(set) var openCount = 0
    @exclusivity(unchecked) private(set) var isDraining = false
    /// Whether the loop has ended; a handler may still hand its exchange back.
    @exclusivity(unchecked) private var hasStopped = false
    @exclusivity(unchecked) private var hasReportedDrained = false
    @exclusivity(unchecked) private var scavengeAt: Int64 = 0
    @exclusivity(unchecked) private var connectionNumber: UInt64

    /// The head being parsed; swapped with that of the exchange it becomes.
    @exclusivity(unchecked) var scratchHead = RequestHead()
    @exclusivity(unchecked) var reader: ResponseCacheReader
    @exclusivity(unchecked) var memo: HeadMemo
    @exclusivity(unchecked) var cacheKey = CacheKey()
    @exclusivity(unchecked) var responseLines: CommonResponseLines
    /// The heads of stored responses, for HTTP/2.
    @exclusivity(unchecked) var storedHeads = StoredHeads()

    /// What the prefixes' requests came to on this loop.
    @exclusivity(unchecked) var traffic = LoopTraffic()

    let workers: WorkerPool
    /// The queues to and from other processes.
    let queues = QueuePorts()
    @exclusivity(unchecked) private var spareExchanges: ContiguousArray<Exchange> = []
    @exclusivity(unchecked) private var spareStreams: ContiguousArray<HTTP2StreamDriver> = []
    @exclusivity(unchecked) private var waiting: [Exchange] = []
    @exclusivity(unchecked) var fileReads: [UnsafeContinuation<Int32, Never>?] = []

    init(ring: Loop, index: Int, engine: Engine, counters: LoopCounters, routes: Routes, log: LogRing?) {
        self.ring = ring
        self.index = index
        self.engine = engine
        self.options = engine.options
        self.counters = counters
        self.routes = routes
        self.log = log
        rateWindow = max(1, engine.options.timeouts.rateWindow.saturatedNanoseconds)
        halfCloseGrace = engine.options.timeouts.halfCloseGrace.saturatedNanoseconds
        queueSpin = options.queueSpin.saturatedNanoseconds
        headLimits = ListenerOptions(engine.options).headLimits
        serverLiteral = engine.options.serverHeader == "HTTPRing" ? "HTTPRing" : nil
        reader = ResponseCacheReader(store: engine.cache)
        memo = HeadMemo(store: engine.cache)
        responseLines = CommonResponseLines(server: engine.options.serverHeader)
        connectionNumber = UInt64(index) << 48
        workers = WorkerPool()
        workers.use(self)
    }

    deinit { responseLines.deallocate() }

    // MARK: LoopDelegate

    func completed(_ completion: Completion) {
        let token = completion.token
        queues.awake()
        guard let kind = TokenKind(rawValue: token.kind) else { return }
        if kind == .accept {
            acceptCompleted(completion)
            return
        }
        if kind == .file {
            fileReadCompleted(completion)
            return
        }
        if kind == .queue {
            queues.rang(token)
            return
        }
        let slot = Int(token.slot)
        if slot < connections.count {
            let connection = connections[slot]
            if connection.generation & Token.generationMask == token.generation {
                connection.completed(kind, completion)
                let requestCount = counters.requests.load(ordering: .relaxed) &- answeredCount
                if requestCount >= EngineLoop.sliceRequestCount
                    || kind == .receive && completion.result >= EngineLoop.sliceByteCount
                {
                    finishSlice()
                }
                return
            }
        }
        if let id = completion.bufferID { ring.returnBuffer(id) }
    }

    func timerExpired(_ index: UInt32) {
        if index == EngineLoop.acceptTimer {
            resumeAccepting()
        } else if Int(index) - EngineLoop.reservedTimers < connections.count {
            connections[Int(index) - EngineLoop.reservedTimers].timerExpired()
        }
    }

    func tick(_ now: MonotonicTime) {
        // What was removed from the cache is let go here, on a loop that has no other reason to look.
        reader.refresh()
        memo.sweep(now: now.nanoseconds)
        storedHeads.forget()
        if !queues.isEmpty { queues.tick(now) }
        guard index == 0, now.nanoseconds >= scavengeAt else { return }
        scavengeAt = now.adding(nanoseconds: EngineLoop.scavengeInterval).nanoseconds
        engine.cache.scavenge(now: now.nanoseconds)
    }

    private static let scavengeInterval: Int64 = 12_000_000_000

    /// Answers what has come in so far before the iteration takes more in.
    ///
    /// A completion may bring a hundred requests over HTTP/2. Answered with those of all other connections, each
    /// would be out of the processor's caches when its handler runs and again when its response is sent, at twice the
    /// cost.
    private func finishSlice() {
        ring.runReadyJobs()
        finishTouched()
    }

    /// How many requests an iteration takes in before it answers them.
    private static let sliceRequestCount: UInt64 = 32
    /// How many bytes at a time have their handler run at once, which takes them from where they are.
    private static let sliceByteCount: Int32 = 16 << 10

    /// The iteration ends: what was produced leaves, what was received and not consumed is moved to memory.
    func flush() {
        if !queues.isEmpty { queues.pump() }
        finishTouched()
        if !queues.isEmpty { queues.sleep(spin: queueSpin) }
    }

    private func finishTouched() {
        answeredCount = counters.requests.load(ordering: .relaxed)
        while !touched.isEmpty {
            swap(&touched, &touchedSpare)
            for unmanaged in touchedSpare {
                // SAFETY: connections live as long as the loop; see `connections`.
                unmanaged._withUnsafeGuaranteedRef { connection in
                    connection.isTouched = false
                    connection.finishIteration()
                }
            }
            touchedSpare.removeAll(keepingCapacity: true)
        }
        plaintext.removeAll()
        workers.wakeIfNeeded()
    }

    func stopping() {
        queues.endAll()
        for listener in listeners { if let listener { close(listener) } }
        for connection in connections where connection.isInUse { connection.close(reset: true) }
        workers.end()
    }

    func stopped() {
        hasStopped = true
        for exchange in spareExchanges { exchange.features.detach() }
        spareExchanges.removeAll()
        guard ring.operationsInFlight == 0 else {
            // The kernel still refers to what this loop owns.
            _ = Unmanaged.passRetained(self)
            return
        }
        // Handlers that did not heed their cancellation keep their exchanges, and those the loop.
        for connection in connections { connection.dissolve() }
        connections.removeAll()
    }

    @inline(__always)
    func touch(_ connection: Connection) {
        touched.append(Unmanaged.passUnretained(connection))
    }

    // MARK: Listening

    static let acceptTimer: UInt32 = 0
    static let reservedTimers = 1

    /// Accepts connections on a socket from now on.
    func listen(_ endpoint: ListenerEndpoint, _ settings: ListenerSettings, listener: Listener) {
        let listener = LoopListener(
            endpoint: endpoint,
            settings: settings,
            listener: listener,
            index: UInt32(listeners.count),
            loop: self
        )
        listeners.append(listener)
        accept(listener)
    }

    /// What sessions of HTTP/2 with these limits share.
    func http2Workspace(of limits: HTTP2Limits) -> HTTP2Workspace {
        if let known = http2Workspaces.first(where: { $0.limits == limits }) { return known }
        // Those that no listener and no session has any more, after limits were changed.
        for index in http2Workspaces.indices.reversed()
        where isKnownUniquelyReferenced(&http2Workspaces[index]) {
            http2Workspaces.remove(at: index)
        }
        let workspace = HTTP2Workspace(limits: limits)
        http2Workspaces.append(workspace)
        return workspace
    }

    /// Stops accepting at an endpoint and closes its socket.
    ///
    /// - Parameters:
    ///   - id: the endpoint's number.
    ///   - ended: called when its socket is closed, so that the port is free.
    func stopListening(_ id: UInt32, ended: @escaping () -> Void) {
        for case let listener? in listeners where listener.endpoint.id == id && listener.state != .closing {
            listener.ended = ended
            close(listener)
            return
        }
        ended()
    }

    private func close(_ listener: LoopListener) {
        guard listener.state != .closing else { return }
        let token = Token(kind: TokenKind.accept.rawValue, generation: 0, slot: listener.index)
        if listener.state == .multishot || listener.state == .once {
            ring.cancel(token, token: Token(kind: TokenKind.cancel.rawValue, generation: 0, slot: 0))
        }
        let isQuiet = listener.state == .off || listener.state == .paused
        listener.state = .closing
        if listener.parkedSocket >= 0 { Socket.close(listener.parkedSocket) }
        listener.parkedSocket = -1
        // The descriptor closes with its listener, once no accept of ours is left.
        if isQuiet { retire(listener) }
    }

    /// Closes a listener's socket.
    ///
    /// Connections accepted there refer to the object for as long as they live.
    private func retire(_ listener: LoopListener) {
        listener.closeSocket()
        listeners[Int(listener.index)] = nil
        retiredListeners.append(listener)
        listener.ended.take()?()
    }

    /// Arms the accept of a listener, as many at a time as the connection limit leaves room for.
    private func accept(_ listener: LoopListener) {
        guard listener.state == .off || listener.state == .paused, !isDraining else { return }
        if listener.parkedSocket >= 0 {
            guard listener.places.take() else {
                pause(listener, retryAfter: 0)
                return
            }
            let socket = listener.parkedSocket
            listener.parkedSocket = -1
            connectionAccepted(socket, listener)
        }
        let token = Token(kind: TokenKind.accept.rawValue, generation: 0, slot: listener.index)
        if listener.places.hasAmpleRoom {
            listener.state = .multishot
            ring.acceptMultishot(listener: listener.socket, token: token)
        } else {
            // Near the limit one at a time, so that it holds to the connection whatever waits in the backlog.
            listener.state = .once
            ring.acceptOnce(listener: listener.socket, token: token)
        }
    }

    private func pause(_ listener: LoopListener, retryAfter nanoseconds: Int64) {
        if listener.state != .paused { counters.acceptPauses.count() }
        listener.state = .paused
        if nanoseconds > 0 {
            ring.timers.schedule(EngineLoop.acceptTimer, at: ring.now.adding(nanoseconds: nanoseconds))
        } else {
            listener.places.waitForPlace()
        }
    }

    /// Accepts again where accepting had paused.
    func resumeAccepting() {
        for listener in listeners { if let listener, listener.state == .paused { accept(listener) } }
    }

    private func acceptCompleted(_ completion: Completion) {
        let index = Int(completion.token.slot)
        guard index < listeners.count, let listener = listeners[index] else { return }
        if completion.result >= 0 { admit(completion.result, listener) }
        guard !completion.hasMore else {
            if !listener.places.hasAmpleRoom, listener.state == .multishot {
                listener.state = .once
                ring.cancel(
                    completion.token,
                    token: Token(kind: TokenKind.cancel.rawValue, generation: 0, slot: 0)
                )
            }
            return
        }
        guard listener.state != .closing else {
            retire(listener)
            return
        }
        listener.state = .off
        switch completion.errno {
        case nil, ECANCELED, ECONNABORTED, EINTR, EAGAIN, EPROTO:
            accept(listener)
        default:
            // EMFILE, ENFILE, ENOBUFS, ENOMEM: the client stays in the backlog. Arming at once would fail at
            // once, so accepting rests until descriptors may be free again.
            engine.report(.acceptPaused(endpoint: listener.endpoint.text, errno: completion.errno ?? 0))
            pause(listener, retryAfter: 100_000_000)
        }
    }

    /// Takes an accepted connection in, or keeps it until there is a place for it.
    ///
    /// No place is taken before a client is there: one held by a listener that nobody calls would be lost to
    /// the others, and with a low limit to everybody.
    private func admit(_ socket: Int32, _ listener: LoopListener) {
        if isDraining {
            Socket.close(socket)
        } else if listener.state == .once, listener.parkedSocket < 0 {
            if listener.places.take() {
                connectionAccepted(socket, listener)
            } else {
                listener.parkedSocket = socket
            }
        } else {
            // Of a multishot accept that was armed with ample room.
            listener.places.takeUnchecked()
            connectionAccepted(socket, listener)
        }
    }

    private func connectionAccepted(_ socket: Int32, _ listener: LoopListener) {
        counters.connectionsAccepted.count()
        openCount += 1
        connectionNumber += 1
        let connection: Connection
        if let slot = freeSlots.popLast() {
            connection = connections[Int(slot)]
        } else {
            connection = Connection(loop: self, slot: UInt32(connections.count), listener: listener)
            connections.append(connection)
        }
        connection.open(socket: socket, listener: listener, number: connectionNumber)
        if isDraining { connection.beginDrain() }
    }

    func connectionEnded(_ connection: Connection) {
        counters.connectionsClosed.count()
        counters.connectionDurations.record(nanoseconds: ring.now.nanoseconds &- connection.acceptedAt)
        openCount -= 1
        freeSlots.append(connection.slot)
        connection.listener.places.release()
        if isDraining, openCount == 0 { reportDrained() }
    }

    private func reportDrained() {
        guard !hasReportedDrained else { return }
        hasReportedDrained = true
        engine.loopDrained(self)
    }

    // MARK: Control

    /// Waits by other time-outs from now on; what is waited for already keeps its deadline.
    func setTimeouts(_ timeouts: TimeoutManager) {
        // Connections of a closed one live on.
        for listener in listeners.compactMap({ $0 }) + retiredListeners { listener.follow(timeouts, self) }
    }

    /// Routes by `routes` from now on.
    func setRoutes(_ routes: Routes) {
        self.routes = routes
        traffic.follow(routes)
        targetsOfQueue = [:]
        retryWaiting()
    }

    /// Takes no new connection and closes each one as soon as it has nothing in progress.
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        for listener in listeners { if let listener { close(listener) } }
        for connection in connections where connection.isInUse { connection.beginDrain() }
        for port in queues.all(ServicePort.self) { port.announceStop() }
        if openCount == 0 { reportDrained() }
    }

    /// Closes whatever is still open.
    func abortAll() {
        for connection in connections where connection.isInUse { connection.close(reset: true) }
    }

    // MARK: Exchanges

    /// An exchange ready for a new request, from those that have ended where there is one.
    func takeExchange() -> Exchange {
        if let exchange = spareExchanges.popLast() { return exchange }
        return Exchange(loop: self)
    }

    /// Keeps an exchange that both its driver and its handler have let go of.
    func giveBack(_ exchange: Exchange) {
        if spareExchanges.count < EngineLoop.spareExchangesMax, exchange.isUnshared(), !hasStopped {
            spareExchanges.append(exchange)
        } else {
            exchange.features.detach()
        }
    }

    static let spareExchangesMax = 1024

    /// A stream's driver ready for a new stream, from those whose streams have closed where there is one.
    func takeStream(for driver: HTTP2Driver) -> HTTP2StreamDriver {
        guard let stream = spareStreams.popLast() else { return HTTP2StreamDriver(driver: driver) }
        stream.driver = driver
        return stream
    }

    /// Keeps a stream's driver that has been reset.
    func giveBack(_ stream: HTTP2StreamDriver) {
        if spareStreams.count < EngineLoop.spareExchangesMax { spareStreams.append(stream) }
    }

    /// Gives a routed request to its queue: to the application at once, or to wait its turn.
    func deliver(_ exchange: Exchange, to queue: RequestQueue, consumer: (any RequestConsumer)?) {
        counters.exchangesBegun.count()
        traffic.began(exchange)
        enqueue(exchange, queue, consumer)
    }

    /// Gives a request to its application at once, or has it wait its turn.
    func enqueue(_ exchange: Exchange, _ queue: RequestQueue, _ consumer: (any RequestConsumer)?) {
        if let remote = exchange.target?.remote {
            if waiting.isEmpty || queue.waitingCount == 0, handOver(exchange, remote, queue) { return }
        } else if let consumer, waiting.isEmpty || queue.waitingCount == 0, queue.takeProgress() {
            workers.start(exchange, consumer, scheduling: queue.scheduling)
            return
        }
        guard queue.takePlace() else {
            traffic.left(exchange)
            counters.exchangesEnded.count()
            counters.requestsRejected.count()
            exchange.reject(.queueFull)
            return
        }
        exchange.startWaiting(timeout: exchange.timeouts.requestQueue)
        waiting.append(exchange)
        // A place may have come free on another loop between the two looks; nobody would tell of it again.
        if queue.concurrencyMax != nil { retryWaiting() }
    }

    /// Gives a request to another process, where one has room for it.
    private func handOver(_ exchange: Exchange, _ remote: QueueConsumer, _ queue: RequestQueue) -> Bool {
        guard remote.hasRoom(on: self), queue.takeProgress() else { return false }
        if remote.begin(exchange, on: self) { return true }
        queue.giveProgress()
        return false
    }

    /// Puts requests that a process had not taken when it ended back at the head of their queues, in their order.
    func takeBack(_ exchanges: [Exchange]) {
        guard !exchanges.isEmpty else { return }
        for exchange in exchanges {
            if exchange.limitsConcurrency { exchange.queue?.giveProgress() }
            exchange.queue?.returnPlace()
            exchange.startWaiting(timeout: exchange.timeouts.requestQueue)
        }
        waiting.insert(contentsOf: exchanges, at: 0)
        retryWaiting()
    }

    /// An exchange left the queue without having been delivered: its client went, or its time was up.
    func leaveQueue(_ exchange: Exchange) {
        guard let index = waiting.firstIndex(where: { $0 === exchange }) else { return }
        waiting.remove(at: index)
        exchange.queue?.leavePlace()
        traffic.left(exchange)
        counters.exchangesEnded.count()
    }

    /// Delivers requests that wait, as far as their queues' limits let them.
    func retryWaiting() {
        guard !waiting.isEmpty else { return }
        var kept: [Exchange] = []
        let all = waiting
        waiting = []
        for exchange in all {
            guard let target = exchange.currentTarget(in: routes), let queue = target.queue else {
                exchange.queue?.leavePlace()
                traffic.left(exchange)
                counters.exchangesEnded.count()
                exchange.reject(.disabled)
                continue
            }
            if let remote = target.remote {
                if handOver(exchange, remote, queue) {
                    queue.leavePlace()
                } else {
                    kept.append(exchange)
                }
            } else if let consumer = target.consumer, queue.takeProgress() {
                exchange.queue?.leavePlace()
                exchange.stopWaiting()
                workers.start(exchange, consumer, scheduling: queue.scheduling)
            } else {
                kept.append(exchange)
            }
        }
        waiting = kept + waiting
    }

    /// Refuses the requests that wait in a queue.
    func rejectWaiting(in queue: RequestQueue, _ refusal: Refusal) {
        let all = waiting
        waiting = all.filter { $0.queue !== queue }
        for exchange in all where exchange.queue === queue {
            queue.leavePlace()
            traffic.left(exchange)
            counters.exchangesEnded.count()
            counters.requestsRejected.count()
            exchange.reject(refusal)
        }
    }

    /// A handler has returned.
    func handlerEnded(_ exchange: Exchange) {
        traffic.ended(exchange, at: ring.now.nanoseconds)
        counters.exchangesEnded.count()
        if exchange.limitsConcurrency, let queue = exchange.queue {
            queue.giveProgress()
            if !waiting.isEmpty { retryWaiting() }
            if queue.waitingCount > 0 { engine.pokeLoops() }
        }
    }

    // MARK: Clock

    /// The lines every response shares, with the date of this second.
    @inline(__always)
    func commonLines() -> UnsafeRawBufferPointer {
        responseLines.lines(at: ring.wallClockSeconds)
    }
}
