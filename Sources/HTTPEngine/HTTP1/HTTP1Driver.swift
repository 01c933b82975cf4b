// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPFeatures
import HTTPSecure
import HTTPWire
import IORing
import ResponseCache
import URLPrefixes

/// HTTP/1.0 and 1.1 on one connection.
///
/// Loop-affine.
///
/// A head is parsed where it arrived, routed, answered from the cache or made an exchange; the next one is
/// looked at when that exchange has ended. `process()` is the state machine.
final class HTTP1Driver: ProtocolDriver, ExchangeDriver {
    enum Phase: UInt8 {
        /// Between requests; nothing of the next one has arrived.
        case idle
        /// Part of a head has arrived.
        case head
        /// An exchange is in progress.
        case exchange
        /// The response is out, its request's content is not in yet.
        case draining
        /// The connection speaks another protocol now.
        case upgraded
        /// Nothing more is read.
        case ended
    }

    // The three refer to each other; the loop takes them apart when it ends.
    let connection: Connection
    let loop: EngineLoop
    @exclusivity(unchecked) private(set) var phase = Phase.idle
    @exclusivity(unchecked) private var isProcessing = false
    @exclusivity(unchecked) private(set) var exchange: Exchange?
    @exclusivity(unchecked) private(set) var requestCount: UInt32 = 0
    @exclusivity(unchecked) private var headStartedAt: Int64 = 0
    @exclusivity(unchecked) private var isFirstHead = true
    @exclusivity(unchecked) private var parsedByteCount = 0
    @exclusivity(unchecked) private var contentWaitStart: Int64 = 0
    /// How long the handler has waited for content in the window that is being measured.
    @exclusivity(unchecked) private var contentWindowWaited: Int64 = 0
    @exclusivity(unchecked) private var contentWindowBytes: UInt64 = 0
    @exclusivity(unchecked) private var isWaitingForContent = false

    init(connection: Connection) {
        self.connection = connection
        self.loop = connection.loop
    }

    /// A new connection: its first head must be in within the head time-out.
    func open() {
        phase = .idle
        isProcessing = false
        requestCount = 0
        headStartedAt = 0
        isFirstHead = true
        parsedByteCount = 0
        isWaitingForContent = false
        connection.setPhaseDeadline(loop.ring.now.nanoseconds &+ connection.listener.headerWait)
    }

    // MARK: ProtocolDriver

    func inputArrived() { process() }

    func peerFinished() {
        switch phase {
        case .idle, .head:
            // Requests that wait for room in the output are answered first; what is under way leaves in any case.
            if !isHeldByOutput { connection.closeAfterOutput(lingers: false) }
        case .exchange:
            if let waiter = exchange?.contentWaiter {
                waiter.resume()
            } else if exchange?.isCommitted == false {
                // A client may shut its half and wait for the response. One whose response has not begun
                // after a while is taken to have gone.
                connection.setPhaseDeadline(loop.ring.now.nanoseconds &+ loop.halfCloseGrace)
            }
        case .draining: connection.closeAfterOutput(lingers: false)
        case .upgraded: exchange?.duplex?.inputArrived()
        case .ended: break
        }
    }

    func connectionClosing() {
        phase = .ended
        guard let exchange else { return }
        self.exchange = nil
        exchange.abortedByConnection()
    }

    func outputDrained() {
        if let waiter = exchange?.outputWaiter {
            waiter.resume()
        } else if phase == .idle || phase == .head, connection.inputCount > 0 {
            connection.resumeInput()
            process()
        }
    }

    func prepareOutput() {
        if let exchange, exchange.stage == .running, exchange.body.count > 0 || exchange.wholeBody != nil {
            exchange.pump()
        }
    }

    func detachFromInput() { exchange?.detachFromInput() }

    func beginDrain() {
        switch phase {
        case .idle, .head:
            // To close with input unread would reset the connection, and cost the client what is under way.
            connection.closeAfterOutput(lingers: connection.unsentByteCount > 0 && connection.inputCount > 0)
        case .upgraded:
            exchange?.closeRequested = true
            exchange?.beginDrain()
        case .exchange: exchange?.beginDrain()
        case .draining, .ended: break
        }
    }

    func deadlineReached() {
        switch phase {
        case .idle where isFirstHead, .head:
            loop.counters.timeouts.count()
            // The scratch may hold another connection's head.
            loop.scratchHead = RequestHead()
            refuse(.headTimeout)
        case .idle where connection.unsentByteCount > 0 && connection.minSendBytesPerSecond > 0:
            // A slow reader is the minimum rate's business.
            connection.setPhaseDeadline(loop.ring.now.nanoseconds &+ connection.listener.idleTimeout)
        case .idle:
            loop.counters.timeouts.count()
            loop.logConnectionError(connection, .idleTimeout)
            connection.close(reset: false)
        case .exchange: exchangeDeadlineReached()
        case .draining: connection.closeAfterOutput(lingers: true)
        case .upgraded, .ended: connection.close(reset: false)
        }
    }

    /// Whether the connection has had as many requests as it may.
    var isLastRequest: Bool { requestCount >= connection.listener.requestCountMax }

    // MARK: The state machine

    /// Takes what the input has as far as it goes.
    func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        while connection.isOpen {
            switch phase {
            case .idle, .head:
                guard connection.inputCount > 0 else {
                    connection.resumeInput()
                    return
                }
                // A client that does not take its responses gets no more until it does.
                guard !isHeldByOutput else { return }
                guard beginRequest() else { return }
            case .exchange:
                exchange?.contentWaiter?.resume()
                return
            case .draining:
                guard drainContent() else { return }
            case .upgraded:
                exchange?.duplex?.inputArrived()
                return
            case .ended:
                connection.discardInput()
                return
            }
        }
    }

    /// Whether requests have arrived that are not looked at while so much output is unsent.
    private var isHeldByOutput: Bool {
        connection.inputCount > 0 && connection.unsentByteCount > loop.options.limits.maxResponseBufferSize
    }

    /// Looks at the next head.
    ///
    /// - Returns: whether to go on at once: a cache hit was answered.
    private func beginRequest() -> Bool {
        let input = connection.input
        // SAFETY: the input stays where it is until it is consumed, at the end of this function's callees.
        let bytes = Span(_unsafeElements: input)
        if loop.options.responseCaching, phase == .idle, let answer = memoizedAnswer(bytes) {
            requestCount &+= 1
            isFirstHead = false
            answerFromMemo(answer)
            becomeIdle()
            return true
        }
        if phase == .head, !mayBeWhole(input) { return false }
        switch loop.scratchHead.parse(bytes, limits: connection.listener.headLimits) {
        case .complete(let byteCount):
            return headComplete(UnsafeBufferPointer(rebasing: input[..<byteCount]))
        case .incomplete:
            if connection.isPeerFinished {
                connection.closeAfterOutput(lingers: false)
                return false
            }
            connection.resumeInput()
            parsedByteCount = input.count
            if phase == .idle {
                phase = .head
                headStartedAt = loop.ring.now.nanoseconds
                if !isFirstHead {
                    connection.setPhaseDeadline(headStartedAt &+ connection.listener.headerWait)
                }
            }
            return false
        case .refused(.http2PrefaceNotSupported, _)
        where requestCount == 0 && connection.listener.http2Workspace != nil && connection.tls == nil:
            connection.switchToHTTP2()
            return false
        case .refused(let refusal, _):
            refuse(refusal)
            return false
        }
    }

    /// Whether parsing again can tell more than last time: a line end has come, or a limit may be passed.
    private func mayBeWhole(_ input: UnsafeBufferPointer<UInt8>) -> Bool {
        let seen = min(parsedByteCount, input.count)
        guard input.count < 4096, let base = input.baseAddress else { return true }
        return memchr(base + seen, 0x0A, input.count - seen) != nil
    }

    private func headComplete(_ headBytes: UnsafeBufferPointer<UInt8>) -> Bool {
        loop.counters.requests.count()
        requestCount &+= 1
        isFirstHead = false
        parsedByteCount = 0
        connection.setPhaseDeadline(0)
        guard loop.scratchHead.method != .connect else {
            refuse(.connectNotSupported)
            return false
        }
        if let refusal = loop.misdirection(headBytes, connection) { return refuseRoute(refusal, headBytes) }
        let route = loop.findRoute(headBytes, connection)
        guard case .registration(let index, let pathByteCount) = route,
            let target = loop.routes.targets[Int(index)]
        else {
            return refuseRoute(EngineLoop.refusal(for: route), headBytes)
        }
        let blockers = loop.cacheBlockers(headBytes)
        if loop.options.responseCaching, blockers.mayServe, serveFromCache(headBytes, target, blockers) {
            return true
        }
        guard let queue = target.queue else {
            refuse(.disabled)
            return false
        }
        guard !queue.isClosed else {
            reject(queue.refusal, of: queue)
            return false
        }
        let exchange = loop.takeExchange()
        exchange.begin(
            driver: self,
            connection: connection,
            target: target,
            prefixPathByteCount: pathByteCount,
            headBytes: headBytes
        )
        exchange.requestNumber = requestCount
        exchange.headStartedAt = headStartedAt == 0 ? loop.ring.now.nanoseconds : headStartedAt
        exchange.cacheBlockers = blockers
        if blockers.mayStore { exchange.cacheGeneration = loop.reader.store.flushGeneration }
        headStartedAt = 0
        contentWindowWaited = 0
        self.exchange = exchange
        phase = .exchange
        connection.minSendBytesPerSecond = target.minSendBytesPerSecond
        connection.consume(headBytes.count)
        loop.deliver(exchange, to: queue, consumer: target.consumer)
        return false
    }

    // MARK: The exchange

    /// The exchange must wait for its turn.
    func exchangeWaits(_ exchange: Exchange, timeout: Duration) {
        connection.setPhaseDeadline(loop.ring.now.nanoseconds &+ timeout.saturatedNanoseconds)
    }

    /// Its turn has come.
    func exchangeDelivered(_ exchange: Exchange) { connection.setPhaseDeadline(0) }

    /// Starts the clock for content the handler waits for.
    ///
    /// Returns whether there is one to stop.
    func beginContentWait(_ exchange: Exchange) -> Bool {
        connection.resumeInput()
        isWaitingForContent = true
        contentWaitStart = loop.ring.now.nanoseconds
        if contentWindowWaited == 0 { contentWindowBytes = connection.bytesReceived }
        var wait = exchange.timeouts.entityBody.saturatedNanoseconds
        if exchange.minContentBytesPerSecond > 0 {
            wait = min(wait, loop.rateWindow - contentWindowWaited)
        }
        connection.setPhaseDeadline(contentWaitStart &+ max(0, wait))
        return true
    }

    /// Stops the clock.
    func endContentWait(_ exchange: Exchange) {
        isWaitingForContent = false
        connection.setPhaseDeadline(0)
        contentWindowWaited &+= max(1, loop.ring.now.nanoseconds &- contentWaitStart)
        if contentWindowWaited >= loop.rateWindow { checkContentRate(exchange) }
    }

    /// Judges the rate over the time the handler waited, once that fills a window; then begins another.
    private func checkContentRate(_ exchange: Exchange) {
        let arrived = Int64(clamping: connection.bytesReceived &- contentWindowBytes)
        let needed = Connection.byteCount(at: exchange.minContentBytesPerSecond, over: contentWindowWaited)
        contentWindowWaited = 0
        guard exchange.contentError == nil else { return }
        if exchange.minContentBytesPerSecond > 0, arrived < needed {
            contentTooLate(exchange, .minimumReceiveRate)
        }
    }

    private func contentTooLate(_ exchange: Exchange, _ refusal: Refusal) {
        loop.counters.timeouts.count()
        loop.logRefusal(refusal, connection, head: exchange)
        _ = exchange.contentRefused(refusal)
        if exchange.isCommitted { connection.close(reset: true) }
    }

    private func exchangeDeadlineReached() {
        guard let exchange else { return }
        if exchange.stage == .waiting {
            loop.counters.timeouts.count()
            loop.leaveQueue(exchange)
            loop.counters.requestsRejected.count()
            reject(.queueTimeout)
        } else if isWaitingForContent {
            contentDeadlineReached(exchange)
        } else if connection.isPeerFinished, !exchange.isCommitted {
            connection.close(reset: false)
        }
    }

    /// The handler has waited for content as long as it may, or for a whole window.
    private func contentDeadlineReached(_ exchange: Exchange) {
        let waited = loop.ring.now.nanoseconds &- contentWaitStart
        if waited >= exchange.timeouts.entityBody.saturatedNanoseconds {
            contentTooLate(exchange, .bodyTimeout)
        }
        // The waiting read looks again: it finds the refusal, or ends this wait and begins the next.
        exchange.contentWaiter?.resume()
    }

    /// The exchange's handler has returned and its response is in the output.
    func exchangeFinished(_ exchange: Exchange) {
        guard self.exchange === exchange, connection.isOpen else { return }
        loop.logAccess(exchange, connection)
        guard exchange.duplex == nil else { return }
        isWaitingForContent = false
        guard exchange.persists else {
            let lingers = !exchange.isContentAtEnd || connection.inputCount > 0
            release(exchange)
            phase = .ended
            connection.closeAfterOutput(lingers: lingers)
            return
        }
        if exchange.isContentAtEnd {
            release(exchange)
            becomeIdle()
        } else {
            phase = .draining
            connection.resumeInput()
            connection.setPhaseDeadline(
                loop.ring.now.nanoseconds &+ exchange.timeouts.drainEntityBody.saturatedNanoseconds
            )
        }
        connection.touch()
        process()
    }

    private func release(_ exchange: Exchange) {
        self.exchange = nil
        exchange.driverReleased()
    }

    /// Nothing more is read.
    func end() { phase = .ended }

    /// The next request may come, within the idle time-out.
    func becomeIdle() {
        phase = .idle
        headStartedAt = 0
        if connection.isPeerFinished, connection.inputCount == 0 {
            connection.closeAfterOutput(lingers: false)
        } else if loop.isDraining {
            connection.closeAfterOutput(lingers: connection.inputCount > 0)
        } else {
            connection.setPhaseDeadline(loop.ring.now.nanoseconds &+ connection.listener.idleTimeout)
        }
    }

    /// Throws away content nobody read.
    ///
    /// - Returns: whether the next request can be looked at.
    private func drainContent() -> Bool {
        guard let exchange else { return false }
        switch discardContent(of: exchange) {
        case true?:
            release(exchange)
            becomeIdle()
            return true
        case false?:
            return false
        case nil:
            release(exchange)
            phase = .ended
            connection.closeAfterOutput(lingers: true)
            return false
        }
    }

    // MARK: Upgrade

    func upgrade(_ exchange: Exchange) -> any UpgradedStream {
        phase = .upgraded
        connection.setPhaseDeadline(0)
        connection.touch()
        return UpgradedConnection(exchange: exchange, connection: connection)
    }

    func endUpgraded(_ exchange: Exchange) { connection.closeAfterOutput(lingers: true) }

    // MARK: ExchangeDriver

    var unsentByteCount: Int { connection.unsentByteCount }

    var minSendBytesPerSecond: Int {
        get { connection.minSendBytesPerSecond }
        set { connection.minSendBytesPerSecond = newValue }
    }

    var addresses: ConnectionAddresses? { connection.knownAddresses }

    var tlsFacts: TLSFacts? { connection.tlsFacts }

    func reject(_ exchange: Exchange, _ refusal: Refusal) { reject(refusal) }

    func abort(_ exchange: Exchange) { connection.close(reset: true) }

    func reset(_ exchange: Exchange, errorCode: UInt32) { connection.close(reset: true) }

    // MARK: Refusals

    /// Answers a message the engine refuses, as the table says, and ends the connection.
    func refuse(_ refusal: Refusal) {
        let row = refusal.row
        loop.counters.refusals.count()
        loop.logRefusal(refusal, connection, head: phase == .idle || phase == .head ? nil : exchange)
        let hidesBody = exchange?.head.method == .head || loop.scratchHead.method == .head
        endExchange()
        phase = .ended
        guard row.status != 0, row.fate != .reset else {
            connection.close(reset: row.fate == .reset)
            return
        }
        writeRefusal(row, explains: false, hidesBody: hidesBody)
        connection.closeAfterOutput(lingers: row.fate == .lingerAndClose)
    }

    /// Answers for a queue that does not take a request, as its verbosity says.
    func reject(_ refusal: Refusal, of queue: RequestQueue? = nil) {
        let verbosity = (queue ?? exchange?.queue)?.verbosity ?? .limited
        loop.logRefusal(refusal, connection, head: exchange)
        // Before there is an exchange, the head stands in the scratch.
        let hidesBody = exchange.map { $0.head.method == .head } ?? (loop.scratchHead.method == .head)
        endExchange()
        phase = .ended
        if verbosity == .basic {
            connection.close(reset: true)
        } else {
            writeRefusal(refusal.row, explains: verbosity == .full, hidesBody: hidesBody)
            connection.closeAfterOutput(lingers: true)
        }
    }

    /// Answers a request nobody has a prefix for, or that does not belong here; the connection goes on where the table lets it.
    ///
    /// - Returns: whether the next request can be looked at.
    private func refuseRoute(_ refusal: Refusal, _ headBytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let row = refusal.row
        guard row.fate == .keep, !loop.scratchHead.hasContent, loop.scratchHead.keepAlive, !loop.isDraining,
            !isLastRequest
        else {
            refuse(refusal)
            return false
        }
        loop.counters.refusals.count()
        loop.logRefusal(refusal, connection, head: nil)
        writeRefusal(row, explains: false, hidesBody: loop.scratchHead.method == .head, closes: false)
        connection.consume(headBytes.count)
        connection.touch()
        becomeIdle()
        return true
    }

    private func endExchange() {
        guard let exchange else { return }
        self.exchange = nil
        exchange.abortedByConnection()
    }

    private func writeRefusal(_ row: Refusal.Row, explains: Bool, hidesBody: Bool, closes: Bool = true) {
        var body = OutputBuffer(capacity: 256)
        if explains { body.append(row.detail) } else { body.append(ReasonPhrase.standard(for: row.status)) }
        body.append("\n" as StaticString)
        connection.reserveOutput(512)
        connection.output.appendStatusLine(status: row.status, reason: nil)
        connection.output.append("Content-Type: text/plain\r\nContent-Length: " as StaticString)
        connection.output.append(decimal: body.count)
        connection.output.append((closes ? "\r\nConnection: close\r\n" : "\r\n") as StaticString)
        connection.output.append(loop.commonLines())
        connection.output.append("\r\n" as StaticString)
        if !hidesBody { body.withUnsafeBytes { connection.output.append($0) } }
    }
}
