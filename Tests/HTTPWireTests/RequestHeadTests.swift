// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Request heads")
struct RequestHeadTests {
    @Test("A head says where its parts are")
    func parts() {
        let message =
            "POST /a/b?c=d HTTP/1.1\r\nHost: Example.com:8080\r\nX-One:  1 \r\ncontent-length: 42\r\nAccept:\r\n\r\n"
        let (head, outcome) = RequestHead.parsing(message)
        #expect(outcome == .complete(byteCount: message.utf8.count))
        #expect(head.method == .post && text(head.methodRange, of: message) == "POST")
        #expect(head.version == .http11 && head.targetForm == .origin)
        #expect(text(head.target, of: message) == "/a/b?c=d")
        #expect(text(head.path, of: message) == "/a/b")
        #expect(text(head.query, of: message) == "c=d" && head.hasQuery)
        #expect(text(head.authority, of: message) == "Example.com:8080")
        #expect(text(head.host, of: message) == "Example.com" && head.port == 8080)
        #expect(head.contentLength == 42 && head.hasContent && !head.isChunked)
        #expect(head.fields.map(\.id) == [.host, .unknown, .contentLength, .accept])
        #expect(
            head.fields.map { text($0.name, of: message) } == ["Host", "X-One", "content-length", "Accept"]
        )
        #expect(head.fields.map { text($0.value, of: message) } == ["Example.com:8080", "1", "42", ""])
        #expect(head.value(of: .contentLength).map { text($0, of: message) } == "42")
        #expect(head.value(of: .cookie) == nil && head.firstIndex(of: .accept) == 3)
        #expect(!head.pathNeedsDecoding)
    }

    @Test(
        "Targets of all forms are split as Kestrel's and HTTP.sys's tables say (RFC 9112 §3.2)",
        arguments: Corpus.table("request-lines.tsv")
    )
    func targets(_ row: Corpus.Row) throws {
        for method in ["GET", "CUSTOM"] {
            for version in ["HTTP/1.0", "HTTP/1.1"] {
                let form = row.text(1)
                let authority = form == "absolute" ? row.text(0).split(separator: "/")[1] : "any.example"
                let message = "\(method) \(row.text(0)) \(version)\r\nHost: \(authority)\r\n\r\n"
                let (head, outcome) = RequestHead.parsing(message)
                try #require(outcome == .complete(byteCount: message.utf8.count), "\(row)")
                #expect("\(head.targetForm)" == form)
                #expect(text(head.target, of: message) == row.text(0))
                #expect(text(head.path, of: message) == row.text(2))
                #expect(head.hasQuery == (row.text(3) != "-"))
                #expect(text(head.query, of: message) == (head.hasQuery ? row.text(3) : ""))
                #expect(head.pathNeedsDecoding == (row.text(4) == "yes"))
                #expect(text(head.authority, of: message) == authority)
                #expect(head.version.text.description == version)
            }
        }
    }

    @Test("Bytes of a target other than visible ASCII and # are refused at every offset (RFC 9112 §3.2)")
    func targetBytes() {
        for byte in UInt8.min...UInt8.max {
            let isAllowed = byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "#")
            for prefixCount in [0, 1, 14, 15, 16, 17, 31, 32, 33] {
                for prefix in ["/", "/?"] where byte != UInt8(ascii: "%") && byte != 0x20 {
                    let target =
                        Array(prefix.utf8) + Array(repeating: UInt8(ascii: "a"), count: prefixCount) + [byte]
                    let message = Array("GET ".utf8) + target + Array("aa HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                    var head = RequestHead()
                    let outcome = head.parse(message)
                    let isComplete = outcome == .complete(byteCount: message.count)
                    #expect(isComplete == isAllowed, "byte \(byte) after \(prefixCount)")
                }
            }
        }
    }

    @Test(
        "Control characters in a value are refused at every offset around vector boundaries (Kestrel §17.7)"
    )
    func valueBytes() {
        for byte in UInt8.min...UInt8.max {
            let isAllowed = byte == 0x09 || (byte >= 0x20 && byte != 0x7f)
            for count in [0, 1, 7, 8, 14, 15, 16, 17, 30, 31, 32, 33, 62, 63, 64, 65] {
                let value = Array(repeating: UInt8(ascii: "v"), count: count) + [byte, UInt8(ascii: "w")]
                let message = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + value + Array("\r\n\r\n".utf8)
                var head = RequestHead()
                let outcome = head.parse(message)
                let isComplete = outcome == .complete(byteCount: message.count)
                #expect(isComplete == isAllowed, "byte \(byte) after \(count)")
                switch byte {
                case 0x0a: #expect(outcome == .refused(.bareLineFeed, at: 28 + count))
                case 0x0d: #expect(outcome == .refused(.bareCarriageReturn, at: 28 + count))
                default: #expect(isAllowed || outcome == .refused(.fieldValueMalformed, at: 28 + count))
                }
            }
        }
    }

    @Test("A name holds tchar only, at every offset around vector boundaries (RFC 9110 §5.1)")
    func nameBytes() {
        let tchar = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: ":") {
            for count in [0, 1, 14, 15, 16, 17, 31, 32, 63] {
                let name = Array(repeating: UInt8(ascii: "n"), count: count) + [byte, UInt8(ascii: "m")]
                let message = Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8) + name + Array(": v\r\n\r\n".utf8)
                var head = RequestHead()
                let isComplete = head.parse(message) == .complete(byteCount: message.count)
                #expect(isComplete == tchar.contains(byte), "byte \(byte) after \(count)")
            }
        }
    }

    @Test(
        "Connections persist by version and Connection field (RFC 9112 §9.3)",
        arguments: [
            ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
            ("HTTP/1.1", "Connection: keep-alive\r\n", true), ("HTTP/1.1", "Connection: x, Close\r\n", false),
            ("HTTP/1.1", "Connection: closed\r\n", true),
            ("HTTP/1.1", "Connection: keep-alive, close\r\n", false),
            ("HTTP/1.1", "Connection: x\r\nConnection:\tclose\t,y\r\n", false), ("HTTP/1.0", "", false),
            ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
            ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
            ("HTTP/1.0", "Connection: close\r\n", false), ("HTTP/1.0", "Connection: x,keep-alive\r\n", true),
        ]
    )
    func keepAlive(version: String, field: String, isKept: Bool) {
        let (head, _) = RequestHead.parsing("GET / \(version)\r\nHost: a\r\n\(field)\r\n")
        #expect(head.keepAlive == isKept)
    }

    @Test(
        "An upgrade needs both fields and HTTP/1.1 (RFC 9110 §7.8)",
        arguments: [
            ("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true),
            ("HTTP/1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", true),
            ("HTTP/1.1", "Upgrade: websocket\r\n", false), ("HTTP/1.1", "Connection: upgrade\r\n", false),
            ("HTTP/1.1", "Connection: upgrade\r\nUpgrade:\r\n", false),
            ("HTTP/1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n", false),
        ]
    )
    func upgrade(version: String, fields: String, hasUpgrade: Bool) {
        let (head, _) = RequestHead.parsing("GET / \(version)\r\nHost: a\r\n\(fields)\r\n")
        #expect(head.hasUpgrade == hasUpgrade)
    }

    @Test("Expect counts in HTTP/1.1 only (RFC 9110 §10.1.1)")
    func expectation() {
        #expect(
            RequestHead.parsing("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").head
                .expectsContinue
        )
        #expect(!RequestHead.parsing("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head.expectsContinue)
        #expect(!RequestHead.parsing("PUT / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n").head.expectsContinue)
    }

    @Test("A target's authority goes before Host (RFC 9112 §3.2.2), and Host serves the other forms")
    func authority() {
        func authority(_ line: String, _ host: String) -> (String, String, UInt16?) {
            let message = "\(line)\r\n\(host)\r\n\r\n"
            let (head, _) = RequestHead.parsing(message)
            return (text(head.authority, of: message), text(head.host, of: message), head.port)
        }
        #expect(authority("GET http://A.b/ HTTP/1.1", "Host: a.B:80") == ("A.b", "A.b", nil))
        #expect(authority("GET https://a:443 HTTP/1.1", "Host: a") == ("a:443", "a", 443))
        #expect(authority("CONNECT [::1]:22 HTTP/1.1", "Host: [::1]:22") == ("[::1]:22", "[::1]", 22))
        #expect(authority("OPTIONS * HTTP/1.1", "Host: a:1") == ("a:1", "a", 1))
        #expect(authority("GET / HTTP/1.1", "Host:") == ("", "", nil))
        #expect(authority("GET / HTTP/1.0", "X: y") == ("", "", nil))
    }

    @Test("Methods are known by their exact letters only (RFC 9110 §9.1)")
    func methods() {
        for method in Method.allCases where method != .other {
            let name = method.text.description
            #expect(Method(name.utf8.span) == method)
            #expect(Method(name.lowercased().utf8.span) == .other)
            #expect(Method((name + "X").utf8.span) == .other)
            #expect(Method(String(name.dropLast()).utf8.span) == .other)
            for index in name.utf8.indices {
                var bytes = Array(name.utf8)
                bytes[name.utf8.distance(from: name.startIndex, to: index)] ^= 0x01
                #expect(Method(bytes.span) == .other)
            }
            let target = method == .connect ? "a:1" : "/"
            let (head, _) = RequestHead.parsing("\(name) \(target) HTTP/1.1\r\nHost: a:1\r\n\r\n")
            #expect(head.method == method)
        }
        #expect(Method("PROPPATCX".utf8.span) == .other)
        #expect(Method("".utf8.span) == .other)
    }
}
