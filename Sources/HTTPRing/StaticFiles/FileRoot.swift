// SPDX-License-Identifier: Apache-2.0

import CFiles
import Glibc

/// A directory whose files are served, and the one place that opens them.
///
/// Nothing outside the directory is ever opened: the kernel resolves each path with `RESOLVE_BENEATH`, so
/// that a symbolic link may lead elsewhere inside but never out. Where openat2(2) is refused (Linux before
/// 5.6, seccomp profiles), each segment is opened by itself and no link at all is followed.
final class FileRoot: Sendable {
    private let directory: Int32
    private let resolvesInKernel: Bool

    /// Opens the directory.
    ///
    /// - Throws: `StaticFilesError` where it can't be opened.
    init(_ path: String, usesOpenat2: Bool = true) throws {
        directory = Glibc.open(path, HTTPRING_O_PATH | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw StaticFilesError(operation: "open", path: path, errno: errno) }
        resolvesInKernel = usesOpenat2 && FileRoot.probe(directory)
    }

    deinit { close(directory) }

    private static func probe(_ directory: Int32) -> Bool {
        let descriptor = hr_open_beneath(directory, ".", UInt64(HTTPRING_O_PATH | O_DIRECTORY | O_CLOEXEC))
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }

    /// Opens a file or directory below the root for reading.
    ///
    /// Never waits for the other end of a pipe. Cost: one system call, or one for each segment.
    ///
    /// - Parameter path: relative, with no `..` and no NUL.
    /// - Returns: a descriptor the caller closes, or `nil` where there is nothing to serve.
    /// - Throws: `StaticFilesError` where the environment refuses, such as EMFILE.
    func open(_ path: String) throws -> Int32? {
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let result = resolvesInKernel ? openBeneath(path, flags) : openStepwise(path, flags)
        if result >= 0 { return result }
        switch -result {
        case ENOENT, ENOTDIR, ELOOP, EXDEV, EACCES, EPERM, ENAMETOOLONG, ENXIO, EINVAL, EAGAIN: return nil
        default: throw StaticFilesError(operation: "open", path: path, errno: -result)
        }
    }

    private func openBeneath(_ path: String, _ flags: Int32) -> Int32 {
        // EAGAIN: a directory on the way was renamed meanwhile. Four times in a row it is no accident.
        for _ in 0..<4 {
            let result = hr_open_beneath(directory, path, UInt64(flags))
            if result != -EAGAIN && result != -EINTR { return result }
        }
        return -EAGAIN
    }

    private func openStepwise(_ path: String, _ flags: Int32) -> Int32 {
        var current = directory
        defer { if current != directory { close(current) } }
        let segments = path.split(separator: "/")
        for (index, segment) in segments.enumerated() {
            guard segment != ".", segment != ".." else { return -EXDEV }
            let isLast = index == segments.count - 1
            let stepFlags =
                isLast ? flags | O_NOFOLLOW : HTTPRING_O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
            let next = openat(current, String(segment), stepFlags)
            guard next >= 0 else { return -errno }
            if isLast { return next }
            if current != directory { close(current) }
            current = next
        }
        return openat(directory, ".", flags)
    }
}

/// A directory or file of the operator's that can't be used.
public struct StaticFilesError: Error, Sendable, CustomStringConvertible {
    /// The system call's name.
    public let operation: String
    /// What it was called for.
    public let path: String
    /// The error number.
    public let errno: Int32

    /// Such as "open /srv/www: errno 2 (ENOENT): give a directory the server's user may read".
    public var description: String {
        let name =
            switch errno {
            case ENOENT: " (ENOENT)"
            case EACCES: " (EACCES)"
            case ENOTDIR: " (ENOTDIR)"
            case EMFILE: " (EMFILE)"
            case ENFILE: " (ENFILE)"
            default: ""
            }
        let advice =
            errno == EMFILE || errno == ENFILE
            ? "raise the limit on open files" : "give a directory the server's user may read"
        return "\(operation) \(path): errno \(errno)\(name): \(advice)"
    }
}
