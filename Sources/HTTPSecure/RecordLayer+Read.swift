// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

extension RecordLayer {
    /// How many records without content, or with warnings, may come one after the other.
    private static let idleRecordCountMax = 32

    /// What came of reading.
    enum Outcome {
        case plaintext(Int)
        case needsInput
        case closed
        /// The peer is wrong; the alert is to be sent.
        case violation(TLSFailure.Code, alert: Int32)
        /// The peer has ended the connection with an alert.
        case alert(UInt8)
    }

    /// Opens records until there is plaintext or the input is used up.
    func read(
        _ state: UnsafeMutablePointer<EngineState>,
        into buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> Outcome {
        if !stagedRange.isEmpty { return .plaintext(takeStaged(buffer)) }
        while true {
            switch nextRecord(state) {
            case .incomplete:
                if gatheredByteCount == 0 { dropGathered() }
                return .needsInput
            case .overlong:
                return .violation(.protocolViolation, alert: SSL_AD_RECORD_OVERFLOW)
            case .whole(let record):
                if let outcome = open(record, state, buffer) { return outcome }
            }
        }
    }

    /// How much plaintext waits for the reader's next buffer.
    var stagedByteCount: Int { stagedRange.count }

    // MARK: Records

    private enum Next {
        case incomplete
        case overlong
        case whole(UnsafeBufferPointer<UInt8>)
    }

    /// The next record, where it arrived if it lies there whole.
    private func nextRecord(_ state: UnsafeMutablePointer<EngineState>) -> Next {
        let available = state.pointee.inputByteCount
        guard available > 0, let input = state.pointee.input?.assumingMemoryBound(to: UInt8.self) else {
            return .incomplete
        }
        if gatheredByteCount == 0, available >= Self.headerByteCount {
            guard let byteCount = recordByteCount(input) else { return .overlong }
            if available >= byteCount {
                state.pointee.skip(byteCount)
                return .whole(UnsafeBufferPointer(start: input, count: byteCount))
            }
        }
        return gather(state)
    }

    /// The length of a record with its header, or `nil` when it is over the limit.
    private func recordByteCount(_ header: UnsafePointer<UInt8>) -> Int? {
        let byteCount = Int(header[3]) << 8 | Int(header[4])
        // TLS 1.3 allows 256 bytes over the content, and in TLS 1.2 these ciphers need no more than 24.
        guard byteCount <= Self.contentByteCountMax + (isTLS13 ? 256 : 24) else { return nil }
        return Self.headerByteCount + byteCount
    }

    /// Puts pieces of a record together.
    private func gather(_ state: UnsafeMutablePointer<EngineState>) -> Next {
        var wanted = Self.headerByteCount
        while true {
            if let gathered, gatheredByteCount >= Self.headerByteCount {
                guard let byteCount = recordByteCount(gathered) else { return .overlong }
                wanted = byteCount
            }
            let gathered = growGathered(to: wanted)
            gatheredByteCount += state.pointee.take(gathered + gatheredByteCount, wanted - gatheredByteCount)
            guard gatheredByteCount == wanted else { return .incomplete }
            // A header alone is a whole record only if it says that nothing follows.
            if recordByteCount(gathered) == wanted {
                gatheredByteCount = 0
                return .whole(UnsafeBufferPointer(start: gathered, count: wanted))
            }
        }
    }

    private func growGathered(to capacity: Int) -> UnsafeMutablePointer<UInt8> {
        if let gathered, gatheredCapacity >= capacity { return gathered }
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        if let gathered {
            larger.update(from: gathered, count: gatheredByteCount)
            gathered.deallocate()
        }
        (gathered, gatheredCapacity) = (larger, capacity)
        return larger
    }

    private func dropGathered() {
        guard let gathered else { return }
        gathered.deallocate()
        self.gathered = nil
        gatheredCapacity = 0
    }

    // MARK: Content

    /// Opens a record; `nil` when there is nothing to tell the reader.
    private func open(
        _ record: UnsafeBufferPointer<UInt8>,
        _ state: UnsafeMutablePointer<EngineState>,
        _ buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> Outcome? {
        let explicitByteCount = !isTLS13 && algorithm.hasExplicitNonce ? 8 : 0
        let overhead = Self.headerByteCount + explicitByteCount + RecordAlgorithm.tagByteCount
        let count = record.count - overhead
        guard let start = record.baseAddress, let target = buffer.baseAddress else { return .needsInput }
        if isTLS13, start[0] != ContentType.data {
            return .violation(.protocolViolation, alert: SSL_AD_UNEXPECTED_MESSAGE)
        }
        guard start[1] == 3, start[2] == 3 else {
            return .violation(.protocolViolation, alert: SSL_AD_PROTOCOL_VERSION)
        }
        guard count >= (isTLS13 ? 1 : 0) else { return .violation(.badRecord, alert: SSL_AD_BAD_RECORD_MAC) }
        guard count <= Self.contentByteCountMax + (isTLS13 ? 1 : 0) else {
            return .violation(.protocolViolation, alert: SSL_AD_RECORD_OVERFLOW)
        }
        // One byte may be over: of a full record of TLS 1.3 that is its type.
        guard count <= buffer.count + (isTLS13 ? 1 : 0) else {
            return openStaged(record, state, count, buffer)
        }
        var last: UInt8 = 0
        guard decrypt(start, count, into: target, capacity: buffer.count, rest: &last) else {
            return .violation(.badRecord, alert: SSL_AD_BAD_RECORD_MAC)
        }
        guard isTLS13 else { return deliver(start[0], target, count, state) }
        var end = count
        var type: UInt8 = 0
        // The type is the last byte that is not zero; zeros after it are padding (RFC 8446 §5.4).
        while type == 0, end > 0 {
            end -= 1
            type = end < buffer.count ? target[end] : last
        }
        return deliver(type, target, end, state)
    }

    /// Opens a record that is larger than the reader's buffer, in memory of its own.
    private func openStaged(
        _ record: UnsafeBufferPointer<UInt8>,
        _ state: UnsafeMutablePointer<EngineState>,
        _ count: Int,
        _ buffer: UnsafeMutableBufferPointer<UInt8>
    ) -> Outcome? {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
        let outcome = open(record, state, UnsafeMutableBufferPointer(start: memory, count: count))
        guard case .plaintext(let byteCount) = outcome else {
            memory.deallocate()
            return outcome
        }
        staged = memory
        stagedRange = 0..<byteCount
        return .plaintext(takeStaged(buffer))
    }

    /// Copies plaintext that waits; frees the memory with the last of it.
    private func takeStaged(_ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        let count = min(buffer.count, stagedRange.count)
        guard let staged, let target = buffer.baseAddress else { return 0 }
        target.update(from: staged + stagedRange.lowerBound, count: count)
        stagedRange = stagedRange.lowerBound + count..<stagedRange.upperBound
        if stagedRange.isEmpty {
            staged.deallocate()
            self.staged = nil
        }
        return count
    }

    @inline(__always)
    private func decrypt(
        _ record: UnsafePointer<UInt8>,
        _ count: Int,
        into target: UnsafeMutablePointer<UInt8>,
        capacity: Int,
        rest: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let body = record + Self.headerByteCount
        if isTLS13 {
            return reading.open(
                body,
                count: count,
                nonce: reading.implicitNonce(),
                authenticated: UnsafeBufferPointer(start: record, count: Self.headerByteCount),
                into: target,
                capacity: capacity,
                rest: rest
            )
        }
        let explicit = UnsafeRawPointer(body).loadUnaligned(as: UInt64.self)
        let nonce =
            algorithm.hasExplicitNonce
            ? reading.explicitNonce(UInt64(bigEndian: explicit)) : reading.implicitNonce()
        return Self.withAuthenticated(reading.sequence, record[0], count) { authenticated in
            reading.open(
                body + (algorithm.hasExplicitNonce ? 8 : 0),
                count: count,
                nonce: nonce,
                authenticated: authenticated,
                into: target,
                capacity: capacity,
                rest: rest
            )
        }
    }

    /// Acts on the content of a record; `nil` when there is nothing to tell the reader.
    private func deliver(
        _ type: UInt8,
        _ content: UnsafePointer<UInt8>,
        _ count: Int,
        _ state: UnsafeMutablePointer<EngineState>
    ) -> Outcome? {
        if updateByteCount > 0, type != ContentType.handshake {
            return .violation(.protocolViolation, alert: SSL_AD_UNEXPECTED_MESSAGE)
        }
        switch type {
        case ContentType.data:
            guard count > 0 else { return countIdleRecord() }
            idleRecordCount = 0
            return .plaintext(count)
        case ContentType.alert:
            return deliverAlert(content, count)
        case ContentType.handshake:
            return isTLS13 ? deliverHandshake(content, count, state) : refuseRenegotiation(state)
        default:
            return .violation(.protocolViolation, alert: SSL_AD_UNEXPECTED_MESSAGE)
        }
    }

    private func countIdleRecord() -> Outcome? {
        idleRecordCount += 1
        guard idleRecordCount > Self.idleRecordCountMax else { return nil }
        return .violation(.protocolViolation, alert: SSL_AD_UNEXPECTED_MESSAGE)
    }

    /// An alert: a level, which TLS 1.3 has no use for, and what it is.
    private func deliverAlert(_ content: UnsafePointer<UInt8>, _ count: Int) -> Outcome? {
        guard count == 2 else { return .violation(.protocolViolation, alert: SSL_AD_DECODE_ERROR) }
        let (level, alert) = (Int32(content[0]), content[1])
        if Int32(alert) == SSL_AD_CLOSE_NOTIFY { return .closed }
        let isWarning = isTLS13 ? Int32(alert) == SSL_AD_USER_CANCELLED : level == SSL3_AL_WARNING
        return isWarning ? countIdleRecord() : .alert(alert)
    }

    /// A client of TLS 1.2 that sends a handshake message wants to renegotiate; HelloRequest is none of a client's.
    private func refuseRenegotiation(_ state: UnsafeMutablePointer<EngineState>) -> Outcome {
        writeAlert(UInt8(SSL_AD_NO_RENEGOTIATION), isFatal: false, to: state.pointee.output)
        return .violation(.renegotiation, alert: SSL_AD_HANDSHAKE_FAILURE)
    }

    /// The only message of a client after the handshake is the key update, 5 bytes that end with a record.
    private func deliverHandshake(
        _ content: UnsafePointer<UInt8>,
        _ count: Int,
        _ state: UnsafeMutablePointer<EngineState>
    ) -> Outcome? {
        guard count > 0, count <= 5 - updateByteCount else {
            return .violation(.protocolViolation, alert: SSL_AD_UNEXPECTED_MESSAGE)
        }
        withUnsafeMutableBytes(of: &update) { update in
            for index in 0..<count { update[updateByteCount + index] = content[index] }
        }
        updateByteCount += count
        guard updateByteCount == 5 else { return nil }
        updateByteCount = 0
        guard Int32(update.0) == SSL3_MT_KEY_UPDATE, update.1 == 0, update.2 == 0, update.3 == 1 else {
            return .violation(.protocolViolation, alert: SSL_AD_UNEXPECTED_MESSAGE)
        }
        guard Int32(update.4) <= SSL_KEY_UPDATE_REQUESTED else {
            return .violation(.protocolViolation, alert: SSL_AD_ILLEGAL_PARAMETER)
        }
        guard state.pointee.allowsKeyUpdate() else {
            return .violation(.keyUpdateFlood, alert: SSL_AD_UNEXPECTED_MESSAGE)
        }
        guard updateKeys(of: .client) else { return .violation(.library, alert: SSL_AD_INTERNAL_ERROR) }
        if Int32(update.4) == SSL_KEY_UPDATE_REQUESTED, !state.pointee.isCloseNotifySent {
            guard writeKeyUpdate(to: state.pointee.output) else {
                return .violation(.library, alert: SSL_AD_INTERNAL_ERROR)
            }
        }
        return nil
    }
}
