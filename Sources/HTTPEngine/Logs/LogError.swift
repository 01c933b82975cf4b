// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Why a log could not be set up or written: the operation, its object and the system's error code.
public struct LogError: Error, CustomStringConvertible, Sendable {
    /// The system call or check that failed.
    public let operation: String
    /// The `errno` of the failure.
    public let code: Int32
    /// The path or thing it was applied to.
    public let object: String

    /// Creates an error.
    public init(operation: String, code: Int32, object: String) {
        self.operation = operation
        self.code = code
        self.object = object
    }

    /// What failed, why, and what to do about it, in one line.
    public var description: String {
        // SAFETY: the result is a string of this thread, copied before anything else can be asked of it.
        let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "unknown error"
        return "\(operation) \(object): \(reason) (\(code))\(advice)"
    }

    private var advice: String {
        switch code {
        case EACCES, EPERM: "; give the server's user write permission there, or name another directory"
        case ENOENT: "; create the directory that is to hold it"
        case ENOTDIR: "; name a directory"
        case EROFS: "; name a directory on a file system that can be written"
        case ENOSPC, EDQUOT: "; free space there; lines are dropped until then"
        case EMFILE, ENFILE: "; raise the limit of open files"
        case EINVAL: "; correct the value"
        default: ""
        }
    }
}
