// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing

/// Responses as HTTP/1 messages: head, framing, persistence (RFC 9112 §6, §7, §9).
extension HTTP1Driver {
    func contentGathered(_ exchange: Exchange) {
        connection.hasGatheredContent = true
        connection.touch()
    }

    func touchOutput() { connection.touch() }

    func writeHead(of exchange: Exchange, isWhole: Bool) {
        decideFraming(exchange, isWhole: isWhole)
        decidePersistence(exchange)
        connection.reserveOutput(256 + (isWhole ? exchange.body.count : 0))
        appendHead(of: exchange)
        connection.touch()
        let present = exchange.responseFields.mayContain
        if isWhole, exchange.policy != .automatic || present.contains(.cacheControl) {
            loop.storeInCache(exchange, connection)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, of exchange: Exchange) {
        guard bytes.count > 0 else { return }
        connection.reserveOutput(bytes.count + 32)
        if exchange.framing == .chunked {
            connection.output.appendChunkHead(byteCount: bytes.count)
            connection.output.append(bytes)
            connection.output.append("\r\n" as StaticString)
        } else {
            connection.output.append(bytes)
        }
        connection.touch()
    }

    func write(_ bytes: [UInt8], of exchange: Exchange) {
        guard !bytes.isEmpty else { return }
        if exchange.framing == .chunked { connection.output.appendChunkHead(byteCount: bytes.count) }
        connection.append(.array(bytes, 0..<bytes.count))
        if exchange.framing == .chunked { connection.output.append("\r\n" as StaticString) }
    }

    func writeEnd(of exchange: Exchange) {
        connection.hasGatheredContent = false
        if exchange.framing == .chunked, exchange.head.method != .head {
            connection.output.appendLastChunk(trailers: exchange.trailerFields)
        }
        connection.touch()
    }

    func writeInterim(_ statusCode: Int, _ fields: FieldSection, of exchange: Exchange) {
        connection.reserveOutput(256)
        connection.output.appendStatusLine(status: UInt16(statusCode), reason: nil)
        connection.output.appendFields(fields)
        connection.output.append("\r\n" as StaticString)
        connection.touch()
    }

    func directOutput(of exchange: Exchange) -> Connection? {
        exchange.framing == .chunked ? nil : connection
    }

    // MARK: The head

    private func decideFraming(_ exchange: Exchange, isWhole: Bool) {
        if exchange.isBodiless {
            exchange.framing = .none
        } else if exchange.declaredLength >= 0 {
            exchange.framing = .fixed
        } else if exchange.responseFields.mayContain.contains(.transferEncoding),
            exchange.responseFields.contains(id: .transferEncoding)
        {
            exchange.framing = .application
        } else if isWhole, exchange.trailerFields == nil || exchange.head.version == .http10 {
            // A HEAD whose handler wrote nothing does not say what a GET would have written.
            exchange.framing = exchange.head.method == .head && exchange.writtenLength == 0 ? .none : .fixed
        } else {
            exchange.framing = exchange.head.version == .http10 ? .close : .chunked
        }
    }

    private func decidePersistence(_ exchange: Exchange) {
        exchange.persists =
            exchange.persists && exchange.head.keepAlive && exchange.framing != .close
            && !exchange.closeRequested && !loop.isDraining && !isLastRequest
        if exchange.persists, exchange.responseFields.mayContain.contains(.connection) {
            let options = Array((exchange.responseFields[FieldID.connection] ?? "").utf8)
            exchange.persists = !FieldSyntax.listContains("close", in: options.span)
        }
        guard exchange.persists, !exchange.isContentAtEnd else { return }
        if exchange.head.expectsContinue, !exchange.hasSentContinue {
            exchange.persists = false
        } else if exchange.contentFraming == .fixed,
            exchange.contentRemaining - Int64(connection.inputCount) > loop.options.limits.maxDrainedBodySize
        {
            exchange.persists = false
        }
    }

    private func appendHead(of exchange: Exchange) {
        connection.output.appendStatusLine(status: exchange.status, reason: exchange.reason)
        let present = exchange.responseFields.mayContain
        var hasDate = false
        if present.intersects(HTTP1Driver.framingFields),
            present.contains(.connection) || exchange.isBodiless
        {
            appendFieldsWithoutFraming(of: exchange)
        } else if !exchange.responseFields.isEmpty {
            connection.output.appendFields(exchange.responseFields)
            hasDate = present.contains(.date) || present.contains(.server)
        }
        switch exchange.framing {
        case .fixed where exchange.declaredLength < 0:
            connection.output.append("Content-Length: " as StaticString)
            connection.output.append(decimal: exchange.writtenLength)
            connection.output.append("\r\n" as StaticString)
        case .none where exchange.status == 205:
            connection.output.append("Content-Length: 0\r\n" as StaticString)
        case .chunked:
            connection.output.append("Transfer-Encoding: chunked\r\n" as StaticString)
        default: break
        }
        if present.contains(.upgrade) || exchange.status == 101 {
            appendConnectionWithUpgrade(of: exchange)
        } else if !exchange.persists {
            connection.output.append("Connection: close\r\n" as StaticString)
        } else if exchange.head.version == .http10 {
            connection.output.append("Connection: keep-alive\r\n" as StaticString)
        }
        if hasDate {
            appendMissingCommonLines(of: exchange)
        } else {
            connection.output.append(loop.commonLines())
        }
        connection.output.append("\r\n" as StaticString)
    }

    /// `Connection` of a response with `Upgrade`: 101, 426 and any that offers another protocol.
    ///
    /// Source: RFC 9110 §7.8, "A sender of Upgrade MUST also send an \"Upgrade\" connection option".
    private func appendConnectionWithUpgrade(of exchange: Exchange) {
        connection.output.append("Connection: Upgrade" as StaticString)
        if exchange.status == 101 {
            // What becomes of the connection is the new protocol's business.
        } else if !exchange.persists {
            connection.output.append(", close" as StaticString)
        } else if exchange.head.version == .http10 {
            connection.output.append(", keep-alive" as StaticString)
        }
        connection.output.append("\r\n" as StaticString)
    }

    private static let framingFields = FieldIDSet(.connection, .contentLength)

    /// `Date` and `Server`, but for the one the application set itself.
    private func appendMissingCommonLines(of exchange: Exchange) {
        let lines = loop.commonLines()
        let dateLineByteCount = CommonResponseLines.dateOffset + CommonResponseLines.dateByteCount + 2
        if !exchange.responseFields.contains(id: .date) {
            connection.output.append(UnsafeRawBufferPointer(rebasing: lines[..<dateLineByteCount]))
        }
        if !exchange.responseFields.contains(id: .server) {
            connection.output.append(UnsafeRawBufferPointer(rebasing: lines[dateLineByteCount...]))
        }
    }

    /// The application's fields without `Connection`, which the engine decides (its other options stay), and
    /// without `Content-Length` where the status has none.
    private func appendFieldsWithoutFraming(of exchange: Exchange) {
        var fields = exchange.responseFields
        let options = (fields[FieldID.connection] ?? "").split(separator: ",").map { option in
            option.lowercased().filter { $0 != " " && $0 != "\t" }
        }.filter { $0 != "close" && $0 != "keep-alive" && $0 != "upgrade" }
        _ = fields.remove(name: "Connection")
        if exchange.isBodiless, exchange.status != 304 { _ = fields.remove(name: "Content-Length") }
        if !options.isEmpty { try? fields.append(id: .connection, value: options.joined(separator: ", ")) }
        let hasCommon = fields.contains(id: .date) || fields.contains(id: .server)
        if hasCommon {
            // Rare enough to be left to the application's values alone.
            _ = fields.remove(name: "Date")
            _ = fields.remove(name: "Server")
        }
        connection.output.appendFields(fields)
    }
}
