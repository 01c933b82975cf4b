// SPDX-License-Identifier: Apache-2.0
internal import HTTPWire

/// The content codings of which the cache keeps one variant each.
///
/// A response in any other coding, or in several, is not stored.
public enum ContentCoding: UInt8, Sendable, CaseIterable {
    /// No coding.
    case identity
    /// `deflate`, RFC 9110 §8.4.1.2.
    case deflate
    /// `gzip` or `x-gzip`, RFC 9110 §8.4.1.3.
    case gzip
    /// `br`, RFC 7932.
    case brotli
    /// `zstd`, RFC 8878.
    case zstandard

    /// The coding's registered name.
    public var text: StaticString {
        switch self {
        case .identity: "identity"
        case .deflate: "deflate"
        case .gzip: "gzip"
        case .brotli: "br"
        case .zstandard: "zstd"
        }
    }

    /// Finds a coding by its name, in any case.
    public init?(name: Span<UInt8>) {
        for coding in Self.allCases where ByteOperations.equalIgnoringCase(name, coding.text) {
            self = coding
            return
        }
        guard ByteOperations.equalIgnoringCase(name, "x-gzip") else { return nil }
        self = .gzip
    }
}

/// A set of content codings: those that a client takes.
///
/// Identity is always among them: an entry without a coding is served to anyone, as HTTP.sys does.
public struct ContentCodings: OptionSet, Sendable {
    /// The bits, one for each raw value of `ContentCoding`.
    public let rawValue: UInt8

    /// Makes a set from its bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Makes the set of the codings that an `Accept-Encoding` gives a weight above 0.
    ///
    /// Without the field, hand in nothing: a client that does not name codings is sent none.
    ///
    /// Source: RFC 9110 §12.5.3.
    public init(acceptEncoding: Span<UInt8>) {
        self = []
        for coding in ContentCoding.allCases {
            if let weight = FieldSyntax.weight(of: coding.text, in: acceptEncoding), weight > 0 {
                insert(Self(coding))
            }
        }
        // The old name counts as the new one; where there is `*`, it would only repeat what `*` says.
        guard FieldSyntax.weight(of: "*", in: acceptEncoding) == nil else { return }
        if let weight = FieldSyntax.weight(of: "x-gzip", in: acceptEncoding), weight > 0 {
            insert(Self(.gzip))
        }
    }

    /// Makes the set of one coding.
    public init(_ coding: ContentCoding) {
        self.rawValue = 1 << coding.rawValue
    }

    /// Tells whether the set has a coding.
    public func contains(_ coding: ContentCoding) -> Bool {
        coding == .identity || contains(Self(coding))
    }
}
