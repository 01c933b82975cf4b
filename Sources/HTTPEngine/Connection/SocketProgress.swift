// SPDX-License-Identifier: Apache-2.0

import Glibc
import IORing

/// How far a peer has taken what was sent to it.
enum SocketProgress {
    /// Bytes the peer has acknowledged since the connection began; `nil` where the kernel can't tell.
    ///
    /// `TCP_INFO` (tcp(7)). A Unix socket has no such count, so its peer, which is on this machine, is held to
    /// no rate.
    static func acknowledgedByteCount(_ socket: Int32) -> Int64? {
        Socket.acknowledgedByteCount(of: socket).map { Int64(clamping: $0) }
    }
}
