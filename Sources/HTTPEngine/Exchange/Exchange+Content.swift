// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
public import HTTPWire
import IORing

extension Exchange: HTTPRequestBodyFeature {
    /// Whether the framing announces content.
    public var canHaveBody: Bool { head.hasContent }

    /// The announced length.
    public var contentLength: Int64? { contentFraming == .chunked ? nil : head.contentLength ?? 0 }

    /// Whether all of it was read.
    public var isAtEnd: Bool { isContentAtEnd && contentError == nil }

    /// Reads the next piece.
    public func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        guard loop.ring.isCurrent else {
            return try await onLoop { try await $0.read(upTo: byteCountMax) }
        }
        if let piece = try readNow(byteCountMax) { return piece }
        while true {
            let deadlineWasSet = driver?.beginContentWait() ?? false
            await LoopWaiter.wait(on: loop.ring) { contentWaiter = $0 }
            contentWaiter = nil
            if deadlineWasSet { driver?.endContentWait() }
            if let piece = try readNow(byteCountMax) { return piece }
            if Task.isCancelled { throw CancellationError() }
        }
    }

    /// What has arrived, an empty array at the end, or `nil` when there is nothing yet.
    private func readNow(_ byteCountMax: Int) throws -> [UInt8]? {
        precondition(byteCountMax > 0, "at least one byte is asked for")
        if let contentError { throw BadHTTPRequestError(refusal: contentError) }
        if isContentAtEnd { return [] }
        guard let driver else {
            throw HTTPConnectionError("the client closed the connection before its request was whole")
        }
        hasReadContent = true
        if contentLimit >= 0, contentFraming == .fixed, contentRemaining + contentRead > contentLimit {
            throw contentRefused(.contentTooLarge)
        }
        let connection = driver.connection
        if connection.inputCount == 0 {
            sendContinueIfExpected()
            if connection.isPeerFinished { throw contentRefused(.contentIncomplete) }
            return nil
        }
        hasSentContinue = true
        let piece =
            contentFraming == .fixed
            ? readFixed(byteCountMax, connection) : try readChunked(byteCountMax, connection)
        if contentLimit >= 0, contentRead > contentLimit { throw contentRefused(.contentTooLarge) }
        if connection.inputCount <= loop.options.limits.maxRequestBufferSize / 2 { connection.resumeInput() }
        if piece.isEmpty, !isContentAtEnd {
            if connection.isPeerFinished { throw contentRefused(.contentIncomplete) }
            return nil
        }
        return piece
    }

    private func readFixed(_ byteCountMax: Int, _ connection: Connection) -> [UInt8] {
        let count = Int(min(Int64(min(byteCountMax, connection.inputCount)), contentRemaining))
        let piece = Array(connection.input[..<count])
        connection.consume(count)
        contentRemaining -= Int64(count)
        contentRead += Int64(count)
        if contentRemaining == 0 { isContentAtEnd = true }
        return piece
    }

    private func readChunked(_ byteCountMax: Int, _ connection: Connection) throws -> [UInt8] {
        var piece: [UInt8] = []
        while piece.count < byteCountMax, !isContentAtEnd {
            let room = byteCountMax - piece.count
            let available = UnsafeBufferPointer(rebasing: connection.input.prefix(room))
            guard available.count > 0 else { break }
            switch try decodeChunked(available, connection) {
            case .content(let range): piece.append(contentsOf: available[range])
            case .needMore where connection.inputCount == 0: return piece
            default: break
            }
        }
        return piece
    }

    /// One step of the chunked decoder over `available`, consumed from the connection.
    private func decodeChunked(
        _ available: UnsafeBufferPointer<UInt8>,
        _ connection: Connection
    ) throws -> ChunkedDecoder.Event {
        var position = 0
        // SAFETY: the connection's input stays where it is until more is received, which is not now.
        let event = chunkedDecoder?.next(Span(_unsafeElements: available), position: &position) ?? .end
        connection.consume(position)
        switch event {
        case .content(let range): contentRead += Int64(range.count)
        case .end: isContentAtEnd = true
        case .refused(let refusal): throw contentRefused(refusal)
        case .needMore: break
        }
        return event
    }

    /// Remembers why the content can't be read, so that the connection ends with this response.
    func contentRefused(_ refusal: Refusal) -> BadHTTPRequestError {
        contentError = refusal
        persists = false
        return BadHTTPRequestError(refusal: refusal)
    }

    private func sendContinueIfExpected() {
        guard head.expectsContinue, !hasSentContinue, !isCommitted, let driver else { return }
        hasSentContinue = true
        driver.connection.reserveOutput(32)
        driver.connection.output.append("HTTP/1.1 100 Continue\r\n\r\n" as StaticString)
        driver.connection.touch()
    }

    /// Throws away content that has arrived and nobody will read.
    ///
    /// - Returns: whether the end was reached; `nil` when the rest is not worth waiting for.
    func discardContent() -> Bool? {
        guard let driver, contentError == nil else { return nil }
        let connection = driver.connection
        while !isContentAtEnd, connection.inputCount > 0 {
            switch contentFraming {
            case .fixed: _ = readFixed(.max, connection)
            case .chunked:
                guard let event = try? decodeChunked(connection.input, connection) else { return nil }
                if event == .needMore { break }
            case .none: isContentAtEnd = true
            }
        }
        if isContentAtEnd { return true }
        if contentRead - contentReadByHandler > loop.options.limits.maxDrainedBodySize { return nil }
        return connection.isPeerFinished ? nil : false
    }
}

extension Exchange: HTTPRequestTrailersFeature {
    /// Whether the body was read to its end.
    public var trailersAvailable: Bool { isContentAtEnd }
    /// The trailer fields.
    public var trailers: FieldSection {
        guard isContentAtEnd, let chunkedDecoder else { return FieldSection() }
        return chunkedDecoder.trailers
    }
}

extension Exchange: HTTPMaxRequestBodySizeFeature {
    /// Whether reading has begun.
    public var isReadOnly: Bool { hasReadContent || duplex != nil }
    /// The limit.
    public var maxRequestBodySize: Int64? {
        get { contentLimit < 0 ? nil : contentLimit }
        set { if !isReadOnly { contentLimit = max(-1, newValue ?? -1) } }
    }
}

extension Exchange: HTTPMinRequestBodyDataRateFeature {
    /// The slowest body accepted.
    public var minRequestBodyBytesPerSecond: Int {
        get { minContentBytesPerSecond }
        set { minContentBytesPerSecond = min(max(0, newValue), 1 << 40) }
    }
}

extension Exchange: HTTPBodyControlFeature {
    /// Whether blocking calls are allowed.
    public var allowSynchronousIO: Bool {
        get { allowsSynchronousIO }
        set { allowsSynchronousIO = newValue }
    }
}

extension BadHTTPRequestError {
    init(refusal: Refusal) {
        self.init(
            statusCode: refusal.row.status == 0 ? 400 : Int(refusal.row.status),
            refusal.row.detail.description
        )
    }
}
