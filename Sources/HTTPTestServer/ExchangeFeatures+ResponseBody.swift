// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension ExchangeFeatures: HTTPResponseBodyFeature {
    func write(_ bytes: [UInt8]) async throws {
        guard try admit(byteCount: bytes.count) else { return }
        gathered.append(contentsOf: bytes)
        try await afterWrite()
    }

    func write(_ text: String) async throws {
        guard try admit(byteCount: text.utf8.count) else { return }
        gathered.append(contentsOf: text.utf8)
        try await afterWrite()
    }

    func start() async throws {
        guard !isAborted, !isUpgraded, progress < .complete else { return }
        try beginResponse()
        if progress < .headSent { sendHead(isLast: false) }
    }

    func flush() async throws {
        try await start()
        guard !isAborted, progress < .complete else { return }
        sendGathered()
        await transport.waitForRoom(options.unreadByteCountMax)
    }

    func complete() async throws { try finish() }

    /// Starts the response and counts what is about to be written.
    ///
    /// - Returns: `false` where the bytes vanish: the client has gone.
    private func admit(byteCount: Int) throws -> Bool {
        guard !isAborted else { return false }
        guard progress < .complete, !isUpgraded else { throw HTTPResponseError(.alreadyCompleted) }
        try beginResponse()
        guard byteCount > 0 else { return false }
        if fixed.hasNoContent { throw HTTPResponseError(.bodyNotAllowed, "status \(fixed.statusCode)") }
        if let declared = fixed.declaredByteCount, Int64(byteCount) > declared - contentByteCount {
            throw HTTPResponseError(.contentLengthExceeded, "\(declared)")
        }
        contentByteCount += Int64(byteCount)
        return true
    }

    /// Lets gathered bytes leave once there are many, and waits while the client does not take them.
    private func afterWrite() async throws {
        if gathered.count >= options.unreadByteCountMax {
            releaseGathered()
            await transport.waitForRoom(options.unreadByteCountMax)
        } else {
            transport.wakeClient()
        }
    }
}

extension ExchangeFeatures: HTTPSendFileFeature {
    func sendFile(_ path: String, offset: Int64, byteCount: Int64?) async throws {
        let file = try FileReader(path: path)
        defer { file.close() }
        try await send(file, offset: offset, byteCount: byteCount)
    }

    func sendFile(descriptor: Int32, offset: Int64, byteCount: Int64) async throws {
        try await send(FileReader(descriptor: descriptor), offset: offset, byteCount: byteCount)
    }

    private func send(_ file: FileReader, offset: Int64, byteCount: Int64?) async throws {
        let size = try file.byteCount()
        let count = byteCount ?? size - offset
        guard offset >= 0, offset <= size, count >= 0, count <= size - offset else {
            throw HTTPResponseError(.fileUnavailable, "\(size) bytes, asked for \(count) from \(offset)")
        }
        try beginResponse()
        var position = offset
        while position < offset + count {
            let piece = try file.read(at: position, upTo: Int(min(65536, offset + count - position)))
            try await write(piece)
            position += Int64(piece.count)
        }
    }
}

extension ExchangeFeatures: HTTPInterimResponseFeature {
    func sendInterim(statusCode: Int, headers: FieldSection) throws {
        guard (102...199).contains(statusCode) else {
            throw HTTPResponseError(.invalidHead, "interim status \(statusCode)")
        }
        guard head.version != .http10, progress < .headSent, !isAborted else { return }
        let reason = ReasonPhrase.standard(for: UInt16(statusCode)).description
        transport.deliver(
            .interim(TestResponseHead(statusCode: statusCode, reasonPhrase: reason, headers: headers))
        )
    }
}

extension ExchangeFeatures: HTTPResponseTrailersFeature {
    var supportsTrailers: Bool { head.version != .http10 }
}

extension ExchangeFeatures: HTTPResponseCachingFeature {}

extension ExchangeFeatures: HTTPBodyControlFeature {}

extension ExchangeFeatures: HTTPMinResponseDataRateFeature {}
