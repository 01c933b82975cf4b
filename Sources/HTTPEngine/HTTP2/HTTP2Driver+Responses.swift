// SPDX-License-Identifier: Apache-2.0

import HTTP2
import HTTPFeatures
import HTTPWire
import IORing
import ResponseCache

/// Responses on their way out.
extension HTTP2Driver {
    /// Content up to here goes to the session together with its head.
    static let wholeByteCountMax = 8 << 10

    /// Gives the session an exchange's head, and its content where that is whole and small.
    func submitHead(of stream: HTTP2StreamDriver, _ exchange: Exchange, isWhole: Bool) {
        guard let session, let handle = stream.handle else { return }
        stream.hasHead = true
        if exchange.closeRequested || closes(exchange) { beginDrain() }
        if exchange.isUpgrading {
            submit(session, handle, exchange, nil, .streamed)
            wantWrite()
            return
        }
        let isSilent = exchange.isBodiless || exchange.head.method == .head
        let length = contentLength(of: exchange, isWhole: isWhole)
        if isWhole, exchange.trailerFields == nil, exchange.wholeBody == nil,
            isSilent || exchange.body.count <= HTTP2Driver.wholeByteCountMax
        {
            stream.isOutputEnded = true
            stream.isOutputSent = true
            if isSilent || exchange.body.count == 0 {
                submit(session, handle, exchange, length, .none)
            } else {
                exchange.body.withUnsafeBytes { submit(session, handle, exchange, length, .whole($0)) }
                exchange.body.removeAll()
            }
        } else if isSilent, exchange.trailerFields == nil {
            stream.isOutputEnded = true
            stream.isOutputSent = true
            submit(session, handle, exchange, length, .none)
        } else {
            submit(session, handle, exchange, length, .streamed)
        }
        wantWrite()
    }

    private func submit(
        _ session: HTTP2Session,
        _ handle: HTTP2Stream,
        _ exchange: Exchange,
        _ length: Int64?,
        _ content: HTTP2Content
    ) {
        session.submitResponse(
            handle,
            status: exchange.isUpgrading ? 200 : exchange.status,
            fields: withServer(exchange.responseFields),
            common: commonFields(besides: exchange.responseFields, length),
            content: content
        )
    }

    /// The length to announce, where it is known and the application has not set it itself.
    private func contentLength(of exchange: Exchange, isWhole: Bool) -> Int64? {
        if exchange.isBodiless || exchange.declaredLength >= 0 { return nil }
        guard isWhole, exchange.trailerFields == nil else { return nil }
        if exchange.head.method == .head, exchange.writtenLength == 0 { return nil }
        return exchange.writtenLength
    }

    /// Whether the application asked for the end of the connection with this response.
    private func closes(_ exchange: Exchange) -> Bool {
        guard exchange.responseFields.mayContain.contains(.connection) else { return false }
        let options = Array((exchange.responseFields[FieldID.connection] ?? "").utf8)
        return FieldSyntax.listContains("close", in: options.span)
    }

    /// Answers without an exchange.
    func submit(
        _ stream: HTTP2StreamDriver,
        status: UInt16,
        _ fields: FieldSection,
        whole body: borrowing OutputBuffer,
        hidesContent: Bool
    ) {
        guard let session, let handle = stream.handle else { return }
        stream.hasHead = true
        stream.isOutputEnded = true
        stream.isOutputSent = true
        let common = commonFields(besides: fields, Int64(body.count))
        _ = body.withUnsafeBytes { bytes in
            session.submitResponse(
                handle,
                status: status,
                fields: withServer(fields),
                common: common,
                content: hidesContent || bytes.isEmpty ? .none : .whole(bytes)
            )
        }
        awaitContentEnd(of: stream, atMost: loop.options.timeouts.drainEntityBody)
        wantWrite()
    }

    func submitInterim(_ stream: HTTP2StreamDriver, _ statusCode: Int, _ fields: FieldSection) {
        guard let handle = stream.handle else { return }
        session?.submitInterim(handle, status: UInt16(statusCode), fields: fields)
        wantWrite()
    }

    /// The fields with a `Server` of the options' own, where that is none of ours.
    private func withServer(_ fields: FieldSection) -> FieldSection {
        guard loop.serverLiteral == nil, let server = loop.options.serverHeader, !fields.contains(id: .server)
        else {
            return fields
        }
        var fields = fields
        try? fields.append(id: .server, value: server)
        return fields
    }

    /// `Date`, `Server` and the length, but for what the application set itself.
    private func commonFields(besides fields: FieldSection, _ length: Int64?) -> HTTP2CommonFields {
        let present = fields.mayContain
        var common = HTTP2CommonFields(contentLength: length)
        if !present.contains(.date) || !fields.contains(id: .date) {
            common.date = loop.responseLines.httpDate(at: loop.ring.wallClockSeconds)
        }
        if !present.contains(.server) || !fields.contains(id: .server) { common.server = loop.serverLiteral }
        return common
    }

    // MARK: From the cache

    /// Answers from a stored response.
    func answer(_ stream: HTTP2StreamDriver, from entry: CacheEntry, _ disposition: CacheDisposition) {
        guard let session, let handle = stream.handle else { return }
        stream.hasHead = true
        let isHead = loop.scratchHead.method == .head
        if let response = CacheResponse(of: entry, as: disposition) {
            let bytes = response.bytes
            var head = StoredHead()
            head.read(bytes.span.extracting(..<response.headByteCount))
            let body = OutputSegment.array(bytes, response.headByteCount..<bytes.count)
            send(session, stream, handle, (head.status, head.fields), isHead ? nil : body)
        } else {
            let body = OutputSegment.cached(entry, entry.headByteCount..<entry.bytes.count)
            send(session, stream, handle, loop.storedHeads.head(of: entry), isHead ? nil : body)
        }
        if entry.closesConnection { beginDrain() }
        awaitContentEnd(of: stream, atMost: loop.options.timeouts.drainEntityBody)
        wantWrite()
    }

    private func send(
        _ session: HTTP2Session,
        _ stream: HTTP2StreamDriver,
        _ handle: HTTP2Stream,
        _ head: (status: UInt16, fields: FieldSection),
        _ body: OutputSegment?
    ) {
        let (status, fields) = head
        let common = commonFields(besides: fields, nil)
        stream.isOutputEnded = true
        guard let body, body.byteCount > 0 else {
            stream.isOutputSent = true
            session.submitResponse(
                handle,
                status: status,
                fields: withServer(fields),
                common: common,
                content: .none
            )
            return
        }
        let isSmall = body.byteCount <= HTTP2Driver.wholeByteCountMax
        if isSmall { stream.isOutputSent = true } else { stream.append(body) }
        session.submitResponse(
            handle,
            status: status,
            fields: withServer(fields),
            common: common,
            content: isSmall ? .whole(body.bytes) : .streamed
        )
    }

    // MARK: End

    /// The handler has returned and its response is with the session, or in the stream's output.
    func exchangeFinished(_ stream: HTTP2StreamDriver, _ exchange: Exchange) {
        guard stream.exchange === exchange, connection.isOpen else { return }
        loop.logAccess(exchange, connection)
        stream.deadline = 0
        stream.isWaitingForContent = false
        if stream.tunnel != nil { stream.tunnel?.connectionEnded() }
        stream.exchange = nil
        stream.tunnel = nil
        // What nobody read makes room for others.
        let unread = stream.contentCount
        _ = stream.takeContent(upTo: unread)
        consumed(stream, unread)
        awaitContentEnd(of: stream, atMost: exchange.timeouts.drainEntityBody)
        exchange.driverReleased()
        wantWrite()
    }

    /// Ends a stream with a code; its exchange, if it is not done, has been aborted.
    func reset(_ stream: HTTP2StreamDriver, _ code: HTTP2ErrorCode) {
        guard let handle = stream.handle else { return }
        if let exchange = stream.exchange {
            stream.exchange = nil
            stream.tunnel?.connectionEnded()
            exchange.abortedByConnection()
        }
        stream.discardOutput(loop.blocks)
        // NO_ERROR would say that the response is whole (RFC 9113 §8.1).
        session?.reset(handle, code == .noError && !stream.isOutputSent ? .cancel : code)
        wantWrite()
    }
}
