// SPDX-License-Identifier: Apache-2.0

/// The small grammars that field values are made of.
///
/// RFC 9110 §5.6.
public enum FieldSyntax {
    /// Whether the byte is a `tchar`.
    public static func isTokenByte(_ byte: UInt8) -> Bool {
        byte.isIn(.token)
    }

    /// Whether the bytes are a token: one `tchar` at least, and nothing else.
    public static func isToken(_ bytes: Span<UInt8>) -> Bool {
        guard !bytes.isEmpty else { return false }
        for index in bytes.indices where !bytes[index].isIn(.token) { return false }
        return true
    }

    /// Whether the text is a token.
    public static func isToken(_ text: String) -> Bool {
        isToken(text.utf8.span)
    }

    /// Whether the bytes may stand in a field value: no control character but HTAB.
    ///
    /// RFC 9110 §5.5.
    public static func isFieldValue(_ bytes: Span<UInt8>) -> Bool {
        ByteScan.firstControl(bytes, from: 0, to: bytes.count) == bytes.count
    }

    /// Whether two texts are equal byte for byte.
    public static func equals(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where left[index] != right[index] { return false }
        return true
    }

    /// Whether two texts are equal but for the case of ASCII letters.
    public static func equalsIgnoringCase(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where left[index].asciiLowercased != right[index].asciiLowercased {
            return false
        }
        return true
    }

    /// Whether two texts are equal but for the case of ASCII letters.
    public static func equalsIgnoringCase(_ left: String, _ right: String) -> Bool {
        equalsIgnoringCase(left.utf8.span, right.utf8.span)
    }

    /// A number of decimal digits only, below 2⁶³; nil for anything else, the empty text included.
    public static func decimal(_ bytes: Span<UInt8>) -> Int64? {
        decimal(bytes, from: 0, to: bytes.count)
    }

    /// A number of decimal digits in `start..<end`, below 2⁶³.
    static func decimal(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int64? {
        guard start < end else { return nil }
        var value: Int64 = 0
        for offset in start..<end {
            guard bytes[offset].isDigit else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            guard !isTooLarge else { return nil }
            let (sum, overflows) = product.addingReportingOverflow(Int64(bytes[offset] &- 0x30))
            guard !overflows else { return nil }
            value = sum
        }
        return value
    }

    /// The stretch of `start..<end` without SP and HTAB at its ends.
    @inline(__always)
    static func trim(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> (from: Int, to: Int) {
        var from = start
        var to = end
        while from < to, bytes[from].isBlank { from &+= 1 }
        while to > from, bytes[to &- 1].isBlank { to &-= 1 }
        return (from, to)
    }

    /// A string of bytes taken as UTF-8, each malformed stretch replaced by U+FFFD.
    ///
    /// Cost: allocates for more than 15 bytes.
    public static func string(_ bytes: Span<UInt8>) -> String {
        ByteScan.string(bytes)
    }

    /// A string of bytes taken as ISO-8859-1: each byte the scalar of its value.
    public static func latin1String(_ bytes: Span<UInt8>) -> String {
        var scalars = String.UnicodeScalarView()
        for index in bytes.indices { scalars.append(Unicode.Scalar(bytes[index])) }
        return String(scalars)
    }
}
