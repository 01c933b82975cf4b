// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@testable import HTTPMiddleware

@Suite("Hostile input")
struct HostileInputTests {
    @Test("No text traps what reads fields of strangers")
    func fields() {
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let parts = [
            "for=", "192.0.2.1", ":80", "[", "]", "::1", "\"", "\\", ",", ";", "=", " ", "\t", "proto=https",
            "%2F", "/",
            "..", "é", "\u{10FFFF}", "unknown", "_x", "0", "65536", "*", "q=0.5", "gzip", "br", "00-", "f",
            "a@b=c",
        ]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            let text = (0..<next(12)).map { _ in parts[next(parts.count)] }.joined()
            _ = ForwardedList.elements(text).map { ForwardedHop(forwardedElement: String($0)) }
            _ = ForwardedList.elements(text, honoursQuotes: false).map { ForwardedAddress(String($0)) }
            _ = IPNetwork(text)
            _ = CompressionCoding.negotiate(text, preference: CompressionCoding.allCases)
            _ = TraceContext(traceparent: text, tracestate: text, random: &random)
            _ = TraceContext(
                traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                tracestate: text,
                random: &random
            )
            _ = MediaRanges.names("text", "plain", in: text)
            _ = RedirectTarget.encode(text)
            _ = RedirectTarget.host(of: text)
        }
    }

    @Test("What the response cache leaves out of a key as a client's address is one to ForwardedHeaders, too")
    func addresses() {
        func isAddress(_ text: String) -> Bool { HostSyntax.isAddress(text.utf8.span) }
        var random = Generator(state: 7)
        let parts = [
            "192", "0", "255", "256", "01", ".", ".", ".", ":", ":", "::", "2001", "db8", "[", "]", "ffff",
            "_x",
            "80", "65535", "65536", "v1", "%", "1.2.3.4", "[::1]", "::1",
        ]
        var count = 0
        for _ in 0..<50_000 {
            let text = (0..<random.next(10)).map { _ in parts[random.next(parts.count)] }.joined()
            guard isAddress(text) else { continue }
            count += 1
            #expect(ForwardedAddress(text) != nil, "\(text)")
        }
        #expect(count > 500)
        for text in [
            "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:65535", "::",
            "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8",
        ] {
            #expect(isAddress(text), "\(text)")
        }
        for text in [
            "", "unknown", "_x", "192.0.2", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:_x", "[192.0.2.1]",
            "2001:db8::1%eth0", "[2001:db8::1", "[v1.a]", "a.example", "192.0.2.1 ", "1:2:3:4:5:6:7:8:9",
        ] {
            #expect(!isAddress(text), "\(text)")
        }
    }

    private struct Generator {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    @Test("A list of as many entries as a head holds is walked in a moment")
    func longLists() async throws {
        var forwarded = ForwardedHeaders()
        forwarded.forwardLimit = nil
        forwarded.knownProxies = ["::/0"]
        let request = TestRequest(
            headers: [
                ("X-Forwarded-For", (0..<1500).map { "10.0.\($0 / 256).\($0 % 256)" }.joined(separator: ","))
            ]
        )
        _ = try await answer(request, forwarded) { context in
            #expect(context.connection.remoteAddress == "10.0.0.0")
            #expect(context.features[(any HTTPOriginalRequestFeature).self]?.hopCount == 1500)
        }
    }
}
