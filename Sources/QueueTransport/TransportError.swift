// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The environment refused what a queue needs: which system call, with which errno.
public struct TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The system call, as `memfd_create`.
    public let operation: String
    /// Its errno.
    public let code: Int32

    /// Makes an error of a failed call.
    public init(operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    /// The error as one line, as in `mmap: Cannot allocate memory`.
    public var description: String { "\(operation): \(String(cString: strerror(code)))" }

    /// Passes a result on, or throws where it is a negative errno.
    static func check(_ result: Int32, _ operation: String) throws(TransportError) -> Int32 {
        guard result >= 0 else { throw TransportError(operation: operation, code: -result) }
        return result
    }
}
