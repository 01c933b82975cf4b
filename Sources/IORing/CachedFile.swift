// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Reads of files that never wait for a disk.
///
/// Any thread.
public enum CachedFile {
    /// Reads what of a range lies in the page cache, from its start on.
    ///
    /// Source: preadv2(2), `RWF_NOWAIT`, Linux 4.14. Cost: one system call and the copy.
    ///
    /// - Parameters:
    ///   - descriptor: a regular file.
    ///   - memory: where the bytes go.
    ///   - offset: the first byte.
    /// - Returns: bytes read, 0 at the end of the file, or a negative errno: `-EAGAIN` for what is not cached,
    ///   `-EOPNOTSUPP` where the file system can't tell.
    public static func read(_ descriptor: Int32, _ memory: UnsafeMutableRawBufferPointer, _ offset: Int64)
        -> Int
    {
        guard let base = memory.baseAddress else { return 0 }
        let count = hr_read_cached(descriptor, base, memory.count, offset)
        return count < 0 ? -Int(errno) : count
    }

    /// Whether the byte at an offset lies in the page cache; with the kernel's read-ahead a good sign for
    /// those after it.
    ///
    /// Cost: a system call.
    public static func isCached(_ descriptor: Int32, at offset: Int64) -> Bool {
        var byte: UInt8 = 0
        return hr_read_cached(descriptor, &byte, 1, offset) == 1
    }
}

extension Socket {
    /// Sends part of a file straight from the page cache, as much as the socket takes without waiting.
    ///
    /// Source: sendfile(2). The socket is made non-blocking for the call alone, so that operations of the ring
    /// on it keep waiting as they should. May wait for a disk where the file is not cached.
    ///
    /// - Returns: bytes sent, or a negative errno: `-EAGAIN` when the socket takes nothing now.
    public static func sendFile(_ socket: Int32, from descriptor: Int32, offset: Int64, byteCount: Int) -> Int
    {
        hr_set_nonblocking(socket, 1)
        let count = hr_send_file(socket, descriptor, offset, byteCount)
        let code = errno
        hr_set_nonblocking(socket, 0)
        return count < 0 ? -Int(code) : count
    }

    /// Sends bytes at once, as many as the socket takes without waiting.
    ///
    /// - Returns: bytes sent, or a negative errno.
    public static func sendNow(_ socket: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        let count = Glibc.send(
            socket,
            base,
            bytes.count,
            Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
        )
        return count < 0 ? -Int(errno) : count
    }
}
