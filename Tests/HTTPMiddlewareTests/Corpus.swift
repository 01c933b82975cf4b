// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The data files of these tests.
enum Corpus {
    /// One line of a table, split at its tabs.
    struct Row: CustomStringConvertible, Sendable {
        var line: Int
        var columns: [String]
        var description: String { "line \(line): \(columns)" }
        subscript(_ index: Int) -> String { index < columns.count ? columns[index] : "" }
    }

    /// The rows of a table; lines that begin with `#` are notes.
    static func table(_ name: String) -> [Row] {
        let url = Bundle.module.bundleURL.appending(path: "Corpus").appending(path: name)
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
            index,
            line in
            guard !line.isEmpty, !line.hasPrefix("#") else { return nil }
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
            return Row(line: index + 1, columns: columns)
        }
    }
}
