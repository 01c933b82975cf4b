// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Writes whole batches of lines to one descriptor, and never waits long for a reader that does not read.
///
/// **Isolation**: the writer thread only.
final class LogDescriptor {
    let descriptor: Int32
    /// What to name in errors.
    let name: String
    private let isFile: Bool
    /// How long a pipe may keep us waiting before its batch is lost.
    private let patienceMilliseconds: Int32
    /// Whether it did, and took nothing since: then it is only asked, not waited for.
    private var isStuck = false
    /// Whether the last failure left a line without its end.
    private var isLineCut = false

    /// The most that a pipe, once it is writable, takes without blocking.
    private static let pipeBytes = 4096
    /// How often one write is tried again after a signal or a quicker writer.
    private static let attemptsMax = 100

    /// Wraps a descriptor that something else closes.
    init(_ descriptor: Int32, name: String, patienceMilliseconds: Int32 = 1000) {
        self.descriptor = descriptor
        self.name = name
        self.patienceMilliseconds = patienceMilliseconds
        var status = stat()
        isFile = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Writes all bytes or throws; a line that an earlier failure cut off is ended first.
    func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(LogError) {
        if isLineCut {
            let end: StaticString = "\n"
            _ = try unsafe writeSome(end.utf8Start, 1)
            isLineCut = false
        }
        guard let base = bytes.baseAddress else { return }
        var written = 0
        while written < bytes.count {
            do throws(LogError) {
                // SAFETY: `written` stays below the count, so that the rest lies inside the buffer.
                written += try unsafe writeSome(base + written, bytes.count - written)
            } catch {
                isLineCut = unsafe written > 0 && bytes[written - 1] != UInt8(ascii: "\n")
                throw error
            }
        }
        isStuck = false
    }

    /// Writes at least one byte, at most `count`, and returns how many.
    private func writeSome(_ bytes: UnsafePointer<UInt8>, _ count: Int) throws(LogError) -> Int {
        for _ in 0..<Self.attemptsMax {
            if !isFile { try waitUntilWritable() }
            let result = unsafe Glibc.write(descriptor, bytes, isFile ? count : min(count, Self.pipeBytes))
            if result > 0 { return result }
            // A file never takes 0 of more than 0 bytes; should one, trying for ever would be worse.
            let code = result == 0 ? EIO : errno
            // Another writer of a shared, non-blocking pipe can be quicker than we are after the poll.
            if code == EINTR || (code == EAGAIN && !isFile) { continue }
            throw LogError(operation: "write", code: code, object: name)
        }
        throw LogError(operation: "write", code: EAGAIN, object: name)
    }

    private func waitUntilWritable() throws(LogError) {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let result = unsafe poll(&request, 1, isStuck ? 0 : patienceMilliseconds)
        if result == 0 {
            isStuck = true
            throw LogError(operation: "write", code: ETIMEDOUT, object: name)
        }
        // Errors and hang-ups are left for the write to name.
    }
}
