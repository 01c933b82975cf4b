// SPDX-License-Identifier: Apache-2.0

/// The classes of bytes that the grammars of HTTP tell apart, as one bit each of one table.
struct ByteClass: OptionSet {
    let rawValue: UInt8

    /// `tchar`, RFC 9110 §5.6.2.
    static let token = ByteClass(rawValue: 1)
    /// A visible ASCII character of a path that needs no second look: not `/`, `%`, `\`, `?` or `#`.
    static let plainPath = ByteClass(rawValue: 2)
    /// A visible ASCII character other than `#`.
    static let target = ByteClass(rawValue: 4)
    /// A character of a host name: letters, digits and `- . _ ~ ! $ ' ( )`.
    static let hostName = ByteClass(rawValue: 8)
    /// A byte that a field value may hold: SP, HTAB, visible ASCII, obs-text; RFC 9110 §5.5.
    static let fieldValue = ByteClass(rawValue: 16)
    /// A hexadecimal digit.
    static let hexDigit = ByteClass(rawValue: 32)

    /// The classes of one byte.
    @inline(__always)
    static func of(_ byte: UInt8) -> ByteClass {
        ByteClass(rawValue: table[Int(byte)])
    }

    /// One row for sixteen bytes.
    ///
    /// A test computes it again from the definitions above.
    private static let table: InlineArray<256, UInt8> = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        16, 31, 22, 17, 31, 21, 23, 31, 30, 30, 23, 23, 22, 31, 31, 20,
        63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 22, 22, 22, 22, 22, 20,
        22, 63, 63, 63, 63, 63, 63, 31, 31, 31, 31, 31, 31, 31, 31, 31,
        31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 22, 20, 22, 23, 31,
        23, 63, 63, 63, 63, 63, 63, 31, 31, 31, 31, 31, 31, 31, 31, 31,
        31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 22, 23, 22, 31, 0,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
        16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
    ]
}

extension UInt8 {
    /// Whether the byte is of a class.
    @inline(__always)
    func isIn(_ byteClass: ByteClass) -> Bool {
        ByteClass.of(self).rawValue & byteClass.rawValue != 0
    }

    /// Whether the byte is SP or HTAB.
    @inline(__always)
    var isBlank: Bool { self == .space || self == .tab }

    /// Whether the byte is `0` to `9`.
    @inline(__always)
    var isDigit: Bool { self &- 0x30 < 10 }

    /// The value of a hexadecimal digit, nil for any other byte.
    @inline(__always)
    var hexDigitValue: UInt8? {
        if self &- 0x30 < 10 { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    /// The byte with an upper-case ASCII letter made lower-case.
    @inline(__always)
    var asciiLowercased: UInt8 {
        self &- 0x41 < 26 ? self | 0x20 : self
    }

    /// HTAB.
    static var tab: UInt8 { 0x09 }
    /// LF.
    static var lineFeed: UInt8 { 0x0a }
    /// CR.
    static var carriageReturn: UInt8 { 0x0d }
    /// SP.
    static var space: UInt8 { 0x20 }
}
