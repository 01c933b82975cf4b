// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IORing

@Suite("Socket addresses")
struct SocketAddressTests {
    @Test(
        "IP addresses read and write as RFC 5952 says",
        arguments: [
            ("127.0.0.1", 80, "127.0.0.1:80"),
            ("0.0.0.0", 0, "0.0.0.0:0"),
            ("255.255.255.255", 65535, "255.255.255.255:65535"),
            ("::", 443, "[::]:443"),
            ("::1", 443, "[::1]:443"),
            ("2001:0DB8:0:0:0:0:0:1", 8080, "[2001:db8::1]:8080"),
            ("fe80::1234:5678", 1, "[fe80::1234:5678]:1"),
            ("::ffff:192.0.2.1", 80, "192.0.2.1:80"),
        ] as [(String, UInt16, String)]
    )
    func text(ip: String, port: UInt16, expected: String) throws {
        let address = try #require(SocketAddress(ip: ip, port: port))
        #expect(address.description == expected)
        #expect(SocketAddress(ip: address.host, port: port) == address)
        #expect(address.with(port: 9).port == 9)
    }

    @Test(
        "What is no IP address is refused",
        arguments: ["", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1]", "::1:", "1.2.3.4:80", "::g"]
    )
    func refused(text: String) {
        #expect(SocketAddress(ip: text, port: 80) == nil)
    }

    @Test("Addresses know whether they stand for all")
    func any() {
        #expect(SocketAddress.anyIPv4(port: 1).isAny)
        #expect(SocketAddress.anyIPv6(port: 1).isAny)
        #expect(!SocketAddress.loopback(port: 1).isAny)
        #expect(!SocketAddress(unixPath: "/x").isAny)
        #expect(SocketAddress.loopback(port: 1).ipv4 == 0x7F00_0001)
        #expect(SocketAddress.anyIPv6(port: 1).ipv4 == nil)
    }

    @Test("A Unix path that does not fit the kernel's structure is refused, not cut")
    func longPath() {
        let fits = SocketAddress(unixPath: "/" + String(repeating: "a", count: 106))
        #expect(fits.withKernelAddress { _, length in Int(length) } == 2 + 107 + 1)
        let long = SocketAddress(unixPath: "/" + String(repeating: "a", count: 107))
        #expect(long.withKernelAddress { _, _ in 0 } == nil)
        #expect(SocketAddress(unixPath: "/a\0b").withKernelAddress { _, _ in 0 } == nil)
        #expect(SocketAddress(unixPath: nil).description == "unix:")
    }
}
