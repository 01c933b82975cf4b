// SPDX-License-Identifier: Apache-2.0

/// Writes and reads the words of the state file's lines.
///
/// Shape: words stand between single spaces. Control characters, spaces and `%` are written `%XX`, all else as
/// it is: `http://+:80/a%20b/`. Reading accepts only what writing makes.
enum StateWord {
    private static let percent = UInt8(ascii: "%")

    /// Appends a word, written so that it holds no space and no line end.
    static func append(_ text: String, to line: inout [UInt8]) {
        for byte in text.utf8 {
            guard needsEscape(byte) else {
                line.append(byte)
                continue
            }
            line.append(percent)
            line.append(digit(byte >> 4))
            line.append(digit(byte & 15))
        }
    }

    /// Reads a word back; `nil` where it is not as `append(_:to:)` writes it.
    static func read(_ word: ArraySlice<UInt8>) -> String? {
        guard word.contains(where: { needsEscape($0) }) else {
            return String(validating: word, as: UTF8.self)
        }
        var bytes: [UInt8] = []
        var index = word.startIndex
        while index < word.endIndex {
            let byte = word[index]
            index += 1
            guard needsEscape(byte) else {
                bytes.append(byte)
                continue
            }
            guard byte == percent, word.endIndex - index >= 2, let high = value(word[index]),
                let low = value(word[index + 1]), needsEscape(high << 4 | low)
            else { return nil }
            bytes.append(high << 4 | low)
            index += 2
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func needsEscape(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7F || byte == percent }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x41 + value - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        default: nil
        }
    }
}
