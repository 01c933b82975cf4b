// SPDX-License-Identifier: Apache-2.0

import HTTPRingService

/// Writes values as JSON (RFC 8259).
enum JSON {
    /// The value, indented by two spaces a level.
    static func text(_ value: ControlValue, level: Int = 0) -> String {
        let inner = "\n" + String(repeating: "  ", count: level + 1)
        let outer = "\n" + String(repeating: "  ", count: level)
        switch value {
        case .none: return "null"
        case .flag(let flag): return flag ? "true" : "false"
        case .number(let number): return "\(number)"
        case .text(let text): return string(text)
        case .list(let values):
            if values.isEmpty { return "[]" }
            return "[" + inner + values.map { self.text($0, level: level + 1) }.joined(separator: "," + inner)
                + outer + "]"
        case .record(let members):
            if members.isEmpty { return "{}" }
            let lines = members.map { string($0.name) + ": " + self.text($0.value, level: level + 1) }
            return "{" + inner + lines.joined(separator: "," + inner) + outer + "}"
        }
    }

    private static func string(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            default:
                guard scalar.value < 0x20 || scalar.value == 0x7F else {
                    quoted.unicodeScalars.append(scalar)
                    continue
                }
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return quoted + "\""
    }
}
