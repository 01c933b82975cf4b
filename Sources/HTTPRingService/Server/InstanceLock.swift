// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The lock that keeps a second instance away: held as long as the value lives, and freed by the kernel when the
/// process ends in whatever way.
public final class InstanceLock {
    private let descriptor: PassedDescriptor

    /// Takes the lock.
    ///
    /// - Parameter path: the lock's file, which stays; its process number is for people.
    /// - Throws: when another process has it, or the file cannot be opened.
    public init(path: String) throws(ControlFailure) {
        let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard number >= 0 else {
            throw ControlFailure(
                .machine,
                "The lock file \(path) cannot be opened: \(String(cString: strerror(errno))). Make its directory, or "
                    + "name another with lock-file in [service]."
            )
        }
        descriptor = PassedDescriptor(number)
        guard lockf(number, F_TLOCK, 0) == 0 else {
            throw ControlFailure(
                .conflict,
                "Another httpringd runs and holds \(path). Stop it first, or give this one a lock file, state file and "
                    + "control socket of its own."
            )
        }
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(number, 0)
        _ = text.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
    }
}
