// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// One completion as the kernel posted it.
///
/// Layout: the 16 bytes of `struct io_uring_cqe`, which is why a batch is copied as memory.
public struct Completion: Sendable {
    /// The token given with the operation.
    public let token: Token
    /// A count, a descriptor, or a negative errno: see the operation.
    public let result: Int32
    /// `IORING_CQE_F_*`, with the buffer's number in the upper half.
    public let flags: UInt32

    /// Makes a completion, as a simulated kernel in a test does.
    @inlinable
    public init(token: Token, result: Int32, flags: UInt32) {
        self.token = token
        self.result = result
        self.flags = flags
    }

    /// Whether the operation stays armed and will complete again (`IORING_CQE_F_MORE`).
    ///
    /// False ends a multishot operation whatever `result` says: after end of file, an error, `ENOBUFS`, and
    /// also after good data when the completion queue ran over. Whoever still wants it must arm it again.
    @inlinable
    public var hasMore: Bool { flags & 2 != 0 }

    /// The buffer that holds the received bytes, which the delegate now owns (`IORING_CQE_F_BUFFER`).
    ///
    /// Give it back with `Loop.returnBuffer(_:)`, also when the token turns out to be stale.
    @inlinable
    public var bufferID: UInt16? {
        flags & 1 != 0 ? UInt16(truncatingIfNeeded: flags &>> 16) : nil
    }

    /// The errno of a failed operation, `nil` for one that succeeded.
    @inlinable
    public var errno: Int32? { result < 0 ? 0 &- result : nil }

    /// Whether a receive ended because the loop had no buffer free; see `Loop.receiveWhenBuffersReturn`.
    public var isOutOfBuffers: Bool { result == -ENOBUFS }

    /// Whether the operation was cancelled before it did anything.
    public var isCancelled: Bool { result == -ECANCELED }
}
