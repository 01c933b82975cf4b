// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Testing

@testable import ResponseCache

@Suite("Cache key of requests that proxies rewrite")
struct ForwardedKeyTests {
    /// The key of a request to `http://h:80/a`, as a loop makes it.
    static func key(_ fields: String, sender: String = "10.0.0.1", host: String = "h") throws -> CacheKey {
        let lines = fields.split(separator: "|").map { $0 + "\r\n" }.joined()
        let bytes = Array("GET /a HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n".utf8)
        var head = RequestHead()
        guard case .complete = head.parse(bytes.span, limits: HeadLimits()) else {
            throw CacheRefusal.keyTooLong
        }
        let none: [UInt8] = []
        var key = CacheKey()
        key.assign(
            isSecure: false,
            port: 80,
            localAddress: none.span,
            host: bytes.span.extracting(head.host.range),
            target: bytes.span.extracting(head.target.range)
        )
        key.addPort(named: head.port)
        if CacheKey.countsSender(head.present) {
            key.addForwardedFields(of: head, bytes: bytes.span, sender: Array(sender.utf8).span)
        }
        return key
    }

    @Test(
        "Requests that may be rewritten differently have different keys (RFC 9111 §4, cache poisoning)",
        arguments: [
            ("", "X-Forwarded-Proto: https"), ("X-Forwarded-Proto: http", "X-Forwarded-Proto: https"),
            ("X-Forwarded-Host: a.example", "X-Forwarded-Host: b.example"),
            ("X-Forwarded-Prefix: /a", "X-Forwarded-Prefix: /b"), ("", "X-Forwarded-Prefix: /a"),
            ("X-Forwarded-Port: 1", "X-Forwarded-Port: 2"), ("", "X-Forwarded-Host: "),
            ("X-Forwarded-Host: a", "X-Forwarded-Prefix: a"),
            ("X-Forwarded-Proto: https", "X-Forwarded-Proto: https|X-Forwarded-Proto: http"),
            ("X-Forwarded-Proto: https|X-Forwarded-Host: a", "X-Forwarded-Proto: httpsa|X-Forwarded-Host: "),
            // A malformed entry takes its hop's scheme with it.
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1",
                "X-Forwarded-Proto: https|X-Forwarded-For: nonsense"
            ),
            ("X-Forwarded-Proto: https", "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1"),
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1",
                "X-Forwarded-Proto: https|X-Forwarded-For: "
            ),
            // Lists of unequal lengths may not be believed.
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1",
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.2, 192.0.2.1"
            ),
            // Whether the entry to the left is believed depends on this one.
            (
                "X-Forwarded-Proto: https, http|X-Forwarded-For: 10.0.0.2",
                "X-Forwarded-Proto: https, http|X-Forwarded-For: 192.0.2.1"
            ),
            (
                "X-Forwarded-Proto: https, http|X-Forwarded-For: 192.0.2.1, 10.0.0.2",
                "X-Forwarded-Proto: https, http|X-Forwarded-For: 192.0.2.1, 192.0.2.2"
            ),
            (
                "X-Forwarded-Proto: a|X-Forwarded-Proto: b|X-Forwarded-For: 10.0.0.2",
                "X-Forwarded-Proto: a|X-Forwarded-Proto: b|X-Forwarded-For: 192.0.2.1"
            ),
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1|X-Forwarded-For: 10.0.0.1",
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1|X-Forwarded-For: 10.0.0.2"
            ),
        ]
    )
    func different(_ one: String, _ other: String) throws {
        #expect(try Self.key(one) != Self.key(other))
    }

    @Test("A proxy that is believed shares nothing with a client that sends the same")
    func sender() throws {
        let fields = "X-Forwarded-Proto: https|X-Forwarded-Host: shop.example"
        #expect(try Self.key(fields, sender: "10.0.0.1") != Self.key(fields, sender: "192.0.2.66"))
        #expect(try Self.key(fields, sender: "10.0.0.1") == Self.key(fields, sender: "10.0.0.1"))
    }

    @Test(
        "Clients of one proxy share what is stored",
        arguments: [
            ("", "X-Forwarded-For: 192.0.2.1"), ("X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: nonsense"),
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1",
                "X-Forwarded-Proto: https|X-Forwarded-For: 2001:db8::1"
            ),
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1:4711",
                "X-Forwarded-Proto: https|X-Forwarded-For: [2001:db8::1]:80"
            ),
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1, 10.0.0.2",
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.9, 10.0.0.2"
            ),
            (
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.1|X-Forwarded-For: 10.0.0.2",
                "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.9|X-Forwarded-For: 10.0.0.2"
            ),
        ]
    )
    func same(_ one: String, _ other: String) throws {
        #expect(try Self.key(one) == Self.key(other))
    }

    @Test("Without such fields who sent the request does not count, and the key is as short as before")
    func absent() throws {
        #expect(try Self.key("Cookie: a=b", sender: "a") == Self.key("X-Forwarded-For: c", sender: "d"))
        #expect(try Self.key("") == CacheKey("/a"))
        #expect(!CacheKey.countsSender(FieldIDSet(.host, .xForwardedFor, .cookie)))
    }

    @Test("A port in Host other than the one the request came to is part of the key (RFC 9110 §7.2)")
    func port() throws {
        #expect(try Self.key("", host: "h:80") == Self.key("", host: "h"))
        #expect(try Self.key("", host: "h:81") != Self.key("", host: "h"))
        #expect(try Self.key("", host: "h:81") != Self.key("", host: "h:82"))
        #expect(try Self.key("", host: "h:81").url == "http://h:80/a")
    }

    @Test("Every part is told from its neighbours, and a flush by URL finds the key")
    func parts() throws {
        let key = try Self.key("X-Forwarded-Host: other.example|X-Forwarded-Prefix: /x")
        #expect(key.url == "http://h:80/a")
        #expect(try CacheFlushPattern("http://h:80/a", includesDescendants: false).matches(key))
        #expect(try CacheFlushPattern("http://h:80/", includesDescendants: true).matches(key))
        #expect(try !CacheFlushPattern("http://other.example:80/a", includesDescendants: false).matches(key))
        var long = CacheKey("/a")
        long.append(1, [UInt8](repeating: 0, count: 65_536).span)
        #expect(long.isEmpty)
        long.append(1, [UInt8](repeating: 0, count: 1).span)
        #expect(long.isEmpty)
    }
}
