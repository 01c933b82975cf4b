// SPDX-License-Identifier: Apache-2.0

import Testing
import WebSockets

/// A row of frames.tsv.
struct FrameCase: Sendable, CustomTestStringConvertible {
    let title: String
    let settings: [String]
    let bytes: [UInt8]
    let outcome: String

    var testDescription: String { title }

    static func all() throws -> [FrameCase] {
        try Corpus.rows("frames.tsv").map { row in
            try #require(row.count == 4, "\(row)")
            return FrameCase(
                title: row[0],
                settings: row[1] == "-" ? [] : row[1].split(separator: ",").map(String.init),
                bytes: try row[2].split(separator: " ").flatMap { try frame(String($0)) },
                outcome: row[3]
            )
        }
    }

    private static func frame(_ word: String) throws -> [UInt8] {
        if word.hasPrefix("raw:") { return try WebSocketsTests.bytes(hex: String(word.dropFirst(4))) }
        let first = try #require(UInt8(word.prefix(2), radix: 16))
        let payload = word.dropFirst(3)
        switch word.dropFirst(2).first {
        case "=": return try clientFrame(first, WebSocketsTests.bytes(hex: String(payload)))
        case "'": return try clientFrame(first, Array(payload.dropLast().utf8))
        default:
            let count = try #require(Int(payload))
            return try clientFrame(first, [UInt8](repeating: UInt8(ascii: "a"), count: count))
        }
    }

    private func setting(_ name: String) -> Int? {
        settings.first { $0.hasPrefix(name + "=") }.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    func makeReader() -> MessageReader {
        MessageReader(
            role: settings.contains("client") ? .client : .server,
            messageByteCountMax: setting("message") ?? 1 << 20,
            frameByteCountMax: setting("frame") ?? .max,
            inflater: settings.contains("deflate") ? Inflater(windowBits: 15, keepsContext: true) : nil
        )
    }
}

@Suite("Frames (RFC 6455 §5, RFC 7692 §7)")
struct FrameCorpusTests {
    @Test("Each row comes to its outcome, whole", arguments: try FrameCase.all())
    func whole(row: FrameCase) {
        #expect(events(row.makeReader(), [row.bytes]).joined(separator: " ") == row.outcome)
    }

    @Test("Each row comes to the same cut at every byte", arguments: try FrameCase.all())
    func cut(row: FrameCase) {
        let step = row.bytes.count > 1000 ? row.bytes.count / 20 : 1
        for cut in stride(from: 1, to: row.bytes.count, by: step) {
            let pieces = [Array(row.bytes[..<cut]), Array(row.bytes[cut...])]
            let outcome = events(row.makeReader(), pieces).joined(separator: " ")
            #expect(outcome == row.outcome, "cut at \(cut)")
        }
    }

    @Test("Each row comes to the same a byte at a time", arguments: try FrameCase.all())
    func bytewise(row: FrameCase) {
        #expect(events(row.makeReader(), row.bytes.map { [$0] }).joined(separator: " ") == row.outcome)
    }

    @Test("A header is written in the shortest form and read back (RFC 6455 §5.2)")
    func headers() throws {
        for byteCount in [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, Int.max] {
            for key in [nil, 0, 0xFFFF_FFFF, 0x0403_0201] as [UInt32?] {
                let header = FrameHeader(opcode: .binary, maskingKey: key, payloadByteCount: byteCount)
                var bytes: [UInt8] = []
                header.write(to: &bytes)
                let lengthByteCount = byteCount < 126 ? 0 : byteCount < 65536 ? 2 : 8
                #expect(bytes.count == 2 + lengthByteCount + (key == nil ? 0 : 4))
                let parsed = try FrameHeader.parse(bytes.span, allowsCompression: false)
                #expect(parsed?.header == header)
                #expect(parsed?.byteCount == bytes.count)
            }
        }
    }

    @Test("Any length and key is unmasked, from any offset of the key (RFC 6455 §5.3)")
    func unmasking() throws {
        var generator = SeededGenerator(seed: 3)
        for byteCount in Array(0...140) + [1000, 4099] {
            let payload = generator.bytes(byteCount)
            let key = UInt32(truncatingIfNeeded: generator.next())
            let frame = try clientFrame(0x82, payload, key: key)
            let cut = Int.random(in: 0...frame.count, using: &generator)
            var reader = MessageReader(messageByteCountMax: 5000)
            var event: WebSocketEvent?
            for piece in [Array(frame[..<cut]), Array(frame[cut...])] {
                var offset = 0
                event = try event ?? reader.next(piece.span, from: &offset)
            }
            #expect(event == .message(.binary(payload)), "\(byteCount) bytes cut at \(cut)")
        }
    }
}
