// SPDX-License-Identifier: Apache-2.0

import HTTP2
import HTTPFeatures
import HTTPSecure
import HTTPWire
import IORing

/// What carries an exchange over HTTP/2 (RFC 9113 §8.1).
extension HTTP2StreamDriver: ExchangeDriver {
    var addresses: ConnectionAddresses? { driver.connection.knownAddresses }

    var tlsFacts: TLSFacts? { driver.connection.tlsFacts }

    // MARK: Queue

    func exchangeWaits(_ exchange: Exchange, timeout: Duration) {
        driver.setDeadline(of: self, after: timeout.saturatedNanoseconds)
    }

    func exchangeDelivered(_ exchange: Exchange) { deadline = 0 }

    func reject(_ exchange: Exchange, _ refusal: Refusal) { driver.reject(self, exchange, refusal) }

    // MARK: Content

    func readContent(of exchange: Exchange, upTo byteCountMax: Int) throws -> [UInt8]? {
        guard contentCount > 0 else {
            if hasContentEnded {
                exchange.isContentAtEnd = true
                return []
            }
            sendContinueIfExpected(exchange)
            return nil
        }
        exchange.hasSentContinue = true
        let piece = takeContent(upTo: byteCountMax)
        exchange.contentRead += Int64(piece.count)
        if exchange.contentFraming == .fixed { exchange.contentRemaining -= Int64(piece.count) }
        if contentCount == 0, hasContentEnded { exchange.isContentAtEnd = true }
        driver.consumed(self, piece.count)
        return piece
    }

    private func sendContinueIfExpected(_ exchange: Exchange) {
        guard exchange.head.expectsContinue, !exchange.hasSentContinue, !exchange.isCommitted else { return }
        exchange.hasSentContinue = true
        driver.submitInterim(self, 100, FieldSection())
    }

    func beginContentWait(_ exchange: Exchange) -> Bool {
        isWaitingForContent = true
        contentWaitStart = driver.now
        if contentWindowWaited == 0 { contentWindowBytes = contentReceived }
        var wait = exchange.timeouts.entityBody.saturatedNanoseconds
        if exchange.minContentBytesPerSecond > 0 {
            wait = min(wait, Connection.rateWindow - contentWindowWaited)
        }
        driver.setDeadline(of: self, after: max(0, wait))
        return true
    }

    func endContentWait(_ exchange: Exchange) {
        isWaitingForContent = false
        deadline = 0
        contentWindowWaited &+= max(1, driver.now &- contentWaitStart)
        if contentWindowWaited >= Connection.rateWindow { driver.checkContentRate(self, exchange) }
    }

    // MARK: Response

    func contentGathered(_ exchange: Exchange) { driver.gather(self) }

    func touchOutput() { driver.wantWrite() }

    func writeHead(of exchange: Exchange, isWhole: Bool) {
        exchange.framing = exchange.isBodiless ? .none : .fixed
        let present = exchange.responseFields.mayContain
        if isWhole, exchange.policy != .automatic || present.contains(.cacheControl) {
            driver.loop.storeInCache(exchange, driver.connection)
        }
        driver.submitHead(of: self, exchange, isWhole: isWhole)
    }

    func write(_ bytes: UnsafeRawBufferPointer, of exchange: Exchange) {
        guard bytes.count > 0 else { return }
        append(bytes, driver.loop.blocks)
        driver.contentAdded(to: self)
    }

    func write(_ bytes: [UInt8], of exchange: Exchange) {
        guard !bytes.isEmpty else { return }
        append(.array(bytes, 0..<bytes.count))
        driver.contentAdded(to: self)
    }

    func writeEnd(of exchange: Exchange) {
        guard !isOutputEnded else { return }
        trailers = exchange.trailerFields
        isOutputEnded = true
        driver.contentAdded(to: self)
    }

    func writeInterim(_ statusCode: Int, _ fields: FieldSection, of exchange: Exchange) {
        driver.submitInterim(self, statusCode, fields)
    }

    func directOutput(of exchange: Exchange) -> Connection? { nil }

    // MARK: End

    func exchangeFinished(_ exchange: Exchange) { driver.exchangeFinished(self, exchange) }

    func abort(_ exchange: Exchange) { driver.reset(self, .internalError) }

    func reset(_ exchange: Exchange, errorCode: UInt32) {
        driver.reset(self, HTTP2ErrorCode(rawValue: errorCode))
    }

    func upgrade(_ exchange: Exchange) -> any UpgradedStream {
        let tunnel = HTTP2Tunnel(exchange: exchange, stream: self)
        self.tunnel = tunnel
        return tunnel
    }

    func endUpgraded(_ exchange: Exchange) {
        isOutputEnded = true
        driver.contentAdded(to: self)
    }
}
