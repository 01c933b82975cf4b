// SPDX-License-Identifier: Apache-2.0

/// The one rule by which hosts and paths are compared without regard to case.
///
/// Each Unicode scalar becomes its full lower-case mapping; nothing depends on language or neighbours, and
/// nothing is normalised. Bytes that are not UTF-8 stay as they are. A `/` or `.` never appears or goes away.
enum CaseFolding {
    /// Appends the folded UTF-8 of `text` to `bytes`.
    ///
    /// Allocates.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                bytes.append(lower(UInt8(truncatingIfNeeded: scalar.value)))
            } else {
                bytes.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
            }
        }
    }

    /// Folds `source` into `scratch`, from its start, until it ends or the scratch is full.
    ///
    /// Cost: no allocation (no mapping is longer than a small string holds), about 20 ns for each scalar
    /// that is not ASCII.
    static func fold(_ source: Span<UInt8>, into scratch: inout FoldedBytes) {
        var offset = 0
        while offset < source.count && !scratch.isFull {
            let byte = source[offset]
            if byte < 0x80 {
                scratch.append(lower(byte))
                offset += 1
            } else if let (scalar, byteCount) = decode(source, at: offset) {
                for byte in scalar.properties.lowercaseMapping.utf8 { scratch.append(byte) }
                offset += byteCount
            } else {
                scratch.append(byte)
                offset += 1
            }
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }

    /// Decodes the scalar at `offset`, or returns nil where the bytes are not UTF-8.
    ///
    /// Source: RFC 3629 §4.
    private static func decode(_ bytes: Span<UInt8>, at offset: Int) -> (Unicode.Scalar, byteCount: Int)? {
        let lead = bytes[offset]
        let byteCount: Int
        let smallest: UInt32
        var value: UInt32
        switch lead {
        case 0xC2...0xDF: (byteCount, smallest, value) = (2, 0x80, UInt32(lead & 0x1F))
        case 0xE0...0xEF: (byteCount, smallest, value) = (3, 0x800, UInt32(lead & 0x0F))
        case 0xF0...0xF4: (byteCount, smallest, value) = (4, 0x10000, UInt32(lead & 0x07))
        default: return nil
        }
        guard bytes.count - offset >= byteCount else { return nil }
        for index in 1..<byteCount {
            let next = bytes[offset + index]
            guard next & 0xC0 == 0x80 else { return nil }
            value = value << 6 | UInt32(next & 0x3F)
        }
        guard value >= smallest, let scalar = Unicode.Scalar(value) else { return nil }
        return (scalar, byteCount)
    }
}

/// A fixed room on the stack for the folded form of a host or the start of a path.
struct FoldedBytes {
    /// More than the folded form of any prefix path: mappings grow by half at most (2 bytes to 3).
    private(set) var storage = InlineArray<3088, UInt8>(repeating: 0)
    /// How many bytes of the storage are in use.
    private(set) var count = 0

    var isFull: Bool { count == storage.count }

    /// Appends `byte`, or drops it when full.
    mutating func append(_ byte: UInt8) {
        guard count < storage.count else { return }
        storage[count] = byte
        count += 1
    }
}
