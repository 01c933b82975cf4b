// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestKit
import Testing

@Suite(
    "A service behind a balancer that speaks the PROXY protocol",
    .serialized,
    .ownThread,
    .enabled(if: ServiceProcess.isRoot, "needs root to be other users")
)
struct ProxyHeaderTests {
    private let service: ServiceProcess
    private let marked = ServiceProcess.freePort()
    private let plain = ServiceProcess.freePort()
    private let secure = ServiceProcess.freePort()
    private let wild = ServiceProcess.freePort()
    private let user: UInt32 = 61001

    private static let header = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"

    init() throws {
        service = try ServiceProcess("proxy-protocol = \(marked), 127.0.0.1:\(secure), 0.0.0.0:\(wild)")
        try service.start()
    }

    private func application(_ queue: String, _ port: UInt16, _ scheme: String) throws -> ApplicationProcess {
        let reserved = try service.httpring(
            "add",
            "urlacl",
            "url=\(scheme)://localhost:\(port)/",
            "user=\(user)"
        )
        try #require(reserved.status == 0, "\(reserved.errors)")
        let place = "localhost:\(port)/"
        return try ApplicationProcess(service, user: user, queue: queue, place, listener: "--\(scheme)")
    }

    @Test("the marked port wants the header and believes it, and closes without one; others take none")
    func cleartext() throws {
        let first = try application("marked", marked, "http")
        let second = try application("plain", plain, "http")
        try #require(first.isReady && second.isReady)
        let client = try PortClient(marked)
        client.send(text: Self.header)
        for _ in 0..<2 {
            client.send("/headers", host: "localhost:\(marked)")
            let (status, content) = client.receive()
            #expect(status == 200)
            #expect(content.contains("\"client\":\"192.0.2.1:56324\""), "\(content)")
        }
        let bare = try PortClient(marked)
        bare.send("/headers", host: "localhost:\(marked)")
        #expect(bare.receive() == (0, ""))
        let other = try PortClient(plain)
        other.send("/headers", host: "localhost:\(plain)")
        #expect(other.receive().content.contains("\"client\":\"127.0.0.1:"))
        let told = try PortClient(plain)
        told.send(text: Self.header)
        told.send("/headers", host: "localhost:\(plain)")
        #expect(told.receive().status == 400)
    }

    @Test("the unspecified address marks the listener of wildcards, and not that of an address")
    func unspecified() throws {
        for (name, host) in [("a", "*"), ("b", "127.0.0.1")] {
            let url = "url=http://\(host):\(wild)/"
            let added = try service.httpring("add", "queue", "name=\(name)", url, "enabled=no")
            try #require(added.status == 0, "\(added.errors)")
            // The listener of the address, once there is one, takes the connections to it.
            for (header, status) in [(Self.header, name == "a" ? 503 : 400), ("", name == "a" ? 0 : 503)] {
                let client = try PortClient(wild)
                client.send(text: header)
                client.send("/", host: "127.0.0.1:\(wild)")
                #expect(client.receive().status == status, "\(host)")
            }
        }
    }

    @Test(
        "over TLS the header stands before the handshake, and what it says holds for HTTP/1.1 and HTTP/2",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl"),
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "needs curl")
    )
    func tls() throws {
        let certificate = try LocalCertificate(in: service.directory)
        try service.add(certificate, port: secure)
        let process = try application("secure", secure, "https")
        try #require(process.isReady)
        func curl(_ arguments: String...) throws -> String {
            try ServiceProcess.run(
                "/usr/bin/curl",
                [
                    "--silent", "--max-time", "10", "--cacert", certificate.file, "--write-out",
                    " %{http_code}",
                ]
                    + arguments + ["https://localhost:\(secure)/headers"]
            ).output
        }
        for version in ["--http1.1", "--http2"] {
            // The certificate is that of the address the client connected to, as the header tells it.
            let header = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 \(secure)\r\n"
            let balancer = try Balancer(to: secure, header: header)
            let content = try curl(version, "--connect-to", "::127.0.0.1:\(balancer.port)")
            #expect(content.contains("\"client\":\"192.0.2.1:56324\""), "\(version): \(content)")
            #expect(content.hasSuffix(" 200"), "\(version): \(content)")
        }
        #expect(try curl("--ipv4") == " 000", "there is no handshake without the header")
        // Another address of the port is not marked.
        #expect(try curl("--ipv6").hasSuffix(" 200"))
    }
}

/// Takes one connection and passes it on, with a header in front.
private final class Balancer {
    let port: UInt16

    init(to target: UInt16, header: String) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) + getsockname(listener, $0, &length) + listen(listener, 1)
            }
        }
        guard result == 0 else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        let upstream = try PortClient(target)
        Thread.detachNewThread {
            defer { close(listener) }
            guard Self.isReadable([listener]) != nil else { return }
            let client = accept(listener, nil, nil)
            guard client >= 0 else { return }
            // A child that was started between the two has the connection until it ends; curl goes by lengths.
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            defer { close(client) }
            upstream.send(text: header)
            withExtendedLifetime(upstream) { Self.pass(between: client, upstream.number) }
        }
    }

    /// Copies both ways until one end closes, or nothing comes for ten seconds.
    private static func pass(between first: Int32, _ second: Int32) {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while let source = isReadable([first, second]) {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { return }
            let sent = send(source == first ? second : first, buffer, count, Int32(MSG_NOSIGNAL))
            guard sent == count else { return }
        }
    }

    /// The first descriptor that can be read; `nil` after ten seconds.
    private static func isReadable(_ descriptors: [Int32]) -> Int32? {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&entries, nfds_t(entries.count), 10_000) > 0 else { return nil }
        return entries.first { $0.revents != 0 }?.fd
    }
}
