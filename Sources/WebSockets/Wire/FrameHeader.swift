// SPDX-License-Identifier: Apache-2.0

/// What a frame is (RFC 6455 §5.2).
package enum Opcode: UInt8, Sendable {
    /// The next part of a message.
    case continuation = 0
    /// The first part of a text.
    case text = 1
    /// The first part of a binary message.
    case binary = 2
    /// The last frame of a side.
    case close = 8
    /// Asks for a Pong.
    case ping = 9
    /// Answers a Ping.
    case pong = 10

    /// Whether it is Close, Ping or Pong: at most 125 bytes, in one frame, allowed between parts of a message.
    package var isControl: Bool { rawValue >= 8 }
}

/// The 2 to 14 bytes in front of a frame's payload.
///
/// **Shape**: `81 85 37 fa 21 3d` is a whole text of 5 bytes, masked; `c3 …` (an unknown opcode) is refused.
///
/// Source: RFC 6455 §5.2.
package struct FrameHeader: Sendable, Equatable {
    /// Whether it is the last frame of its message.
    package var isFinal: Bool
    /// RSV1: with permessage-deflate, whether the message is compressed.
    package var isCompressed: Bool
    /// What the frame is.
    package var opcode: Opcode
    /// The masking key as it lies in memory; `nil` for a frame without a mask.
    package var maskingKey: UInt32?
    /// How many bytes of payload follow.
    package var payloadByteCount: Int

    /// The size of the longest header.
    package static let byteCountMax = 14

    /// Makes a header.
    package init(
        isFinal: Bool = true,
        isCompressed: Bool = false,
        opcode: Opcode,
        maskingKey: UInt32? = nil,
        payloadByteCount: Int
    ) {
        self.isFinal = isFinal
        self.isCompressed = isCompressed
        self.opcode = opcode
        self.maskingKey = maskingKey
        self.payloadByteCount = payloadByteCount
    }

    /// Reads a header from the front of bytes.
    ///
    /// - Parameters:
    ///   - bytes: bytes that begin with a header, or the part of it that has arrived.
    ///   - allowsCompression: whether permessage-deflate was agreed on, so that RSV1 has a meaning.
    /// - Returns: the header and its size; `nil` where more bytes are needed.
    /// - Throws: `WebSocketError` with `.protocolError` as soon as a byte is there that no header has.
    package static func parse(_ bytes: Span<UInt8>, allowsCompression: Bool) throws(WebSocketError) -> (
        header: FrameHeader, byteCount: Int
    )? {
        guard bytes.count > 0 else { return nil }
        let first = bytes[0]
        guard first & 0x30 == 0, first & 0x40 == 0 || allowsCompression else {
            throw WebSocketError(.protocolError, "a reserved bit is set")
        }
        guard let opcode = Opcode(rawValue: first & 0x0F) else {
            throw WebSocketError(.protocolError, "unknown opcode \(first & 0x0F)")
        }
        let isFinal = first & 0x80 != 0
        let isCompressed = first & 0x40 != 0
        guard !opcode.isControl || (isFinal && !isCompressed) else {
            throw WebSocketError(.protocolError, "a control frame in parts, or compressed")
        }
        guard opcode != .continuation || !isCompressed else {
            throw WebSocketError(.protocolError, "RSV1 in a continuation")
        }
        guard bytes.count > 1 else { return nil }
        let second = bytes[1]
        guard !opcode.isControl || second & 0x7F <= 125 else {
            throw WebSocketError(.protocolError, "a control frame of more than 125 bytes")
        }
        guard let (byteCount, lengthEnd) = try length(bytes) else { return nil }
        var header = FrameHeader(
            isFinal: isFinal,
            isCompressed: isCompressed,
            opcode: opcode,
            payloadByteCount: byteCount
        )
        guard second & 0x80 != 0 else { return (header, lengthEnd) }
        guard bytes.count >= lengthEnd + 4 else { return nil }
        header.maskingKey =
            UInt32(bytes[lengthEnd]) | UInt32(bytes[lengthEnd + 1]) << 8 | UInt32(bytes[lengthEnd + 2]) << 16
            | UInt32(bytes[lengthEnd + 3]) << 24
        return (header, lengthEnd + 4)
    }

    /// The payload's length and the offset behind it; any encoding of a length will do.
    @inline(__always)
    private static func length(_ bytes: Span<UInt8>) throws(WebSocketError) -> (byteCount: Int, end: Int)? {
        let short = Int(bytes[1] & 0x7F)
        switch short {
        case 126:
            guard bytes.count >= 4 else { return nil }
            return (Int(bytes[2]) << 8 | Int(bytes[3]), 4)
        case 127:
            guard bytes.count >= 10 else { return nil }
            guard bytes[2] & 0x80 == 0 else {
                throw WebSocketError(.protocolError, "a length with its top bit set")
            }
            var value = 0
            for offset in 2..<10 { value = value << 8 | Int(bytes[offset]) }
            return (value, 10)
        default: return (short, 2)
        }
    }

    /// Appends the header, its length in the shortest encoding.
    package func write(to output: inout [UInt8]) {
        output.append((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        let mask: UInt8 = maskingKey == nil ? 0 : 0x80
        switch payloadByteCount {
        case ...125: output.append(mask | UInt8(truncatingIfNeeded: payloadByteCount))
        case ...0xFFFF:
            output.append(mask | 126)
            output.append(UInt8(truncatingIfNeeded: payloadByteCount >> 8))
            output.append(UInt8(truncatingIfNeeded: payloadByteCount))
        default:
            output.append(mask | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                output.append(UInt8(truncatingIfNeeded: payloadByteCount >> shift))
            }
        }
        guard let maskingKey else { return }
        for shift in stride(from: 0, through: 24, by: 8) {
            output.append(UInt8(truncatingIfNeeded: maskingKey >> UInt32(shift)))
        }
    }
}
