// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import URLPrefixes

/// Reads the data files beside the tests.
enum Corpus {
    /// The rows of a tab-separated file; empty lines and lines that begin with `#` are left out.
    static func rows(_ name: String) throws -> [[String]] {
        try lines(name).map { line in
            line.components(separatedBy: "\t").map(unescape)
        }
    }

    /// The cases of a script: a title, and the words of each line below it.
    static func cases(_ name: String) throws -> [ScriptCase] {
        var cases: [ScriptCase] = []
        for line in try lines(name) {
            if line.hasPrefix("case ") {
                cases.append(ScriptCase(title: String(line.dropFirst(5)), steps: []))
            } else {
                try #require(!cases.isEmpty, "a step before the first case")
                cases[cases.count - 1].steps.append(line.components(separatedBy: " ").map(unescape))
            }
        }
        return cases
    }

    private static func lines(_ name: String) throws -> [String] {
        let url = try #require(
            Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Corpus"),
            "no corpus file \(name)"
        )
        let text = try String(contentsOf: url, encoding: .utf8)
        return text.components(separatedBy: "\n").filter { !$0.isEmpty && !$0.hasPrefix("#") }
    }

    /// Replaces `\uXXXX` by the scalar and `\e` by nothing.
    private static func unescape(_ text: String) -> String {
        let parts = text.replacingOccurrences(of: "\\e", with: "").components(separatedBy: "\\u")
        var result = parts[0]
        for part in parts.dropFirst() {
            let scalar = UInt32(part.prefix(4), radix: 16).flatMap(Unicode.Scalar.init)
            result.unicodeScalars.append(scalar ?? "?")
            result += part.dropFirst(4)
        }
        return result
    }
}

/// A titled list of steps, each cut into words.
struct ScriptCase: Sendable, CustomTestStringConvertible {
    let title: String
    var steps: [[String]]

    var testDescription: String { title }
}

/// A small generator of repeatable pseudo-random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension RoutingSnapshot {
    /// Looks up texts instead of bytes.
    func lookup(
        _ scheme: URLPrefix.Scheme,
        _ port: UInt16,
        local: IPAddressLiteral? = nil,
        host: String,
        path: String
    ) -> RouteResult {
        let host = Array(host.utf8)
        let path = Array(path.utf8)
        return lookup(scheme: scheme, port: port, localAddress: local, host: host.span, path: path.span)
    }
}
