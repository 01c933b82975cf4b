// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import WebSockets

/// Reads the data files beside the tests.
enum Corpus {
    /// The rows of a tab-separated file; empty lines and lines that begin with `#` are left out.
    static func rows(_ name: String) throws -> [[String]] {
        let url = try #require(
            Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Corpus"),
            "no corpus file \(name)"
        )
        let text = try String(contentsOf: url, encoding: .utf8)
        return text.components(separatedBy: "\n").filter { !$0.isEmpty && !$0.hasPrefix("#") }
            .map { $0.components(separatedBy: "\t") }
    }
}

/// A small generator of repeatable pseudo-random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Random bytes.
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// Bytes of hexadecimal digits.
func bytes(hex: String) throws -> [UInt8] {
    let digits = Array(hex.utf8)
    try #require(digits.count.isMultiple(of: 2), "odd digits: \(hex)")
    return try stride(from: 0, to: digits.count, by: 2).map { offset in
        try #require(
            UInt8(String(decoding: digits[offset..<(offset + 2)], as: UTF8.self), radix: 16),
            "\(hex)"
        )
    }
}

/// Hexadecimal digits of bytes.
func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The frame a client sends: a first byte, and a payload that is masked.
func clientFrame(_ first: UInt8, _ payload: [UInt8], key: UInt32 = 0x1B2D_3F01) throws -> [UInt8] {
    let opcode = try #require(Opcode(rawValue: 1))
    var frame: [UInt8] = []
    FrameHeader(opcode: opcode, maskingKey: key, payloadByteCount: payload.count).write(to: &frame)
    frame[0] = first
    frame += payload.enumerated().map { $1 ^ UInt8(truncatingIfNeeded: key >> UInt32($0 % 4 * 8)) }
    return frame
}

/// What a reader makes of bytes, in words, and whether it failed.
func events(_ reader: consuming MessageReader, _ pieces: [[UInt8]]) -> [String] {
    var words: [String] = []
    for piece in pieces {
        var offset = 0
        do {
            while let event = try reader.next(piece.span, from: &offset) { words.append(describe(event)) }
            if offset != piece.count { words.append("left over: \(piece.count - offset)") }
        } catch {
            words.append("error:\(error.closeCode)")
            return words
        }
    }
    return words
}

private func describe(_ event: WebSocketEvent) -> String {
    switch event {
    case .message(let message):
        if let text = message.text { return "text:\(text)" }
        return "binary" + describe(message.bytes)
    case .ping(let payload): return "ping" + describe(payload)
    case .pong(let payload): return "pong" + describe(payload)
    case .close(let code, let reason): return "close:\(code):\(reason)"
    }
}

private func describe(_ payload: [UInt8]) -> String {
    payload.count > 50 && payload.allSatisfy { $0 == UInt8(ascii: "a") }
        ? "*\(payload.count)" : ":" + hex(payload)
}
