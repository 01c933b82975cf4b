// SPDX-License-Identifier: Apache-2.0

/// What a socket has to send, behind the socket's lock.
///
/// One task at a time writes to the stream; frames of others gather meanwhile and go with the next write. Each
/// sender waits until its own frame is written, so what gathers is bounded by the number of senders.
struct WebSocketOutgoing {
    /// What a sender does once its frame is in place.
    enum Turn: Sendable {
        /// It writes what has gathered.
        case write
        /// Another task writes; it waits.
        case wait
        /// Its frame has been written.
        case done
    }

    typealias Waiter = CheckedContinuation<Turn, any Error>

    private let compression: WebSocketCompression?
    private let deflater: Deflater?

    private var pending: [UInt8] = []
    private var waiters: [Waiter] = []
    private var isWriting = false
    private var failure: (any Error)?

    /// Whether this side has sent its Close.
    private(set) var isCloseSent = false

    /// How large a buffer is kept for the next frame.
    private static let spareByteCountMax = 16 << 10

    init(compression: WebSocketCompression?, deflater: Deflater?) {
        self.compression = compression
        self.deflater = deflater
    }

    private func checkOpen() throws {
        if let failure { throw failure }
        guard !isCloseSent else { throw WebSocketError(.closed) }
    }

    /// Whether a message of so many bytes would be compressed.
    private func compresses(_ byteCount: Int) -> Bool {
        guard deflater != nil, let compression else { return false }
        return byteCount >= compression.minMessageByteCount
    }

    /// Puts a message behind what has gathered.
    mutating func append(_ kind: WebSocketMessage.Kind, _ payload: Span<UInt8>) throws -> Turn {
        try checkOpen()
        let opcode: Opcode = kind == .text ? .text : .binary
        if compresses(payload.count), let deflater {
            var compressed: [UInt8] = []
            compressed.reserveCapacity(payload.count / 2 + 64)
            if deflater.deflate(payload, into: &compressed) {
                let header = FrameHeader(
                    isCompressed: true,
                    opcode: opcode,
                    payloadByteCount: compressed.count
                )
                header.write(to: &pending)
                pending.append(contentsOf: compressed)
                return claim()
            }
        }
        appendFrame(opcode, payload)
        return claim()
    }

    /// Puts a large message's header in place, where its payload can go to the stream as it is.
    ///
    /// - Returns: the header, for a task that may write now; `nil` where the message has to be appended.
    mutating func claimDirect(_ kind: WebSocketMessage.Kind, byteCount: Int) throws -> [UInt8]? {
        try checkOpen()
        guard !isWriting, pending.isEmpty, !compresses(byteCount) else { return nil }
        isWriting = true
        var header: [UInt8] = []
        FrameHeader(opcode: kind == .text ? .text : .binary, payloadByteCount: byteCount).write(to: &header)
        return header
    }

    /// Puts a Ping or Pong behind what has gathered.
    mutating func append(control opcode: Opcode, _ payload: Span<UInt8>) throws -> Turn {
        try checkOpen()
        appendFrame(opcode, payload)
        return claim()
    }

    /// Puts a Close behind what has gathered, the last frame of this side.
    mutating func append(close code: WebSocketCloseCode?, reason: Span<UInt8>) throws -> Turn {
        try checkOpen()
        isCloseSent = true
        var payload: [UInt8] = []
        if let code {
            payload.append(UInt8(truncatingIfNeeded: code.rawValue >> 8))
            payload.append(UInt8(truncatingIfNeeded: code.rawValue))
            for index in reason.indices { payload.append(reason[index]) }
        }
        appendFrame(.close, payload.span)
        return claim()
    }

    private mutating func appendFrame(_ opcode: Opcode, _ payload: Span<UInt8>) {
        pending.reserveCapacity(pending.count + FrameHeader.byteCountMax + payload.count)
        FrameHeader(opcode: opcode, payloadByteCount: payload.count).write(to: &pending)
        ByteKernels.append(payload, to: &pending)
    }

    private mutating func claim() -> Turn {
        if isWriting { return .wait }
        isWriting = true
        return .write
    }

    /// A sender waits for its turn, or learns that it has come.
    mutating func wait(_ waiter: Waiter) -> Result<Turn, any Error>? {
        if let failure { return .failure(failure) }
        if isWriting {
            waiters.append(waiter)
            return nil
        }
        guard !pending.isEmpty else { return .success(.done) }
        isWriting = true
        return .success(.write)
    }

    /// Takes what has gathered, and who waits for it.
    mutating func takePending() -> (bytes: [UInt8], waiters: [Waiter]) {
        let taken = (pending, waiters)
        pending = []
        waiters = []
        return taken
    }

    /// A write has ended; the next one waiting writes.
    mutating func endWrite(spare: consuming [UInt8]) -> Waiter? {
        if pending.isEmpty {
            isWriting = false
            if spare.capacity <= WebSocketOutgoing.spareByteCountMax {
                pending = spare
                pending.removeAll(keepingCapacity: true)
            }
            return nil
        }
        guard !waiters.isEmpty else {
            // Its sender is on the way to wait, and will find nobody writing.
            isWriting = false
            return nil
        }
        return waiters.removeFirst()
    }

    /// A write has failed: nothing can be sent any more.
    mutating func fail(_ error: any Error) -> [Waiter] {
        if failure == nil { failure = error }
        isWriting = false
        pending = []
        let all = waiters
        waiters = []
        return all
    }
}
