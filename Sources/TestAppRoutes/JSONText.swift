// SPDX-License-Identifier: Apache-2.0

/// JSON as text in the making: what the application's few structured answers need (RFC 8259).
struct JSONText {
    private(set) var bytes: [UInt8] = []

    /// Appends text as it is.
    mutating func raw(_ text: StaticString) {
        for byte in text.description.utf8 { bytes.append(byte) }
    }

    mutating func number(_ value: some BinaryInteger) { bytes.append(contentsOf: String(value).utf8) }

    /// Appends a string of Unicode text.
    mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 { escaped(byte) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends bytes as a string, each as the ISO-8859-1 character it is.
    mutating func latin1(_ text: Span<UInt8>, lowercased: Bool = false) {
        bytes.append(UInt8(ascii: "\""))
        for index in text.indices {
            let byte = text[index]
            if byte >= 0x80 {
                bytes.append(0xC0 | byte >> 6)
                bytes.append(0x80 | byte & 0x3F)
            } else if lowercased, byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") {
                bytes.append(byte | 0x20)
            } else {
                escaped(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0..<0x20, 0x7F:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }
}
