// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What tells whether a file is still the one that was read.
struct FileStamp: Hashable, Sendable {
    let path: String
    private let device: UInt
    private let inode: UInt
    private let byteCount: Int
    private let seconds: Int
    private let nanoseconds: Int

    /// Looks at a file now; a file that is not there has a stamp too.
    init(path: String) {
        var status = stat()
        self.path = path
        guard stat(path, &status) == 0 else {
            (device, inode, byteCount, seconds, nanoseconds) = (0, 0, -1, 0, 0)
            return
        }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        byteCount = Int(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    /// Whether the file is the same, unchanged.
    var isCurrent: Bool { FileStamp(path: path) == self }
}

/// Reads the small files of a TLS configuration.
///
/// Blocking: never on a loop.
enum FileReader {
    /// The largest file that is read; chains and lists of authorities are far smaller.
    static let byteCountMax = 4 << 20

    /// Reads a whole file.
    static func read(_ path: String) throws(TLSConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TLSConfigurationError(
                .unreadableFile,
                path,
                problem: "is not a regular file",
                advice: "Name the file itself"
            )
        }
        guard status.st_size <= byteCountMax else {
            throw TLSConfigurationError(
                .unreadableFile,
                path,
                problem: "has more than \(byteCountMax >> 20) MiB",
                advice: "Check that it is the file you mean"
            )
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while bytes.count <= byteCountMax {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, errno) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }

    /// The names in a directory, sorted; hidden ones are left out.
    static func names(in path: String) throws(TLSConfigurationError) -> [String] {
        guard let directory = opendir(path) else { throw failure(path, errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") {
                names.append(name)
            }
        }
        return names.sorted()
    }

    /// Whether every user of the machine may read a file.
    static func isReadableByAll(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IROTH != 0
    }

    private static func failure(_ path: String, _ code: Int32) -> TLSConfigurationError {
        let words = String(cString: strerror(code))
        switch code {
        case ENOENT, ENOTDIR:
            return TLSConfigurationError(
                .missingFile,
                path,
                problem: "is not there",
                advice: "Check the path, or make a certificate for a try with tools/dev-cert"
            )
        case EACCES, EPERM:
            return TLSConfigurationError(
                .unreadableFile,
                path,
                problem: "may not be read by user \(geteuid())",
                advice: "Give the server's user or group the right to read it, and to enter its directories"
            )
        default:
            return TLSConfigurationError(
                .unreadableFile,
                path,
                problem: "cannot be read: \(words)",
                advice: "Check the file system"
            )
        }
    }
}
