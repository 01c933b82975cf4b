// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension Listener {
    /// The listening sockets that the starter of the process passed on, in order; empty when there are none.
    ///
    /// Shape: `LISTEN_FDS=2` sockets from descriptor 3 on, for the process `LISTEN_PID`, with names in
    /// `LISTEN_FDNAMES=http:https`. Call it once, early: descriptors are taken over. The variables stay.
    ///
    /// Source: sd_listen_fds(3).
    ///
    /// - Throws: when a descriptor passed on is not a listening stream socket.
    public static func inherited() throws(IORingError) -> [Listener] {
        guard let count = Self.environment("LISTEN_FDS").flatMap({ Int32($0) }), count > 0, count <= 1024,
            let process = Self.environment("LISTEN_PID").flatMap({ Int32($0) }), process == getpid()
        else { return [] }
        let names = Self.environment("LISTEN_FDNAMES")?
            .split(separator: ":", omittingEmptySubsequences: false)
            .map(String.init)
        var listeners: [Listener] = []
        for index in 0..<Int(count) {
            let name = names.flatMap { index < $0.count ? $0[index] : nil }
            listeners.append(try adopt(3 + Int32(index), name: name))
        }
        return listeners
    }

    /// Takes over a listening stream socket that was opened elsewhere.
    ///
    /// - Throws: when the descriptor is not one.
    public static func adopt(_ descriptor: Int32, name: String? = nil) throws(IORingError) -> Listener {
        var isListening: Int32 = 0
        var type: Int32 = 0
        guard hr_get_option(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening) == 0,
            hr_get_option(descriptor, SOL_SOCKET, SO_TYPE, &type) == 0,
            let address = Socket.localAddress(of: descriptor)
        else {
            throw IORingError(
                operation: "getsockopt",
                object: "of inherited descriptor \(descriptor)",
                code: errno,
                advice: "The starter must pass listening sockets (see Sockets= in the systemd unit)"
            )
        }
        guard isListening != 0, type == hr_socket_stream_type() else {
            throw IORingError(
                operation: "adopt",
                object: "inherited descriptor \(descriptor)",
                code: EINVAL,
                advice:
                    "It is no listening stream socket (use ListenStream= with Accept=no in the systemd unit)"
            )
        }
        _ = hr_set_close_on_exec(descriptor)
        // A ring wants blocking sockets: the kernel polls by itself and never reports EAGAIN.
        _ = hr_set_nonblocking(descriptor, 0)
        if address.family != .unix {
            _ = hr_set_option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        }
        return Listener(descriptor: descriptor, address: address, name: name, file: nil)
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
