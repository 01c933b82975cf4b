// SPDX-License-Identifier: Apache-2.0

import Glibc
import IORing

/// How far a peer has taken what was sent to it.
enum SocketProgress {
    /// Bytes the peer has acknowledged since the connection began; 0 where the kernel can't tell.
    ///
    /// `TCP_INFO` (tcp(7)); for a Unix socket, whose bytes are the peer's once they are in its queue, the
    /// queue's shrinking shows as growth here.
    static func acknowledgedByteCount(_ socket: Int32) -> Int64 {
        Int64(clamping: Socket.acknowledgedByteCount(of: socket) ?? 0)
    }
}
