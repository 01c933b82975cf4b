// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What arrived on a Unix socket.
package struct ReceivedPiece {
    /// Bytes read; 0 is the end, negative a negative errno.
    package var byteCount: Int
    /// Descriptors that came along.
    package var descriptors: [PassedDescriptor]
    /// Whether more descriptors came than there was room for.
    package var isTruncated: Bool
}

/// Calls on Unix stream sockets that carry descriptors and tell who is at the other end.
package enum UnixSocket {
    /// The most descriptors one call takes or gives; the kernel passes at most 253 (unix(7)).
    package static let descriptorsMax = 252
    // SCM_RIGHTS: a header of 16 bytes, then four bytes for each descriptor (cmsg(3)).
    private static let headerByteCount = 16

    /// Connects to a socket; a negative errno where it fails.
    package static func connect(_ path: String) -> Int32 {
        var address = sockaddr_un()
        let room = MemoryLayout.size(ofValue: address.sun_path)
        let name = Array(path.utf8)
        guard name.count < room, !name.isEmpty, !name.contains(0) else { return -ENAMETOOLONG }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return -errno }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, length)
            }
        }
        guard result == 0 else {
            let code = errno
            Glibc.close(descriptor)
            return -code
        }
        return descriptor
    }

    /// Accepts a connection, not blocking and closed in children; a negative errno where there is none.
    package static func accept(_ listener: Int32) -> Int32 {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return -errno }
        setFlags(descriptor)
        return descriptor
    }

    /// Has a descriptor never block, and not be there in children.
    package static func setFlags(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Reads what is there.
    package static func receive(
        _ descriptor: Int32,
        into buffer: inout [UInt8],
        waits: Bool = false
    ) -> ReceivedPiece {
        var control = [UInt64](repeating: 0, count: (headerByteCount + descriptorsMax * 4) / 8)
        let flags = Int32(MSG_CMSG_CLOEXEC) | (waits ? 0 : Int32(MSG_DONTWAIT))
        let (count, controlCount, isTruncated) = buffer.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { room in
                var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &vector) { pointer in
                    var message = msghdr()
                    message.msg_iov = pointer
                    message.msg_iovlen = 1
                    message.msg_control = room.baseAddress
                    message.msg_controllen = room.count
                    var count = recvmsg(descriptor, &message, flags)
                    while count < 0 && errno == EINTR { count = recvmsg(descriptor, &message, flags) }
                    let isTruncated = message.msg_flags & Int32(MSG_CTRUNC) != 0
                    return (count < 0 ? -Int(errno) : count, message.msg_controllen, isTruncated)
                }
            }
        }
        let descriptors = count < 0 ? [] : descriptors(in: control, byteCount: controlCount)
        return ReceivedPiece(byteCount: count, descriptors: descriptors, isTruncated: isTruncated)
    }

    private static func descriptors(in control: [UInt64], byteCount: Int) -> [PassedDescriptor] {
        control.withUnsafeBytes { bytes in
            var found: [PassedDescriptor] = []
            var offset = 0
            while offset + headerByteCount <= byteCount {
                let length = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                let level = bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int32.self)
                let type = bytes.loadUnaligned(fromByteOffset: offset + 12, as: Int32.self)
                guard length >= headerByteCount, offset + length <= byteCount else { break }
                if level == SOL_SOCKET && type == Int32(SCM_RIGHTS) {
                    for position in stride(from: offset + headerByteCount, to: offset + length - 3, by: 4) {
                        let number = bytes.loadUnaligned(fromByteOffset: position, as: Int32.self)
                        found.append(PassedDescriptor(number))
                    }
                }
                offset += (length + 7) & ~7
            }
            return found
        }
    }

    /// Sends bytes, with descriptors along the first of them; returns how many, or a negative errno.
    package static func send(
        _ descriptor: Int32,
        _ bytes: ArraySlice<UInt8>,
        _ descriptors: [PassedDescriptor] = [],
        waits: Bool = false
    ) -> Int {
        precondition(descriptors.count <= descriptorsMax, "so many descriptors go along at most")
        let length = headerByteCount + descriptors.count * 4
        var control = [UInt64](repeating: 0, count: (length + 7) / 8)
        control.withUnsafeMutableBytes { room in
            room.storeBytes(of: UInt64(length), as: UInt64.self)
            room.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
            room.storeBytes(of: Int32(SCM_RIGHTS), toByteOffset: 12, as: Int32.self)
            for (index, descriptor) in descriptors.enumerated() {
                let offset = headerByteCount + index * 4
                room.storeBytes(of: descriptor.value, toByteOffset: offset, as: Int32.self)
            }
        }
        let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
        var bytes = bytes
        return bytes.withUnsafeMutableBytes { data in
            control.withUnsafeMutableBytes { room in
                var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
                return withUnsafeMutablePointer(to: &vector) { pointer in
                    var message = msghdr()
                    message.msg_iov = pointer
                    message.msg_iovlen = 1
                    if !descriptors.isEmpty {
                        message.msg_control = room.baseAddress
                        message.msg_controllen = room.count
                    }
                    var count = sendmsg(descriptor, &message, flags)
                    while count < 0 && errno == EINTR { count = sendmsg(descriptor, &message, flags) }
                    return count < 0 ? -Int(errno) : count
                }
            }
        }
    }
}
