// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ResponseCache

@Suite("Cache key")
struct CacheKeyTests {
    static let base = CacheKey(isSecure: false, port: 80, host: "h", target: "/a")

    @Test("Host names are one whatever their case (RFC 9110 §4.2.3)")
    func hostCase() {
        let other = CacheKey(isSecure: false, port: 80, host: "H", target: "/a")
        #expect(other == Self.base)
        #expect(other.hashValue == Self.base.hashValue)
    }

    @Test(
        "Scheme, port, local address, host, path and query each make another key (HTTP.sys: the query counts)",
        arguments: [
            CacheKey(isSecure: true, port: 80, host: "h", target: "/a"),
            CacheKey(isSecure: false, port: 81, host: "h", target: "/a"),
            CacheKey(isSecure: false, port: 80, localAddress: "10.0.0.4", host: "h", target: "/a"),
            CacheKey(isSecure: false, port: 80, host: "i", target: "/a"),
            CacheKey(isSecure: false, port: 80, host: "h", target: "/b"),
            CacheKey(isSecure: false, port: 80, host: "h", target: "/A"),
            CacheKey(isSecure: false, port: 80, host: "h", target: "/a?"),
            CacheKey(isSecure: false, port: 80, host: "h", target: "/a?b"),
            CacheKey(isSecure: false, port: 80, host: "", target: "h/a"),
            CacheKey(isSecure: false, port: 80, localAddress: "h", host: "", target: "/a"),
            CacheKey(),
        ]
    )
    func different(other: CacheKey) {
        #expect(other != Self.base)
    }

    @Test("An absolute target without a path is the root (RFC 9112 §3.2.2)")
    func emptyPath() {
        #expect(CacheKey("") == CacheKey("/"))
        #expect(CacheKey("?q") == CacheKey("/?q"))
    }

    @Test("A key prints as its URL")
    func url() {
        let key = CacheKey(isSecure: true, port: 8443, host: "Example", target: "/a?b")
        #expect(key.url == "https://example:8443/a?b")
        #expect(CacheKey().url == "")
    }

    @Test("A part that is too long for a key names nothing")
    func tooLong() {
        let key = CacheKey(String(repeating: "/", count: 65_536))
        #expect(key.isEmpty)
        #expect(!CacheKey(String(repeating: "/", count: 65_535)).isEmpty)
        #expect(ResponseCacheStore().insert(.sample(key), asOf: nil, now: 0) == .keyTooLong)
    }

    @Test("A refilled key equals a new one")
    func refill() {
        var key = CacheKey("/some/long/path?and=query", host: "some.host")
        let host: [UInt8] = Array("H".utf8)
        let target: [UInt8] = Array("/a".utf8)
        let address: [UInt8] = []
        key.assign(
            isSecure: false,
            port: 80,
            localAddress: address.span,
            host: host.span,
            target: target.span
        )
        #expect(key == Self.base)
    }
}
