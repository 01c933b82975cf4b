// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTP2
import HTTPFeatures
import HTTPWire
import IORing
import ResponseCache
import URLPrefixes

/// HTTP/2 on one connection: its session, and the exchanges of its streams.
///
/// Loop-affine.
///
/// Input goes to the session as it arrives; what the session has to say is fetched once at the end of an
/// iteration, and no more of it than the socket is likely to take, so that a response waits in its stream, where
/// back-pressure reaches its handler.
final class HTTP2Driver: ProtocolDriver {
    let connection: Connection
    let loop: EngineLoop
    @exclusivity(unchecked) private(set) var session: HTTP2Session?
    @exclusivity(unchecked) private(set) var streams: ContiguousArray<HTTP2StreamDriver> = []
    /// Streams whose handlers have written what is to leave with this iteration.
    @exclusivity(unchecked) private var gathering: ContiguousArray<HTTP2StreamDriver> = []
    /// Streams of which output was taken whose handlers wait for that.
    @exclusivity(unchecked) private var relieved: ContiguousArray<HTTP2StreamDriver> = []
    @exclusivity(unchecked) private var requestCount: UInt32 = 0
    @exclusivity(unchecked) private var idleSince: Int64 = 0
    @exclusivity(unchecked) private var isShuttingDown = false
    /// When streams whose responses have not begun are given up, as the client has shut its half; 0 for never.
    @exclusivity(unchecked) private var halfCloseDeadline: Int64 = 0

    /// Output that is fetched from the session ahead of the socket.
    static let outputByteCountMax = 128 << 10

    init(connection: Connection) {
        self.connection = connection
        self.loop = connection.loop
    }

    var now: Int64 { loop.ring.now.nanoseconds }

    /// The connection's preface is next.
    func open() {
        guard let workspace = connection.listener.http2Workspace else {
            preconditionFailure("HTTP/2 is chosen only where the listener speaks it")
        }
        loop.counters.http2Connections.count()
        session = HTTP2Session(workspace: workspace, delegate: self, now: now)
        idleSince = now
        wantWrite()
        schedule()
    }

    // MARK: ProtocolDriver

    func inputArrived() {
        guard let session, connection.isOpen else { return connection.discardInput() }
        let input = UnsafeRawBufferPointer(connection.input)
        session.receive(input, now: now)
        guard connection.isOpen else { return }
        connection.consume(input.count)
        wantWrite()
    }

    /// A client may shut its half once it has asked for everything, and wait for the responses.
    ///
    /// What it has not finished asking for never comes, and a response that has not begun after a while is taken to be
    /// for nobody, as over HTTP/1.
    func peerFinished() {
        for stream in Array(streams) where !stream.hasContentEnded { reset(stream, .cancel) }
        halfCloseDeadline = max(1, now &+ loop.halfCloseGrace)
        wantWrite()
        schedule()
    }

    /// Whether no response can go on any more: those that wait for a window wait for ever.
    private var hasNothingToAnswer: Bool {
        streams.allSatisfy { $0.exchange == nil || $0.unsentByteCount > 0 }
    }

    func connectionClosing() {
        guard let session else { return }
        self.session = nil
        loop.counters.http2ConnectionsClosed.count()
        session.abandon()
        // The session told of each stream's end; this is for what it could not tell.
        while let stream = streams.last { close(stream) }
        gathering.removeAll()
        relieved.removeAll()
    }

    func outputDrained() { wantWrite() }

    func deadlineReached() {
        let now = self.now
        session?.deadlineReached(now: now)
        guard connection.isOpen else { return }
        for stream in streams where stream.deadline != 0 && stream.deadline <= now { deadlineReached(stream) }
        for stream in streams where stream.sendDeadline != 0 && stream.sendDeadline <= now {
            checkSendRate(stream)
        }
        if halfCloseDeadline != 0, halfCloseDeadline <= now {
            halfCloseDeadline = 0
            for stream in Array(streams) where !stream.hasHead { reset(stream, .cancel) }
        }
        guard connection.isOpen else { return }
        if streams.isEmpty, now &- idleSince >= idleTimeout {
            loop.counters.timeouts.count()
            loop.logConnectionError(connection, .idleTimeout)
            session?.terminate(.noError)
        }
        wantWrite()
        schedule()
    }

    func prepareOutput() {
        while let stream = gathering.popLast() {
            stream.isGathering = false
            if let exchange = stream.exchange, exchange.stage == .running { exchange.pump() }
        }
        writeSession()
    }

    /// Heads are copied when they come.
    func detachFromInput() {}

    func beginDrain() {
        // Also called where this connection alone comes to its end; its streams have time then.
        if loop.isDraining { for stream in Array(streams) { stream.exchange?.beginDrain() } }
        guard !isShuttingDown else { return }
        isShuttingDown = true
        session?.shutdown(now: now)
        wantWrite()
        schedule()
    }

    // MARK: Output

    /// Has the session's output fetched when the iteration ends.
    func wantWrite() {
        connection.hasGatheredContent = true
        connection.touch()
    }

    private func writeSession() {
        guard let session else { return }
        while connection.isOpen, session.wantsWrite {
            let room = HTTP2Driver.outputByteCountMax - connection.unsentByteCount
            guard room > 0 else { break }
            connection.reserveOutput(min(room, 4096))
            session.write(into: &connection.output, byteCountMax: room, now: now)
        }
        while let stream = relieved.popLast() { stream.exchange?.outputWaiter?.resume() }
        guard connection.isOpen else { return }
        if let end = session.end {
            finish(end)
        } else if connection.isPeerFinished, !session.wantsWrite, hasNothingToAnswer {
            connectionClosing()
            connection.closeAfterOutput(lingers: false)
        } else {
            schedule()
        }
    }

    /// The session is over: what it still had to say is in the output.
    private func finish(_ end: HTTP2SessionEnd) {
        switch end.reason {
        case .done, .terminated: break
        case .tooManyResets, .tooManyControlFrames, .tooManyContinuations, .headFarTooLarge,
            .tooManyAcknowledgements:
            loop.counters.refusals.count()
            loop.logConnectionError(connection, .http2Flood)
        case .settingsTimeout, .headTimeout, .keepAliveTimeout:
            loop.counters.timeouts.count()
            loop.logConnectionError(connection, .headTimeout)
        case .prefaceMalformed, .protocolViolated, .failed:
            loop.counters.refusals.count()
            loop.logConnectionError(connection, .http2ProtocolError)
        }
        connectionClosing()
        connection.closeAfterOutput(lingers: true)
    }

    /// Something was put into a stream's output, or its end.
    func contentAdded(to stream: HTTP2StreamDriver) {
        if stream.sendDeadline == 0, stream.unsentByteCount > 0, stream.minSendBytesPerSecond > 0 {
            beginSendWindow(stream)
        }
        if let handle = stream.handle, stream.hasHead { session?.resume(handle) }
        wantWrite()
    }

    /// A handler has written what is to leave with this iteration.
    func gather(_ stream: HTTP2StreamDriver) {
        if !stream.isGathering {
            stream.isGathering = true
            gathering.append(stream)
        }
        wantWrite()
    }

    /// The application has read so much content, or will never read it.
    func consumed(_ stream: HTTP2StreamDriver, _ byteCount: Int) {
        guard byteCount > 0, let handle = stream.handle else { return }
        session?.consumed(handle, byteCount: byteCount)
        wantWrite()
    }

    // MARK: Streams

    /// Takes a new stream in.
    func makeStream(_ handle: HTTP2Stream) -> HTTP2StreamDriver {
        let stream = loop.takeStream(for: self)
        stream.handle = handle
        stream.index = streams.count
        stream.minSendBytesPerSecond = connection.minSendBytesPerSecond
        streams.append(stream)
        handle.context = Unmanaged.passUnretained(stream).toOpaque()
        requestCount &+= 1
        loop.counters.http2Streams.count()
        if requestCount >= connection.listener.requestCountMax { beginDrain() }
        return stream
    }

    /// Lets go of a stream that has closed, and of the exchange it carried if that is not done.
    func close(_ stream: HTTP2StreamDriver) {
        if let exchange = stream.exchange {
            stream.exchange = nil
            if let tunnel = stream.tunnel, stream.hasContentEnded, stream.isOutputSent {
                // Both directions have ended in order; what has arrived is still the handler's to read.
                loop.logAccess(exchange, connection)
                tunnel.streamEnded(stream.takeContent(upTo: stream.contentCount))
                exchange.driverReleased()
            } else {
                stream.tunnel?.connectionEnded()
                exchange.abortedByConnection()
            }
        }
        loop.counters.http2StreamsClosed.count()
        let last = streams.removeLast()
        if last !== stream {
            streams[stream.index] = last
            last.index = stream.index
        }
        if stream.isGathering { gathering.removeAll { $0 === stream } }
        if !relieved.isEmpty { relieved.removeAll { $0 === stream } }
        stream.reset(to: loop.blocks)
        loop.giveBack(stream)
        if streams.isEmpty {
            idleSince = now
            schedule()
        }
    }

    /// The number the next request has on this connection.
    var requestNumber: UInt32 { requestCount }

    func relieve(_ stream: HTTP2StreamDriver) {
        if stream.exchange?.outputWaiter != nil { relieved.append(stream) }
    }

    // MARK: Deadlines

    private var idleTimeout: Int64 {
        requestCount == 0 ? connection.listener.headerWait : connection.listener.idleTimeout
    }

    func setDeadline(of stream: HTTP2StreamDriver, after nanoseconds: Int64) {
        let at = now.addingReportingOverflow(nanoseconds)
        stream.deadline = at.overflow ? .max : at.partialValue
        if connection.phaseDeadline == 0 || stream.deadline < connection.phaseDeadline {
            connection.setPhaseDeadline(stream.deadline)
        }
    }

    /// Sets the connection's deadline to the earliest of its session's, its streams' and its own.
    private func schedule() {
        guard connection.isOpen else { return }
        var earliest = session?.nextDeadline ?? .max
        if halfCloseDeadline != 0 { earliest = min(earliest, halfCloseDeadline) }
        if streams.isEmpty {
            let idleEnd = idleSince.addingReportingOverflow(idleTimeout)
            if !idleEnd.overflow { earliest = min(earliest, idleEnd.partialValue) }
        }
        for stream in streams {
            if stream.deadline != 0 { earliest = min(earliest, stream.deadline) }
            if stream.sendDeadline != 0 { earliest = min(earliest, stream.sendDeadline) }
        }
        connection.setPhaseDeadline(earliest == .max ? 0 : max(earliest, 1))
    }

    /// Begins the time that a client has to end a request whose content nobody reads any more.
    func awaitContentEnd(of stream: HTTP2StreamDriver, atMost duration: Duration) {
        guard !stream.hasContentEnded else { return }
        stream.discardedByteCount = 0
        setDeadline(of: stream, after: duration.saturatedNanoseconds)
    }

    /// Throws away content that nobody reads; more than is put up with ends the stream.
    func discardContent(_ stream: HTTP2StreamDriver, _ handle: HTTP2Stream, _ byteCount: Int) {
        session?.consumed(handle, byteCount: byteCount)
        guard stream.exchange == nil else { return }
        stream.discardedByteCount &+= Int64(byteCount)
        if stream.discardedByteCount > loop.options.limits.maxDrainedBodySize {
            endRequest(stream)
        }
    }

    /// Tells the client, once its response is out, that the rest of its request is not needed.
    ///
    /// RFC 9113 §8.1.
    private func endRequest(_ stream: HTTP2StreamDriver) {
        guard let handle = stream.handle, stream.hasHead, !stream.hasContentEnded else { return }
        stream.deadline = 0
        stream.hasContentEnded = true
        session?.reset(handle, .noError)
        wantWrite()
    }

    private func deadlineReached(_ stream: HTTP2StreamDriver) {
        stream.deadline = 0
        guard let exchange = stream.exchange else { return endRequest(stream) }
        if exchange.stage == .waiting {
            loop.counters.timeouts.count()
            loop.leaveQueue(exchange)
            loop.counters.requestsRejected.count()
            reject(stream, exchange, .queueTimeout)
        } else if stream.isWaitingForContent {
            if now &- stream.contentWaitStart >= exchange.timeouts.entityBody.saturatedNanoseconds {
                contentTooLate(stream, exchange, .bodyTimeout)
            }
            // The waiting read looks again: it finds the refusal, or ends this wait and begins the next.
            exchange.contentWaiter?.resume()
        }
    }

    private func beginSendWindow(_ stream: HTTP2StreamDriver) {
        stream.sendDeadline = now &+ loop.rateWindow
        stream.sentAtWindowStart = stream.sentByteCount
    }

    /// Whether the client's window let enough of the response out in the last one.
    ///
    /// While the socket is what holds it up, the connection's own rate is judged instead.
    private func checkSendRate(_ stream: HTTP2StreamDriver) {
        stream.sendDeadline = 0
        guard stream.unsentByteCount > 0, stream.minSendBytesPerSecond > 0 else { return }
        let sent = stream.sentByteCount &- stream.sentAtWindowStart
        let needed = Connection.byteCount(at: stream.minSendBytesPerSecond, over: loop.rateWindow)
        guard connection.unsentByteCount > 0 || sent >= needed else {
            loop.counters.timeouts.count()
            loop.logRefusal(.minimumSendRate, connection, head: stream.exchange)
            return reset(stream, .cancel)
        }
        beginSendWindow(stream)
    }

    /// Judges the rate over the time the handler waited, once that fills a window; then begins another.
    func checkContentRate(_ stream: HTTP2StreamDriver, _ exchange: Exchange) {
        let arrived = Int64(clamping: stream.contentReceived &- stream.contentWindowBytes)
        let needed = Connection.byteCount(
            at: exchange.minContentBytesPerSecond,
            over: stream.contentWindowWaited
        )
        stream.contentWindowWaited = 0
        guard exchange.contentError == nil, exchange.minContentBytesPerSecond > 0, arrived < needed else {
            return
        }
        contentTooLate(stream, exchange, .minimumReceiveRate)
    }

    private func contentTooLate(_ stream: HTTP2StreamDriver, _ exchange: Exchange, _ refusal: Refusal) {
        loop.counters.timeouts.count()
        loop.logRefusal(refusal, connection, head: exchange)
        _ = exchange.contentRefused(refusal)
        if exchange.isCommitted { reset(stream, .cancel) }
    }
}
