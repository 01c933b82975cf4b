// SPDX-License-Identifier: Apache-2.0

/// Lines being built: a fixed block of memory that is filled, written out and emptied.
///
/// **Units and limits**: the capacity never grows; whoever appends knows from `LogTextLimit` that it fits.
@safe struct LogText: ~Copyable {
    private let base: UnsafeMutablePointer<UInt8>
    let capacity: Int
    private(set) var count = 0

    /// Creates an empty text that holds at most `capacity` bytes.
    init(capacity: Int) {
        self.capacity = capacity
        unsafe base = .allocate(capacity: capacity)
    }

    deinit { unsafe base.deallocate() }

    /// How many bytes can still be appended.
    var room: Int { capacity - count }

    /// The bytes, valid until the text changes or ends.
    var bytes: UnsafeBufferPointer<UInt8> {
        // SAFETY: the first `count` bytes of the block were written.
        unsafe UnsafeBufferPointer(start: base, count: count)
    }

    /// Forgets all bytes and keeps the block.
    mutating func removeAll() { count = 0 }

    /// Appends one byte.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        precondition(count < capacity, "A log text is longer than its bound.")
        unsafe base[count] = byte
        count &+= 1
    }

    /// Appends text of our own, unescaped.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        unsafe append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes that are known to be harmless.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        precondition(bytes.count <= room, "A log text is longer than its bound.")
        guard let source = bytes.baseAddress else { return }
        unsafe (base + count).update(from: source, count: bytes.count)
        count &+= bytes.count
    }

    /// Appends a number in decimal.
    mutating func append(decimal value: UInt64) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = value
        repeat {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
        for index in first..<20 { append(digits[index]) }
    }

    /// Appends a number below 100 as two digits.
    mutating func append(twoDigits value: UInt8) {
        append(UInt8(ascii: "0") + value / 10)
        append(UInt8(ascii: "0") + value % 10)
    }

    /// Appends a byte as two hexadecimal digits, in upper or lower case.
    mutating func append(hex byte: UInt8, isUppercase: Bool) {
        append(Self.digit(byte >> 4, isUppercase))
        append(Self.digit(byte & 15, isUppercase))
    }

    private static func digit(_ nibble: UInt8, _ isUppercase: Bool) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: isUppercase ? "A" : "a") + nibble - 10
    }
}

extension LogText {
    /// How peer bytes are made harmless.
    enum Escaping {
        /// For columns between spaces: space, tab and controls become `+`, others outside ASCII `%XX`.
        case column
        /// For texts between quotes: `"` and `\` get a backslash; what is not printable ASCII becomes `\xhh`.
        case quoted
        /// For words between spaces in a log that quotes: as `quoted`, and a space becomes `\x20`.
        case word
    }

    /// Appends peer bytes so that they can neither end a line nor look like another column.
    ///
    /// **Units and limits**: a byte becomes at most four.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>, escaping: Escaping) {
        guard let source = bytes.baseAddress else { return }
        precondition(bytes.count <= room / 4, "A log text is longer than its bound.")
        var index = 0
        while index < bytes.count {
            // SAFETY: `index` and what is read from it stay below `bytes.count`; the room for four times the
            // bytes was checked above, so that the copies below stay inside the block.
            if index &+ 8 <= bytes.count {
                let word = unsafe UnsafeRawPointer(source + index).loadUnaligned(as: UInt64.self)
                if Self.isHarmless(word, escaping) {
                    unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: word, as: UInt64.self)
                    count &+= 8
                    index &+= 8
                    continue
                }
            }
            let end = min(index &+ 8, bytes.count)
            while index < end {
                append(unsafe source[index], escaping)
                index &+= 1
            }
        }
    }

    /// Whether all eight bytes go into the log as they are.
    ///
    /// Arithmetic on a word: measured at a tenth of the cost of the standard library's vector masks.
    @inline(__always)
    private static func isHarmless(_ word: UInt64, _ escaping: Escaping) -> Bool {
        let lowest: UInt8 = escaping == .quoted ? 0x20 : 0x21
        var strange = word | ((word &- repeated(lowest)) & ~word) | zeroBytes(word ^ repeated(0x7F))
        if escaping != .column {
            strange |= zeroBytes(word ^ repeated(UInt8(ascii: "\"")))
            strange |= zeroBytes(word ^ repeated(UInt8(ascii: "\\")))
        }
        return strange & repeated(0x80) == 0
    }

    /// A word whose top bits tell, from its lowest zero byte on, where `word` has one.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 {
        (word &- repeated(1)) & ~word
    }

    @inline(__always)
    private static func repeated(_ byte: UInt8) -> UInt64 {
        UInt64(byte) &* 0x0101_0101_0101_0101
    }

    @inline(__always)
    private mutating func append(_ byte: UInt8, _ escaping: Escaping) {
        switch (escaping, byte) {
        case (.column, 0x21...0x7E): append(byte)
        case (.column, 0x80...0xFF):
            append(UInt8(ascii: "%"))
            append(hex: byte, isUppercase: true)
        case (.column, _): append(UInt8(ascii: "+"))
        case (_, UInt8(ascii: "\"")), (_, UInt8(ascii: "\\")):
            append(UInt8(ascii: "\\"))
            append(byte)
        case (.quoted, 0x20...0x7E), (.word, 0x21...0x7E): append(byte)
        default:
            append("\\x")
            append(hex: byte, isUppercase: false)
        }
    }
}
