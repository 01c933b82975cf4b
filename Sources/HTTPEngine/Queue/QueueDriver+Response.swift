// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing
import QueueTransport

/// Responses as records: a small one is a single record, a larger one a head and blocks of shared memory.
extension QueueDriver {
    /// Below it content goes through the ring, from it on in a block.
    static let blockByteCountMin = 4096

    var unsentByteCount: Int { output.count - outputStart + (waitingFile == nil ? 0 : 1) }

    func contentGathered(_ exchange: Exchange) { port.touch(self) }

    func touchOutput() { port.touch(self) }

    func directOutput(of exchange: Exchange) -> Connection? { nil }

    /// What was gathered leaves; what waits is tried again.
    func pump() {
        guard let exchange else { return }
        if exchange.stage == .running, exchange.body.count > 0 || exchange.wholeBody != nil {
            exchange.pump()
        }
        drive()
    }

    /// Hands the request on to another queue, in place of a response.
    func delegate(to queue: UInt64) {
        waitingDelegation = queue
        drive()
    }

    /// The service lets more be sent, or the ring has room.
    func windowOpened() { drive() }

    func writeHead(of exchange: Exchange, isWhole: Bool) {
        fields.removeAll()
        fields.appendFields(exchange.responseFields)
        var head = QueuedResponseHead()
        head.status = exchange.status
        (head.cachePolicy, head.cacheSeconds) = CachePolicyNumber.encode(exchange.policy)
        // A stream that ends badly says nothing about its connection.
        let endsConnection = !exchange.persists && exchange.head.version < .http2
        if endsConnection || exchange.closeRequested { head.flags.insert(.closes) }
        if exchange.status == 101 || exchange.isUpgrading { head.flags.insert(.upgrades) }
        if isWhole, exchange.trailerFields == nil {
            head.contentLength = exchange.writtenLength
            if exchange.wholeBody == nil, sendWhole(head, exchange) { return }
        }
        waitingHead = head
        waitingReasonCount = 0
        headState = .waiting
        if let reason = exchange.reason { waitingReason(reason) }
        drive()
    }

    /// Sends head and content as one record; `false` where that can't be.
    private func sendWhole(_ head: QueuedResponseHead, _ exchange: Exchange) -> Bool {
        guard exchange.body.count <= QueueDriver.blockByteCountMin * 4,
            Int64(exchange.body.count) <= end.window(of: id)
        else { return false }
        var head = head
        head.flags.insert(.isWhole)
        var reason = exchange.reason ?? ""
        let outcome = reason.withUTF8 { reason in
            fields.withUnsafeBytes { lines in
                exchange.body.withUnsafeBytes { content in
                    head.reason = UnsafeRawBufferPointer(reason)
                    head.fields = lines
                    head.contentBytes = content
                    return end.send(head, of: id)
                }
            }
        }
        guard outcome == .sent || outcome == .gone else { return false }
        headState = .whole
        isOutputDone = true
        return true
    }

    /// Keeps a reason phrase with the fields, at their end, until the head is sent.
    private func waitingReason(_ reason: String) {
        var reason = reason
        reason.withUTF8 { fields.append(UnsafeRawBufferPointer($0)) }
        waitingReasonCount = reason.utf8.count
    }

    func write(_ bytes: UnsafeRawBufferPointer, of exchange: Exchange) {
        guard headState != .whole, bytes.count > 0 else { return }
        drive()
        let count = outputStart < output.count || headState == .waiting ? 0 : sendContent(bytes)
        guard count < bytes.count, !isOutputDone else { return }
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[count...]))
    }

    func write(_ bytes: [UInt8], of exchange: Exchange) {
        bytes.withUnsafeBytes { write($0, of: exchange) }
    }

    func writeEnd(of exchange: Exchange) {
        guard headState != .whole, !isOutputDone else { return }
        if let trailers = exchange.trailerFields, exchange.head.method != .head {
            var lines = OutputBuffer(capacity: 512)
            lines.appendFields(trailers)
            trailerLines = lines.withUnsafeBytes { Array($0) }
        }
        isEndWaiting = true
        drive()
    }

    func writeInterim(_ statusCode: Int, _ fields: FieldSection, of exchange: Exchange) {
        var lines = OutputBuffer(capacity: 512)
        lines.appendFields(fields)
        // An interim response that finds no room is left out: it promises nothing.
        _ = lines.withUnsafeBytes { end.send(interim: UInt16(statusCode), fields: $0, of: id) }
    }

    /// Sends what waits, in order, as far as window and ring let it.
    func drive() {
        guard exchange != nil, !isOutputDone else { return }
        isStalled = false
        if let queue = waitingDelegation {
            isStalled = end.send(delegate: queue, of: id) == .noRoom
            if !isStalled { outputEnded() }
            return
        }
        if headState == .waiting, !sendWaitingHead() { return }
        guard headState == .sent else { return }
        if outputStart < output.count {
            let start = outputStart
            outputStart += output.withUnsafeBytes {
                sendContent(UnsafeRawBufferPointer(rebasing: $0[start...]))
            }
            if outputStart == output.count {
                output.removeAll(keepingCapacity: true)
                outputStart = 0
            }
            if let exchange, unsentByteCount <= exchange.responseBufferByteCountMax / 2 {
                exchange.outputWaiter?.resume()
            }
        }
        if waitingFile != nil, outputStart == output.count { sendFile() }
        if isEndWaiting, unsentByteCount == 0 { sendEnd() }
    }

    func passFile(_ descriptor: Int32, offset: Int64, byteCount: Int64) -> Bool {
        guard headState != .whole, !isOutputDone, waitingFile == nil,
            let ticket = end.pass(descriptor, now: port.loop.ring.now.nanoseconds)
        else { return false }
        passedTicket = ticket
        waitingFile = QueuedFile(ticket: ticket, offset: offset, byteCount: byteCount)
        drive()
        return true
    }

    /// Sends the record of a file.
    private func sendFile() {
        guard let file = waitingFile else { return }
        switch end.send(file, of: id, isLast: false) {
        case .noRoom: isStalled = true
        case .noWindow: break
        case .gone: outputEnded()
        default:
            dropWaitingFile()
            exchange?.outputWaiter?.resume()
        }
    }

    /// Lets go of the file that waits to be sent.
    func dropWaitingFile() {
        guard let file = waitingFile.take() else { return }
        end.release(file: file.ticket)
    }

    private func sendWaitingHead() -> Bool {
        let reasonCount = waitingReasonCount
        let outcome = fields.withUnsafeBytes { bytes in
            let split = bytes.count - reasonCount
            waitingHead.fields = UnsafeRawBufferPointer(rebasing: bytes[..<split])
            waitingHead.reason = UnsafeRawBufferPointer(rebasing: bytes[split...])
            return end.send(waitingHead, of: id)
        }
        switch outcome {
        case .sent: headState = .sent
        case .tooLong:
            // Nothing is out yet: the client gets an error instead.
            end.reset(id, code: QueueReset.failed)
            outputEnded()
            // The handler learns of it behind the write that it is in.
            exchange?.postToLoop { self.leave($0) }
        case .gone: outputEnded()
        default:
            isStalled = true
        }
        return headState == .sent
    }

    /// Sends content; returns how many of its bytes.
    private func sendContent(_ bytes: UnsafeRawBufferPointer) -> Int {
        var sent = 0
        while sent < bytes.count {
            let window = end.window(of: id)
            guard window > 0 else { break }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            let (count, outcome) = sendPiece(rest, Int(window))
            switch outcome {
            case .sent: sent += count
            case .gone:
                outputEnded()
                return bytes.count
            default:
                isStalled = true
                return sent
            }
        }
        return sent
    }

    private func sendPiece(_ bytes: UnsafeRawBufferPointer, _ window: Int) -> (Int, SendOutcome) {
        if bytes.count >= QueueDriver.blockByteCountMin, window >= QueueDriver.blockByteCountMin,
            let block = end.takeBlock()
        {
            let count = min(bytes.count, window, block.bytes.count)
            block.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            let outcome = end.send(block: block, byteCount: count, of: id, isLast: false)
            if outcome != .sent { end.returnBlock(block) }
            return (count, outcome)
        }
        let count = min(bytes.count, window, 4 * QueueDriver.blockByteCountMin, end.inlineContentMax)
        let piece = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        return (count, end.send(content: piece, of: id, isLast: false))
    }

    private func sendEnd() {
        let outcome =
            if let trailerLines {
                trailerLines.withUnsafeBytes { end.send(trailers: $0, of: id) }
            } else {
                end.send(content: UnsafeRawBufferPointer(start: nil, count: 0), of: id, isLast: true)
            }
        if outcome == .noRoom {
            isStalled = true
        } else {
            outputEnded()
        }
    }

    private func outputEnded() {
        isOutputDone = true
        isEndWaiting = false
        dropWaitingFile()
        output.removeAll(keepingCapacity: true)
        outputStart = 0
        exchange?.outputWaiter?.resume()
        finishIfDone()
    }
}
