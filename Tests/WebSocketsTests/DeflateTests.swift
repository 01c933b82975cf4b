// SPDX-License-Identifier: Apache-2.0

import Testing
import WebSockets

@Suite("permessage-deflate (RFC 7692)")
struct DeflateTests {
    private static func text(_ byteCount: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        (0..<byteCount).map { _ in UInt8(ascii: "a") + UInt8(truncatingIfNeeded: generator.next() % 4) }
    }

    @Test(
        "What is deflated inflates to itself, for each window and with or without context",
        arguments: 8...15
    )
    func roundTrip(windowBits: Int) throws {
        var generator = SeededGenerator(seed: UInt64(windowBits))
        for keepsContext in [true, false] {
            let deflater = Deflater(
                windowBits: windowBits,
                keepsContext: keepsContext,
                level: 6,
                memoryLevel: 8
            )
            let inflater = Inflater(windowBits: windowBits, keepsContext: keepsContext)
            for byteCount in [0, 1, 5, 300, 5000, 0, 7001] {
                let message =
                    byteCount % 2 == 0 ? Self.text(byteCount, &generator) : generator.bytes(byteCount)
                var compressed: [UInt8] = []
                let isDeflated = deflater.deflate(message.span, into: &compressed)
                #expect(isDeflated)
                var result: [UInt8] = []
                try inflater.inflate(compressed.span, into: &result, byteCountMax: 2_000_000)
                try inflater.finishMessage(into: &result, byteCountMax: 2_000_000)
                #expect(result == message, "\(byteCount) bytes")
            }
        }
    }

    @Test("A message of more than a piece of zlib's input comes back as it was")
    func large() throws {
        let message = Array(repeating: Array(0...250) as [UInt8], count: 9000).flatMap(\.self)
        let deflater = Deflater(windowBits: 15, keepsContext: true, level: 1, memoryLevel: 8)
        let inflater = Inflater(windowBits: 15, keepsContext: true)
        var compressed: [UInt8] = []
        let isDeflated = deflater.deflate(message.span, into: &compressed)
        #expect(isDeflated)
        var result: [UInt8] = []
        try inflater.inflate(compressed.span, into: &result, byteCountMax: message.count)
        try inflater.finishMessage(into: &result, byteCountMax: message.count)
        #expect(result == message)
    }

    @Test("A limit as large as can be is no limit")
    func noLimit() throws {
        let inflater = Inflater(windowBits: 15, keepsContext: true)
        let compressed: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        var output: [UInt8] = []
        try inflater.inflate(compressed.span, into: &output, byteCountMax: .max)
        try inflater.finishMessage(into: &output, byteCountMax: .max)
        #expect(output == Array("Hello".utf8))
    }

    @Test("With context a repeated message is short, without it is not (RFC 7692 §7.1.1)")
    func context() {
        var generator = SeededGenerator(seed: 5)
        let message = generator.bytes(500)
        for keepsContext in [true, false] {
            let deflater = Deflater(windowBits: 15, keepsContext: keepsContext, level: 6, memoryLevel: 8)
            var counts: [Int] = []
            for _ in 0..<2 {
                var compressed: [UInt8] = []
                let isDeflated = deflater.deflate(message.span, into: &compressed)
                #expect(isDeflated)
                counts.append(compressed.count)
            }
            #expect(keepsContext ? counts[1] < 50 : counts[1] == counts[0])
        }
    }

    @Test("A bomb is stopped at the limit, not behind it (RFC 7692 §8)")
    func bomb() throws {
        let deflater = Deflater(windowBits: 15, keepsContext: true, level: 9, memoryLevel: 8)
        var compressed: [UInt8] = []
        let zeros = [UInt8](repeating: 0, count: 16 << 20)
        let isDeflated = deflater.deflate(zeros.span, into: &compressed)
        #expect(isDeflated)
        #expect(compressed.count < 20000)
        let inflater = Inflater(windowBits: 15, keepsContext: true)
        var output: [UInt8] = []
        #expect(throws: Inflater.Failure.tooLarge) {
            let bytes = compressed.span
            try inflater.inflate(bytes, into: &output, byteCountMax: 100_000)
        }
        #expect(output.count == 100_001)
        #expect(output.capacity < 400_000)
    }

    @Test("A message that ends its DEFLATE stream again and again costs no more for it (RFC 7692 §7.2.3.4)")
    func manyFinalBlocks() throws {
        let inflater = Inflater(windowBits: 15, keepsContext: true)
        var output: [UInt8] = []
        // An empty final block each two bytes.
        let piece: [UInt8] = Array([[0x03, 0x00]].cycled(times: 50000))
        try inflater.inflate(piece.span, into: &output, byteCountMax: 10)
        try inflater.finishMessage(into: &output, byteCountMax: 10)
        #expect(output.isEmpty)
    }

    @Test("Each offer is answered as its row says", arguments: try Corpus.rows("extensions.tsv"))
    func offers(row: [String]) throws {
        try #require(row.count == 3)
        var allowed = WebSocketCompression()
        for word in row[1].split(separator: ",") {
            let parts = word.split(separator: "=")
            switch parts[0] {
            case "server": allowed.serverWindowBits = try #require(Int(parts[1]))
            case "client": allowed.clientWindowBits = try #require(Int(parts[1]))
            case "server-fresh": allowed.serverContextTakeover = false
            case "client-fresh": allowed.clientContextTakeover = false
            default: #expect(word == "-")
            }
        }
        var answer: String
        do {
            let offers = try DeflateOffer.parse(row[0])
            answer =
                offers.lazy.compactMap { DeflateAgreement(offer: $0, options: allowed) }.first?.fieldValue
                ?? "none"
        } catch {
            #expect(error == .extensionsMalformed)
            answer = "malformed"
        }
        #expect(answer == row[2])
    }

    @Test("Random bytes inflate to something or fail, never more than allowed", arguments: 0..<8)
    func fuzz(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(1000 + seed))
        for _ in 0..<300 {
            let inflater = Inflater(windowBits: Int.random(in: 8...15, using: &generator), keepsContext: true)
            var output: [UInt8] = []
            for _ in 0..<4 {
                let piece = generator.bytes(Int.random(in: 0...60, using: &generator))
                do {
                    try inflater.inflate(piece.span, into: &output, byteCountMax: 500)
                    if Bool.random(using: &generator) {
                        try inflater.finishMessage(into: &output, byteCountMax: 500)
                        output = []
                    }
                } catch { break }
            }
            #expect(output.count <= 501)
        }
    }
}

extension [[UInt8]] {
    /// The elements of the arrays, again and again.
    func cycled(times: Int) -> [UInt8] { (0..<times).flatMap { _ in self.flatMap(\.self) } }
}
