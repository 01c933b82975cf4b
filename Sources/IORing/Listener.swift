// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// A listening socket: closed exactly once, by `close()` or when nobody holds it any more.
///
/// Any thread. Connections it accepts inherit its options, so nothing has to be set on them.
/// Who uses the descriptor holds the listener too: optimised code lets go of it after its last use by name.
public final class Listener: Sendable {
    /// What a listener is made with.
    public struct Options: Sendable {
        /// Connections that may wait to be accepted; the kernel's `net.core.somaxconn` caps it.
        public var backlog: Int32
        /// Whether small sends leave at once (`TCP_NODELAY`).
        public var noDelay: Bool
        /// The kernel's receive buffer in bytes; `nil` leaves it to the kernel to grow.
        public var receiveBufferByteCount: Int?
        /// The kernel's send buffer in bytes; `nil` leaves it to the kernel to grow.
        public var sendBufferByteCount: Int?
        /// The access mode of a Unix socket's file, as 0o660; `nil` leaves it to the umask.
        public var unixMode: UInt32?
        /// Whether others of this user may listen on the port, too: set where a wildcard and addresses of its
        /// own are to share a port.
        ///
        /// Several listeners on one address always do.
        public var sharesPort: Bool
        /// Whether a port that somebody listens on is refused.
        ///
        /// Switch it off only for ports that are ours.
        public var refusesTakenPort: Bool
        /// Whether an address that the machine does not have, or not yet, may be listened on (ip(7), `IP_FREEBIND`).
        public var bindsAbsentAddress = false

        /// Makes options; each value left out has the default that suits a server.
        public init(
            backlog: Int32 = 4096,
            noDelay: Bool = true,
            receiveBufferByteCount: Int? = nil,
            sendBufferByteCount: Int? = nil,
            unixMode: UInt32? = nil,
            sharesPort: Bool = false,
            refusesTakenPort: Bool = true
        ) {
            self.backlog = backlog
            self.noDelay = noDelay
            self.receiveBufferByteCount = receiveBufferByteCount
            self.sendBufferByteCount = sendBufferByteCount
            self.unixMode = unixMode
            self.sharesPort = sharesPort
            self.refusesTakenPort = refusesTakenPort
        }
    }

    /// The socket, blocking and close-on-exec, for `Loop.acceptMultishot`.
    public let descriptor: Int32
    /// Where it listens, with the port that the kernel chose if none was asked for.
    public let address: SocketAddress
    /// The name that the starter gave an inherited socket (`LISTEN_FDNAMES`); `nil` for one made here.
    public let name: String?

    /// The file of a Unix socket that is removed with it.
    private let file: SocketFile?
    private let isClosed = Atomic<Bool>(false)

    init(descriptor: Int32, address: SocketAddress, name: String?, file: SocketFile?) {
        self.descriptor = descriptor
        self.address = address
        self.name = name
        self.file = file
    }

    deinit {
        close()
    }

    /// Stops listening and removes a Unix socket's file; clients in the backlog are reset.
    ///
    /// Cancel what accepts from it first: an operation in flight keeps the socket open.
    public func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        file?.remove()
        Glibc.close(descriptor)
    }

    /// Opens `count` listeners on one address, one for each loop.
    ///
    /// Several on an IP address share it with `SO_REUSEPORT`: the kernel spreads connections over them. A port
    /// that somebody else listens on is refused all the same. Port 0 takes a free port, the same for all. A Unix
    /// socket is one listener, given `count` times.
    ///
    /// - Throws: the step that failed with address, errno and what to do: `EADDRINUSE` with the one who listens,
    ///   `EACCES` for ports that need a right, `EADDRNOTAVAIL` for an address that is not the machine's.
    public static func open(
        _ address: SocketAddress,
        count: Int = 1,
        options: Options = Options()
    ) throws(IORingError) -> [Listener] {
        precondition(count > 0, "at least one listener is opened")
        guard address.family != .unix else {
            return Array(repeating: try openUnix(address, options), count: count)
        }
        let sharing = count > 1 || options.sharesPort
        if sharing && options.refusesTakenPort && address.port != 0 {
            // With SO_REUSEPORT alone the kernel would silently share the port with another server of this
            // user. Without it, it says who was first.
            Glibc.close(try bound(address, sharing: false, options))
        }
        var listeners: [Listener] = []
        var place = address
        for _ in 0..<count {
            let listener = try openTCP(place, sharing: sharing, options)
            place = place.with(port: listener.address.port)
            listeners.append(listener)
        }
        return listeners
    }

    private static func openTCP(
        _ address: SocketAddress,
        sharing: Bool,
        _ options: Options
    ) throws(IORingError) -> Listener {
        let socket = try bound(address, sharing: sharing, options)
        guard listen(socket, options.backlog) == 0 else {
            let code = errno
            Glibc.close(socket)
            throw IORingError(listen: "listen", on: address, code: code)
        }
        let local = Socket.localAddress(of: socket) ?? address
        return Listener(descriptor: socket, address: local, name: nil, file: nil)
    }

    /// A TCP socket bound to `address`, with its options set.
    private static func bound(
        _ address: SocketAddress,
        sharing: Bool,
        _ options: Options
    ) throws(IORingError) -> Int32 {
        let socket = hr_socket(address.family == .ipv4 ? AF_INET : AF_INET6)
        guard socket >= 0 else { throw IORingError(listen: "socket", on: address, code: errno) }
        var result = hr_set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1)
        if result == 0 && sharing {
            result = hr_set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1)
        }
        if result == 0 && address.family == .ipv6 {
            result = hr_set_option(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
        }
        if result == 0 && options.bindsAbsentAddress {
            // IPV6_FREEBIND [4.15] is new to some C libraries.
            result =
                address.family == .ipv4
                ? hr_set_option(socket, Int32(IPPROTO_IP), IP_FREEBIND, 1)
                : hr_set_option(socket, Int32(IPPROTO_IPV6), 78, 1)
        }
        if result == 0 {
            result = set(options, on: socket)
        }
        guard result == 0 else {
            let code = errno
            Glibc.close(socket)
            throw IORingError(listen: "setsockopt", on: address, code: code)
        }
        guard address.withKernelAddress({ bind(socket, $0, $1) }) == 0 else {
            let code = errno
            Glibc.close(socket)
            throw IORingError(listen: "bind", on: address, code: code)
        }
        return socket
    }

    /// Sets what accepted connections inherit.
    static func set(_ options: Options, on socket: Int32) -> Int32 {
        var result: Int32 = 0
        if options.noDelay {
            result = hr_set_option(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        }
        if result == 0, let count = options.receiveBufferByteCount {
            result = hr_set_option(socket, SOL_SOCKET, SO_RCVBUF, Int32(clamping: count))
        }
        if result == 0, let count = options.sendBufferByteCount {
            result = hr_set_option(socket, SOL_SOCKET, SO_SNDBUF, Int32(clamping: count))
        }
        return result
    }
}

extension IORingError {
    /// The error of a step of listening, with what to do about it.
    init(listen operation: String, on address: SocketAddress, code: Int32) {
        let advice: String
        switch code {
        case EACCES where address.family == .unix:
            advice = "The directory of the socket is not writable for this user"
        case EACCES:
            advice = """
                Ports below net.ipv4.ip_unprivileged_port_start (usually 1024) need CAP_NET_BIND_SERVICE: set \
                AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, or setcap cap_net_bind_service=+ep on the \
                executable, or choose a higher port
                """
        case EADDRINUSE:
            let owner = PortOwner.describe(address)
            advice =
                owner.map { "\($0) listens there: stop it or choose another address" }
                ?? "Somebody listens there: stop it or choose another address (see ss -ltnp)"
        case EADDRNOTAVAIL:
            advice = "No interface of this machine has the address (see ip addr)"
        case EAFNOSUPPORT:
            advice =
                "The kernel has no \(address.family == .ipv6 ? "IPv6 (see ipv6.disable)" : "such sockets")"
        case EMFILE, ENFILE:
            advice = "No descriptor is left. Raise RLIMIT_NOFILE (LimitNOFILE= in a systemd unit)"
        case ENOENT, ENOTDIR:
            advice = "The directory of the socket does not exist"
        case EROFS:
            advice = "The directory of the socket is on a read-only file system"
        default:
            advice = ""
        }
        self.init(operation: operation, object: address.description, code: code, advice: advice)
    }
}
