// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension ExchangeFeatures: HTTPRequestBodyFeature {
    var canHaveBody: Bool { head.hasContent }

    var contentLength: Int64? { head.contentLength }

    func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        try Task.checkCancellation()
        isReadingStarted = true
        if let bodyFailure { throw bodyFailure }
        guard !isAborted else { throw HTTPConnectionError("the client has gone") }
        guard !isAtEnd else { return [] }
        if let limit = bodyByteCountMax, let length = contentLength, length > limit {
            throw refuse(413, "Content-Length \(length) is larger than the limit of \(limit) bytes")
        }
        sendContinue()
        guard let piece = await transport.read(upTo: max(1, readableByteCount(byteCountMax))) else {
            throw HTTPConnectionError("the client has gone")
        }
        return try account(for: piece)
    }

    /// How much of what was asked for the message still has.
    private func readableByteCount(_ asked: Int) -> Int {
        guard let length = contentLength else { return asked }
        return Int(clamping: min(Int64(clamping: asked), length - bodyByteCountRead))
    }

    /// Counts a piece against the announced length and the limit.
    private func account(for piece: [UInt8]) throws -> [UInt8] {
        bodyByteCountRead += Int64(piece.count)
        if let limit = bodyByteCountMax, bodyByteCountRead > limit {
            throw refuse(413, "the content is larger than the limit of \(limit) bytes")
        }
        if let length = contentLength {
            if bodyByteCountRead >= length {
                isAtEnd = true
            } else if piece.isEmpty {
                throw refuse(400, "the content ended after \(bodyByteCountRead) of \(length) bytes")
            }
        } else if piece.isEmpty {
            isAtEnd = true
        }
        return piece
    }

    /// Makes every read from now on fail, and ends the connection after the response.
    private func refuse(_ statusCode: Int, _ description: String) -> BadHTTPRequestError {
        let error = BadHTTPRequestError(statusCode: statusCode, description)
        bodyFailure = error
        keepsConnection = false
        return error
    }

    /// Tells a client that waits for it that its content is wanted (RFC 9110 §10.1.1).
    private func sendContinue() {
        guard head.expectsContinue, !isContinueSent, progress < .headSent else { return }
        isContinueSent = true
        transport.deliver(
            .interim(TestResponseHead(statusCode: 100, reasonPhrase: "Continue", headers: FieldSection()))
        )
    }
}

extension ExchangeFeatures: HTTPRequestTrailersFeature {
    var trailersAvailable: Bool { isAtEnd }

    var trailers: FieldSection { isAtEnd ? transport.requestTrailers : FieldSection() }
}

extension ExchangeFeatures: HTTPMaxRequestBodySizeFeature {
    var isReadOnly: Bool { isReadingStarted || isUpgraded }

    var maxRequestBodySize: Int64? {
        get { bodyByteCountMax }
        set {
            guard !isReadOnly else { return }
            bodyByteCountMax = newValue
        }
    }
}

extension ExchangeFeatures: HTTPMinRequestBodyDataRateFeature {}

extension ExchangeFeatures: HTTPRequestIdentifierFeature {}

extension ExchangeFeatures: HTTPRequestTimingFeature {
    func timestamp(_ stage: HTTPRequestStage) -> Int64? { options.monotonicNanoseconds() }
}

extension ExchangeFeatures: HTTPRequestInfoFeature {
    var urlPrefix: String { options.urlPrefix }
    var requestQueueName: String { "test" }
    var urlGroupID: UInt64 { 1 }
    var loopIndex: Int { 0 }
}
