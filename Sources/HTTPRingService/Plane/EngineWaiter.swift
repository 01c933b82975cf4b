// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Has the control thread wait for asynchronous work.
///
/// The control thread is none of Swift's pool, so that blocking it starves nobody; it waits on a pipe.
final class EngineWaiter {
    private let readEnd: PassedDescriptor
    private let writeEnd: PassedDescriptor

    init() throws(ControlFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw ControlFailure(.machine, "pipe: \(String(cString: strerror(errno))). Raise LimitNOFILE.")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = PassedDescriptor(ends[0])
        writeEnd = PassedDescriptor(ends[1])
    }

    /// Runs work in Swift's pool and returns its result.
    @discardableResult
    func wait<Result: Sendable>(_ work: @escaping @Sendable () async -> Result) -> Result {
        let result = ResultBox<Result>()
        let end = writeEnd
        Task.detached {
            let value = await work()
            result.value.withLock { $0 = value }
            var byte: UInt8 = 1
            _ = write(end.value, &byte, 1)
        }
        var byte: UInt8 = 0
        while read(readEnd.value, &byte, 1) != 1 {
            precondition(errno == EINTR, "A pipe of our own can be read.")
        }
        guard let value = result.value.withLock({ $0 }) else {
            preconditionFailure("The byte comes after the result.")
        }
        return value
    }
}

/// Where the result lies until it is fetched.
private final class ResultBox<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
