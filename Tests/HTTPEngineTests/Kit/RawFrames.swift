// SPDX-License-Identifier: Apache-2.0

/// Frames of HTTP/2 made by hand, right or wrong (RFC 9113 §4.1).
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

    /// A HEADERS frame of a whole head, its lines as literals that are not indexed.
    static func headers(
        _ stream: Int32,
        _ lines: [(String, String)],
        flags: UInt8 = endStream | endHeaders
    ) -> [UInt8] {
        frame(1, flags: flags, stream: stream, lines.flatMap { [0] + string($0) + string($1) })
    }

    private static func string(_ text: String) -> [UInt8] {
        precondition(text.utf8.count < 127)
        return [UInt8(text.utf8.count)] + Array(text.utf8)
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

    var endsStream: Bool { type <= 1 && flags & 1 != 0 }
}

extension Client {
    /// The lines of a request's head.
    func lines(_ method: String, _ path: String, port: UInt16) -> [(String, String)] {
        let scheme = tls == nil ? "http" : "https"
        return [
            (":method", method), (":scheme", scheme), (":authority", "localhost:\(port)"), (":path", path),
        ]
    }

    /// Reads a frame; `nil` when the connection ended before it.
    func readFrame() throws -> SentFrame? {
        guard try fill(9) else { return nil }
        let head = take(9).map(Int.init)
        let count = head[0] << 16 | head[1] << 8 | head[2]
        guard try fill(count) else { throw ClientError.ended(connectionEnd ?? .orderly) }
        let id = Int32(head[5] & 127) << 24 | Int32(head[6]) << 16 | Int32(head[7]) << 8 | Int32(head[8])
        return SentFrame(type: UInt8(head[3]), flags: UInt8(head[4]), stream: id, payload: take(count))
    }

    /// Reads frames up to one that fits; throws where the connection ends first.
    @discardableResult
    func readFrames(to fits: (SentFrame) -> Bool) throws -> [SentFrame] {
        var frames: [SentFrame] = []
        while let frame = try readFrame() {
            frames.append(frame)
            if fits(frame) { return frames }
        }
        throw ClientError.ended(connectionEnd ?? .orderly)
    }

    /// Reads all frames up to the end of the connection, and says how that came.
    func readFramesToEnd() throws -> (frames: [SentFrame], end: ConnectionEnd?) {
        var frames: [SentFrame] = []
        while let frame = try readFrame() { frames.append(frame) }
        return (frames, connectionEnd)
    }
}
