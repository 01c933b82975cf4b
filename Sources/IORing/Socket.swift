// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// System calls on a connected or listening socket, by descriptor.
///
/// Any thread; none of them blocks. Each costs one system call, 0.15 to 0.5 µs.
public enum Socket {
    /// The peer's address; `nil` when the connection is gone or its family is not known.
    public static func peerAddress(of socket: Int32) -> SocketAddress? {
        address { getpeername(socket, $0, $1) }
    }

    /// The socket's own address; `nil` when the descriptor is no socket or its family is not known.
    public static func localAddress(of socket: Int32) -> SocketAddress? {
        address { getsockname(socket, $0, $1) }
    }

    private static func address(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            // SAFETY: the storage is large enough for every address, and its size is passed along.
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
        }
        guard result == 0 else { return nil }
        return SocketAddress(storage, length: length)
    }

    /// Sends the peer the end of our data, and leaves its data open; false when the connection is gone.
    @discardableResult
    public static func shutdownSend(_ socket: Int32) -> Bool {
        Glibc.shutdown(socket, Int32(SHUT_WR)) == 0
    }

    /// Ends both directions; what is in flight on the socket completes.
    @discardableResult
    public static func shutdownBoth(_ socket: Int32) -> Bool {
        Glibc.shutdown(socket, Int32(SHUT_RDWR)) == 0
    }

    /// Makes the close of a TCP connection send a reset and drop what is not sent.
    @discardableResult
    public static func setResetOnClose(_ socket: Int32) -> Bool {
        hr_set_reset_on_close(socket) == 0
    }

    /// Whether the peer has ended its data or reset the connection, without taking anything from the socket.
    public static func hasPeerEnded(_ socket: Int32) -> Bool {
        // POLLRDHUP, which Glibc's Swift module leaves out (poll(2)); errors and hang-ups are always told.
        var descriptor = pollfd(fd: socket, events: 0x2000, revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    /// The bytes sent that the peer has not acknowledged yet; `nil` when the socket cannot tell.
    public static func unacknowledgedByteCount(of socket: Int32) -> Int? {
        let count = hr_unacknowledged_bytes(socket)
        return count < 0 ? nil : Int(count)
    }

    /// The bytes the peer of a TCP connection has acknowledged since it was made; `nil` for another socket.
    public static func acknowledgedByteCount(of socket: Int32) -> UInt64? {
        var state = hr_tcp_state()
        return hr_get_tcp_state(socket, &state) == 0 ? state.acknowledged : nil
    }

    /// Whether a TCP connection has ended (`TCP_CLOSE`); `nil` for another socket.
    public static func isClosed(_ socket: Int32) -> Bool? {
        var state = hr_tcp_state()
        return hr_get_tcp_state(socket, &state) == 0 ? state.state == 7 : nil
    }

    /// Closes a descriptor at once, outside the ring; nothing may be in flight on it.
    public static func close(_ descriptor: Int32) {
        Glibc.close(descriptor)
    }
}
