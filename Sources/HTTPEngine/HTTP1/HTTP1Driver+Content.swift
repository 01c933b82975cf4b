// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing

extension HTTP1Driver {
    /// Takes content off the connection's input, in the request's framing.
    func readContent(of exchange: Exchange, upTo byteCountMax: Int) throws -> [UInt8]? {
        if connection.inputCount == 0 {
            sendContinueIfExpected(exchange)
            if connection.isPeerFinished { throw exchange.contentRefused(.contentIncomplete) }
            return nil
        }
        exchange.hasSentContinue = true
        let piece =
            exchange.contentFraming == .fixed
            ? readFixed(exchange, byteCountMax) : try readChunked(exchange, byteCountMax)
        if connection.inputCount <= loop.options.limits.maxRequestBufferSize / 2 { connection.resumeInput() }
        if piece.isEmpty, !exchange.isContentAtEnd {
            if connection.isPeerFinished { throw exchange.contentRefused(.contentIncomplete) }
            return nil
        }
        return piece
    }

    private func readFixed(_ exchange: Exchange, _ byteCountMax: Int) -> [UInt8] {
        let count = Int(min(Int64(min(byteCountMax, connection.inputCount)), exchange.contentRemaining))
        let piece = Array(connection.input[..<count])
        connection.consume(count)
        exchange.contentRemaining -= Int64(count)
        exchange.contentRead += Int64(count)
        if exchange.contentRemaining == 0 { exchange.isContentAtEnd = true }
        return piece
    }

    private func readChunked(_ exchange: Exchange, _ byteCountMax: Int) throws -> [UInt8] {
        var piece: [UInt8] = []
        while piece.count < byteCountMax, !exchange.isContentAtEnd {
            let room = byteCountMax - piece.count
            let available = UnsafeBufferPointer(rebasing: connection.input.prefix(room))
            guard available.count > 0 else { break }
            switch try decodeChunked(exchange, available) {
            case .content(let range): piece.append(contentsOf: available[range])
            case .needMore where connection.inputCount == 0: return piece
            default: break
            }
        }
        return piece
    }

    /// One step of the chunked decoder over `available`, consumed from the connection.
    private func decodeChunked(
        _ exchange: Exchange,
        _ available: UnsafeBufferPointer<UInt8>
    ) throws -> ChunkedDecoder.Event {
        var position = 0
        // SAFETY: the connection's input stays where it is until more is received, which is not now.
        let bytes = Span(_unsafeElements: available)
        let event = exchange.chunkedDecoder?.next(bytes, position: &position) ?? .end
        connection.consume(position)
        switch event {
        case .content(let range): exchange.contentRead += Int64(range.count)
        case .end: exchange.isContentAtEnd = true
        case .refused(let refusal): throw exchange.contentRefused(refusal)
        case .needMore: break
        }
        return event
    }

    private func sendContinueIfExpected(_ exchange: Exchange) {
        guard exchange.head.expectsContinue, !exchange.hasSentContinue, !exchange.isCommitted else { return }
        exchange.hasSentContinue = true
        connection.reserveOutput(32)
        connection.output.append("HTTP/1.1 100 Continue\r\n\r\n" as StaticString)
        connection.touch()
    }

    /// Throws away content that has arrived and nobody will read.
    ///
    /// - Returns: whether the end was reached; `nil` when the rest is not worth waiting for.
    func discardContent(of exchange: Exchange) -> Bool? {
        guard exchange.contentError == nil else { return nil }
        while !exchange.isContentAtEnd, connection.inputCount > 0 {
            switch exchange.contentFraming {
            case .fixed: _ = readFixed(exchange, .max)
            case .chunked:
                guard let event = try? decodeChunked(exchange, connection.input) else { return nil }
                if event == .needMore { break }
            case .none, .untilEnd: exchange.isContentAtEnd = true
            }
        }
        if exchange.isContentAtEnd { return true }
        let discarded = exchange.contentRead - exchange.contentReadByHandler
        if discarded > loop.options.limits.maxDrainedBodySize { return nil }
        return connection.isPeerFinished ? nil : false
    }
}
