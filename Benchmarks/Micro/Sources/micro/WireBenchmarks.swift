// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// Parsing and writing of HTTP/1.1.
enum WireBenchmarks {
    static let groups = [
        Group("head") { heads.map { head($0.name, $0.text) } },
        Group("chunked") {
            [chunked("16 chunks of 64 bytes", 64, 16), chunked("one chunk of 16 KiB", 16384, 1)]
        },
        Group("path") {
            [
                path("decode 20 plain bytes", "/images/logo-512.png"),
                path("decode 29 bytes with escapes", "/caf%C3%A9/a%20b/./c/../d%2Fe"),
            ]
        },
        Group("response head") { [responseHead()] },
        Group("date") { [date()] },
    ]

    static let shortHead = "GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n"

    static let browserHead =
        "GET /articles/2026/index.html?page=2 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n"
        + "sec-ch-ua-mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) "
        + "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\nAccept: text/html,"
        + "application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: none\r\nAccept-Encoding: "
        + "gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: session=0123456789abcdef0123456789abcdef01234567\r\n\r\n"

    static let postHead =
        "POST /api/echo/9 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 128\r\n\r\n"

    private static let heads = [
        (name: "44-byte GET", text: shortHead), (name: "500-byte browser GET", text: browserHead),
        (name: "\(postHead.utf8.count)-byte POST", text: postHead),
    ]

    private static func head(_ name: String, _ text: String) -> Benchmark {
        let bytes = Array(text.utf8)
        let limits = HeadLimits()
        return Benchmark(name) { count in
            var head = RequestHead()
            var total = 0
            for _ in 0..<count {
                guard case .complete(let byteCount) = head.parse(bytes.span, limits: limits) else {
                    return -1
                }
                total &+= byteCount &+ head.fields.count
            }
            return total
        }
    }

    private static func chunked(_ name: String, _ chunkByteCount: Int, _ chunkCount: Int) -> Benchmark {
        let chunk =
            "\(String(chunkByteCount, radix: 16))\r\n\(String(repeating: "x", count: chunkByteCount))\r\n"
        let bytes = Array((String(repeating: chunk, count: chunkCount) + "0\r\n\r\n").utf8)
        return Benchmark(name) { count in
            var total = 0
            for _ in 0..<count {
                var decoder = ChunkedDecoder()
                var position = 0
                decoding: while true {
                    switch decoder.next(bytes.span, position: &position) {
                    case .content(let range): total &+= range.count
                    case .end: break decoding
                    case .needMore, .refused: return -1
                    }
                }
            }
            return total
        }
    }

    private static func path(_ name: String, _ text: String) -> Benchmark {
        let bytes = Array(text.utf8)
        return Benchmark(name) { count in
            var decoded: [UInt8] = []
            var total = 0
            for _ in 0..<count {
                decoded.removeAll(keepingCapacity: true)
                guard (try? RequestPath.decode(bytes.span, into: &decoded)) != nil else { return -1 }
                total &+= decoded.count
            }
            return total
        }
    }

    /// What the engine writes for a response of 13 bytes with a type.
    private static func responseHead() -> Benchmark {
        let common = Array("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: HTTPRing\r\n".utf8)
        return Benchmark("200 with a type, a length, date and server") { count in
            var output = OutputBuffer()
            var fields = FieldSection()
            var total = 0
            for _ in 0..<count {
                fields.removeAll()
                fields.append(id: .contentType, literal: "text/plain")
                output.removeAll()
                output.appendStatusLine(status: 200, reason: nil)
                output.appendFields(fields)
                output.append("Content-Length: " as StaticString)
                output.append(decimal: 13)
                output.append("\r\n" as StaticString)
                output.append(common)
                output.append("\r\n" as StaticString)
                total &+= output.count
            }
            return total
        }
    }

    private static func date() -> Benchmark {
        Benchmark("format") { count in
            var total = 0
            for second in 0..<count {
                total &+= Int(HTTPDate(unixSeconds: 1_795_000_000 &+ Int64(second)).bytes[24])
            }
            return total
        }
    }
}
