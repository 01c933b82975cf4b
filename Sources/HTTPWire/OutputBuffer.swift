// SPDX-License-Identifier: Apache-2.0

/// A growable block of bytes in which responses are built.
///
/// **Ownership**: owns one heap block that never moves but when it grows; `take()` hands the block over, else it is
/// freed with the buffer. Not copyable, usable from one thread at a time.
///
/// **Cost**: appending copies once; growing doubles. `removeAll` keeps the block for the next response.
@safe
public struct OutputBuffer: ~Copyable {
    /// The block, at least `capacity` bytes; a placeholder that nobody owns while `capacity` is 0.
    @usableFromInline var base: UnsafeMutableRawPointer
    /// `count`, which inlined code may set.
    @usableFromInline var usedCount = 0
    /// `capacity`, which inlined code may set.
    @usableFromInline var blockCapacity: Int

    /// The alignment of every block, for whoever frees one that was taken.
    public static let alignment = 16

    /// Makes an empty buffer; with a capacity of 0 it holds no block until something is appended.
    public init(capacity: Int = 1024) {
        blockCapacity = max(capacity, 0)
        if capacity > 0 {
            unsafe base = .allocate(byteCount: capacity, alignment: Self.alignment)
        } else {
            unsafe base = OutputBuffer.placeholder
        }
    }

    /// Makes an empty buffer of a block that was taken from another one, or allocated alike.
    @unsafe
    public init(adopting block: UnsafeMutableRawPointer, capacity: Int) {
        precondition(capacity > 0, "A block that is adopted has bytes.")
        unsafe base = block
        blockCapacity = capacity
    }

    deinit {
        if capacity > 0 { unsafe base.deallocate() }
    }

    /// Stands for no block.
    ///
    /// SAFETY: never read or written, since its capacity is 0.
    @usableFromInline static var placeholder: UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped
    }

    /// How many bytes have been appended.
    @inlinable public var count: Int { usedCount }

    /// How many bytes the block holds.
    @inlinable public var capacity: Int { blockCapacity }

    /// Whether nothing has been appended.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// Forgets the bytes and keeps the block.
    @inlinable
    public mutating func removeAll() {
        usedCount = 0
    }

    /// Drops the bytes after the first `newCount`; there must be that many.
    public mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= count, "A buffer is truncated to a part of it.")
        usedCount = newCount
    }

    /// Drops the first `byteCount` bytes and moves the rest to the front; there must be that many.
    public mutating func removeFirst(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count, "Only bytes that are there are removed.")
        // SAFETY: byteCount <= count <= capacity, so source and destination lie inside the block; both may overlap.
        unsafe base.copyMemory(from: base + byteCount, byteCount: count - byteCount)
        usedCount -= byteCount
    }

    /// Makes room for `byteCount` more bytes.
    @inlinable
    @inline(__always)
    public mutating func reserve(_ byteCount: Int) {
        precondition(byteCount >= 0, "A reservation is not negative.")
        if capacity - count < byteCount { grow(for: byteCount) }
    }

    @inline(never)
    @usableFromInline
    mutating func grow(for byteCount: Int) {
        let (needed, overflows) = count.addingReportingOverflow(byteCount)
        precondition(!overflows && needed <= Int.max / 2, "A buffer's size fits the address space.")
        let newCapacity = max(capacity * 2, needed, 64)
        let newBase = UnsafeMutableRawPointer.allocate(
            byteCount: newCapacity,
            alignment: Self.alignment
        )
        // SAFETY: count <= capacity < newCapacity, and the new block does not overlap the old one.
        unsafe newBase.copyMemory(from: base, byteCount: count)
        if capacity > 0 { unsafe base.deallocate() }
        unsafe base = newBase
        blockCapacity = newCapacity
    }

    // MARK: Appending

    /// Appends one byte.
    @inlinable
    @inline(__always)
    public mutating func append(byte: UInt8) {
        reserve(1)
        // SAFETY: count < capacity after the reservation.
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        usedCount &+= 1
    }

    /// Appends the bytes of a buffer, which must not lie in this block.
    @inlinable
    @inline(__always)
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        // SAFETY: the reservation made room for that many bytes; the source is another block.
        unsafe (base + count).copyMemory(from: source, byteCount: bytes.count)
        usedCount &+= bytes.count
    }

    /// Appends what `fill` writes into room for `byteCount` bytes; it says how many those are.
    @unsafe
    public mutating func appendUninitialized(
        _ byteCount: Int,
        fill: (UnsafeMutableRawBufferPointer) -> Int
    ) -> Int {
        reserve(byteCount)
        // SAFETY: the reservation made room for that many bytes behind those that are there.
        let filled = unsafe fill(UnsafeMutableRawBufferPointer(start: base + count, count: byteCount))
        precondition(filled >= 0 && filled <= byteCount, "No more is filled than there is room for.")
        usedCount &+= filled
        return filled
    }

    /// Appends the bytes of a span.
    @inlinable
    @inline(__always)
    public mutating func append(_ bytes: Span<UInt8>) {
        // SAFETY: the buffer is read during the call only; exclusive access to self keeps it out of this block.
        unsafe bytes.withUnsafeBytes { unsafe append($0) }
    }

    /// Appends a static text.
    @inlinable
    @inline(__always)
    public mutating func append(_ text: StaticString) {
        // SAFETY: a static text's bytes live for ever, and its count is theirs.
        unsafe append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the bytes of an array.
    @inlinable
    @inline(__always)
    public mutating func append(_ bytes: [UInt8]) {
        append(bytes.span)
    }

    /// Appends a string as UTF-8.
    @inlinable
    @inline(__always)
    public mutating func append(utf8 text: String) {
        append(text.utf8.span)
    }

    /// Appends the bytes of a fixed array.
    @inlinable
    @inline(__always)
    public mutating func append<let size: Int>(_ bytes: InlineArray<size, UInt8>) {
        append(bytes.span)
    }

    /// Appends a number in decimal digits, with `-` where it is negative.
    @inlinable
    public mutating func append(decimal value: some FixedWidthInteger) {
        append(decimalMagnitude: UInt64(truncatingIfNeeded: value.magnitude), isNegative: value < 0)
    }

    /// Appends the decimal digits of a number given as magnitude and sign.
    public mutating func append(decimalMagnitude magnitude: UInt64, isNegative: Bool) {
        if isNegative { append(byte: UInt8(ascii: "-")) }
        append(digits: magnitude, radix: 10)
    }

    /// Appends a number in upper-case hexadecimal digits.
    @inlinable
    public mutating func append(hex value: some FixedWidthInteger & UnsignedInteger) {
        append(hexMagnitude: UInt64(truncatingIfNeeded: value))
    }

    /// Appends the upper-case hexadecimal digits of a number.
    public mutating func append(hexMagnitude magnitude: UInt64) {
        append(digits: magnitude, radix: 16)
    }

    /// Appends the digits of a number, the last one written first.
    @inline(__always)
    private mutating func append(digits value: UInt64, radix: UInt64) {
        reserve(20)
        var digitCount = 1
        var bound = value
        while bound >= radix {
            bound /= radix
            digitCount &+= 1
        }
        var rest = value
        var offset = count &+ digitCount
        usedCount = offset
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % radix)
            rest /= radix
            offset &-= 1
            // SAFETY: a number below 2^64 has at most 20 digits, and 20 bytes were reserved.
            unsafe base.storeBytes(
                of: digit < 10 ? 0x30 + digit : 0x37 + digit,
                toByteOffset: offset,
                as: UInt8.self
            )
        } while rest != 0
    }

    // MARK: Reading and handing over

    /// Calls a function with the bytes appended so far.
    @inlinable
    public borrowing func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: the first `count` bytes are initialized and stay while self is borrowed.
        let span = unsafe Span(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count)
        return try body(span)
    }

    /// Calls a function with the bytes appended so far; they must not be kept.
    @inlinable
    public borrowing func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: the first `count` bytes are initialized and stay while self is borrowed.
        try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// The bytes appended so far, as an array.
    public borrowing func toArray() -> [UInt8] {
        unsafe withUnsafeBytes { unsafe Array($0) }
    }

    /// Hands over the block and stays behind empty; whoever takes it frees it with `deallocate()`.
    ///
    /// - Returns: the block, `nil` where there is none; how many bytes it holds and could hold.
    @unsafe
    @inlinable
    @inline(__always)
    public mutating func take() -> (pointer: UnsafeMutableRawPointer?, count: Int, capacity: Int) {
        let taken = unsafe (pointer: capacity > 0 ? base : nil, count: count, capacity: capacity)
        unsafe base = OutputBuffer.placeholder
        usedCount = 0
        blockCapacity = 0
        return unsafe taken
    }
}

// SAFETY: the buffer owns its block alone, so moving it to another thread moves the block with it.
extension OutputBuffer: @unchecked Sendable {}
