// SPDX-License-Identifier: Apache-2.0

/// Says where in a control message something is that cannot be.
public struct ControlCodecError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public let words: String
    /// The byte of the message, from 0.
    public let offset: Int

    /// What is wrong and where.
    public var description: String { "\(words) at byte \(offset) of the message" }
}

/// Writes the parts of a control message: numbers most significant byte first, texts behind their length.
struct ControlWriter {
    private(set) var bytes: [UInt8] = []

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Number(shift)))
        }
    }

    mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func data(_ value: [UInt8]) {
        number(UInt32(clamping: value.count))
        bytes += value
    }

    mutating func text(_ value: String) {
        number(UInt32(clamping: value.utf8.count))
        bytes += value.utf8
    }

    mutating func optional<Value>(_ value: Value?, _ write: (inout ControlWriter, Value) -> Void) {
        flag(value != nil)
        if let value { write(&self, value) }
    }

    mutating func list<Element>(_ values: [Element], _ write: (inout ControlWriter, Element) -> Void) {
        number(UInt32(clamping: values.count))
        for value in values { write(&self, value) }
    }
}

/// Reads the parts of a control message; every length is held against what is there.
struct ControlReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var remainingCount: Int { bytes.endIndex - position }

    func error(_ words: String) -> ControlCodecError {
        ControlCodecError(words: words, offset: position - bytes.startIndex)
    }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ type: Number.Type = Number.self
    ) throws(ControlCodecError) -> Number {
        let count = Number.bitWidth / 8
        guard remainingCount >= count else { throw error("a number is cut off") }
        var value: UInt64 = 0
        for byte in bytes[position..<position + count] { value = value << 8 | UInt64(byte) }
        position += count
        return Number(truncatingIfNeeded: value)
    }

    mutating func flag() throws(ControlCodecError) -> Bool {
        switch try number(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw error("a flag is neither 0 nor 1")
        }
    }

    mutating func data() throws(ControlCodecError) -> [UInt8] {
        let count = try number(UInt32.self)
        guard Int(count) <= remainingCount else { throw error("a length is beyond the message's end") }
        defer { position += Int(count) }
        return Array(bytes[position..<position + Int(count)])
    }

    mutating func text() throws(ControlCodecError) -> String {
        let start = position
        guard let text = String(validating: try data(), as: UTF8.self) else {
            throw ControlCodecError(words: "a text is not UTF-8", offset: start - bytes.startIndex)
        }
        return text
    }

    mutating func optional<Value>(
        _ read: (inout ControlReader) throws(ControlCodecError) -> Value
    ) throws(ControlCodecError) -> Value? {
        try flag() ? try read(&self) : nil
    }

    /// Reads a list; each element takes at least one byte, so that its length is bounded by the message's.
    mutating func list<Element>(
        _ read: (inout ControlReader) throws(ControlCodecError) -> Element
    ) throws(ControlCodecError) -> [Element] {
        let count = try number(UInt32.self)
        guard Int(count) <= remainingCount else { throw error("a list is longer than the message") }
        var values: [Element] = []
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }

    func finish() throws(ControlCodecError) {
        guard remainingCount == 0 else { throw error("something follows the end of the message") }
    }
}
