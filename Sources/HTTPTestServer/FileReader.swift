// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPFeatures

/// Reads a regular file, for responses that send one.
struct FileReader {
    private let descriptor: Int32

    /// Opens a file; `close()` it.
    init(path: String) throws {
        // SAFETY: the string is passed as a C string that lives through the call.
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw HTTPResponseError(.fileUnavailable, "open \(path): errno \(errno)")
        }
    }

    /// Reads a file that someone else has open.
    init(descriptor: Int32) { self.descriptor = descriptor }

    func close() { _ = Glibc.close(descriptor) }

    /// The file's length.
    func byteCount() throws -> Int64 {
        var status = stat()
        // SAFETY: `status` outlives the call, which fills it.
        let result = unsafe fstat(descriptor, &status)
        guard result == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw HTTPResponseError(.fileUnavailable, "not a regular file")
        }
        return Int64(status.st_size)
    }

    /// Reads up to `byteCount` bytes, at least one.
    func read(at offset: Int64, upTo byteCount: Int) throws -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            // SAFETY: the buffer has room for `byteCount` bytes, and `count` is what the kernel filled.
            let result = unsafe pread(descriptor, buffer.baseAddress, byteCount, Int(offset))
            if result < 0 { failure = errno }
            count = max(0, result)
        }
        guard !bytes.isEmpty else {
            throw HTTPResponseError(.fileUnavailable, "read at \(offset): errno \(failure)")
        }
        return bytes
    }
}
