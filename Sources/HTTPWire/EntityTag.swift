// SPDX-License-Identifier: Apache-2.0

/// An entity tag, as in ETag, If-Match and If-None-Match.
///
/// RFC 9110 §8.8.3.
public struct EntityTag: Equatable, Hashable, Sendable {
    /// Whether the tag says only that representations are equivalent (`W/`).
    public var isWeak: Bool
    /// The text between the quotes.
    public var opaque: [UInt8]

    /// Makes a tag from the text that goes between its quotes; nil where a tag cannot hold it.
    public init?(opaque: String, isWeak: Bool = false) {
        for byte in opaque.utf8 where !EntityTag.isTagByte(byte) { return nil }
        self.opaque = Array(opaque.utf8)
        self.isWeak = isWeak
    }

    /// Reads a tag, such as `"a"` or `W/"a"`; nil where the text is anything else.
    public init?(_ text: Span<UInt8>) {
        var offset = 0
        guard let range = EntityTag.read(text, at: &offset), offset == text.count else { return nil }
        isWeak = range.isWeak
        opaque = []
        ByteScan.append(text.extracting(range.opaque), to: &opaque)
    }

    /// Reads a tag from a string; nil where the text is anything else.
    public init?(_ text: String) {
        self.init(text.utf8.span)
    }

    /// Whether both are strong and the same; RFC 9110 §8.8.3.2.
    public func strongMatches(_ other: EntityTag) -> Bool {
        !isWeak && !other.isWeak && opaque == other.opaque
    }

    /// Whether both are the same but for weakness; RFC 9110 §8.8.3.2.
    public func weakMatches(_ other: EntityTag) -> Bool {
        opaque == other.opaque
    }

    /// The tag as a field value.
    public var text: String {
        (isWeak ? "W/\"" : "\"") + FieldSyntax.string(opaque.span) + "\""
    }

    /// `etagc`: visible ASCII but `"`, and obs-text.
    static func isTagByte(_ byte: UInt8) -> Bool {
        byte > .space && byte != UInt8(ascii: "\"") && byte != 0x7f
    }

    /// Reads a tag that begins at an offset, and moves the offset behind it.
    static func read(_ text: Span<UInt8>, at offset: inout Int) -> (isWeak: Bool, opaque: Range<Int>)? {
        var start = offset
        var isWeak = false
        if text.count - start >= 2, text[start] == UInt8(ascii: "W"), text[start + 1] == UInt8(ascii: "/") {
            isWeak = true
            start += 2
        }
        guard start < text.count, text[start] == UInt8(ascii: "\"") else { return nil }
        start += 1
        var end = start
        while end < text.count, isTagByte(text[end]) { end += 1 }
        guard end < text.count, text[end] == UInt8(ascii: "\"") else { return nil }
        offset = end + 1
        return (isWeak, start..<end)
    }
}
