// SPDX-License-Identifier: Apache-2.0

/// What a Range field asks of a representation of a known length.
///
/// RFC 9110 §14.
public enum ByteRanges: Equatable, Sendable {
    /// The field is malformed, of another unit, or asks for too many ranges: the whole representation is sent.
    case ignore
    /// None of the ranges has a byte of the representation: the answer is 416.
    case unsatisfiable
    /// These ranges are sent, in the order they were asked for, touching and overlapping ones made one.
    case ranges([Range<Int64>])

    /// Ranges in one field beyond which it is ignored.
    public static let rangeCountMax = 8

    /// Reads a Range field against a representation's length.
    ///
    /// **Shape**: `bytes=0-99`, `bytes=100-`, `bytes=-50`, and lists of them. A first position above the last, a
    /// position of 2⁶³ or more, or anything else makes the whole field `ignore`, RFC 9110 §14.2.
    ///
    /// **Limits**: over `rangeCountMax` ranges the field is ignored, against requests for many small or overlapping
    /// ranges, RFC 9110 §17.15.
    ///
    /// - Parameters:
    ///   - field: the field value.
    ///   - length: the length of the representation, not negative.
    /// - Returns: what to send.
    public static func parse(_ field: Span<UInt8>, length: Int64) -> ByteRanges {
        precondition(length >= 0, "A length is not negative.")
        guard field.count > 6, ByteScan.hasPrefix(field, from: 0, ignoringCase: "bytes="),
            field[5] == UInt8(ascii: "=")
        else { return .ignore }
        var ranges: [Range<Int64>] = []
        var specCount = 0
        var offset = 6
        while offset <= field.count {
            let comma = ByteScan.first(UInt8(ascii: ","), in: field, from: offset, to: field.count)
            let (from, to) = FieldSyntax.trim(field, from: offset, to: comma)
            offset = comma + 1
            // Empty list elements are skipped, RFC 9110 §5.6.1.2, but not without end.
            specCount += 1
            guard specCount <= rangeCountMax else { return .ignore }
            guard from < to else { continue }
            switch parseSpec(field, from: from, to: to, length: length) {
            case .malformed: return .ignore
            case .outside: continue
            case .inside(let range): insert(range, into: &ranges)
            }
        }
        guard !ranges.isEmpty else { return isEmptyList(field) ? .ignore : .unsatisfiable }
        return .ranges(ranges)
    }

    /// Reads a Range field from a string.
    public static func parse(_ field: String, length: Int64) -> ByteRanges {
        parse(field.utf8.span, length: length)
    }

    /// The value of Content-Range for a range of a representation, such as `bytes 0-99/1000`.
    public static func contentRange(_ range: Range<Int64>, length: Int64) -> String {
        "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)"
    }

    /// The value of Content-Range with a 416, such as `bytes */1000`.
    public static func unsatisfiableContentRange(length: Int64) -> String {
        "bytes */\(length)"
    }

    private enum Spec {
        case malformed
        case outside
        case inside(Range<Int64>)
    }

    /// Reads one `first-last`, `first-` or `-suffix`.
    private static func parseSpec(_ field: Span<UInt8>, from: Int, to: Int, length: Int64) -> Spec {
        let dash = ByteScan.first(UInt8(ascii: "-"), in: field, from: from, to: to)
        guard dash < to else { return .malformed }
        if dash == from {
            guard let suffix = FieldSyntax.decimal(field, from: dash + 1, to: to) else { return .malformed }
            let start = max(0, length - suffix)
            return start < length ? .inside(start..<length) : .outside
        }
        guard let first = FieldSyntax.decimal(field, from: from, to: dash) else { return .malformed }
        guard dash + 1 < to else { return first < length ? .inside(first..<length) : .outside }
        guard let last = FieldSyntax.decimal(field, from: dash + 1, to: to), first <= last else {
            return .malformed
        }
        // `last < length` comes first, so that last + 1 does not overflow.
        return first < length ? .inside(first..<(last < length ? last + 1 : length)) : .outside
    }

    /// Adds a range, made one with those it touches; the result stands where the first of them stood.
    private static func insert(_ range: Range<Int64>, into ranges: inout [Range<Int64>]) {
        var merged = range
        var place: Int?
        var index = 0
        while index < ranges.count {
            let other = ranges[index]
            guard other.lowerBound <= merged.upperBound, merged.lowerBound <= other.upperBound else {
                index += 1
                continue
            }
            merged = min(merged.lowerBound, other.lowerBound)..<max(merged.upperBound, other.upperBound)
            ranges.remove(at: index)
            place = min(place ?? index, index)
            // The larger range may now touch one that was passed; there are eight at most.
            index = 0
        }
        ranges.insert(merged, at: place ?? ranges.count)
    }

    /// Whether nothing but blanks and commas follows `bytes=`.
    private static func isEmptyList(_ field: Span<UInt8>) -> Bool {
        for offset in 6..<field.count where !(field[offset].isBlank || field[offset] == UInt8(ascii: ",")) {
            return false
        }
        return true
    }
}
