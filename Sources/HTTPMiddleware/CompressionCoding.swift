// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// A content coding that responses can be compressed with.
public enum CompressionCoding: Sendable, Hashable, CaseIterable {
    /// `br`, RFC 7932: the smallest for text.
    case brotli
    /// `zstd`, RFC 8878: the fastest.
    case zstandard
    /// `gzip`, RFC 1952: what every client knows.
    case gzip

    /// The coding's registered name.
    public var name: StaticString {
        switch self {
        case .brotli: "br"
        case .zstandard: "zstd"
        case .gzip: "gzip"
        }
    }

    /// The coding a client likes best, nil where it likes the bytes as they are better or takes none of these.
    ///
    /// The highest weight wins, among equal ones the first of `preference`. Source: RFC 9110 §12.5.3.
    ///
    /// - Parameters:
    ///   - acceptEncoding: the field's value, nil where the request has none: nothing is compressed then.
    ///   - preference: the codings on offer.
    /// - Returns: the coding.
    public static func negotiate(_ acceptEncoding: String?, preference: [CompressionCoding])
        -> CompressionCoding?
    {
        guard let acceptEncoding, !acceptEncoding.isEmpty else { return nil }
        let list = acceptEncoding.utf8.span
        var best: (coding: CompressionCoding, weight: Int)?
        for coding in preference {
            guard let weight = weight(of: coding, in: list), weight > best?.weight ?? 0 else { continue }
            best = (coding, weight)
        }
        // Identity counts only where it is named: "*" speaks of codings that are not.
        guard let best, best.weight >= namedWeight(of: "identity", in: list) ?? 0 else { return nil }
        return best.coding
    }

    private static func weight(of coding: CompressionCoding, in list: Span<UInt8>) -> Int? {
        if coding == .gzip, namedWeight(of: "gzip", in: list) == nil,
            let alias = namedWeight(of: "x-gzip", in: list)
        {
            return alias
        }
        return FieldSyntax.weight(of: coding.name, in: list)
    }

    /// The weight of a coding that is listed by its name.
    private static func namedWeight(of name: StaticString, in list: Span<UInt8>) -> Int? {
        var isListed = false
        FieldSyntax.forEachElement(list) { range in
            let element = list.extracting(range)
            var end = 0
            while end < element.count, FieldSyntax.isTokenByte(element[end]) { end += 1 }
            isListed = FieldSyntax.equalsIgnoringCase(
                FieldSyntax.string(element.extracting(0..<end)),
                "\(name)"
            )
            return !isListed
        }
        return isListed ? FieldSyntax.weight(of: name, in: list) : nil
    }
}
