// SPDX-License-Identifier: Apache-2.0

/// A stretch of bytes in a buffer that is known from the context: 32-bit offset and count.
public struct ByteRange: Equatable, Hashable, Sendable {
    /// The offset of the first byte.
    public var start: UInt32
    /// How many bytes there are.
    public var count: UInt32

    /// The empty range at offset 0.
    public static let empty = ByteRange()

    /// Makes the empty range at offset 0.
    @inlinable
    public init() {
        start = 0
        count = 0
    }

    /// Makes a range from offset and count.
    @inlinable
    public init(start: UInt32, count: UInt32) {
        self.start = start
        self.count = count
    }

    /// Makes a range from two offsets, `end` exclusive; both must fit 32 bits.
    @inlinable
    public init(from start: Int, to end: Int) {
        self.start = UInt32(start)
        self.count = UInt32(end - start)
    }

    /// Makes a range from two offsets that lie inside a head, and so are known to be in order and to fit 32 bits.
    @inline(__always)
    init(inHeadFrom start: Int, to end: Int) {
        assert(start >= 0 && start <= end && end <= HeadLimits.headBytesCeiling)
        self.start = UInt32(truncatingIfNeeded: start)
        self.count = UInt32(truncatingIfNeeded: end &- start)
    }

    /// The offset after the last byte.
    @inlinable
    public var end: Int { Int(start) + Int(count) }

    /// Whether the range has no bytes.
    @inlinable
    public var isEmpty: Bool { count == 0 }

    /// The same stretch as a range of `Int`.
    @inlinable
    public var range: Range<Int> { Int(start)..<end }
}
