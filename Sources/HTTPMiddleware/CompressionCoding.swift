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
        return FieldSyntax.preferredCoding(of: preference.map(\.name), in: acceptEncoding.utf8.span)
            .map { preference[$0] }
    }
}
