// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension RecordLayer {
    /// Seals bytes in records of 16 KiB straight into the output; false when OpenSSL fails.
    func write(_ plaintext: UnsafeRawBufferPointer, to output: any TLSOutput) -> Bool {
        guard var start = plaintext.assumingMemoryBound(to: UInt8.self).baseAddress else { return true }
        var rest = plaintext.count
        while rest > 0 {
            if isTLS13, writing.sequence >= recordsPerKeyMax {
                guard writeKeyUpdate(to: output) else { return false }
            }
            let count = min(rest, Self.contentByteCountMax)
            guard writeRecord(ContentType.data, start, count, to: output) else { return false }
            start += count
            rest -= count
        }
        return true
    }

    /// Sends an alert.
    func writeAlert(_ alert: UInt8, isFatal: Bool, to output: any TLSOutput) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2) { content in
            content.initializeElement(at: 0, to: isFatal ? 2 : 1)
            content.initializeElement(at: 1, to: alert)
            guard let start = content.baseAddress else { return }
            _ = writeRecord(ContentType.alert, start, 2, to: output)
        }
    }

    /// Tells the client that the next record has a new key, and makes it (RFC 8446 §4.6.3).
    func writeKeyUpdate(to output: any TLSOutput) -> Bool {
        let isSent = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 5) { content in
            content.initialize(repeating: 0)
            content[0] = UInt8(SSL3_MT_KEY_UPDATE)
            content[3] = 1
            guard let start = content.baseAddress else { return false }
            return writeRecord(ContentType.handshake, start, 5, to: output)
        }
        return isSent && updateKeys(of: .server)
    }

    @inline(__always)
    private func writeRecord(
        _ type: UInt8,
        _ content: UnsafePointer<UInt8>,
        _ count: Int,
        to output: any TLSOutput
    ) -> Bool {
        let explicitByteCount = !isTLS13 && algorithm.hasExplicitNonce ? 8 : 0
        let sealedByteCount = explicitByteCount + count + (isTLS13 ? 1 : 0) + RecordAlgorithm.tagByteCount
        let byteCount = Self.headerByteCount + sealedByteCount
        if let room = output.makeCiphertextRoom(byteCount) {
            return seal(type, content, count, into: room.assumingMemoryBound(to: UInt8.self), sealedByteCount)
        }
        return withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { scratch in
            let record = scratch.bindMemory(to: UInt8.self)
            guard let start = record.baseAddress, seal(type, content, count, into: start, sealedByteCount)
            else {
                return false
            }
            output.appendCiphertext(UnsafeRawBufferPointer(record))
            return true
        }
    }

    /// Writes a record: its header, and `count` bytes of content sealed into `sealedByteCount`.
    @inline(__always)
    private func seal(
        _ type: UInt8,
        _ content: UnsafePointer<UInt8>,
        _ count: Int,
        into record: UnsafeMutablePointer<UInt8>,
        _ sealedByteCount: Int
    ) -> Bool {
        let explicitByteCount = !isTLS13 && algorithm.hasExplicitNonce ? 8 : 0
        record[0] = isTLS13 ? ContentType.data : type
        record[1] = 3
        record[2] = 3
        record[3] = UInt8(truncatingIfNeeded: sealedByteCount >> 8)
        record[4] = UInt8(truncatingIfNeeded: sealedByteCount)
        let body = record + Self.headerByteCount
        if isTLS13 {
            return writing.seal(
                content,
                count: count,
                trailer: type,
                nonce: writing.implicitNonce(),
                authenticated: UnsafeBufferPointer(start: record, count: Self.headerByteCount),
                into: body
            )
        }
        let sequence = writing.sequence
        if algorithm.hasExplicitNonce {
            UnsafeMutableRawPointer(body).storeBytes(of: sequence.bigEndian, as: UInt64.self)
        }
        let nonce = algorithm.hasExplicitNonce ? writing.explicitNonce(sequence) : writing.implicitNonce()
        return Self.withAuthenticated(sequence, type, count) { authenticated in
            writing.seal(
                content,
                count: count,
                trailer: nil,
                nonce: nonce,
                authenticated: authenticated,
                into: body + explicitByteCount
            )
        }
    }

    /// What TLS 1.2 authenticates with a record: number, type, version and length (RFC 5246 §6.2.3.3).
    @inline(__always)
    static func withAuthenticated(
        _ sequence: UInt64,
        _ type: UInt8,
        _ count: Int,
        _ body: (UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { bytes in
            bytes.storeBytes(of: sequence.bigEndian, as: UInt64.self)
            bytes[8] = type
            bytes[9] = 3
            bytes[10] = 3
            bytes[11] = UInt8(truncatingIfNeeded: count >> 8)
            bytes[12] = UInt8(truncatingIfNeeded: count)
            return body(UnsafeBufferPointer(rebasing: bytes.assumingMemoryBound(to: UInt8.self)[..<13]))
        }
    }
}
