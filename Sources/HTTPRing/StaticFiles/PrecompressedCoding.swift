// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// A content coding that files may lie in beside themselves: `app.js.br` beside `app.js`.
public enum PrecompressedCoding: Sendable, Hashable, CaseIterable {
    /// `name.br`, RFC 7932.
    case brotli
    /// `name.zst`, RFC 8878.
    case zstandard
    /// `name.gz`, RFC 1952.
    case gzip

    /// What stands behind the file's name.
    var suffix: String {
        switch self {
        case .brotli: ".br"
        case .zstandard: ".zst"
        case .gzip: ".gz"
        }
    }

    /// The coding's registered name.
    var name: StaticString {
        switch self {
        case .brotli: "br"
        case .zstandard: "zstd"
        case .gzip: "gzip"
        }
    }
}
