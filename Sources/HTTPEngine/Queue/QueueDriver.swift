// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing
import QueueTransport

/// A request that came through a queue: its content comes from there, its response goes there.
///
/// Loop-affine; used again for the next request of its slot. The service decides the framing, the persistence and
/// the time-outs, and writes the log.
final class QueueDriver: ExchangeDriver {
    /// How far the response's head has come.
    enum HeadState: UInt8 {
        case none
        /// Written, but the ring had no room.
        case waiting
        case sent
        /// Sent with all of the content.
        case whole
    }

    @exclusivity(unchecked) unowned(unsafe) let port: WorkerPort
    let end: WorkerEnd
    @exclusivity(unchecked) private(set) var exchange: Exchange?
    @exclusivity(unchecked) private(set) var id = RequestID(rawValue: 0)
    @exclusivity(unchecked) var isTouched = false
    @exclusivity(unchecked) private var isHandlerDone = false
    @exclusivity(unchecked) var minSendBytesPerSecond = 0
    @exclusivity(unchecked) private(set) var addresses: ConnectionAddresses?

    /// What the service said of the client's TLS, which ends there, is in the exchange.
    var tlsFacts: TLSFacts? { nil }

    // The request's content.
    @exclusivity(unchecked) private var input: [UInt8] = []
    @exclusivity(unchecked) private var inputStart = 0
    @exclusivity(unchecked) private(set) var isInputAtEnd = true
    /// What answers for content that can't be had.
    @exclusivity(unchecked) private var inputFailure: UInt16 = 0
    /// Bytes the handler has read that the service does not know of.
    @exclusivity(unchecked) private var consumedByteCount: Int64 = 0

    // The response.
    @exclusivity(unchecked) var headState = HeadState.none
    @exclusivity(unchecked) var waitingHead = QueuedResponseHead()
    @exclusivity(unchecked) var waitingReasonCount = 0
    @exclusivity(unchecked) var fields = OutputBuffer(capacity: 512)
    @exclusivity(unchecked) var output: [UInt8] = []
    @exclusivity(unchecked) var outputStart = 0
    /// Part of a file that goes after the output.
    @exclusivity(unchecked) var waitingFile: QueuedFile?
    /// The ticket of the last file of this response; 0 for none.
    @exclusivity(unchecked) var passedTicket: UInt64 = 0
    @exclusivity(unchecked) var isEndWaiting = false
    @exclusivity(unchecked) var trailerLines: [UInt8]?
    @exclusivity(unchecked) var isOutputDone = false
    /// The queue that the request is handed on to, until the ring has taken that.
    @exclusivity(unchecked) var waitingDelegation: UInt64?
    /// Whether something found no room in the ring.
    @exclusivity(unchecked) var isStalled = false

    init(port: WorkerPort) {
        self.port = port
        end = port.worker
    }

    /// Begins a request whose head stands in the loop's scratch.
    func begin(
        _ exchange: Exchange,
        _ id: RequestID,
        _ request: QueuedRequest,
        _ target: RouteTarget,
        _ headBytes: UnsafeBufferPointer<UInt8>
    ) {
        self.exchange = exchange
        self.id = id
        isHandlerDone = false
        headState = .none
        isEndWaiting = false
        isOutputDone = false
        waitingDelegation = nil
        isStalled = false
        inputFailure = 0
        minSendBytesPerSecond = target.minSendBytesPerSecond
        addresses = ConnectionAddresses(
            peer: SocketAddress(request.remoteAddress),
            local: SocketAddress(request.localAddress)
        )
        exchange.begin(queued: request, driver: self, target: target, headBytes: headBytes)
        // The record goes when this turn is over.
        exchange.detachFromInput()
        isInputAtEnd = request.contentLength == 0 || request.flags.contains(.isWhole)
        if request.contentBytes.count > 0 { input.append(contentsOf: request.contentBytes) }
    }

    // MARK: Queue

    var isDraining: Bool { port.isDrained }

    func exchangeWaits(_ exchange: Exchange, timeout: Duration) {}

    func exchangeDelivered(_ exchange: Exchange) {}

    func reject(_ exchange: Exchange, _ refusal: Refusal) {
        end.reset(id, code: QueueReset.refused)
        leave(exchange)
    }

    // MARK: Content

    func contentArrived(_ bytes: UnsafeRawBufferPointer, isLast: Bool) {
        guard let exchange else { return }
        input.append(contentsOf: bytes)
        if isLast { isInputAtEnd = true }
        exchange.contentWaiter?.resume()
        exchange.duplex?.inputArrived()
    }

    func contentFailed(_ status: UInt16) {
        guard let exchange else { return }
        inputFailure = status
        exchange.contentWaiter?.resume()
    }

    func trailersArrived(_ lines: UnsafeRawBufferPointer) throws(TransportViolation) {
        guard let exchange else { return }
        var section = FieldSection()
        guard FieldLines.read(lines, into: &section) else { throw TransportViolation(.field, kind: 18) }
        exchange.requestTrailerFields = section
        isInputAtEnd = true
        exchange.contentWaiter?.resume()
    }

    /// Takes bytes that have arrived; `nil` when there are none yet, empty at the end.
    func takeInput(upTo byteCountMax: Int) -> [UInt8]? {
        let count = min(byteCountMax, input.count - inputStart)
        guard count > 0 else { return isInputAtEnd ? [] : nil }
        let piece = Array(input[inputStart..<inputStart + count])
        inputStart += count
        if inputStart == input.count {
            input.removeAll(keepingCapacity: true)
            inputStart = 0
        }
        consumedByteCount += Int64(count)
        // Half a window at a time, so that the service need not wait, nor hear of every piece.
        if consumedByteCount >= Int64(port.loop.options.limits.maxRequestBufferSize / 2) { grantConsumed() }
        return piece
    }

    private func grantConsumed() {
        if !isInputAtEnd { end.grant(consumedByteCount, to: id) }
        consumedByteCount = 0
    }

    func readContent(of exchange: Exchange, upTo byteCountMax: Int) throws -> [UInt8]? {
        guard let piece = takeInput(upTo: byteCountMax) else {
            guard inputFailure == 0 else {
                exchange.persists = false
                throw BadHTTPRequestError(statusCode: Int(inputFailure), "the content can't be had")
            }
            return nil
        }
        exchange.contentRead += Int64(piece.count)
        if exchange.contentFraming == .fixed { exchange.contentRemaining -= Int64(piece.count) }
        if isInputAtEnd, input.isEmpty { exchange.isContentAtEnd = true }
        return piece
    }

    /// Tells the service that the handler waits; the service has the clock.
    func beginContentWait(_ exchange: Exchange) -> Bool {
        wantInput()
        return false
    }

    /// Says what was read, or asks for a byte more, so that the service knows of the wait in any case.
    func wantInput() {
        consumedByteCount = max(1, consumedByteCount)
        grantConsumed()
    }

    func endContentWait(_ exchange: Exchange) {}

    // MARK: End

    func exchangeFinished(_ exchange: Exchange) {
        guard self.exchange === exchange else { return }
        isHandlerDone = true
        if exchange.duplex != nil { return }
        finishIfDone()
    }

    /// Lets go of the exchange when its handler has returned and the ring has taken the response.
    func finishIfDone() {
        guard isHandlerDone, isOutputDone, let exchange else { return }
        release()
        exchange.driverReleased()
    }

    func abort(_ exchange: Exchange) {
        end.reset(id, code: QueueReset.abort)
        leave(exchange)
    }

    /// Has the service reset the stream with a protocol's error code.
    func reset(_ exchange: Exchange, errorCode: UInt32) {
        end.reset(id, code: QueueReset.stream | errorCode & ~QueueReset.stream)
        leave(exchange)
    }

    /// The service has cancelled the request.
    func cancelled() {
        guard let exchange else { return }
        if passedTicket != 0 { end.distrust(file: passedTicket) }
        leave(exchange)
    }

    /// The queue has ended.
    func portClosed() {
        guard let exchange else { return }
        leave(exchange)
    }

    /// Lets go of an exchange that can't go on, and has its handler know.
    func leave(_ exchange: Exchange) {
        guard self.exchange === exchange else { return }
        release()
        exchange.abortedByConnection()
    }

    private func release() {
        exchange = nil
        input.removeAll(keepingCapacity: input.capacity <= 1 << 16)
        inputStart = 0
        consumedByteCount = 0
        output.removeAll(keepingCapacity: output.capacity <= 1 << 16)
        outputStart = 0
        trailerLines = nil
        dropWaitingFile()
        passedTicket = 0
        isInputAtEnd = true
        port.requestEnded()
    }

    // MARK: Upgrade

    func upgrade(_ exchange: Exchange) -> any UpgradedStream {
        isInputAtEnd = false
        return QueueTunnel(exchange: exchange, driver: self)
    }

    func endUpgraded(_ exchange: Exchange) {
        isHandlerDone = true
        writeEnd(of: exchange)
        // Nobody reads any more: both directions end.
        if self.exchange === exchange, isOutputDone {
            end.reset(id, code: QueueReset.abort)
            finishIfDone()
        }
    }
}

extension Exchange {
    /// Begins a request that came through a queue, whose head stands in the loop's scratch.
    func begin(
        queued request: QueuedRequest,
        driver: any ExchangeDriver,
        target: RouteTarget,
        headBytes: UnsafeBufferPointer<UInt8>
    ) {
        if features.revision != 0 { features.reset(to: self) }
        self.driver = driver
        if self.target !== target { self.target = target }
        prefixPathByteCount = request.prefixPathByteCount
        self.headBytes = headBytes
        swap(&head, &loop.scratchHead)
        isHeldByDriver = true
        stage = .waiting
        connectionNumber = request.connection
        requestNumber = request.requestNumber
        connectionStartedAt = request.connectionStartedAt
        headStartedAt = request.headStartedAt
        headEndedAt = request.headEndedAt
        queuedAt = request.queuedAt
        contentLimit = target.contentLimit
        minContentBytesPerSecond = 0
        if request.flags.contains(.closes) { closeRequested = true }
        guard request.contentLength != 0 else { return }
        contentFraming = request.contentLength > 0 ? .fixed : .untilEnd
        contentRemaining = max(0, request.contentLength)
        isContentAtEnd = false
    }
}
