// SPDX-License-Identifier: Apache-2.0
import HTTPWire

@testable import HTTP2

/// Bytes of an HTTP/2 client made by hand, right or wrong.
enum Raw {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let opening = preface + settings()
    static let endStream: UInt8 = 1
    static let endHeaders: UInt8 = 4

    static func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int32, _ payload: [UInt8] = []) -> [UInt8] {
        let count = UInt32(payload.count)
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags]
            + word(UInt32(bitPattern: stream)) + payload
    }

    static func word(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        frame(4, stream: 0, entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + word($0.1) })
    }

    static let settingsAcknowledgement = frame(4, flags: 1, stream: 0)
    static func ping(acknowledges: Bool = false) -> [UInt8] {
        frame(6, flags: acknowledges ? 1 : 0, stream: 0, [0, 0, 0, 0, 0, 0, 0, 0])
    }
    static func reset(_ stream: Int32, _ code: UInt32 = 8) -> [UInt8] { frame(3, stream: stream, word(code)) }
    static func windowUpdate(_ stream: Int32, _ count: UInt32) -> [UInt8] {
        frame(8, stream: stream, word(count))
    }
    static func data(_ stream: Int32, _ content: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        frame(0, flags: flags, stream: stream, content)
    }

    /// A HEADERS frame of a whole head.
    static func headers(
        _ stream: Int32,
        _ lines: [(String, String)] = get,
        flags: UInt8 = endStream | endHeaders
    ) -> [UInt8] {
        frame(1, flags: flags, stream: stream, block(lines))
    }

    static let get = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
    static let post = [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/")]

    /// Lines as HPACK literals that are not indexed.
    static func block(_ lines: [(String, String)]) -> [UInt8] {
        lines.flatMap { name, value in [0] + string(name) + string(value) }
    }

    static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return integer(bytes.count, prefix: 7) + bytes
    }

    static func integer(_ value: Int, prefix: Int, first: UInt8 = 0) -> [UInt8] {
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
struct SentFrame: Equatable {
    var type: UInt8
    var flags: UInt8
    var stream: Int32
    var payload: [UInt8]

    /// The code of a RST_STREAM or GOAWAY frame.
    var code: UInt32? {
        let start = type == 3 ? 0 : type == 7 ? 4 : -1
        guard start >= 0, payload.count >= start + 4 else { return nil }
        return payload[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Takes bytes of a server apart into frames.
    static func all(_ bytes: [UInt8]) -> [SentFrame] {
        var frames: [SentFrame] = []
        var offset = 0
        while offset + 9 <= bytes.count {
            let head = bytes[offset..<offset + 9].map(Int.init)
            let count = head[0] << 16 | head[1] << 8 | head[2]
            let id = Int32(head[5] & 127) << 24 | Int32(head[6]) << 16 | Int32(head[7]) << 8 | Int32(head[8])
            frames.append(
                SentFrame(
                    type: UInt8(head[3]),
                    flags: UInt8(head[4]),
                    stream: id,
                    payload: Array(bytes[(offset + 9)..<(offset + 9 + count)])
                )
            )
            offset += 9 + count
        }
        precondition(offset == bytes.count, "A server sends whole frames.")
        return frames
    }
}

extension Server {
    /// Hands over raw frames after preface and settings, and returns what the session sends.
    func exchangeRaw(_ bytes: [UInt8]) -> [SentFrame] {
        receive(bytes)
        return SentFrame.all(bytesToSend())
    }

    /// A server that has got the client's preface and acknowledgement.
    static func opened(_ limits: HTTP2Limits = HTTP2Limits()) -> Server {
        let server = Server(limits)
        server.receive(Raw.opening)
        _ = server.bytesToSend()
        server.receive(Raw.settingsAcknowledgement)
        return server
    }
}

extension [SentFrame] {
    /// The code of the last GOAWAY, nil where there is none.
    var goAway: UInt32? { last { $0.type == 7 }?.code }

    /// The codes of the streams that were reset.
    var resets: [Int32: UInt32] {
        var codes: [Int32: UInt32] = [:]
        for frame in self where frame.type == 3 { codes[frame.stream] = frame.code }
        return codes
    }
}
