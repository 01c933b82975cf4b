// SPDX-License-Identifier: Apache-2.0

import Testing
import WebSockets

@Suite("Mutated frames")
struct ReaderFuzzTests {
    /// Bytes that begin as what a client might send, with some changed.
    private func stream(_ generator: inout SeededGenerator) throws -> [UInt8] {
        let firsts: [UInt8] = [0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xC1, 0xC2, 0x41]
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let count = [0, 1, 2, 5, 30, 125, 126, 200, 700][Int.random(in: 0..<9, using: &generator)]
            let payload =
                Bool.random(using: &generator)
                ? generator.bytes(count) : [UInt8](repeating: UInt8(ascii: "z"), count: count)
            bytes += try clientFrame(
                firsts[Int.random(in: 0..<firsts.count, using: &generator)],
                payload,
                key: UInt32(truncatingIfNeeded: generator.next())
            )
        }
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            let offset = Int.random(in: 0..<bytes.count, using: &generator)
            bytes[offset] = UInt8(truncatingIfNeeded: generator.next())
        }
        return bytes
    }

    private func reader() -> MessageReader {
        MessageReader(messageByteCountMax: 1000, inflater: Inflater(windowBits: 15, keepsContext: true))
    }

    @Test("Any bytes come to the same events whole, in random pieces and one by one", arguments: 0..<16)
    func anyCut(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(500 + seed))
        for _ in 0..<20 {
            let bytes = try stream(&generator)
            let whole = events(reader(), [bytes])
            var pieces: [[UInt8]] = []
            var offset = 0
            while offset < bytes.count {
                let end = min(bytes.count, offset + Int.random(in: 1...90, using: &generator))
                pieces.append(Array(bytes[offset..<end]))
                offset = end
            }
            #expect(events(reader(), pieces) == whole, "\(hex(bytes))")
            #expect(events(reader(), bytes.map { [$0] }) == whole, "\(hex(bytes))")
        }
    }
}
