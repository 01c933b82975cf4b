// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension Listener {
    /// Opens a listener on a Unix socket, in place of a stale one.
    ///
    /// A socket file that nobody listens on any more is removed. One that is served, or a file that is no
    /// socket, is left alone and refused.
    static func openUnix(_ address: SocketAddress, _ options: Options) throws(IORingError) -> Listener {
        guard let path = address.path, !path.isEmpty, path.utf8.count <= SocketAddress.pathByteCountMax else {
            throw IORingError(
                operation: "bind",
                object: address.description,
                code: ENAMETOOLONG,
                advice: "The path of a Unix socket has 1 to \(SocketAddress.pathByteCountMax) bytes"
            )
        }
        let socket = hr_socket(AF_UNIX)
        guard socket >= 0 else { throw IORingError(listen: "socket", on: address, code: errno) }
        do throws(IORingError) {
            try bindReplacingStale(socket, address, path)
            let file = path.hasPrefix("@") ? nil : SocketFile(path: path)
            if let mode = options.unixMode, file != nil, chmod(path, mode_t(mode)) != 0 {
                throw IORingError(listen: "chmod", on: address, code: errno)
            }
            // Nobody can connect before this, so the mode holds from the first connection on.
            guard listen(socket, options.backlog) == 0 else {
                throw IORingError(listen: "listen", on: address, code: errno)
            }
            return Listener(descriptor: socket, address: address, name: nil, file: file)
        } catch {
            Glibc.close(socket)
            throw error
        }
    }

    private static func bindReplacingStale(
        _ socket: Int32,
        _ address: SocketAddress,
        _ path: String
    ) throws(IORingError) {
        if address.withKernelAddress({ bind(socket, $0, $1) }) == 0 { return }
        var code = errno
        if code == EADDRINUSE && !path.hasPrefix("@") && isStale(address, path) {
            guard unlink(path) == 0 || errno == ENOENT else {
                throw IORingError(listen: "unlink", on: address, code: errno)
            }
            if address.withKernelAddress({ bind(socket, $0, $1) }) == 0 { return }
            code = errno
        }
        throw IORingError(listen: "bind", on: address, code: code)
    }

    /// Whether the file is a socket that refuses connections.
    private static func isStale(_ address: SocketAddress, _ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
        let client = hr_socket(AF_UNIX)
        guard client >= 0 else { return false }
        defer { Glibc.close(client) }
        // Not to wait for a server whose backlog is full: it is not stale.
        guard hr_set_nonblocking(client, 1) == 0 else { return false }
        return address.withKernelAddress { connect(client, $0, $1) } == -1 && errno == ECONNREFUSED
    }
}

/// The file of a Unix socket, known by device and inode.
struct SocketFile: Sendable {
    private let path: String
    private let device: UInt64
    private let inode: UInt64

    /// Notes which file is at `path` now; `nil` when there is none.
    init?(path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// Removes the file unless somebody has put another in its place.
    func remove() {
        var status = stat()
        guard lstat(path, &status) == 0, UInt64(status.st_dev) == device, UInt64(status.st_ino) == inode
        else {
            return
        }
        unlink(path)
    }
}
