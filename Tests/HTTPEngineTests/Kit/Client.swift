// SPDX-License-Identifier: Apache-2.0
import Glibc
import IORing

/// Why a client gave up.
enum ClientError: Error, Equatable {
    case failed(String, Int32)
    /// Nothing came in time; the bytes that had come.
    case deadline(String)
    case malformed(String)
    /// The connection ended where more was due.
    case ended(ConnectionEnd)
}

/// How a connection ended, as its client sees it.
enum ConnectionEnd: Equatable {
    case orderly
    case reset
}

/// A TCP or Unix client that sends exactly the bytes it is told to.
///
/// Blocks, always within a deadline.
final class Client {
    private(set) var socket: Int32
    private var received: [UInt8] = []
    private var start = 0
    private var end: ConnectionEnd?
    /// For each receive and send as a whole.
    var patience = Duration.seconds(5)
    /// Encryption, from `startTLS` on.
    private(set) var tls: ClientTLS?

    /// Connects to 127.0.0.1.
    convenience init(port: UInt16, receiveBufferByteCount: Int32? = nil) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try self.init(family: AF_INET, address, receiveBufferByteCount)
    }

    /// Connects to an IPv4 address.
    convenience init(ipv4 text: String, port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        try self.init(family: AF_INET, address, nil)
    }

    /// Connects to 127.0.0.1 from another address of loopback.
    convenience init(from source: String, port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var origin = sockaddr_in()
        origin.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, source, &origin.sin_addr)
        try self.init(family: AF_INET, address, nil, from: origin)
    }

    /// Connects to ::1.
    convenience init(ipv6Port port: UInt16) throws {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        address.sin6_addr = in6addr_loopback
        try self.init(family: AF_INET6, address, nil)
    }

    /// Connects to a Unix socket.
    convenience init(unixSocket path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: Array(path.utf8.prefix($0.count - 1)))
        }
        try self.init(family: AF_UNIX, address, nil)
    }

    private init<Address>(
        family: Int32,
        _ address: Address,
        _ receiveBufferByteCount: Int32?,
        from origin: sockaddr_in? = nil
    ) throws {
        socket = Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw ClientError.failed("socket", errno) }
        if var origin {
            let result = withUnsafePointer(to: &origin) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else {
                let code = errno
                Glibc.close(socket)
                socket = -1
                throw ClientError.failed("bind", code)
            }
        }
        if var count = receiveBufferByteCount {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &count, 4)
        }
        if family != AF_UNIX {
            var one: Int32 = 1
            setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        }
        let result = withUnsafeBytes(of: address) {
            connect(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard result == 0 else {
            let code = errno
            Glibc.close(socket)
            socket = -1
            throw ClientError.failed("connect", code)
        }
        _ = fcntl(socket, F_SETFL, O_NONBLOCK)
    }

    deinit { close() }

    // MARK: Ends

    func close() {
        guard socket >= 0 else { return }
        Glibc.close(socket)
        socket = -1
    }

    /// Closes with a reset.
    func reset() {
        guard socket >= 0 else { return }
        _ = Socket.setResetOnClose(socket)
        close()
    }

    /// Says that nothing more will be sent.
    func finishSending() { _ = Socket.shutdownSend(socket) }

    // MARK: Bytes

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        guard let tls else { return try sendPlain(bytes) }
        tls.write(bytes)
        try sendPlain(tls.takeOutput())
    }

    /// Makes a handshake, after which all is encrypted.
    @discardableResult
    func startTLS(_ options: ClientTLS.Options = ClientTLS.Options()) throws -> ClientTLS {
        let tls = ClientTLS(options)
        self.tls = tls
        let deadline = Deadline(in: patience)
        while true {
            try tls.advance()
            try sendPlain(tls.takeOutput())
            if tls.isEstablished { return tls }
            if let end { throw ClientError.ended(end) }
            try receiveSome(deadline)
        }
    }

    /// Says that no more will be sent, in TLS's way, and leaves the socket open.
    func sendCloseNotify() throws {
        guard let tls else { return }
        tls.closeNotify()
        try sendPlain(tls.takeOutput())
    }

    /// Sends bytes past the encryption.
    func sendPlain(_ bytes: [UInt8]) throws {
        let deadline = Deadline(in: patience)
        var offset = 0
        while offset < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Glibc.send(
                    socket,
                    $0.baseAddress.map { $0 + offset },
                    bytes.count - offset,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if sent > 0 {
                offset += sent
            } else if errno == EAGAIN {
                try waitUntilReady(POLLOUT, deadline)
            } else if errno != EINTR {
                throw ClientError.failed("send", errno)
            }
        }
    }

    /// Sends what the socket takes at once, until it takes no more for a while or everything is out.
    ///
    /// - Returns: the number of bytes sent.
    func sendUntilStuck(_ bytes: [UInt8], for duration: Duration) -> Int {
        var offset = 0
        while offset < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Glibc.send(
                    socket,
                    $0.baseAddress.map { $0 + offset },
                    bytes.count - offset,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if sent > 0 {
                offset += sent
            } else if errno == EAGAIN {
                do { try waitUntilReady(POLLOUT, Deadline(in: duration)) } catch { return offset }
            } else {
                return offset
            }
        }
        return offset
    }

    /// Bytes received and not taken yet.
    var pendingCount: Int { received.count - start }

    /// Receives until so many bytes are there; `false` when the connection ended first.
    func fill(_ count: Int) throws -> Bool {
        let deadline = Deadline(in: patience)
        while pendingCount < count {
            if end != nil { return false }
            try receiveSome(deadline)
        }
        return true
    }

    /// Takes bytes that `fill` has received.
    func take(_ count: Int) -> [UInt8] {
        let taken = Array(received[start..<(start + count)])
        start += count
        if start == received.count || start > 1 << 20 {
            received.removeFirst(start)
            start = 0
        }
        return taken
    }

    /// Takes a line without its end; `nil` when the connection ended first.
    func takeLine() throws -> String? {
        let deadline = Deadline(in: patience)
        var seen = start
        while true {
            if let index = received[max(seen, start)...].firstIndex(of: 0x0A) {
                let line = take(index + 1 - start)
                guard line.count >= 2, line[line.count - 2] == 0x0D else {
                    throw ClientError.malformed("a line without CR: \(String(decoding: line, as: UTF8.self))")
                }
                return String(decoding: line.dropLast(2), as: UTF8.self)
            }
            if end != nil { return nil }
            seen = received.count
            try receiveSome(deadline)
        }
    }

    /// Receives until the connection ends, and returns what came and how it ended.
    func readToEnd() throws -> (bytes: [UInt8], end: ConnectionEnd) {
        let deadline = Deadline(in: patience)
        while true {
            if let end { return (take(pendingCount), end) }
            try receiveSome(deadline)
        }
    }

    /// How the connection ended.
    var connectionEnd: ConnectionEnd? { end }

    /// Whether nothing arrives, and the connection stays, for so long.
    func isQuiet(for duration: Duration) throws -> Bool {
        guard pendingCount == 0, end == nil else { return false }
        do {
            try receiveSome(Deadline(in: duration))
        } catch ClientError.deadline {
            return true
        }
        return false
    }

    private func receiveSome(_ deadline: Deadline) throws {
        while true {
            let count = withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 16) { memory in
                let count = recv(socket, memory.baseAddress, memory.count, 0)
                guard count > 0 else { return count }
                if let tls {
                    received += tls.decrypt(Array(memory[..<count]))
                } else {
                    received.append(contentsOf: memory[..<count])
                }
                return count
            }
            if count > 0 { return }
            if count == 0 {
                end = .orderly
                return
            }
            switch errno {
            case EAGAIN: try waitUntilReady(POLLIN, deadline)
            case EINTR: break
            case ECONNRESET, EPIPE:
                end = .reset
                return
            default: throw ClientError.failed("recv", errno)
            }
        }
    }

    private func waitUntilReady(_ events: Int32, _ deadline: Deadline) throws {
        var item = pollfd(fd: socket, events: Int16(events), revents: 0)
        let left = deadline.milliseconds
        guard left > 0, poll(&item, 1, left) != 0 else {
            throw ClientError.deadline(String(decoding: received[start...].prefix(500), as: UTF8.self))
        }
    }
}
