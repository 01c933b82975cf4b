// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import HTTPWire

/// The lines of a response's head or trailer section in the form that nghttp2 takes them.
///
/// **Ownership**: one for each workspace, used again for each response. The names of well-known fields are its own;
/// other names and all values are copied into a block that the caller gives, and that lives until they are sent.
///
/// SAFETY: `append` stays inside the block, since the caller makes it as large as `byteCount(of:)` says.
struct FieldLines {
    /// For each `FieldID` a line without a value, its name in lower case.
    private let named: UnsafeMutablePointer<nghttp2_nv>
    private let names: UnsafeMutableRawPointer
    private(set) var lines: UnsafeMutablePointer<nghttp2_nv>
    private(set) var count = 0
    private var capacity = 64
    private var block: UnsafeMutableRawPointer
    private(set) var blockCount = 0

    private static let noCopy = UInt8(
        NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue
    )
    /// The longest name that is well known, rounded up.
    private static let nameBytesMax = 32
    /// What HTTP/2 has no use for, since it speaks of the connection.
    ///
    /// Source: RFC 9113 §8.2.2.
    private static let connectionFields = FieldIDSet(
        .connection,
        .keepAlive,
        .proxyConnection,
        .transferEncoding,
        .upgrade
    )
    static let status: StaticString = ":status"
    /// The digits of the longest number.
    static let numberBytesMax = 20

    init() {
        let count = FieldID.allCases.count
        named = .allocate(capacity: count)
        names = .allocate(byteCount: count * FieldLines.nameBytesMax, alignment: 16)
        for (index, id) in FieldID.allCases.enumerated() {
            precondition(Int(id.rawValue) == index, "Identifiers of fields are numbered from 0.")
            let text = id.name
            let name = (names + index * FieldLines.nameBytesMax).assumingMemoryBound(to: UInt8.self)
            precondition(text.utf8CodeUnitCount <= FieldLines.nameBytesMax, "Well-known names are short.")
            for offset in 0..<text.utf8CodeUnitCount {
                let byte = text.utf8Start[offset]
                (name + offset).initialize(to: byte &- 0x41 < 26 ? byte | 0x20 : byte)
            }
            (named + index).initialize(
                to: nghttp2_nv(
                    name: name,
                    value: nil,
                    namelen: text.utf8CodeUnitCount,
                    valuelen: 0,
                    flags: FieldLines.noCopy
                )
            )
        }
        lines = .allocate(capacity: capacity)
        block = names
    }

    /// Frees what the lines hold; they are not used afterwards.
    func free() {
        named.deallocate()
        names.deallocate()
        lines.deallocate()
    }

    /// How many bytes `append` copies for a section, at most.
    static func byteCount(of fields: FieldSection) -> Int {
        var total = 0
        fields.forEach { id, name, value in
            total &+= value.count
            if id == .unknown { total &+= name.count }
        }
        return total
    }

    /// Begins with no lines; what is copied goes into `block` from its first byte on.
    mutating func begin(copyingTo block: UnsafeMutableRawPointer) {
        self.block = block
        blockCount = 0
        count = 0
    }

    /// Appends `:status`.
    mutating func appendStatus(_ status: UInt16) {
        let value = (block + blockCount).assumingMemoryBound(to: UInt8.self)
        value[0] = UInt8(truncatingIfNeeded: 0x30 + status / 100)
        value[1] = UInt8(truncatingIfNeeded: 0x30 + status / 10 % 10)
        value[2] = UInt8(truncatingIfNeeded: 0x30 + status % 10)
        blockCount += 3
        var line = nghttp2_nv()
        // SAFETY: a static text lives for ever; nghttp2 only reads it.
        line.name = UnsafeMutablePointer(mutating: FieldLines.status.utf8Start)
        line.namelen = FieldLines.status.utf8CodeUnitCount
        line.value = value
        line.valuelen = 3
        line.flags = FieldLines.noCopy
        append(line)
    }

    /// Appends a line of a well-known name.
    @inline(__always)
    mutating func append(_ id: FieldID, _ value: Span<UInt8>) {
        var line = named[Int(id.rawValue)]
        line.value = copy(value)
        line.valuelen = value.count
        append(line)
    }

    /// Appends a line of a well-known name and a text that lives for ever.
    mutating func append(_ id: FieldID, literal value: StaticString) {
        var line = named[Int(id.rawValue)]
        // SAFETY: a static text lives for ever; nghttp2 only reads it.
        line.value = UnsafeMutablePointer(mutating: value.utf8Start)
        line.valuelen = value.utf8CodeUnitCount
        append(line)
    }

    /// Appends a line of a well-known name and a number.
    mutating func append(_ id: FieldID, decimal number: UInt64) {
        var digitCount = 1
        var bound = number
        while bound >= 10 {
            bound /= 10
            digitCount += 1
        }
        let value = (block + blockCount).assumingMemoryBound(to: UInt8.self)
        var rest = number
        for offset in stride(from: digitCount - 1, through: 0, by: -1) {
            value[offset] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        blockCount += digitCount
        var line = named[Int(id.rawValue)]
        line.value = value
        line.valuelen = digitCount
        append(line)
    }

    /// Appends the lines of a section but those that speak of the connection.
    mutating func append(_ fields: FieldSection) {
        fields.forEach { id, name, value in
            guard id != .unknown else {
                let lowered = copyLowercased(name)
                var line = nghttp2_nv()
                line.name = lowered
                line.namelen = name.count
                line.value = copy(value)
                line.valuelen = value.count
                line.flags = FieldLines.noCopy
                append(line)
                return
            }
            guard !FieldLines.connectionFields.contains(id) else { return }
            append(id, value)
        }
    }

    /// Has nghttp2 copy names and values.
    func setCopied() {
        for index in 0..<count { lines[index].flags = 0 }
    }

    @inline(__always)
    private mutating func append(_ line: nghttp2_nv) {
        if count == capacity { grow() }
        (lines + count).initialize(to: line)
        count &+= 1
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<nghttp2_nv>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: lines, count: count)
        lines.deallocate()
        lines = larger
        capacity *= 2
    }

    @inline(__always)
    private mutating func copy(_ value: Span<UInt8>) -> UnsafeMutablePointer<UInt8> {
        let target = block + blockCount
        value.withUnsafeBytes { source in
            if let base = source.baseAddress { target.copyMemory(from: base, byteCount: source.count) }
        }
        blockCount &+= value.count
        return target.assumingMemoryBound(to: UInt8.self)
    }

    private mutating func copyLowercased(_ name: Span<UInt8>) -> UnsafeMutablePointer<UInt8> {
        let target = (block + blockCount).assumingMemoryBound(to: UInt8.self)
        for index in name.indices {
            let byte = name[index]
            target[index] = byte &- 0x41 < 26 ? byte | 0x20 : byte
        }
        blockCount &+= name.count
        return target
    }
}
