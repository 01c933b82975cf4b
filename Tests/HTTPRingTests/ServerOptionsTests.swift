// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPFeatures
import TestKit
import Testing

@testable import HTTPRing

@Suite("Options of the embedded server", .timeLimit(.minutes(1)))
struct ServerOptionsTests {
    /// Sends bytes to a port of 127.0.0.1 and returns the status of the answer, from a thread of its own.
    private func status(port: String, _ text: String) async throws -> String {
        let port = try #require(UInt16(port))
        let thread = TestThread()
        defer { thread.end() }
        return await withTaskExecutorPreference(thread) { @concurrent in Self.exchange(port: port, text) }
    }

    private static func exchange(port: UInt16, _ text: String) -> String {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(client) }
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafeBytes(of: &address) {
            connect(client, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) == 0
        }
        guard isConnected, send(client, text, text.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return "" }
        var bytes = [UInt8](repeating: 0, count: 12)
        guard recv(client, &bytes, 12, Int32(MSG_WAITALL)) == 12 else { return "" }
        return String(decoding: bytes.suffix(3), as: UTF8.self)
    }

    private func port(_ prefix: String) -> String {
        String(prefix.split(separator: ":")[2].prefix { $0.isNumber })
    }

    @Test(
        "A prefix added with rules is a URL group for itself; a listener configured by port has its own limits"
    )
    func rules() async throws {
        var options = HTTPRingServerOptions()
        options.loopCount = 1
        options.urlPrefixes = ["http://127.0.0.1:0/"]
        options.limits.maxRequestBodySize = 10
        options.addPrefix("http://localhost:0/upload/") { group in
            group.maxRequestBodySize = 20
            group.timeouts.entityBody = .milliseconds(50)
        }
        options.configureListener(port: 0, address: "::1") { $0.maxRequestHeaderCount = 1 }
        options.configureListener(port: 0) { $0.maxRequestTargetBytes = 30 }
        let server = try HTTPRingServer(options: options)
        try await server.start(
            application: HandlerApplication { context in
                let count = try await context.request.body.readAll().count
                try await context.response.write("\(count)")
            }
        )
        let (plain, ruled) = (port(server.addresses[0]), port(server.addresses[1]))
        #expect(plain != ruled)
        func post(_ port: String, _ path: String, _ byteCount: Int, _ sent: Int) async throws -> String {
            let host = port == ruled ? "localhost" : "127.0.0.1"
            return try await status(
                port: port,
                "POST \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nContent-Length: \(byteCount)\r\n\r\n"
                    + String(repeating: "a", count: sent)
            )
        }
        #expect(try await post(plain, "/", 10, 10) == "200")
        #expect(try await post(plain, "/", 11, 11) == "413")
        #expect(try await post(ruled, "/upload/", 20, 20) == "200")
        #expect(try await post(ruled, "/upload/", 21, 21) == "413")
        #expect(try await post(ruled, "/upload/", 20, 10) == "408")
        #expect(try await post(plain, "/" + String(repeating: "a", count: 30), 1, 1) == "414")
        await server.stop(within: .seconds(1))
    }

    @Test("A prefix with rules is no prefix: an error at the start that shows a valid one")
    func invalid() {
        var options = HTTPRingServerOptions()
        options.addPrefix("nonsense") { _ in }
        #expect(throws: (any Error).self) { try HTTPRingServer(options: options) }
    }
}
