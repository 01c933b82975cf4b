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
}
