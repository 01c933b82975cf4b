// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The environment refused an operation: which, on what, with which errno, and what to do about it.
///
/// `description` is one line for an operator, as in
/// `bind 0.0.0.0:80: EACCES (Permission denied). Ports below 1024 need CAP_NET_BIND_SERVICE …`.
public struct IORingError: Error, CustomStringConvertible, Sendable {
    /// The system call or step that failed, as `bind`.
    public let operation: String
    /// What it was done to: an address, a path; empty where there is nothing to name.
    public let object: String
    /// The errno, or 0 when the step failed for another reason, which `advice` then tells.
    public let code: Int32
    /// Why this happens and what to do, in words; empty where nothing is known.
    public let advice: String

    /// Makes an error of a failed step.
    public init(operation: String, object: String = "", code: Int32, advice: String = "") {
        self.operation = operation
        self.object = object
        self.code = code
        self.advice = advice
    }

    /// The error as one line for an operator.
    public var description: String {
        var text = operation
        if !object.isEmpty {
            text += " " + object
        }
        if code != 0 {
            text += ": \(Self.name(of: code)) (\(String(cString: strerror(code))))"
        }
        if !advice.isEmpty {
            text += (code == 0 ? ": " : ". ") + advice
        }
        return text
    }

    /// The symbol of an errno, as `EADDRINUSE`.
    static func name(of code: Int32) -> String {
        guard let name = strerrorname(code) else { return "errno \(code)" }
        return name
    }

    private static func strerrorname(_ code: Int32) -> String? {
        switch code {
        case EACCES: "EACCES"
        case EADDRINUSE: "EADDRINUSE"
        case EADDRNOTAVAIL: "EADDRNOTAVAIL"
        case EAFNOSUPPORT: "EAFNOSUPPORT"
        case EAGAIN: "EAGAIN"
        case EBADF: "EBADF"
        case ECONNREFUSED: "ECONNREFUSED"
        case EEXIST: "EEXIST"
        case EINVAL: "EINVAL"
        case EISDIR: "EISDIR"
        case ELOOP: "ELOOP"
        case EMFILE: "EMFILE"
        case ENAMETOOLONG: "ENAMETOOLONG"
        case ENFILE: "ENFILE"
        case ENOBUFS: "ENOBUFS"
        case ENOENT: "ENOENT"
        case ENOMEM: "ENOMEM"
        case ENOSYS: "ENOSYS"
        case ENOTDIR: "ENOTDIR"
        case ENOTSOCK: "ENOTSOCK"
        case EOPNOTSUPP: "EOPNOTSUPP"
        case EPERM: "EPERM"
        case EROFS: "EROFS"
        default: nil
        }
    }
}
