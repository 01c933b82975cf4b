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

/// The content codings that a client takes, and how much it likes each.
///
/// Identity is always among them: an entry without a coding is served to anyone, as HTTP.sys does.
public struct ContentCodings: Equatable, Sendable {
    /// Ten bits for each coding, in the order of their raw values: the weight in thousandths.
    ///
    /// That of identity is 0 where the client does not name it.
    private var weights: UInt64 = 0

    /// Makes what a client takes that names no codings: identity alone.
    public init() {}

    /// Makes what a client takes that names these codings and likes them equally.
    public init(_ codings: ContentCoding...) {
        for coding in codings { set(1000, of: coding) }
    }

    /// Reads an `Accept-Encoding`, its lines joined.
    ///
    /// Without the field, make an empty value: a client that does not name codings is sent none.
    ///
    /// Cost: some passes over the list; no allocation. Source: RFC 9110 §12.5.3.
    public init(acceptEncoding list: Span<UInt8>) {
        for coding in ContentCoding.allCases {
            var name = coding.text
            switch coding {
            case .identity:
                // `*` speaks of codings.
                guard Self.isNamed(name, in: list) else { continue }
            case .gzip:
                // The old name counts as the new one.
                if !Self.isNamed(name, in: list), Self.isNamed("x-gzip", in: list) { name = "x-gzip" }
            case .deflate, .brotli, .zstandard:
                break
            }
            set(FieldSyntax.weight(of: name, in: list) ?? 0, of: coding)
        }
    }

    private static func isNamed(_ name: StaticString, in list: Span<UInt8>) -> Bool {
        var isNamed = false
        FieldSyntax.forEachElement(list) { range in
            let element = list.extracting(range)
            var end = 0
            while end < element.count, FieldSyntax.isTokenByte(element[end]) { end += 1 }
            isNamed = ByteOperations.equalIgnoringCase(element.extracting(..<end), name)
            return !isNamed
        }
        return isNamed
    }

    private mutating func set(_ weight: Int, of coding: ContentCoding) {
        weights |= UInt64(truncatingIfNeeded: weight & 0x3FF) << (10 * UInt64(coding.rawValue))
    }

    /// The weight that the client gives to a coding, 0 to 1000; of identity 0 where the client does not name it.
    public func weight(of coding: ContentCoding) -> Int {
        Int(weights >> (10 * UInt64(coding.rawValue)) & 0x3FF)
    }

    /// Tells whether the client takes a coding.
    public func contains(_ coding: ContentCoding) -> Bool {
        coding == .identity || weight(of: coding) > 0
    }

    /// Tells whether the client takes a coding, and likes it no less than the bytes without one.
    @inline(__always)
    func allows(_ coding: ContentCoding) -> Bool {
        contains(coding) && weight(of: coding) >= weight(of: .identity)
    }

    /// Tells which of two codings that it takes to send the client.
    func prefers(_ coding: ContentCoding, to other: ContentCoding) -> Bool {
        (weight(of: coding), coding.preference) > (weight(of: other), other.preference)
    }
}
