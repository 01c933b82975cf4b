// SPDX-License-Identifier: Apache-2.0

import HTTPRingService

/// Prints the records of a listing as they arrive.
struct Listing {
    let client: ControlClient
    let isJSON: Bool

    /// Prints a listing: as one JSON array, or as netsh lays it out.
    ///
    /// - Parameters:
    ///   - topic: what to list.
    ///   - key: which of them.
    ///   - title: the heading without its colon.
    ///   - text: one record, with its line ends.
    /// - Throws: what the service refuses, or a broken connection.
    func show(
        _ topic: ControlTopic,
        key: String? = nil,
        title: String,
        text: (ControlValue) -> String
    ) throws {
        var buffer = isJSON ? "[" : Layout.heading(title)
        var isFirst = true
        try client.list(topic, key: key) { record in
            if isJSON {
                buffer += (isFirst ? "\n  " : ",\n  ") + JSON.text(record, level: 1)
            } else {
                buffer += text(record)
            }
            isFirst = false
            if buffer.utf8.count > 1 << 16 {
                Output.write(buffer)
                buffer = ""
            }
        }
        Output.write(buffer + (isJSON ? (isFirst ? "]\n" : "\n]\n") : "\n"))
    }
}

/// The layout of netsh's listings.
enum Layout {
    /// An empty line, the title with a colon, a line of hyphens below it, an empty line.
    static func heading(_ title: String) -> String {
        "\n\(title):\n" + String(repeating: "-", count: title.count + 1) + "\n\n"
    }

    /// A line at a level of four spaces each.
    static func line(_ level: Int, _ text: String) -> String {
        String(repeating: "    ", count: level) + text + "\n"
    }

    /// A line whose labels end in one column.
    static func aligned(_ label: String, _ value: String, width: Int) -> String {
        let padding = String(repeating: " ", count: max(0, width - label.count))
        return line(1, "\(label)\(padding) : \(value)")
    }
}
