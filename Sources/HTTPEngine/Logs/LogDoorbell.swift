// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Wakes a thread that waits, also when it is rung before the wait.
///
/// A pipe: its ends can be used by any thread without a lock, and `poll` counts monotonic time, so that a
/// set clock neither shortens nor stretches a wait.
final class LogDoorbell: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32

    /// Opens the pipe; throws where the process has no descriptors left.
    init() throws(LogError) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = unsafe withUnsafeMutablePointer(to: &ends) { pair in
            // SAFETY: a pair of Int32 lies like the array of two that `pipe` fills.
            unsafe pair.withMemoryRebound(to: Int32.self, capacity: 2) { unsafe pipe($0) }
        }
        guard result == 0 else {
            throw LogError(operation: "pipe", code: errno, object: "the log writer's wake-up")
        }
        for end in [ends.0, ends.1] {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (readEnd, writeEnd) = ends
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Ends the present or the next wait.
    ///
    /// Never blocks: a full pipe already is a wake-up.
    func ring() {
        var byte: UInt8 = 1
        _ = unsafe write(writeEnd, &byte, 1)
    }

    /// Waits until rung, at most `milliseconds`; returns whether it was.
    @discardableResult
    func wait(milliseconds: Int32) -> Bool {
        var request = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&request, 1, milliseconds) > 0 else { return false }
        var bytes: UInt64 = 0
        while unsafe read(readEnd, &bytes, 8) > 0 {}
        return true
    }
}
