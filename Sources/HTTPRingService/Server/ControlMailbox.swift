// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Work for the control thread from other threads.
///
/// Any thread.
public final class ControlMailbox: Sendable {
    private struct Contents: Sendable {
        var work: [@Sendable (ControlPlane) -> Void] = []
        var isStopping = false
    }

    private let contents = Mutex(Contents())
    /// The end that is readable while there is something.
    let readEnd: Int32
    private let writeEnd: Int32

    /// Makes a mailbox.
    ///
    /// - Throws: where there are no descriptors left.
    public init() throws(ControlFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw ControlFailure(.machine, "pipe: \(String(cString: strerror(errno))). Raise LimitNOFILE.")
        }
        for end in ends { UnixSocket.setFlags(end) }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Has the control thread do something soon.
    public func post(_ work: @escaping @Sendable (ControlPlane) -> Void) {
        contents.withLock { $0.work.append(work) }
        ring()
    }

    /// Has the control thread return from `ControlServer.run()`.
    public func stop() {
        contents.withLock { $0.isStopping = true }
        ring()
    }

    private func ring() {
        // A full pipe is readable anyway.
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// Takes what is there.
    func take() -> (work: [@Sendable (ControlPlane) -> Void], isStopping: Bool) {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(readEnd, &bytes, bytes.count) == bytes.count {}
        return contents.withLock { contents in
            defer { contents.work = [] }
            return (contents.work, contents.isStopping)
        }
    }
}
