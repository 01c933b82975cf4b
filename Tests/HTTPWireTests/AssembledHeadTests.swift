// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Assembled request heads")
struct AssembledHeadTests {
    /// What became of some fields.
    private struct Result {
        var outcome: AssembledHeadOutcome
        var head: RequestHead
        var bytes: [UInt8]
        var mayGoOn: Bool
        var priority: RequestPriority
        var isExtendedConnect: Bool

        func text(_ range: ByteRange) -> String { String(decoding: bytes[range.range], as: UTF8.self) }

        var fields: [String] { head.fields.map { "\(text($0.name)): \(text($0.value))" } }
    }

    /// Assembles lines such as `:path: /` or `accept: */*`.
    private func assemble(
        _ lines: [String],
        hasContent: Bool = false,
        limits: HeadLimits = HeadLimits()
    ) -> Result {
        var assembled = AssembledHead()
        var mayGoOn = true
        // Twice, since what an earlier head left behind must not show.
        for round in 0..<2 {
            assembled.begin(limits: limits)
            for line in round == 0 ? ["x: y", ":method: GET", "host: b", "cookie: c"] : lines {
                let bytes = Array(line.utf8)
                // A pseudo-field's own colon has no space behind it.
                let colon = bytes.indices.first { bytes[$0...].starts(with: [0x3a, 0x20]) } ?? bytes.count
                let name = Array(bytes[..<colon])
                let value = Array(bytes.dropFirst(colon + 2))
                if !assembled.append(name: name.span, value: value.span) { mayGoOn = false }
            }
            if round == 0 { _ = assembled.finish(hasContent: true) }
        }
        let outcome = assembled.finish(hasContent: hasContent)
        return Result(
            outcome: outcome,
            head: assembled.head,
            bytes: assembled.bytes.toArray(),
            mayGoOn: mayGoOn,
            priority: assembled.priority,
            isExtendedConnect: assembled.isExtendedConnect
        )
    }

    private let get = [":method: GET", ":scheme: https", ":authority: example.com:8443", ":path: /a/b?c=d"]

    @Test("A whole request has the shape that parsing gives (RFC 9113 §8.3.1)")
    func wholeRequest() {
        let result = assemble(get + ["accept: */*", "x-custom: value"])
        #expect(result.outcome == .complete)
        let head = result.head
        #expect(head.version == .http2)
        #expect(head.method == .get)
        #expect(result.text(head.methodRange) == "GET")
        #expect(result.text(head.target) == "/a/b?c=d")
        #expect(result.text(head.path) == "/a/b")
        #expect(result.text(head.query) == "c=d")
        #expect(result.text(head.authority) == "example.com:8443")
        #expect(result.text(head.host) == "example.com")
        #expect(head.port == 8443)
        #expect(head.targetForm == .origin)
        #expect(head.targetIsHTTPS)
        #expect(result.fields == ["accept: */*", "x-custom: value"])
        #expect(head.present.contains(.accept))
        #expect(!head.present.contains(.host) && !head.present.contains(.cookie))
        #expect(!head.hasContent && head.keepAlive && !head.expectsContinue)
    }

    @Test(
        "The same target is taken apart as in HTTP/1.1",
        arguments: [
            "/", "/?", "/a%2Fb", "/a/../b", "//a", "/a?b?c", "/%41", "/a\\b", "/~!$&'()*+,;=:@", "/a b",
            "/a#b",
            "/%4", "/%", "/%zz", "/%00", "/%7f", "/a%", "a", "", "http://a/", "https://a/", "*", "/\u{e4}",
            "?a", "/a?b c",
        ]
    )
    func sameTargets(target: String) {
        var parsed = RequestHead()
        let bytes = Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let outcome = parsed.parse(bytes.span, limits: HeadLimits())
        let result = assemble([":method: GET", ":scheme: http", ":authority: a", ":path: \(target)"])
        guard case .complete = outcome, parsed.targetForm == .origin else {
            #expect(result.outcome != .complete)
            return
        }
        #expect(result.outcome == .complete)
        func text(_ range: ByteRange) -> String { String(decoding: bytes[range.range], as: UTF8.self) }
        #expect(text(parsed.path) == result.text(result.head.path))
        #expect(text(parsed.query) == result.text(result.head.query))
        #expect(parsed.hasQuery == result.head.hasQuery)
        #expect(parsed.pathNeedsDecoding == result.head.pathNeedsDecoding)
    }

    @Test("Parts of a cookie string are joined, in the place of the first (RFC 9113 §8.2.3)")
    func joinsCookies() {
        let result = assemble(get + ["cookie: a=1", "accept: x", "cookie: b=2", "cookie: c=3", "via: y"])
        #expect(result.outcome == .complete)
        #expect(result.fields == ["cookie: a=1; b=2; c=3", "accept: x", "via: y"])
        #expect(assemble(get + ["cookie: a=1"]).fields == ["cookie: a=1"])
    }

    @Test("Without an authority the Host field says where the request goes; with both they must agree")
    func hosts() {
        let bare = [":method: GET", ":scheme: https", ":path: /"]
        let host = assemble(bare + ["host: a.example:1"])
        #expect(host.outcome == .complete)
        #expect(host.text(host.head.host) == "a.example")
        #expect(host.head.port == 1)
        #expect(assemble(bare).outcome == .refused(.hostMissing))
        #expect(assemble(bare + ["host: "]).outcome == .refused(.hostMalformed))
        #expect(assemble(bare + ["host: a", "host: a"]).outcome == .refused(.hostMultiple))
        #expect(assemble(bare + ["host: a@b"]).outcome == .refused(.hostMalformed))
        let both = bare + [":authority: A.example"]
        #expect(assemble(both + ["host: a.example"]).outcome == .complete)
        #expect(assemble(both + ["host: a.example:443"]).outcome == .complete)
        #expect(assemble(both + ["host: a.example:80"]).outcome == .refused(.hostMismatch))
        #expect(assemble(both + ["host: b.example"]).outcome == .refused(.hostMismatch))
        #expect(assemble(bare + [":authority: user@a"]).outcome == .refused(.hostMalformed))
    }

    @Test("Content is known by its length or by what follows the head")
    func content() {
        #expect(assemble(get, hasContent: true).head.isChunked)
        #expect(assemble(get, hasContent: true).head.hasContent)
        let known = assemble(get + ["content-length: 5"], hasContent: true)
        #expect(known.head.contentLength == 5 && !known.head.isChunked && known.head.hasContent)
        #expect(assemble(get + ["content-length: 0"]).outcome == .complete)
        #expect(assemble(get + ["content-length: 5"]).outcome == .malformed(.contentMissing))
        #expect(assemble(get + ["content-length: x"]).outcome == .refused(.contentLengthMalformed))
        let twice = ["content-length: 5", "content-length: 5"]
        #expect(assemble(get + twice, hasContent: true).outcome == .refused(.contentLengthMultiple))
        #expect(assemble(get + ["expect: 100-continue"], hasContent: true).head.expectsContinue)
        #expect(assemble(get + ["expect: tea"]).outcome == .refused(.expectationFailed))
    }

    /// Lines that make no request, after those of a good one where they begin with `+`, and why not.
    static let malformed: [(lines: [String], reason: HeadMalformation)] = [
        (["+", "Accept: x"], .fieldNameMalformed),
        (["+", "aB-unknown: x"], .fieldNameMalformed),
        (["+", "a b: x"], .fieldNameMalformed),
        (["+", "a:b: x"], .fieldNameMalformed),
        (["+", ""], .fieldNameMalformed),
        (["+", "x-a: a\nb"], .fieldValueMalformed),
        (["+", "x-a: a\rb"], .fieldValueMalformed),
        (["+", "x-a: a\0b"], .fieldValueMalformed),
        (["+", "x-a:  a"], .fieldValueMalformed),
        (["+", "x-a: a\t"], .fieldValueMalformed),
        (["+", "connection: close"], .connectionField),
        (["+", "keep-alive: 5"], .connectionField),
        (["+", "proxy-connection: close"], .connectionField),
        (["+", "transfer-encoding: chunked"], .connectionField),
        (["+", "upgrade: websocket"], .connectionField),
        (["+", "te: gzip"], .transferCodings),
        (["+", "te: trailers, gzip"], .transferCodings),
        (["+", ":status: 200"], .pseudoFieldUnknown),
        (["+", ":a: b"], .pseudoFieldUnknown),
        (["+", ":path: /"], .pseudoFieldRepeated),
        (["+", "accept: x", ":path: /"], .pseudoFieldMisplaced),
        ([":method: GET", ":scheme: http", ":path: /a\nb"], .fieldValueMalformed),
        ([":scheme: https", ":authority: a", ":path: /"], .pseudoFieldMissing),
        ([":method: ", ":scheme: https", ":authority: a", ":path: /"], .pseudoFieldMissing),
        ([":method: GET", ":authority: a", ":path: /"], .pseudoFieldMissing),
        ([":method: GET", ":scheme: https", ":authority: a"], .pseudoFieldMissing),
        ([":method: GET", ":scheme: https", ":authority: a", ":path: "], .pseudoFieldMissing),
        ([":method: CONNECT"], .pseudoFieldMissing),
        ([":method: CONNECT", ":authority: a:1", ":path: /"], .pseudoFieldForbidden),
        ([":method: CONNECT", ":authority: a:1", ":scheme: http"], .pseudoFieldForbidden),
        (["+", ":protocol: websocket"], .pseudoFieldForbidden),
        ([":method: CONNECT", ":protocol: x", ":scheme: http", ":authority: a"], .pseudoFieldMissing),
        ([":method: CONNECT", ":protocol: x", ":scheme: http", ":path: /"], .pseudoFieldMissing),
        ([], .pseudoFieldMissing),
    ]

    @Test("What is malformed is so for its reason (RFC 9113 §8.2, §8.3)", arguments: malformed.indices)
    func isMalformed(index: Int) {
        let (lines, reason) = AssembledHeadTests.malformed[index]
        let whole = lines.first == "+" ? get + lines.dropFirst() : lines
        #expect(assemble(whole).outcome == .malformed(reason), "\(lines)")
    }

    @Test("What is refused is answered with the status that HTTP/1.1 gives")
    func isRefused() {
        func outcome(_ method: String, _ scheme: String, _ path: String) -> AssembledHeadOutcome {
            assemble([":method: \(method)", ":scheme: \(scheme)", ":authority: a", ":path: \(path)"]).outcome
        }
        #expect(outcome("GE T", "http", "/") == .refused(.methodMalformed))
        #expect(outcome(String(repeating: "A", count: 33), "http", "/") == .refused(.methodTooLong))
        #expect(outcome("GET", "ftp", "/") == .refused(.targetMalformed))
        #expect(outcome("GET", "http", "*") == .refused(.targetFormNotAllowed))
        #expect(outcome("OPTIONS", "http", "*") == .complete)
        #expect(outcome("GET", "HTTPS", "/") == .complete)
        #expect(outcome("GET", "http", "/%zz") == .refused(.pathMalformed))
        #expect(outcome("GET", "http", "/" + String(repeating: "a", count: 8192)) == .refused(.targetTooLong))
        #expect(outcome("GET", "http", "/" + String(repeating: "a", count: 8191)) == .complete)
    }

    @Test("CONNECT has an authority for its target; an extended one has a path (RFC 9113 §8.5, RFC 8441 §4)")
    func connect() {
        let plain = assemble([":method: CONNECT", ":authority: a:443"], hasContent: true)
        #expect(plain.outcome == .complete)
        #expect(plain.head.targetForm == .authority)
        #expect(plain.text(plain.head.target) == "a:443")
        #expect(!plain.isExtendedConnect)
        #expect(assemble([":method: CONNECT", ":authority: a"]).outcome == .refused(.targetMalformed))
        let extended = assemble(
            [
                ":method: CONNECT", ":protocol: websocket", ":scheme: https", ":authority: a",
                ":path: /chat?x", "sec-websocket-version: 13",
            ],
            hasContent: true
        )
        #expect(extended.outcome == .complete)
        #expect(extended.isExtendedConnect)
        #expect(extended.head.method == .connect)
        #expect(extended.head.targetForm == .origin)
        #expect(extended.text(extended.head.path) == "/chat")
    }

    @Test("Limits refuse with a status, and twice the limits with the session's end")
    func limits() {
        var limits = HeadLimits(headBytesMax: 1000, fieldCountMax: 5, fieldBytesMax: 300)
        #expect(
            assemble(get + ["a: \(String(repeating: "b", count: 297))"], limits: limits).outcome == .complete
        )
        let long = assemble(get + ["a: \(String(repeating: "b", count: 298))"], limits: limits)
        #expect(long.outcome == .refused(.fieldTooLarge) && long.mayGoOn)
        let many = assemble(get + (0..<6).map { "a: \($0)" }, limits: limits)
        #expect(many.outcome == .refused(.tooManyFields) && many.mayGoOn)
        #expect(!assemble(get + (0..<15).map { "a: \($0)" }, limits: limits).mayGoOn)
        limits.fieldBytesMax = 10_000
        let large = assemble(get + ["a: \(String(repeating: "b", count: 900))"], limits: limits)
        #expect(large.outcome == .refused(.headTooLarge) && large.mayGoOn)
        #expect(!assemble(get + ["a: \(String(repeating: "b", count: 2000))"], limits: limits).mayGoOn)
        #expect(large.bytes.count < 200)
    }

    @Test(
        "Priorities are read leniently (RFC 9218 §4)",
        arguments: [
            ("u=0", 0, false), ("u=7, i", 7, true), ("i", 3, true), ("i=?1;x=y , u=5", 5, true),
            ("i=?0", 3, false),
            ("u=8", 3, false), ("u=10", 3, false), ("u", 3, false), ("u=-1", 3, false), ("i=1", 3, false),
            (",,u=2,,", 2, false), ("x=1, U=2", 3, false), ("u=1, u=6", 6, false), ("", 3, false),
        ]
    )
    func priorities(value: String, urgency: Int, isIncremental: Bool) {
        let wanted = RequestPriority(urgency: UInt8(urgency), isIncremental: isIncremental)
        #expect(assemble(get + ["priority: \(value)"]).priority == wanted || value.hasSuffix(" "))
    }

    @Test("Any bytes at all are judged without harm")
    func anyBytes() {
        var random = SplitMix64(state: 42)
        var assembled = AssembledHead()
        let names = [
            ":method", ":scheme", ":path", ":authority", ":protocol", "host", "cookie", "te", "priority", "x",
        ]
        let values = [
            "GET", "CONNECT", "https", "/", "/%41?", "a:1", "[::1]:80", "trailers", "u=1, i", "", "%", "*",
        ]
        for _ in 0..<3000 {
            assembled.begin(limits: HeadLimits(headBytesMax: 500, targetBytesMax: 20, fieldCountMax: 6))
            for _ in 0..<Int.random(in: 0...9, using: &random) {
                var name = Array((names.randomElement(using: &random) ?? "").utf8)
                var value = Array((values.randomElement(using: &random) ?? "").utf8)
                let byte = UInt8.random(in: 0...255, using: &random)
                if byte % 8 == 0, !name.isEmpty { name[Int(byte / 8) % name.count] = byte }
                if byte % 8 == 1, !value.isEmpty { value[Int(byte / 8) % value.count] = byte }
                guard assembled.append(name: name.span, value: value.span) else { break }
            }
            _ = assembled.finish(hasContent: Bool.random(using: &random))
            let count = assembled.bytes.count
            for field in assembled.head.fields {
                #expect(field.name.end <= count && field.value.end <= count)
            }
        }
    }
}
