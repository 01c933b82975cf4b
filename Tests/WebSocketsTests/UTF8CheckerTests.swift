// SPDX-License-Identifier: Apache-2.0

import Testing
import WebSockets

@Suite("UTF-8 in pieces (RFC 3629 §4)")
struct UTF8CheckerTests {
    /// The offset of the first byte that can't be; the count where the text is well-formed so far.
    ///
    /// Written the plain way, from the table of RFC 3629.
    private static func firstBad(_ bytes: [UInt8]) -> Int {
        var offset = 0
        while offset < bytes.count {
            let ranges: [ClosedRange<UInt8>]
            switch bytes[offset] {
            case 0x00...0x7F: ranges = []
            case 0xC2...0xDF: ranges = [0x80...0xBF]
            case 0xE0: ranges = [0xA0...0xBF, 0x80...0xBF]
            case 0xED: ranges = [0x80...0x9F, 0x80...0xBF]
            case 0xE1...0xEF: ranges = [0x80...0xBF, 0x80...0xBF]
            case 0xF0: ranges = [0x90...0xBF, 0x80...0xBF, 0x80...0xBF]
            case 0xF1...0xF3: ranges = [0x80...0xBF, 0x80...0xBF, 0x80...0xBF]
            case 0xF4: ranges = [0x80...0x8F, 0x80...0xBF, 0x80...0xBF]
            default: return offset
            }
            offset += 1
            for range in ranges {
                guard offset < bytes.count else { return offset }
                guard range.contains(bytes[offset]) else { return offset }
                offset += 1
            }
        }
        return offset
    }

    private func isAccepted(_ pieces: [[UInt8]]) -> Bool {
        var checker = UTF8Checker()
        return pieces.allSatisfy { checker.accept($0.span) }
    }

    @Test(
        "Each pair of first bytes, with 80 80 behind them, is accepted as the table says",
        arguments: 0..<16
    )
    func pairs(sixteenth: Int) {
        for first in (sixteenth * 16)..<(sixteenth * 16 + 16) {
            for second in 0...255 {
                for padding in first >= 0xC0 && second % 7 == 0 ? [0, 40] : [0] {
                    let start = [UInt8](repeating: UInt8(ascii: "x"), count: padding)
                    let text = start + [UInt8(first), UInt8(second), 0x80, 0x80] + start
                    let isValid = Self.firstBad(text) == text.count
                    #expect(isAccepted([text]) == isValid, "\(hex(text))")
                }
            }
        }
    }

    @Test("Random text with random faults fails at its first bad byte, cut anywhere", arguments: 0..<8)
    func faults(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let alphabets: [ClosedRange<UInt32>] = [
            0x20...0x7E, 0xA0...0x7FF, 0x4E00...0x9FFF, 0x1F300...0x1F6FF,
        ]
        for _ in 0..<300 {
            var text = ""
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                let alphabet = alphabets[Int.random(in: 0..<4, using: &generator)]
                for _ in 0..<Int.random(in: 0...30, using: &generator) {
                    let scalar = UInt32.random(in: alphabet, using: &generator)
                    text.unicodeScalars.append(Unicode.Scalar(scalar) ?? "?")
                }
            }
            var bytes = Array(text.utf8)
            if !bytes.isEmpty, Bool.random(using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            let bad = Self.firstBad(bytes)
            #expect(isAccepted([Array(bytes[..<bad])]), "\(hex(bytes))")
            #expect(isAccepted([bytes]) == (bad == bytes.count), "\(hex(bytes))")
            let cut = Int.random(in: 0...bytes.count, using: &generator)
            let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
            #expect(isAccepted(pieces) == (bad == bytes.count), "\(hex(bytes)) cut at \(cut)")
            if bad < bytes.count { #expect(!isAccepted([Array(bytes[...bad])]), "\(hex(bytes))") }
        }
    }

    @Test("A text is at a boundary only between characters")
    func boundaries() {
        let euro: [UInt8] = [0xE2, 0x82, 0xAC]
        for count in 0...3 {
            var checker = UTF8Checker()
            let piece = Array(euro[..<count])
            let isAccepted = checker.accept(piece.span)
            #expect(isAccepted)
            #expect(checker.isAtBoundary == (count == 0 || count == 3))
        }
    }
}
