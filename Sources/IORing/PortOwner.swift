// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Finds out who listens on a TCP port, for the error of one who cannot.
///
/// Any thread; reads `/proc`, so it is for start-up only. A process of another user is seen as its user.
enum PortOwner {
    /// Who listens, as `nginx (process 812)` or `user 33`; `nil` when that cannot be seen.
    static func describe(_ address: SocketAddress) -> String? {
        guard address.family != .unix else { return nil }
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            guard let text = read(table, byteCountMax: 4 << 20) else { continue }
            for line in text.split(separator: "\n").dropFirst() {
                guard let (user, inode) = listener(in: line, port: address.port) else { continue }
                return process(holding: inode) ?? "a process of user \(user)"
            }
        }
        return nil
    }

    /// User and inode of the socket a line of the table is about, if it listens on `port`.
    ///
    /// Shape: `0: 0100007F:1F90 00000000:0000 0A … uid timeout inode …`; see proc_net_tcp in the kernel's documents.
    private static func listener(in line: Substring, port: UInt16) -> (user: Substring, inode: Substring)? {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count > 9, fields[3] == "0A" else { return nil }
        let local = fields[1].split(separator: ":")
        guard local.count == 2, UInt16(local[1], radix: 16) == port else { return nil }
        return (fields[7], fields[9])
    }

    private static func process(holding inode: Substring) -> String? {
        let wanted = "socket:[\(inode)]"
        for process in names(in: "/proc") where process.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
            for descriptor in names(in: "/proc/\(process)/fd")
            where link("/proc/\(process)/fd/\(descriptor)") == wanted {
                let command = read("/proc/\(process)/comm", byteCountMax: 64) ?? "process"
                return "\(command.split(separator: "\n").first ?? "") (process \(process))"
            }
        }
        return nil
    }

    private static func names(in directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            // SAFETY: `d_name` is a string that ends with a zero byte, valid until the next readdir.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") {
                names.append(name)
            }
        }
        return names
    }

    private static func link(_ path: String) -> String? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return nil }
            // SAFETY: readlink writes at most the size it is given and says how much it wrote.
            let count = base.withMemoryRebound(to: CChar.self, capacity: 256) { readlink(path, $0, 256) }
            guard count > 0 else { return nil }
            return String(decoding: buffer[..<count], as: UTF8.self)
        }
    }

    private static func read(_ path: String, byteCountMax: Int) -> String? {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        while bytes.count < byteCountMax {
            let chunk = [UInt8](unsafeUninitializedCapacity: 16384) { buffer, count in
                count = max(0, Glibc.read(file, buffer.baseAddress, buffer.count))
            }
            guard !chunk.isEmpty else { break }
            bytes += chunk
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
