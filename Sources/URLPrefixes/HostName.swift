// SPDX-License-Identifier: Apache-2.0

/// Checks and converts the host names of prefixes.
///
/// Control plane only: allocates.
enum HostName {
    /// The most bytes a name may have in A-label form, without a final dot.
    ///
    /// Source: RFC 1035 §2.3.4.
    static let asciiBytesMax = 253
    /// The most bytes of a label in A-label form.
    ///
    /// Source: RFC 1035 §2.3.4.
    static let labelBytesMax = 63

    /// The most bytes of a name in UTF-8: a scalar takes a byte or more of the A-label form and four or less here.
    static let utf8BytesMax = 1024

    /// What is wrong with a name, as one sentence.
    struct Problem: Error {
        let reason: String
    }

    /// Returns `name` in lower case and without a final dot, or what is wrong with it.
    static func check(_ name: String) -> Result<String, Problem> {
        var scalars = name.unicodeScalars[...]
        if scalars.last == "." { scalars = scalars.dropLast() }
        let labels = scalars.split(separator: ".", omittingEmptySubsequences: false)
        for label in labels {
            guard !label.isEmpty else { return .failure(Problem(reason: "the host has an empty label.")) }
            for scalar in label where !isAllowed(scalar) {
                return .failure(Problem(reason: explain(scalar)))
            }
        }
        if let last = labels.last, last.allSatisfy({ ("0"..."9").contains($0) }) {
            return .failure(
                Problem(reason: "a host that ends in a number must be an IPv4 address such as 192.0.2.1.")
            )
        }
        let lowered = lowercase(scalars)
        let ascii = lowered.unicodeScalars.split(separator: ".").map(asciiLabel)
        guard ascii.allSatisfy({ $0.count <= labelBytesMax }) else {
            return .failure(Problem(reason: "a label of the host has more than \(labelBytesMax) bytes."))
        }
        guard ascii.reduce(ascii.count - 1, { $0 + $1.count }) <= asciiBytesMax else {
            return .failure(Problem(reason: "the host has more than \(asciiBytesMax) bytes."))
        }
        return .success(lowered)
    }

    /// Returns a checked name with each label that is not ASCII as an A-label (`xn--…`).
    ///
    /// Limit: letters are lowered but not otherwise mapped or composed (UTS 46 has more rules); a name in
    /// composed, lower-case form, as people type it, converts as browsers convert it.
    static func asciiForm(_ name: String) -> [UInt8] {
        Array(
            name.unicodeScalars.split(separator: ".").map(asciiLabel).joined(separator: [UInt8(ascii: ".")])
        )
    }

    private static func asciiLabel(_ label: Substring.UnicodeScalarView) -> [UInt8] {
        if label.allSatisfy(\.isASCII) { return Array(Substring(label).utf8) }
        return Array("xn--".utf8) + Punycode.encode(label.map(\.value))
    }

    private static func lowercase(_ scalars: Substring.UnicodeScalarView) -> String {
        var bytes: [UInt8] = []
        CaseFolding.append(String(Substring(scalars)), to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
            default: false
            }
        }
        return switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .nonspacingMark, .spacingMark, .decimalNumber, .otherSymbol:
            true
        default: false
        }
    }

    private static func explain(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "*":
            "the wildcard '*' may only stand alone or be the whole left-most label, as in *.example.com."
        case "+": "the wildcard '+' may only stand alone."
        case "@": "a prefix has no user information; '@' is not allowed in the host."
        default: "\(scalar.debugDescription) is not allowed in a host name."
        }
    }
}
