// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing
import QueueTransport
import ResponseCache

/// A waiter that has something looked at instead of resuming a task.
final class PortWaiter: LoopWaiter {
    @exclusivity(unchecked) private let action: () -> Void

    init(_ action: @escaping () -> Void) { self.action = action }

    override func resume() { action() }
}

/// A request that a worker process answers, in the handler's place.
///
/// Loop-affine; used again for the next request of its slot.
final class RemoteRequest {
    @exclusivity(unchecked) unowned(unsafe) let port: ServicePort
    private let end: ServiceEnd
    @exclusivity(unchecked) private var exchange: Exchange?
    @exclusivity(unchecked) private var id = RequestID(rawValue: 0)
    @exclusivity(unchecked) var isReady = false
    /// Whether a piece of content found no room in the ring.
    @exclusivity(unchecked) private(set) var isStalled = false
    @exclusivity(unchecked) private var isContentOpen = false
    /// Whether the worker's handler waits for content.
    @exclusivity(unchecked) private var isContentWanted = false
    @exclusivity(unchecked) private var isClockRunning = false
    @exclusivity(unchecked) private var piece: [UInt8] = []
    @exclusivity(unchecked) private var isPieceLast = false
    /// Content that was sent while the worker had not taken the request.
    @exclusivity(unchecked) private var kept: [[UInt8]] = []
    /// Whether all that is sent is kept, because the worker may hand the request on; until it reads.
    @exclusivity(unchecked) private var keepsAll = false
    /// Whether the worker may have read of the content.
    @exclusivity(unchecked) private var isContentRead = false
    /// What answers for content that can't be had; 0 while all is well.
    @exclusivity(unchecked) private var failedStatus: UInt16 = 0
    /// A response that may be stored, gathered until it is whole.
    @exclusivity(unchecked) private var gathered: [UInt8]?
    /// Bytes of the response that were taken and not yet let the worker send again.
    @exclusivity(unchecked) private var takenByteCount: Int64 = 0
    @exclusivity(unchecked) private var tunnel: QueueTunnelReader?
    /// Part of a file that is being sent, and what came after it.
    @exclusivity(unchecked) private var sending: FileSending?

    /// Whether a file is being sent; the worker may have nothing to do with it any more.
    var isSending: Bool { sending != nil }

    private lazy var waiter = PortWaiter { [unowned self] in self.port.markReady(self) }
    private lazy var cancel: () -> Void = { [unowned self] in self.clientGone() }

    init(port: ServicePort, end: ServiceEnd) {
        self.port = port
        self.end = end
    }

    func begin(_ exchange: Exchange, _ id: RequestID, hasContent: Bool) {
        self.exchange = exchange
        self.id = id
        isStalled = false
        isContentOpen = hasContent
        isContentWanted = false
        isContentRead = false
        keepsAll = port.delegations != nil
        takenByteCount = 0
        failedStatus = 0
        // The handler may change the limit, so that the worker holds the content to it.
        exchange.contentLimit = -1
        exchange.cancelHandler = cancel
        if hasContent { pumpContent() }
    }

    /// Looks at what may go on now: content from the client, room for the response.
    func progress() {
        guard exchange != nil else { return }
        stopClock()
        if isContentOpen { pumpContent() }
        openWindow()
    }

    // MARK: Content

    func windowOpened() {
        isContentWanted = true
        isContentRead = true
        if keepsAll {
            keepsAll = false
            kept = []
        }
        tunnel?.windowOpened()
        if isContentOpen { pumpContent() }
    }

    /// Passes content on as it comes, as far as the worker's window and the ring let it.
    private func pumpContent() {
        guard let exchange, tunnel == nil else { return }
        if failedStatus != 0 { return sendFailure() }
        // A client that waits for 100 (Continue) gets it when the handler asks for content.
        if exchange.head.expectsContinue, !exchange.hasSentContinue, !isContentWanted { return }
        do {
            while isContentOpen, try readPiece(exchange) {
                guard sendPiece(exchange) else { return }
            }
        } catch {
            failedStatus = UInt16(clamping: (error as? BadHTTPRequestError)?.statusCode ?? 400)
            sendFailure()
        }
    }

    /// Tells the worker that the content can't be had; its handler answers for that if it reads so far.
    private func sendFailure() {
        let outcome = end.send(contentFailed: (400...599).contains(failedStatus) ? failedStatus : 400, of: id)
        isStalled = outcome == .noRoom
        if outcome != .noRoom { isContentOpen = false }
    }

    /// Gets the next piece to send; `false` when there is none now.
    private func readPiece(_ exchange: Exchange) throws -> Bool {
        if !piece.isEmpty || isPieceLast { return true }
        let window = end.window(of: id)
        guard window > 0 else { return false }
        let count = min(Int(window), 16 << 10, end.inlineContentMax)
        guard let next = try exchange.readNow(count) else {
            exchange.contentWaiter = waiter
            if isContentWanted { isClockRunning = exchange.driver?.beginContentWait(exchange) ?? false }
            return false
        }
        piece = next
        isPieceLast = exchange.hasNoMoreContent
        return true
    }

    /// Sends the piece; `false` when it has to wait.
    private func sendPiece(_ exchange: Exchange) -> Bool {
        let trailers = isPieceLast ? exchange.trailers : FieldSection()
        var outcome = SendOutcome.sent
        if !piece.isEmpty || trailers.isEmpty {
            let isLast = isPieceLast && trailers.isEmpty
            outcome = piece.withUnsafeBytes { end.send(content: $0, of: id, isLast: isLast) }
            if outcome == .sent {
                keep(piece)
                piece = []
                isContentOpen = !isLast
            }
        }
        if outcome == .sent, isContentOpen, isPieceLast {
            var lines = OutputBuffer(capacity: 512)
            lines.appendFields(trailers)
            outcome = lines.withUnsafeBytes { end.send(trailers: $0, of: id) }
            if outcome == .sent { isContentOpen = false }
        }
        isStalled = outcome == .noRoom
        if outcome == .gone { isContentOpen = false }
        guard outcome == .sent else { return false }
        if !isContentOpen { isPieceLast = false }
        isContentWanted = false
        return true
    }

    /// Keeps what was sent until the worker has taken the request; no more than the ring can hold.
    private func keep(_ piece: [UInt8]) {
        guard !piece.isEmpty, keepsAll || !end.isTaken(id) else { return }
        if kept.isEmpty, !keepsAll { port.keepsContent(id) }
        kept.append(piece)
    }

    /// The worker has taken a request, or it is over.
    func letGoOfContent(_ id: RequestID) {
        if self.id == id, !kept.isEmpty { kept = [] }
    }

    /// Takes the request back where the worker has not taken it: another process may answer it.
    ///
    /// - Returns: where it stood in the order in which requests were sent, and the exchange, which is as it was
    ///   before it was delivered.
    func takeBack() -> (UInt64, Exchange)? {
        guard let exchange, !end.isTaken(id) else { return nil }
        stopClock()
        end.cancel(id)
        exchange.takenBack(content: kept.reduce(into: []) { $0 += $1 } + piece)
        let position = end.position(of: id)
        forget()
        return (position, exchange)
    }

    /// The worker hands the request on to another queue, untouched; 503 where it has no right to, or has read of it.
    func delegated(to number: UInt64) {
        guard let exchange else { return }
        guard let queue = port.delegations?[number], !isContentRead, failedStatus == 0,
            exchange.delegationCount < Exchange.delegationsMax,
            let target = port.loop.target(of: exchange, in: queue)
        else { return abandon() }
        stopClock()
        exchange.takenBack(content: kept.reduce(into: []) { $0 += $1 } + piece)
        forget()
        port.loop.delegate(exchange, to: target)
    }

    private func stopClock() {
        guard isClockRunning, let exchange else { return }
        isClockRunning = false
        exchange.driver?.endContentWait(exchange)
    }

    // MARK: Response

    func head(_ head: QueuedResponseHead) throws(TransportViolation) {
        guard let exchange else { return }
        guard let policy = CachePolicyNumber.decode(head.cachePolicy, seconds: head.cacheSeconds) else {
            throw TransportViolation(.field, value: UInt64(head.cachePolicy))
        }
        exchange.status = head.status
        if head.reason.count > 0 { exchange.reason = String(decoding: head.reason, as: UTF8.self) }
        guard FieldLines.read(head.fields, into: &exchange.responseFields) else {
            throw TransportViolation(.field, kind: 33)
        }
        exchange.policy = policy
        if head.flags.contains(.closes) { exchange.closeRequested = true }
        if head.flags.contains(.upgrades) { return beginTunnel(exchange) }
        let isWhole = head.flags.contains(.isWhole)
        do {
            try exchange.startNow()
            if exchange.head.method == .head {
                exchange.writtenLength = max(0, head.contentLength)
            } else if isWhole {
                if head.contentBytes.count > 0 { _ = try exchange.append(head.contentBytes) }
            } else if head.contentLength >= 0, exchange.declaredLength < 0, !exchange.isBodiless {
                exchange.responseFields.append(id: .contentLength, decimal: head.contentLength)
                exchange.declaredLength = head.contentLength
            }
        } catch {
            return fail(error)
        }
        if isWhole {
            complete(nil)
        } else if isStorable(exchange, head) {
            gathered = []
        } else {
            exchange.commit(isWhole: false)
        }
    }

    /// Whether a response that comes in pieces, but has all been written, may be stored once it is whole.
    private func isStorable(_ exchange: Exchange, _ head: QueuedResponseHead) -> Bool {
        guard head.contentLength > 0, head.contentLength <= gatheredByteCountMax else { return false }
        guard exchange.head.method == .get, exchange.cacheBlockers.mayStore else { return false }
        return exchange.policy != .automatic || exchange.responseFields.contains(id: .cacheControl)
    }

    /// The largest response that the cache stores.
    private var gatheredByteCountMax: Int64 { Int64(clamping: port.loop.reader.store.entryBytesMax) }

    /// Hands the gathered content to the exchange, as if it had been written at once.
    private func releaseGathered(_ exchange: Exchange) throws {
        guard let bytes = gathered.take(), try exchange.admit(Int64(bytes.count)) else { return }
        exchange.wholeBody = bytes
    }

    func interim(_ status: UInt16, _ lines: UnsafeRawBufferPointer) throws(TransportViolation) {
        guard let exchange else { return }
        var fields = FieldSection()
        guard FieldLines.read(lines, into: &fields) else { throw TransportViolation(.field, kind: 34) }
        try? exchange.sendInterim(statusCode: Int(status), headers: fields)
    }

    func content(_ bytes: UnsafeRawBufferPointer, isLast: Bool) {
        guard let exchange else { return }
        if let sending { return sending.append(bytes, isLast: isLast) }
        takenByteCount += Int64(bytes.count)
        if tunnel != nil {
            exchange.driver?.write(bytes, of: exchange)
            exchange.driver?.touchOutput()
        } else {
            do {
                if gathered != nil,
                    gathered?.count ?? 0 <= gatheredByteCountMax - Int64(bytes.count)
                {
                    gathered?.append(contentsOf: bytes)
                    if isLast { try releaseGathered(exchange) }
                } else {
                    try releaseGathered(exchange)
                    if bytes.count > 0 { _ = try exchange.append(bytes) }
                }
            } catch {
                return fail(error)
            }
        }
        if isLast { complete(nil) } else { openWindow() }
    }

    func trailers(_ lines: UnsafeRawBufferPointer) throws(TransportViolation) {
        guard let exchange else { return }
        var fields = FieldSection()
        guard FieldLines.read(lines, into: &fields) else { throw TransportViolation(.field, kind: 18) }
        exchange.trailerFields = fields
        if let sending { return sending.append(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true) }
        complete(nil)
    }

    /// Sends part of a file: what the page cache has and the socket takes at once, the rest by and by.
    func file(_ file: PassedFile, _ part: QueuedFile, isLast: Bool) {
        guard let exchange else { return }
        if let sending { return sending.append(file, part, isLast: isLast) }
        // This process may have no more files open: the client sees that the response is not whole.
        guard file.descriptor >= 0 else { return fail(TransportError(operation: "recvmsg", code: 24)) }
        do {
            try releaseGathered(exchange)
            guard try exchange.beginFile(part.byteCount) else { return fileEnded(isLast: isLast) }
        } catch {
            return fail(error)
        }
        var sent: Int64 = 0
        for _ in 0..<4 where sent < part.byteCount {
            let (offset, count) = (part.offset + sent, part.byteCount - sent)
            sent += Int64(exchange.sendDirectly(file.descriptor, offset, count, isPassed: true))
        }
        guard self.exchange != nil else { return }
        guard sent < part.byteCount else { return fileEnded(isLast: isLast) }
        let rest = QueuedFile(
            ticket: part.ticket,
            offset: part.offset + sent,
            byteCount: part.byteCount - sent
        )
        let sending = FileSending(exchange, file, rest, isLast: isLast, for: self)
        self.sending = sending
        sending.start()
    }

    private func fileEnded(isLast: Bool) {
        takenByteCount += Int64(QueuedFile.windowByteCount)
        if isLast { complete(nil) } else { openWindow() }
    }

    /// A file was sent, or can't be; what came after it is next.
    func sent(_ sending: FileSending, _ error: (any Error)?) {
        self.sending = nil
        guard exchange != nil else { return }
        if let error { return fail(error) }
        fileEnded(isLast: sending.isLast)
        for piece in sending.pieces {
            switch piece {
            case .bytes(let bytes, let isLast): bytes.withUnsafeBytes { content($0, isLast: isLast) }
            case .file(let next, let part, let isLast): file(next, part, isLast: isLast)
            }
        }
    }

    /// The worker gave the request up: it aborts the connection, does not take the request, or failed.
    func reset(_ code: UInt32) {
        switch code {
        case QueueReset.abort:
            guard let exchange else { return }
            // What the worker sent before leaves before the reset.
            exchange.pump()
            _ = exchange.driver?.directOutput(of: exchange)?.sendOutputNow()
            exchange.abort()
        case QueueReset.refused: abandon()
        case QueueReset.stream...:
            guard let exchange else { return }
            exchange.driver?.reset(exchange, errorCode: code & ~QueueReset.stream)
        default:
            if sending != nil { return abandon() }
            complete(BadHTTPRequestError(statusCode: 500, "the worker can't send its response"))
        }
    }

    /// Lets the worker send again what the client, or the connection's buffer, has taken.
    private func openWindow() {
        guard takenByteCount > 0, sending == nil, let exchange, let driver = exchange.driver else { return }
        guard driver.unsentByteCount + exchange.body.count <= exchange.responseBufferByteCountMax / 2 else {
            exchange.outputWaiter = waiter
            return
        }
        end.grant(takenByteCount, to: id)
        takenByteCount = 0
    }

    // MARK: Tunnel

    private func beginTunnel(_ exchange: Exchange) {
        do {
            let stream =
                exchange.head.version >= .http2 ? try exchange.acceptNow() : try exchange.upgradeNow()
            let reader = QueueTunnelReader(loop: port.loop, end: end, id: id, stream: stream)
            tunnel = reader
            reader.start()
        } catch {
            fail(error)
        }
    }

    // MARK: End

    /// What the worker sent can't be sent on: as if its handler had thrown.
    private func fail(_ error: any Error) {
        end.cancel(id)
        complete(error)
    }

    private func complete(_ error: (any Error)?) {
        guard let exchange = exchange else { return }
        stopClock()
        forget()
        exchange.contentWaiter = nil
        exchange.outputWaiter = nil
        exchange.cancelHandler = nil
        exchange.finish(error)
        port.loop.handlerEnded(exchange)
        exchange.handlerReleased()
    }

    /// The client has gone, or the request was aborted.
    private func clientGone() {
        guard let exchange = exchange else { return }
        end.cancel(id)
        forget()
        // The task that sends a file may be waiting for it: it lets go.
        if let sending = sending.take() { return sending.stop() }
        port.loop.handlerEnded(exchange)
        exchange.handlerReleased()
    }

    /// The worker has gone: 503 where nothing is out, else the client sees that the response is not whole.
    ///
    /// A response that the worker had ended before goes on to its end.
    func portClosed() {
        if let sending, sending.isEndKnown { return }
        abandon()
    }

    private func abandon() {
        guard let exchange else { return }
        if exchange.isCommitted { exchange.abort() } else { exchange.reject(.abandoned) }
    }

    private func forget() {
        exchange = nil
        isContentOpen = false
        isStalled = false
        isClockRunning = false
        isPieceLast = false
        if !piece.isEmpty { piece = [] }
        if !kept.isEmpty { kept = [] }
        gathered = nil
        tunnel?.stop()
        tunnel = nil
    }
}
