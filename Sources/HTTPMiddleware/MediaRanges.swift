// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// Looks things up in an Accept field (RFC 9110 §12.5.1).
enum MediaRanges {
    /// Whether a media type is named, wildcards aside, with a weight over 0.
    ///
    /// - Parameters:
    ///   - type: the type in lower case.
    ///   - subtype: the subtype in lower case.
    ///   - accept: the field's value.
    /// - Returns: whether it is.
    static func names(_ type: String, _ subtype: String, in accept: String) -> Bool {
        var isNamed = false
        let list = accept.utf8.span
        FieldSyntax.forEachElement(list) { range in
            let element = FieldSyntax.string(list.extracting(range))
            let parts = element.split(separator: ";").map { part in part.filter { $0 != " " && $0 != "\t" } }
            guard parts.first?.lowercased() == "\(type)/\(subtype)" else { return true }
            let weight = parts.dropFirst().last { $0.lowercased().hasPrefix("q=") }
            let value =
                weight.map { FieldSyntax.qualityValue(String($0.dropFirst(2)).utf8.span) ?? 0 } ?? 1000
            isNamed = value > 0
            return !isNamed
        }
        return isNamed
    }
}
