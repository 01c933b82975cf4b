// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A call on a file that failed.
public struct StateFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The system call, as `fsync`.
    public let operation: String
    /// The file.
    public let path: String
    /// The errno.
    public let code: Int32

    /// Makes an error.
    public init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The call, the file, the reason.
    public var description: String { "\(operation) \(path): \(String(cString: strerror(code)))" }
}

/// The calls by which the state is kept, so that tests can fail each of them.
public protocol StateFiles: AnyObject, Sendable {
    /// All bytes of a file; `nil` where there is none.
    func read(_ path: String) throws(StateFileError) -> [UInt8]?
    /// Creates an empty file for its owner alone, in place of one of that name, and returns its descriptor.
    func create(_ path: String) throws(StateFileError) -> Int32
    /// Writes some of the bytes at the file's end and returns how many.
    func write(_ bytes: ArraySlice<UInt8>, to file: Int32, _ path: String) throws(StateFileError) -> Int
    /// Waits until the file's bytes are on the medium.
    func synchronize(_ file: Int32, _ path: String) throws(StateFileError)
    /// Closes the file.
    func close(_ file: Int32)
    /// Gives a file another name, in place of the one that has it, at one instant.
    func rename(_ old: String, to new: String) throws(StateFileError)
    /// Waits until the directory's names are on the medium.
    func synchronizeDirectory(_ path: String) throws(StateFileError)
}

/// The machine's file system.
public final class LinuxStateFiles: StateFiles {
    /// The most bytes a state file may have.
    public static let bytesMax = 1 << 30

    /// Makes it.
    public init() {}

    /// All bytes of a file; `nil` where there is none.
    public func read(_ path: String) throws(StateFileError) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw StateFileError(operation: "open", path: path, code: errno)
        }
        defer { Glibc.close(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = block.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw StateFileError(operation: "read", path: path, code: errno)
            }
            guard bytes.count + count <= Self.bytesMax else {
                throw StateFileError(operation: "read", path: path, code: EFBIG)
            }
            bytes += block[..<count]
        }
    }

    /// Creates an empty file for its owner alone and returns its descriptor.
    public func create(_ path: String) throws(StateFileError) -> Int32 {
        // What a writer that was killed left behind.
        if unlink(path) != 0 && errno != ENOENT {
            throw StateFileError(operation: "unlink", path: path, code: errno)
        }
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw StateFileError(operation: "open", path: path, code: errno) }
        return file
    }

    /// Writes some of the bytes and returns how many.
    public func write(
        _ bytes: ArraySlice<UInt8>,
        to file: Int32,
        _ path: String
    ) throws(StateFileError) -> Int {
        while true {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count > 0 || bytes.isEmpty { return count }
            let code = count == 0 ? ENOSPC : errno
            guard code == EINTR else { throw StateFileError(operation: "write", path: path, code: code) }
        }
    }

    /// Waits until the file's bytes are on the medium.
    public func synchronize(_ file: Int32, _ path: String) throws(StateFileError) {
        guard fsync(file) == 0 else { throw StateFileError(operation: "fsync", path: path, code: errno) }
    }

    /// Closes the file.
    public func close(_ file: Int32) { Glibc.close(file) }

    /// Gives a file another name at one instant.
    public func rename(_ old: String, to new: String) throws(StateFileError) {
        guard Glibc.rename(old, new) == 0 else {
            throw StateFileError(operation: "rename", path: new, code: errno)
        }
    }

    /// Waits until the directory's names are on the medium.
    public func synchronizeDirectory(_ path: String) throws(StateFileError) {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw StateFileError(operation: "open", path: path, code: errno) }
        defer { Glibc.close(directory) }
        guard fsync(directory) == 0 else { throw StateFileError(operation: "fsync", path: path, code: errno) }
    }
}
