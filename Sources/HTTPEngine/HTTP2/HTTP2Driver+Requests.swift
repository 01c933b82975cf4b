// SPDX-License-Identifier: Apache-2.0

import HTTP2
import HTTPFeatures
import HTTPSecure
import HTTPWire
import IORing
import ResponseCache
import URLPrefixes

/// Requests of HTTP/2 on their way in: the same path as HTTP/1's, from the head on.
extension HTTP2Driver: HTTP2SessionDelegate {
    func headReceived(_ handle: HTTP2Stream, _ head: inout AssembledHead, endsStream: Bool) {
        let stream = makeStream(handle)
        stream.hasContentEnded = endsStream
        loop.counters.requests.count()
        head.swapHead(with: &loop.scratchHead)
        head.bytes.withUnsafeBytes { bytes in
            admit(stream, bytes.assumingMemoryBound(to: UInt8.self), protocolName: head.connectProtocol)
        }
    }

    func headRefused(_ handle: HTTP2Stream, _ head: inout AssembledHead, _ refusal: Refusal) {
        let stream = makeStream(handle)
        loop.counters.requests.count()
        head.swapHead(with: &loop.scratchHead)
        head.bytes.withUnsafeBytes { refuse(stream, refusal, $0.assumingMemoryBound(to: UInt8.self)) }
    }

    func contentReceived(_ handle: HTTP2Stream, _ content: UnsafeRawBufferPointer) {
        guard let stream = stream(of: handle) else {
            session?.consumed(handle, byteCount: content.count)
            return
        }
        guard let exchange = stream.exchange, !exchange.isHandlerDone else {
            // Nobody will read it; the window it took is given back at once.
            discardContent(stream, handle, content.count)
            return
        }
        stream.addContent(content)
        contentChanged(stream, exchange)
    }

    func trailersReceived(_ handle: HTTP2Stream, _ trailers: FieldSection) {
        stream(of: handle)?.exchange?.requestTrailerFields = trailers
    }

    func streamEnded(_ handle: HTTP2Stream) {
        guard let stream = stream(of: handle) else { return }
        stream.hasContentEnded = true
        guard let exchange = stream.exchange else {
            stream.deadline = 0
            return
        }
        if stream.contentCount == 0 { exchange.isContentAtEnd = true }
        contentChanged(stream, exchange)
    }

    private func contentChanged(_ stream: HTTP2StreamDriver, _ exchange: Exchange) {
        exchange.contentWaiter?.resume()
        stream.tunnel?.inputArrived()
    }

    func streamClosed(_ handle: HTTP2Stream, _ code: HTTP2ErrorCode) {
        guard let stream = stream(of: handle) else { return }
        handle.context = nil
        close(stream)
    }

    func responseTooLarge(_ handle: HTTP2Stream) {
        loop.counters.refusals.count()
        if let exchange = stream(of: handle)?.exchange {
            loop.logRefusal(.internalError, connection, head: exchange)
        } else {
            loop.logConnectionError(connection, .internalError)
        }
    }

    func readContent(
        _ handle: HTTP2Stream,
        into output: inout OutputBuffer,
        byteCountMax: Int
    ) -> HTTP2ContentRead {
        guard let stream = stream(of: handle) else { return .failed }
        stream.readOutput(into: &output, byteCountMax: byteCountMax, loop.blocks)
        relieve(stream)
        guard stream.unsentByteCount == 0, stream.isOutputEnded else { return .more }
        stream.isOutputSent = true
        if let trailers = stream.trailers { session?.submitTrailers(handle, trailers) }
        return .last
    }

    private func stream(of handle: HTTP2Stream) -> HTTP2StreamDriver? {
        guard let context = handle.context else { return nil }
        // SAFETY: `streams` holds what a context points to until `streamClosed`.
        return Unmanaged<HTTP2StreamDriver>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: Admission

    /// Routes the request in the loop's scratch head, answers it from the cache or gives it to its queue.
    private func admit(
        _ stream: HTTP2StreamDriver,
        _ headBytes: UnsafeBufferPointer<UInt8>,
        protocolName: ByteRange
    ) {
        guard loop.scratchHead.method != .connect || !protocolName.isEmpty else {
            return refuse(stream, .connectNotSupported, headBytes)
        }
        if let refusal = loop.misdirection(headBytes, connection) {
            refuse(stream, refusal, headBytes)
            // Its own name has other rules now: the client is to come again.
            if refusal == .misdirected, connection.tls?.engine?.isOutdated == true { beginDrain() }
            return
        }
        let route = loop.findRoute(headBytes, connection)
        guard case .registration(let index, let pathByteCount) = route,
            let target = loop.routes.targets[Int(index)]
        else {
            return refuse(stream, EngineLoop.refusal(for: route), headBytes)
        }
        let blockers = loop.cacheBlockers(headBytes)
        if loop.options.responseCaching, blockers.mayServe,
            let (entry, disposition) = loop.findInCache(headBytes, connection)
        {
            loop.counters.cacheHits.count()
            loop.logCacheHit(
                connection,
                loop.scratchHead,
                headBytes,
                status: entry.status,
                bytesSent: entry.bytes.count,
                group: target.group
            )
            return answer(stream, from: entry, disposition)
        }
        guard let queue = target.queue, !queue.isClosed else {
            return refuse(stream, target.queue?.refusal ?? .disabled, headBytes)
        }
        let exchange = loop.takeExchange()
        exchange.begin(
            driver: stream,
            connection: connection,
            target: target,
            prefixPathByteCount: pathByteCount,
            headBytes: headBytes
        )
        // The session's bytes are the next head's soon.
        exchange.detachFromInput()
        exchange.requestNumber = requestNumber
        stream.minSendBytesPerSecond = target.minSendBytesPerSecond
        exchange.headStartedAt = now
        exchange.cacheBlockers = blockers
        exchange.connectProtocolRange = protocolName
        if blockers.mayStore { exchange.cacheGeneration = loop.reader.store.flushGeneration }
        beginContent(stream, exchange)
        stream.exchange = exchange
        loop.deliver(exchange, to: queue, consumer: target.consumer)
    }

    private func beginContent(_ stream: HTTP2StreamDriver, _ exchange: Exchange) {
        exchange.chunkedDecoder = nil
        exchange.isContentAtEnd = stream.hasContentEnded
        if stream.hasContentEnded {
            exchange.contentFraming = .none
        } else if let length = exchange.head.contentLength {
            exchange.contentFraming = .fixed
            exchange.contentRemaining = length
        } else {
            exchange.contentFraming = .untilEnd
        }
    }

    // MARK: Refusals

    /// Answers the request in the loop's scratch head, which no application sees, as the table of refusals says.
    private func refuse(
        _ stream: HTTP2StreamDriver,
        _ refusal: Refusal,
        _ headBytes: UnsafeBufferPointer<UInt8>
    ) {
        let row = refusal.row
        loop.counters.refusals.count()
        loop.logRefusal(refusal, connection, bytes: headBytes)
        answer(stream, row, explains: false, to: loop.scratchHead.method)
    }

    /// Answers for a queue that does not take a request, as its verbosity says.
    func reject(_ stream: HTTP2StreamDriver, _ exchange: Exchange, _ refusal: Refusal) {
        let verbosity = exchange.queue?.verbosity ?? .limited
        let method = exchange.head.method
        loop.logRefusal(refusal, connection, head: exchange)
        stream.exchange = nil
        exchange.abortedByConnection()
        if verbosity == .basic {
            reset(stream, .refusedStream)
        } else {
            answer(stream, refusal.row, explains: verbosity == .full, to: method)
        }
    }

    private func answer(
        _ stream: HTTP2StreamDriver,
        _ row: Refusal.Row,
        explains: Bool,
        to method: HTTPWire.Method
    ) {
        guard row.status != 0, row.fate != .reset else { return reset(stream, .refusedStream) }
        var body = OutputBuffer(capacity: 256)
        if explains { body.append(row.detail) } else { body.append(ReasonPhrase.standard(for: row.status)) }
        body.append("\n" as StaticString)
        var fields = FieldSection()
        fields.append(id: .contentType, literal: "text/plain")
        submit(stream, status: row.status, fields, whole: body, hidesContent: method == .head)
    }
}
