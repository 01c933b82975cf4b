// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A text and what reading it must lead to: nothing wrong, or problems with their lines.
struct TextCase: Sendable, CustomStringConvertible {
    let name: String
    let text: String
    /// Lines and parts of the words; empty where the text is right.
    let problems: [(line: Int, words: String)]

    var description: String { name }

    /// Reads a corpus file: `=== name`, the text, `--- ok` or lines `--- 3: words`.
    static func load(_ file: String) -> [TextCase] {
        guard let path = Bundle.module.path(forResource: file, ofType: "txt", inDirectory: "Corpus"),
            let content = try? String(contentsOfFile: path, encoding: .utf8)
        else { preconditionFailure("Corpus/\(file).txt is not there") }
        return content.components(separatedBy: "=== ").dropFirst().map { block in
            let lines = block.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            let text = lines.dropFirst().filter { !$0.hasPrefix("--- ") }
            let expectations = lines.filter { $0.hasPrefix("--- ") && $0 != "--- ok" }.map { line in
                let parts = line.dropFirst(4).split(separator: ":", maxSplits: 1)
                return (Int(parts[0]) ?? -1, String(parts[1].dropFirst()))
            }
            return TextCase(
                name: String(lines.first ?? ""),
                text: text.map { $0 + "\n" }.joined(),
                problems: expectations
            )
        }
    }
}
