// SPDX-License-Identifier: Apache-2.0

/// Makes messages of the bytes a peer sends, in whatever pieces they arrive.
///
/// No I/O and no clock: bytes in, events out. After an error nothing more may be fed to it.
///
/// **Limits**: holds one message up to its limit, one control frame, and the window of the inflater. A message is
/// refused as soon as a frame's header shows that it will be too large; a compressed one as soon as it has become so.
///
/// **Cost**: payload is copied once, unmasked and looked at in the same pass; text beyond ASCII is read a second time.
///
/// Source: RFC 6455 §5, RFC 7692 §7.2.2.
package struct MessageReader {
    /// Which end of the connection the reader is at.
    package enum Role: Sendable {
        /// Frames come from a client, and are masked.
        case server
        /// Frames come from a server, and are not.
        case client
    }

    private let role: Role
    private let messageByteCountMax: Int
    private let frameByteCountMax: Int
    private let inflater: Inflater?

    /// The header in progress, where it arrives in parts.
    private var partialHeader = InlineArray<14, UInt8>(repeating: 0)
    private var partialCount = 0
    /// The frame whose payload arrives, `nil` between frames.
    private var frame: FrameHeader?
    private var frameByteCountLeft = 0
    /// The masking key, turned so that its lowest byte belongs to the next byte of payload.
    private var key: UInt32 = 0

    /// The message in progress; `nil` between messages.
    private var kind: WebSocketMessage.Kind?
    private var isCompressed = false
    private var payload: [UInt8] = []
    private var text = UTF8Checker()
    private var control: [UInt8] = []

    /// How much of an announced payload room is made for before it arrives.
    private static let reserveByteCountMax = 1 << 20

    /// Makes a reader.
    ///
    /// - Parameters:
    ///   - role: the end of the connection it is at.
    ///   - messageByteCountMax: the largest message, after decompression.
    ///   - frameByteCountMax: the largest payload of a frame, as sent.
    ///   - inflater: what inflates, where permessage-deflate was agreed on; for this reader alone.
    package init(
        role: Role = .server,
        messageByteCountMax: Int,
        frameByteCountMax: Int = .max,
        inflater: Inflater? = nil
    ) {
        self.role = role
        self.messageByteCountMax = messageByteCountMax
        self.frameByteCountMax = frameByteCountMax
        self.inflater = inflater
    }

    /// Reads up to the next event.
    ///
    /// - Parameters:
    ///   - bytes: what has arrived.
    ///   - offset: where to begin in it; moves behind what was taken.
    /// - Returns: an event; `nil` once all bytes were taken and none is complete.
    /// - Throws: `WebSocketError`; its `closeCode` is for the peer.
    package mutating func next(
        _ bytes: Span<UInt8>,
        from offset: inout Int
    ) throws(WebSocketError) -> WebSocketEvent? {
        while true {
            if frame == nil {
                guard try takeHeader(bytes, from: &offset) else { return nil }
            }
            guard let frame else { return nil }
            let count = min(frameByteCountLeft, bytes.count - offset)
            if count > 0 {
                let piece = bytes.extracting(offset..<(offset + count))
                offset += count
                frameByteCountLeft -= count
                try take(piece, of: frame)
            }
            guard frameByteCountLeft == 0 else { return nil }
            self.frame = nil
            if frame.opcode.isControl { return try endControl(frame.opcode) }
            if frame.isFinal { return try endMessage() }
        }
    }

    // MARK: Headers

    /// Reads a header, from the input alone or with what came of it before.
    ///
    /// - Returns: whether it is there as a whole.
    private mutating func takeHeader(
        _ bytes: Span<UInt8>,
        from offset: inout Int
    ) throws(WebSocketError) -> Bool {
        if partialCount == 0 {
            if let (header, byteCount) = try FrameHeader.parse(
                bytes.extracting(offset..<bytes.count),
                allowsCompression: inflater != nil
            ) {
                offset += byteCount
                try begin(header)
                return true
            }
        }
        while offset < bytes.count, partialCount < FrameHeader.byteCountMax {
            partialHeader[partialCount] = bytes[offset]
            partialCount += 1
            offset += 1
            guard
                let (header, _) = try FrameHeader.parse(
                    partialHeader.span.extracting(0..<partialCount),
                    allowsCompression: inflater != nil
                )
            else { continue }
            partialCount = 0
            try begin(header)
            return true
        }
        return false
    }

    private mutating func begin(_ header: FrameHeader) throws(WebSocketError) {
        guard (header.maskingKey != nil) == (role == .server) else {
            throw WebSocketError(
                .protocolError,
                role == .server ? "a frame without a mask" : "a frame with a mask"
            )
        }
        guard header.payloadByteCount <= frameByteCountMax else {
            throw WebSocketError(.messageTooBig, "a frame of \(header.payloadByteCount) bytes")
        }
        if !header.opcode.isControl { try beginData(header) }
        key = header.maskingKey ?? 0
        frameByteCountLeft = header.payloadByteCount
        frame = header
    }

    private mutating func beginData(_ header: FrameHeader) throws(WebSocketError) {
        if header.opcode == .continuation {
            guard kind != nil else {
                throw WebSocketError(.protocolError, "a continuation of no message")
            }
        } else {
            guard kind == nil else {
                throw WebSocketError(.protocolError, "a message within a message")
            }
            kind = header.opcode == .text ? .text : .binary
            isCompressed = header.isCompressed
        }
        guard !isCompressed else { return }
        guard header.payloadByteCount <= messageByteCountMax - payload.count else {
            throw WebSocketError(.messageTooBig, "a message of more than \(messageByteCountMax) bytes")
        }
        let wanted = min(header.payloadByteCount, MessageReader.reserveByteCountMax)
        if payload.isEmpty { payload.reserveCapacity(wanted) }
    }

    // MARK: Payload

    private mutating func take(_ piece: Span<UInt8>, of frame: FrameHeader) throws(WebSocketError) {
        if frame.opcode.isControl {
            _ = ByteKernels.unmask(piece, key: key, appendingTo: &control)
            turnKey(by: piece.count)
        } else if isCompressed, let inflater {
            try inflate(piece, with: inflater)
        } else {
            let start = payload.count
            let seen = ByteKernels.unmask(piece, key: key, appendingTo: &payload)
            turnKey(by: piece.count)
            if kind == .text { try checkText(from: start, isASCII: seen & 0x8080_8080_8080_8080 == 0) }
        }
    }

    /// Has the key begin with the byte for what follows.
    private mutating func turnKey(by byteCount: Int) {
        let turn = UInt32(truncatingIfNeeded: byteCount & 3) * 8
        if turn != 0 { key = key >> turn | key << (32 - turn) }
    }

    private mutating func inflate(_ piece: Span<UInt8>, with inflater: Inflater) throws(WebSocketError) {
        let start = payload.count
        var plain = inflater.takeScratch()
        _ = ByteKernels.unmask(piece, key: key, appendingTo: &plain)
        turnKey(by: piece.count)
        do {
            try inflater.inflate(plain.span, into: &payload, byteCountMax: messageByteCountMax)
        } catch {
            throw MessageReader.error(error, messageByteCountMax)
        }
        inflater.putBack(scratch: plain)
        if kind == .text { try checkText(from: start, isASCII: false) }
    }

    private mutating func checkText(from start: Int, isASCII: Bool) throws(WebSocketError) {
        if isASCII, text.isAtBoundary { return }
        var checker = text
        let isValid = checker.accept(payload.span.extracting(start..<payload.count))
        text = checker
        guard isValid else {
            throw WebSocketError(.invalidData, "a text that is not UTF-8")
        }
    }

    // MARK: Ends

    private mutating func endMessage() throws(WebSocketError) -> WebSocketEvent {
        guard let kind else { throw WebSocketError(.protocolError, "the end of no message") }
        if isCompressed, let inflater {
            let start = payload.count
            do {
                try inflater.finishMessage(into: &payload, byteCountMax: messageByteCountMax)
            } catch {
                throw MessageReader.error(error, messageByteCountMax)
            }
            if kind == .text { try checkText(from: start, isASCII: false) }
        }
        guard kind == .binary || text.isAtBoundary else {
            throw WebSocketError(.invalidData, "a text that ends within a character")
        }
        let message = WebSocketMessage(kind: kind, bytes: payload)
        payload = []
        self.kind = nil
        isCompressed = false
        return .message(message)
    }

    private mutating func endControl(_ opcode: Opcode) throws(WebSocketError) -> WebSocketEvent {
        let bytes = control
        control = []
        switch opcode {
        case .ping: return .ping(bytes)
        case .pong: return .pong(bytes)
        default: return try MessageReader.close(bytes)
        }
    }

    /// Reads the payload of a Close frame (RFC 6455 §5.5.1, §7.4).
    private static func close(_ bytes: [UInt8]) throws(WebSocketError) -> WebSocketEvent {
        guard !bytes.isEmpty else { return .close(.noCode, reason: "") }
        guard bytes.count >= 2 else {
            throw WebSocketError(.protocolError, "a Close frame of one byte")
        }
        let code = WebSocketCloseCode(rawValue: UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
        guard code.canBeSent else {
            throw WebSocketError(.protocolError, "close code \(code) may not be sent")
        }
        var checker = UTF8Checker()
        guard checker.accept(bytes.span.extracting(2..<bytes.count)), checker.isAtBoundary else {
            throw WebSocketError(.invalidData, "a close reason that is not UTF-8")
        }
        return .close(code, reason: String(decoding: bytes[2...], as: UTF8.self))
    }

    private static func error(_ failure: Inflater.Failure, _ byteCountMax: Int) -> WebSocketError {
        switch failure {
        case .tooLarge:
            WebSocketError(.messageTooBig, "a message that inflates to over \(byteCountMax) bytes")
        case .damaged: WebSocketError(.invalidData, "compressed data that does not inflate")
        }
    }
}
