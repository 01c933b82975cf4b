// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPEngine
import HTTPFeatures
import Testing

extension EngineSuites {
    @Suite("routing: behind a proxy that speaks the PROXY protocol")
    struct ProxyProtocol {
        /// A port that nothing listens on now.
        private static func freePort() throws -> UInt16 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            try withUnsafeMutablePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    try #require(bind(descriptor, generic, length) == 0)
                    try #require(getsockname(descriptor, generic, &length) == 0)
                }
            }
            return UInt16(bigEndian: address.sin_port)
        }

        private static func run(_ body: @Sendable (TestEngine) async throws -> Void) async throws {
            let port = try freePort()
            var settings = TestSettings()
            settings.prefixes = ["http://localhost:\(port)/"]
            settings.options.proxyProtocolPorts = [port]
            let handler: TestEngine.Handler = { context in
                let connection = context.connection
                try await context.response.write("\(connection.remoteAddress):\(connection.remotePort)")
            }
            try await TestEngine.run(settings, handler: handler, body)
        }

        private static let text = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"

        private static let binary: [UInt8] =
            [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]
            + [192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 0x01, 0xBB]

        private static let local: [UInt8] =
            [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x20, 0x00, 0, 0]

        @Test(
            "The client's address is the one the header tells, wherever it is cut",
            arguments: [true, false]
        )
        func addresses(isText: Bool) async throws {
            try await ProxyProtocol.run { (server) async throws in
                let header = isText ? Array(ProxyProtocol.text.utf8) : ProxyProtocol.binary
                let bytes = header + Array(server.get().utf8)
                for cut in [0, 1, 5, 12, header.count - 1, header.count, header.count + 3] {
                    let client = try server.client()
                    try client.send(Array(bytes[..<cut]))
                    try client.send(Array(bytes[cut...]))
                    #expect(try client.readResponse().text == "192.0.2.1:56324")
                    // It holds for the connection, not for one request.
                    try client.send(server.get())
                    #expect(try client.readResponse().text == "192.0.2.1:56324")
                }
            }
        }

        @Test("A proxy's own connection (LOCAL) keeps its address")
        func localCommand() async throws {
            try await ProxyProtocol.run { (server) async throws in
                let client = try server.client()
                try client.send(ProxyProtocol.local + Array(server.get().utf8))
                #expect(try client.readResponse().text.hasPrefix("127.0.0.1:"))
            }
        }

        @Test(
            "A connection without a valid header is closed without an answer",
            arguments: [
                "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PROXY TCP4 1.2.3.4\r\n", "PROXY TCP9 a b 1 2\r\n",
            ]
        )
        func refused(bytes: String) async throws {
            try await ProxyProtocol.run { (server) async throws in
                let client = try server.client()
                try client.send(bytes)
                #expect(try client.readToEnd().bytes.isEmpty)
                #expect(server.statistics.refusals == 1)
            }
        }
    }
}
