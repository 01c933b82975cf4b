// SPDX-License-Identifier: Apache-2.0

/// Frames of an HTTP/2 client made by hand, right or wrong (RFC 9113 §4.1).
package enum Raw {
    package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    package static let opening = preface + settings()
    package static let endStream: UInt8 = 1
    package static let endHeaders: UInt8 = 4

    package static func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int32, _ payload: [UInt8] = [])
        -> [UInt8]
    {
        let count = UInt32(payload.count)
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags]
            + word(UInt32(bitPattern: stream)) + payload
    }

    package static func word(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    package static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        frame(4, stream: 0, entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + word($0.1) })
    }

    package static let settingsAcknowledgement = frame(4, flags: 1, stream: 0)
    package static func ping(acknowledges: Bool = false) -> [UInt8] {
        frame(6, flags: acknowledges ? 1 : 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0])
    }
    package static func reset(_ stream: Int32, _ code: UInt32 = 8) -> [UInt8] {
        frame(3, stream: stream, word(code))
    }
    package static func windowUpdate(_ stream: Int32, _ count: UInt32) -> [UInt8] {
        frame(8, stream: stream, word(count))
    }
    package static func data(_ stream: Int32, _ content: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        frame(0, flags: flags, stream: stream, content)
    }

    /// A HEADERS frame of a whole head.
    package static func headers(
        _ stream: Int32,
        _ lines: [(String, String)] = get,
        flags: UInt8 = endStream | endHeaders
    ) -> [UInt8] {
        frame(1, flags: flags, stream: stream, block(lines))
    }

    package static let get = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
    package static let post = [
        (":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/"),
    ]

    /// Lines as HPACK literals that are not indexed.
    package static func block(_ lines: [(String, String)]) -> [UInt8] {
        lines.flatMap { name, value in [0] + string(name) + string(value) }
    }

    package static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return integer(bytes.count, prefix: 7) + bytes
    }

    package static func integer(_ value: Int, prefix: Int, first: UInt8 = 0) -> [UInt8] {
        let limit = 1 << prefix - 1
        guard value >= limit else { return [first | UInt8(value)] }
        var bytes = [first | UInt8(limit)]
        var rest = value - limit
        while rest >= 128 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}

/// One frame that the server sent.
package struct SentFrame: Equatable {
    package var type: UInt8
    package var flags: UInt8
    package var stream: Int32
    package var payload: [UInt8]

    /// The code of a RST_STREAM or GOAWAY frame.
    package var code: UInt32? {
        let start = type == 3 ? 0 : type == 7 ? 4 : -1
        guard start >= 0, payload.count >= start + 4 else { return nil }
        return payload[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Whether it is the last of its stream from its sender.
    package var endsStream: Bool { type <= 1 && flags & 1 != 0 }

    /// A frame from its head of nine bytes, as far as that tells.
    package init(head: [UInt8], payload: [UInt8]) {
        type = head[3]
        flags = head[4]
        stream = Int32(bitPattern: head[5...8].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF)
        self.payload = payload
    }

    /// How many bytes follow a head of nine bytes.
    package static func payloadByteCount(_ head: [UInt8]) -> Int {
        head[..<3].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Takes bytes of a server apart into frames.
    package static func all(_ bytes: [UInt8]) -> [SentFrame] {
        var frames: [SentFrame] = []
        var offset = 0
        while offset + 9 <= bytes.count {
            let head = Array(bytes[offset..<offset + 9])
            let count = payloadByteCount(head)
            frames.append(SentFrame(head: head, payload: Array(bytes[(offset + 9)..<(offset + 9 + count)])))
            offset += 9 + count
        }
        precondition(offset == bytes.count, "A server sends whole frames.")
        return frames
    }
}

extension [SentFrame] {
    /// The code of the last GOAWAY, nil where there is none.
    package var goAway: UInt32? { last { $0.type == 7 }?.code }

    /// The codes of the streams that were reset.
    package var resets: [Int32: UInt32] {
        var codes: [Int32: UInt32] = [:]
        for frame in self where frame.type == 3 { codes[frame.stream] = frame.code }
        return codes
    }
}
