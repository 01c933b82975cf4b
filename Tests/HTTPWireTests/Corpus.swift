// SPDX-License-Identifier: Apache-2.0
import Foundation

@testable import HTTPWire

/// The data files of these tests.
enum Corpus {
    /// A raw message and the name of its file, which says what is expected of it.
    struct Message: CustomStringConvertible, Sendable {
        var name: String
        var bytes: [UInt8]
        var description: String { name }
    }

    /// One line of a table, split at its tabs, escapes undone.
    struct Row: CustomStringConvertible, Sendable {
        var line: Int
        var columns: [[UInt8]]
        var description: String { "line \(line): \(columns.map { String(decoding: $0, as: UTF8.self) })" }

        /// A column as text; empty where the line has none.
        func text(_ index: Int) -> String { String(decoding: bytes(index), as: UTF8.self) }
        func bytes(_ index: Int) -> [UInt8] { index < columns.count ? columns[index] : [] }
    }

    private static var folder: URL { Bundle.module.bundleURL.appending(path: "Corpus") }

    /// The messages of a folder whose names begin with a prefix.
    static func messages(_ area: String, _ prefix: String = "") -> [Message] {
        let folder = folder.appending(path: area)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".http") }.sorted().compactMap { name in
            guard let data = try? Data(contentsOf: folder.appending(path: name)) else { return nil }
            return Message(name: String(name.dropLast(5)), bytes: Array(data))
        }
    }

    /// The rows of a table; lines that begin with `#` are notes.
    static func table(_ name: String) -> [Row] {
        guard let data = try? Data(contentsOf: folder.appending(path: name)) else { return [] }
        var rows: [Row] = []
        for (index, line) in Array(data).split(separator: 0x0a, omittingEmptySubsequences: false).enumerated()
        where !line.isEmpty && line.first != UInt8(ascii: "#") {
            let columns = line.split(separator: 0x09, omittingEmptySubsequences: false).map { unescape($0) }
            rows.append(Row(line: index + 1, columns: columns))
        }
        return rows
    }

    /// Undoes `\r`, `\n`, `\t`, `\\` and `\xHH`; a backslash before anything else stands for itself.
    static func unescape(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let next = rest.first else {
                result.append(byte)
                continue
            }
            switch next {
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "\\"): result.append(byte)
            case UInt8(ascii: "x"):
                let digits = String(decoding: rest.dropFirst().prefix(2), as: UTF8.self)
                result.append(UInt8(digits, radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            default:
                result.append(byte)
                continue
            }
            rest = rest.dropFirst()
        }
        return result
    }
}

/// Bytes as text in which every other byte than visible ASCII is escaped, for messages of failed tests.
func printable(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { $0 >= 0x20 && $0 < 0x7f ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }.joined()
}

extension RequestHead {
    /// Parses an array.
    mutating func parse(_ bytes: [UInt8], limits: HeadLimits = HeadLimits()) -> HeadOutcome {
        parse(bytes.span, limits: limits)
    }

    /// Parses a text, and returns the head with what came of it.
    static func parsing(_ text: String, limits: HeadLimits = HeadLimits()) -> (
        head: RequestHead, outcome: HeadOutcome
    ) {
        var head = RequestHead()
        let outcome = head.parse(Array(text.utf8), limits: limits)
        return (head, outcome)
    }
}

/// The text of a range of a message.
func text(_ range: ByteRange, of message: String) -> String {
    String(decoding: Array(message.utf8)[range.range], as: UTF8.self)
}
