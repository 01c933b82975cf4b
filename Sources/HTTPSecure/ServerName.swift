// SPDX-License-Identifier: Apache-2.0

/// The rules for names in a client's hello and in bindings (RFC 6066 §3): ASCII, compared without case.
enum ServerName {
    /// The longest name that is looked at; a DNS name has no more than 253 bytes.
    static let byteCountMax = 255

    /// The name in lower case, or `nil` where it is none that a certificate could be bound to.
    ///
    /// One dot at the end is dropped: some clients send the name as the user typed it.
    static func canonical(_ bytes: UnsafeRawBufferPointer) -> String? {
        var count = bytes.count
        if count > 1, bytes[count - 1] == UInt8(ascii: ".") {
            count -= 1
        }
        guard count > 0, count <= byteCountMax else { return nil }
        var previous = UInt8(ascii: ".")
        for byte in bytes[..<count] {
            guard isNameByte(byte) || byte == UInt8(ascii: ".") && previous != byte else { return nil }
            previous = byte
        }
        guard previous != UInt8(ascii: ".") else { return nil }
        return String(unsafeUninitializedCapacity: count) { text in
            for index in 0..<count {
                text[index] = lowercased(bytes[index])
            }
            return count
        }
    }

    /// The name, or `*.name`, of a binding in lower case; `nil` where it is neither.
    static func canonicalPattern(_ text: String) -> String? {
        var text = text
        let isWildcard = text.hasPrefix("*.")
        if isWildcard {
            text.removeFirst(2)
        }
        let name = text.withUTF8 { canonical(UnsafeRawBufferPointer($0)) }
        return isWildcard ? name.map { "*." + $0 } : name
    }

    /// What follows the first dot of a name, or `nil` when there is none.
    static func parent(of name: Substring) -> Substring? {
        guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        return name[name.utf8.index(after: dot)...]
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default:
            false
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
