// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
public import HTTPWire
import IORing

extension Exchange: HTTPRequestBodyFeature {
    /// Whether the framing announces content.
    public var canHaveBody: Bool { head.hasContent }

    /// The announced length.
    public var contentLength: Int64? {
        contentFraming == .chunked || contentFraming == .untilEnd ? nil : head.contentLength ?? 0
    }

    /// Whether all of it was read.
    public var isAtEnd: Bool { hasNoMoreContent && contentError == nil }

    /// Whether everything was read, what came back from another process included.
    var hasNoMoreContent: Bool { isContentAtEnd && returnedContent.isEmpty }

    /// Reads the next piece.
    public func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        guard loop.ring.isCurrent else {
            return try await onLoop { try await $0.read(upTo: byteCountMax) }
        }
        if let piece = try readNow(byteCountMax) { return piece }
        while true {
            let deadlineWasSet = driver?.beginContentWait(self) ?? false
            await LoopWaiter.wait(on: loop.ring) { contentWaiter = $0 }
            contentWaiter = nil
            if deadlineWasSet { driver?.endContentWait(self) }
            if let piece = try readNow(byteCountMax) { return piece }
            if Task.isCancelled { throw CancellationError() }
        }
    }

    /// What has arrived, an empty array at the end, or `nil` when there is nothing yet.
    func readNow(_ byteCountMax: Int) throws -> [UInt8]? {
        precondition(byteCountMax > 0, "at least one byte is asked for")
        if !returnedContent.isEmpty { return takeReturned(upTo: byteCountMax) }
        if let contentError { throw BadHTTPRequestError(refusal: contentError) }
        if isContentAtEnd { return [] }
        guard let driver else {
            throw HTTPConnectionError("the client closed the connection before its request was whole")
        }
        hasReadContent = true
        if contentLimit >= 0, contentFraming == .fixed, contentRemaining + contentRead > contentLimit {
            throw contentRefused(.contentTooLarge)
        }
        let piece = try driver.readContent(of: self, upTo: byteCountMax)
        if contentLimit >= 0, contentRead > contentLimit { throw contentRefused(.contentTooLarge) }
        return piece
    }

    /// Bytes of content another process has to be sent: 0 for none, -1 where that is not known beforehand.
    var lengthToRead: Int64 {
        let hasTrailers = requestTrailerFields != nil || chunkedDecoder.map { !$0.trailers.isEmpty } ?? false
        guard head.hasContent, !hasNoMoreContent || hasTrailers else { return 0 }
        return contentFraming == .fixed ? contentRemaining + Int64(returnedContent.count) : -1
    }

    @inline(never)
    private func takeReturned(upTo byteCountMax: Int) -> [UInt8] {
        hasReadContent = true
        let piece = Array(returnedContent.prefix(byteCountMax))
        returnedContent.removeFirst(piece.count)
        return piece
    }

    /// Remembers why the content can't be read, so that the connection ends with this response.
    func contentRefused(_ refusal: Refusal) -> BadHTTPRequestError {
        contentError = refusal
        persists = false
        return BadHTTPRequestError(refusal: refusal)
    }
}

extension Exchange: HTTPRequestTrailersFeature {
    /// Whether the body was read to its end.
    public var trailersAvailable: Bool { hasNoMoreContent }
    /// The trailer fields.
    public var trailers: FieldSection {
        guard hasNoMoreContent else { return FieldSection() }
        return chunkedDecoder?.trailers ?? requestTrailerFields ?? FieldSection()
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
