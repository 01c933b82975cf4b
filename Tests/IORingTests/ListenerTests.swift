// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import IORing

private func temporaryPath() -> String {
    "/tmp/ioring-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
}

private func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "nothing was thrown"
    } catch {
        return "\(error)"
    }
}

@Suite("Listeners", .timeLimit(.minutes(1)))
struct ListenerTests {
    @Test("Port 0 takes one free port for all listeners, on IPv4 and IPv6", arguments: ["127.0.0.1", "::1"])
    func sharedPort(ip: String) throws {
        let address = try #require(SocketAddress(ip: ip, port: 0))
        let listeners = try Listener.open(address, count: 3)
        let port = listeners[0].address.port
        #expect(port != 0)
        #expect(listeners.allSatisfy { $0.address == address.with(port: port) })
        #expect(Set(listeners.map(\.descriptor)).count == 3)
        _ = try Client(to: listeners[0].address)
        // A listener closes when nobody holds it, which optimised code takes literally.
        withExtendedLifetime(listeners) {}
    }

    @Test(
        "A port that another listener holds is EADDRINUSE and says who, even where SO_REUSEPORT would share it",
        arguments: [1, 2]
    )
    func portInUse(count: Int) throws {
        let first = try Listener.open(.loopback(port: 0), count: 2)
        let text = message { _ = try Listener.open(first[0].address, count: count) }
        #expect(text.hasPrefix("bind \(first[0].address): EADDRINUSE"))
        #expect(text.contains("(process \(getpid())) listens there"))
    }

    @Test("A port is free again as soon as its listeners are closed")
    func reopened() throws {
        let first = try Listener.open(.loopback(port: 0), count: 2)
        let address = first[0].address
        first.forEach { $0.close() }
        let second = try Listener.open(address, count: 2)
        #expect(second[0].address == address)
        second[0].close()
        second[0].close()
    }

    @Test("An address that is not the machine's is EADDRNOTAVAIL, with advice")
    func foreignAddress() throws {
        let address = try #require(SocketAddress(ip: "192.0.2.1", port: 0))
        let text = message { _ = try Listener.open(address) }
        #expect(text.hasPrefix("bind 192.0.2.1:0: EADDRNOTAVAIL"))
        #expect(text.contains("ip addr"))
    }

    @Test("A port that needs a right says which, and other refusals tell the next step")
    func advice() {
        let low = IORingError(listen: "bind", on: .anyIPv4(port: 80), code: EACCES)
        #expect(low.description.hasPrefix("bind 0.0.0.0:80: EACCES (Permission denied). "))
        #expect(low.description.contains("CAP_NET_BIND_SERVICE"))
        #expect(low.description.contains("ip_unprivileged_port_start"))
        let unix = IORingError(listen: "bind", on: SocketAddress(unixPath: "/run/x"), code: EACCES)
        #expect(unix.description.contains("directory"))
    }

    @Test("Accepted connections know both ends")
    func addresses() throws {
        let listener = try Listener.open(.loopback(port: 0))[0]
        let client = try Client(to: listener.address)
        let socket = accept(listener.descriptor, nil, nil)
        defer { Socket.close(socket) }
        #expect(Socket.localAddress(of: socket) == listener.address)
        #expect(Socket.peerAddress(of: socket) == Socket.localAddress(of: client.descriptor))
        #expect(Socket.unacknowledgedByteCount(of: socket) == 0)
        #expect(Socket.acknowledgedByteCount(of: socket) == 0)
        #expect(Socket.isClosed(socket) == false)
        var noDelay: Int32 = 0
        var size = socklen_t(4)
        getsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, &size)
        #expect(noDelay == 1)
        #expect(Socket.peerAddress(of: -1) == nil)
        #expect(Socket.unacknowledgedByteCount(of: -1) == nil)
        #expect(Socket.isClosed(0) == nil)
    }

    @Test("A Unix listener has the mode asked for, is one for all loops, and removes its file")
    func unixSocket() throws {
        let path = temporaryPath()
        let address = SocketAddress(unixPath: path)
        do {
            let listeners = try Listener.open(address, count: 2, options: .init(unixMode: 0o600))
            #expect(listeners[0] === listeners[1])
            var status = stat()
            #expect(lstat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            let client = try Client(to: address)
            let socket = accept(listeners[0].descriptor, nil, nil)
            #expect(Socket.localAddress(of: socket)?.description == "unix:\(path)")
            #expect(Socket.peerAddress(of: socket) == SocketAddress(unixPath: nil))
            client.send([1])
            Socket.close(socket)
            listeners[0].close()
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test("A stale Unix socket is replaced; one that is served and a file that is none are left alone")
    func staleUnixSocket() throws {
        let path = temporaryPath()
        defer { unlink(path) }
        let address = SocketAddress(unixPath: path)
        let stale = Glibc.socket(AF_UNIX, 1 | Int32(O_CLOEXEC), 0)
        #expect(address.withKernelAddress { bind(stale, $0, $1) } == 0)
        Glibc.close(stale)
        #expect(access(path, F_OK) == 0)
        let listener = try Listener.open(address)[0]
        _ = try Client(to: address)
        let busy = message { _ = try Listener.open(address) }
        #expect(busy.contains("EADDRINUSE"))
        _ = try Client(to: address)
        listener.close()
        let file = Glibc.open(path, O_CREAT | O_WRONLY, 0o600)
        Glibc.close(file)
        let occupied = message { _ = try Listener.open(address) }
        #expect(occupied.contains("EADDRINUSE"))
        #expect(access(path, F_OK) == 0)
    }

    @Test("A listener does not remove a file that somebody else has put in its place")
    func replacedFile() throws {
        let path = temporaryPath()
        defer { unlink(path) }
        let listener = try Listener.open(SocketAddress(unixPath: path))[0]
        unlink(path)
        let next = try Listener.open(SocketAddress(unixPath: path))[0]
        listener.close()
        #expect(access(path, F_OK) == 0)
        next.close()
        #expect(access(path, F_OK) != 0)
    }

    @Test("An abstract Unix name needs no file")
    func abstractName() throws {
        let address = SocketAddress(unixPath: "@ioring-test-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        let listener = try Listener.open(address)[0]
        _ = try Client(to: address)
        #expect(Socket.localAddress(of: listener.descriptor) == address)
        #expect(message { _ = try Listener.open(address) }.contains("EADDRINUSE"))
    }

    @Test("A path that is too long, or in a directory that is not there, is refused in words")
    func badPaths() {
        let long = SocketAddress(unixPath: "/tmp/" + String(repeating: "x", count: 200))
        #expect(message { _ = try Listener.open(long) }.contains("ENAMETOOLONG"))
        let absent = SocketAddress(unixPath: "/tmp/no-such-directory/x.sock")
        #expect(message { _ = try Listener.open(absent) }.contains("does not exist"))
    }

    @Test("Only a listening stream socket can be adopted")
    func adopt() throws {
        #expect(message { _ = try Listener.adopt(-1) }.contains("inherited descriptor -1"))
        let plain = Glibc.socket(AF_INET, 1 | Int32(O_CLOEXEC), 0)
        #expect(message { _ = try Listener.adopt(plain) }.contains("no listening stream socket"))
        Glibc.close(plain)
        let listener = try Listener.open(.loopback(port: 0))[0]
        let adopted = try Listener.adopt(dup(listener.descriptor), name: "web")
        #expect(adopted.address == listener.address)
        #expect(adopted.name == "web")
    }

    @Test("Sockets passed on by the starter come with their names, to the process they are meant for")
    func inherited() async {
        await #expect(processExitsWith: .success) {
            #expect(try Listener.inherited().isEmpty)
            let listener = try Listener.open(.loopback(port: 0))[0]
            let saved = dup(3)
            dup2(listener.descriptor, 3)
            setenv("LISTEN_FDS", "1", 1)
            setenv("LISTEN_FDNAMES", "http:spare", 1)
            setenv("LISTEN_PID", "1", 1)
            let others = try Listener.inherited()
            setenv("LISTEN_PID", "\(getpid())", 1)
            let own = try Listener.inherited()
            let isRight =
                others.isEmpty && own.count == 1 && own.first?.name == "http"
                && own.first?.address == listener.address && own.first?.descriptor == 3
            if saved >= 0 {
                dup2(saved, 3)
            }
            exit(isRight ? 0 : 1)
        }
    }
}
