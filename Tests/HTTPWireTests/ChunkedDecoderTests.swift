// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

/// What became of a chunked message that was fed in pieces.
struct ChunkedResult: Equatable {
    var content: [UInt8] = []
    var end = ChunkedDecoder.Event.needMore
    var consumed = 0
    var trailers = ""
    var overhead = 0

    /// Decodes a message fed in pieces of the given size.
    static func decoding(
        _ message: [UInt8],
        cutAt cuts: [Int],
        _ decoder: ChunkedDecoder = ChunkedDecoder()
    ) -> ChunkedResult {
        var decoder = decoder
        var result = ChunkedResult()
        var start = 0
        for end in cuts + [message.count] {
            let piece = Array(message[start..<end])
            var position = 0
            pieces: while true {
                switch decoder.next(piece.span, position: &position) {
                case .content(let range):
                    result.content += piece[range]
                case .needMore:
                    break pieces
                case let event:
                    result.end = event
                    break pieces
                }
            }
            result.consumed += position
            start = end
            if result.end != .needMore { break }
        }
        result.trailers = decoder.trailers.description
        result.overhead = decoder.overheadByteCount
        return result
    }
}

@Suite("Chunked coding")
struct ChunkedDecoderTests {
    @Test(
        "Chunked messages decode, end or are refused as RFC 9112 §7.1 says, however they are cut",
        arguments: Corpus.table("chunks.tsv")
    )
    func table(_ row: Corpus.Row) {
        let message = row.bytes(1)
        let whole = ChunkedResult.decoding(message, cutAt: [])
        #expect(whole.content == row.bytes(2), "\(row)")
        switch row.text(0) {
        case "end":
            #expect(whole.end == .end)
            #expect(whole.trailers == row.text(3).replacing("|", with: "\n"))
            #expect(message.count - whole.consumed == Int(row.text(4)))
            #expect(whole.overhead + whole.content.count == whole.consumed)
        case "more":
            #expect(whole.end == .needMore)
            #expect(whole.consumed == message.count)
        case let refusal:
            guard case .refused(let actual) = whole.end else {
                Issue.record("\(whole.end) for \(row)")
                return
            }
            #expect("\(actual)" == refusal, "\(row)")
        }
        for cut in 0...message.count {
            #expect(ChunkedResult.decoding(message, cutAt: [cut]) == whole, "cut at \(cut): \(row)")
        }
        let bytewise = ChunkedResult.decoding(message, cutAt: Array(0..<message.count))
        #expect(bytewise == whole, "a byte at a time: \(row)")
    }

    @Test("The end and a refusal stay")
    func sticky() {
        for (text, event) in [("0\r\n\r\n", .end), ("x", .refused(.chunkSizeMalformed))]
            as [(String, ChunkedDecoder.Event)]
        {
            var decoder = ChunkedDecoder()
            var position = 0
            #expect(decoder.next(text.utf8.span, position: &position) == event)
            position = 0
            #expect(decoder.next("0\r\n\r\n".utf8.span, position: &position) == event)
            #expect(position == 0)
        }
    }

    @Test("Extensions of all chunks together are limited (RFC 9112 §7.1.1)")
    func extensions() {
        let chunk = "1;" + String(repeating: "a", count: 9) + "\r\nx\r\n"
        let decoder = ChunkedDecoder(extensionBytesMax: 50)
        let five = Array((String(repeating: chunk, count: 5) + "0\r\n\r\n").utf8)
        let six = Array((String(repeating: chunk, count: 6) + "0\r\n\r\n").utf8)
        #expect(ChunkedResult.decoding(five, cutAt: [], decoder).end == .end)
        #expect(ChunkedResult.decoding(six, cutAt: [], decoder).end == .refused(.chunkExtensionTooLarge))
    }

    @Test("A trailer section is limited in bytes and lines")
    func trailerLimits() {
        let decoder = ChunkedDecoder(trailerBytesMax: 20, trailerCountMax: 3)
        let lines = Array("0\r\na:1\r\nb:2\r\nc:3\r\n".utf8)
        #expect(ChunkedResult.decoding(lines + Array("\r\n".utf8), cutAt: [], decoder).end == .end)
        #expect(
            ChunkedResult.decoding(lines + Array("d".utf8), cutAt: [], decoder).end
                == .refused(.trailersTooLarge)
        )
        let long = Array("0\r\na:".utf8) + Array(repeating: 0x62, count: 19)
        #expect(ChunkedResult.decoding(long, cutAt: [], decoder).end == .refused(.trailersTooLarge))
        #expect(ChunkedResult.decoding(Array(long.dropLast()), cutAt: [], decoder).end == .needMore)
    }

    @Test("The greatest size is 2⁶³ − 1, and its data are not waited for in memory")
    func greatestSize() {
        var decoder = ChunkedDecoder()
        var position = 0
        let input = Array("7fffffffffffffff\r\nabc".utf8)
        #expect(decoder.next(input.span, position: &position) == .content(18..<21))
        #expect(decoder.next(input.span, position: &position) == .needMore)
    }
}
