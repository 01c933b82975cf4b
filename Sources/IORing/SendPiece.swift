// SPDX-License-Identifier: Apache-2.0

/// A piece of memory to send, as part of a vector.
///
/// Layout: `struct iovec`, so that a list of pieces goes to the kernel as it is.
public struct SendPiece {
    /// Where the bytes begin; anything when `count` is 0.
    public var pointer: UnsafeRawPointer?
    /// How many there are.
    public var count: Int

    /// Makes a piece of `count` bytes from `pointer` on, which stay until the send has completed.
    @inlinable
    public init(pointer: UnsafeRawPointer?, count: Int) {
        self.pointer = pointer
        self.count = count
    }
}
