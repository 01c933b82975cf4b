// SPDX-License-Identifier: Apache-2.0
import CCompression
import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@testable import HTTPMiddleware

@Suite("Compression")
struct CompressionTests {
    static let text = String(repeating: "All work and no play makes Jack a dull boy. ", count: 50)

    @Test(
        "The coding with the highest weight wins, then the server's order",
        arguments: Corpus.table("accept-encoding.tsv")
    )
    func negotiation(_ row: Corpus.Row) {
        let coding = CompressionCoding.negotiate(row[1], preference: [.brotli, .zstandard, .gzip])
        #expect("\(coding?.name ?? "identity")" == row[0], "\(row)")
    }

    @Test("Without Accept-Encoding nothing is compressed, but the response says that it may be")
    func noField() async throws {
        #expect(CompressionCoding.negotiate(nil, preference: [.gzip]) == nil)
        let response = try await answer(TestRequest(), ResponseCompression()) { context in
            context.setField("Content-Type", "text/plain")
            try await context.response.write(Self.text)
        }
        #expect(response["Content-Encoding"] == nil)
        #expect(response["Vary"] == "Accept-Encoding")
        #expect(response["Content-Length"] == String(Self.text.utf8.count))
        #expect(response.text == Self.text)
    }

    @Test("Each coding is one its library reads back", arguments: CompressionCoding.allCases)
    func codings(_ coding: CompressionCoding) async throws {
        let request = TestRequest(headers: [("Accept-Encoding", "\(coding.name)")])
        let response = try await answer(request, ResponseCompression()) { context in
            context.setField("Content-Type", "text/plain")
            context.setField("ETag", "\"abc\"")
            context.setField("Accept-Ranges", "bytes")
            context.response.contentLength = Int64(Self.text.utf8.count)
            try await context.response.write(Self.text)
        }
        #expect(response["Content-Encoding"] == "\(coding.name)")
        #expect(response["Vary"] == "Accept-Encoding")
        #expect(response["ETag"] == "W/\"abc\"")
        #expect(response["Accept-Ranges"] == nil)
        #expect(response["Content-Length"] == String(response.body.count), "all of it was at hand")
        #expect(response.body.count < Self.text.utf8.count / 4)
        #expect(decode(response.body, coding) == Array(Self.text.utf8))
    }

    @Test(
        "Only responses worth it and without secrets are compressed",
        arguments: Corpus.table("compressible.tsv")
    )
    func responses(_ row: Corpus.Row) async throws {
        var options = TestServerOptions()
        if row[6] == "https" {
            options.urlPrefix = "https://*:443/"
            options.tls = TestTLSConnection()
        }
        let request = TestRequest(headers: [("Accept-Encoding", "gzip")] + fieldLines(row[5]))
        let response = try await answer(request, options: options, ResponseCompression()) { context in
            context.response.statusCode = Int(row[3]) ?? 0
            for (name, value) in fieldLines(row[4]) { context.setField(name, value) }
            let count = context.response.contentLength.map { Int($0) } ?? 2000
            try await context.response.write([UInt8](repeating: 0x61, count: count))
        }
        #expect((response["Content-Encoding"] ?? "-") == row[1], "\(row)")
        let varies = response.headers.values(of: "Vary").joined(separator: ",").lowercased().contains(
            "accept-enc"
        )
        #expect(varies == (row[2] == "yes"), "\(row)")
        #expect(response.headers.values(of: "Vary").count <= 2, "\(row)")
    }

    @Test("Secrets over https are compressed where the application says so")
    func secrets() async throws {
        var options = TestServerOptions()
        options.urlPrefix = "https://*:443/"
        options.tls = TestTLSConnection()
        var compression = ResponseCompression()
        compression.compressesSecretsOverHTTPS = true
        let request = TestRequest(headers: [("Accept-Encoding", "gzip"), ("Cookie", "a=b")])
        let response = try await answer(request, options: options, compression) { context in
            try await context.response.respond(type: "text/plain", Self.text)
        }
        #expect(response["Content-Encoding"] == "gzip")
    }

    @Test("Content of unknown length under the least is sent as it is, in one piece")
    func small() async throws {
        let request = TestRequest(headers: [("Accept-Encoding", "gzip")])
        let response = try await answer(request, ResponseCompression()) { context in
            context.setField("Content-Type", "text/plain")
            for _ in 0..<5 { try await context.response.write(String(repeating: "x", count: 51)) }
        }
        #expect(response["Content-Encoding"] == nil)
        #expect(response["Content-Length"] == "255")
        #expect(response.text == String(repeating: "x", count: 255))
    }

    @Test("Responses without content stay as they are", arguments: [204, 205, 200])
    func empty(_ status: Int) async throws {
        let request = TestRequest(headers: [("Accept-Encoding", "gzip")])
        let response = try await answer(request, ResponseCompression()) { context in
            context.response.statusCode = status
            context.setField("Content-Type", "text/plain")
            context.setField("ETag", "\"abc\"")
        }
        #expect(response.statusCode == status)
        #expect(response["Content-Encoding"] == nil)
        #expect(response["ETag"] == "\"abc\"")
        #expect(response.body.isEmpty)
    }

    @Test(
        "HEAD has the fields of the GET, but for a length that only encoding tells (RFC 9110 §8.6, §9.3.2)",
        arguments: ["gzip", "identity"],
        ["written", "declared", "declared and written", "streamed", "short", "unlikely", "empty"]
    )
    func head(_ accept: String, _ kind: String) async throws {
        func ask(_ method: String) async throws -> TestResponse {
            let request = TestRequest(method: method, headers: [("Accept-Encoding", accept)])
            return try await answer(request, ResponseCompression()) { context in
                context.setField("Content-Type", kind == "unlikely" ? "image/png" : "text/plain")
                context.setField("ETag", "\"abc\"")
                context.setField("Accept-Ranges", "bytes")
                let text = kind == "short" ? "short" : kind == "empty" ? "" : Self.text
                if kind.hasPrefix("declared") { context.response.contentLength = Int64(text.utf8.count) }
                if kind == "streamed" { try await context.response.start() }
                if kind == "declared", context.features.request?.knownMethod == .head { return }
                try await context.response.write(text)
                if kind == "streamed" { try await context.response.flush() }
            }
        }
        let (get, head) = (try await ask("GET"), try await ask("HEAD"))
        #expect(head.body.isEmpty)
        #expect(head["Vary"] == (kind == "empty" ? "Accept-Encoding" : get["Vary"]))
        for name in ["Content-Encoding", "Accept-Ranges", "Content-Type"] {
            #expect(head[name] == get[name], "\(name)")
        }
        // What a GET without content would have written is not known.
        #expect(head["ETag"] == (kind == "empty" && accept == "gzip" ? "W/\"abc\"" : get["ETag"]))
        let isCoded = get["Content-Encoding"] != nil
        #expect(isCoded == (accept == "gzip" && !["short", "unlikely", "empty"].contains(kind)))
        if isCoded { #expect(head["Content-Length"] == nil) }
        if let length = head["Content-Length"] { #expect(length == get["Content-Length"]) }
    }

    @Test("HEAD for what is sent from a file has no coding, as the GET has none (RFC 9110 §9.3.2)")
    func headOfFile() async throws {
        for method in ["HEAD", "GET"] {
            let request = TestRequest(method: method, headers: [("Accept-Encoding", "gzip")])
            let response = try await answer(request, ResponseCompression()) { context in
                context.setField("Content-Type", "text/plain")
                context.setField("ETag", "\"abc\"")
                try await context.features.responseBody?.sendFile("/proc/self/exe", offset: 0, byteCount: 300)
            }
            #expect(response["Content-Encoding"] == nil)
            #expect(response["Content-Length"] == "300")
            #expect(response["ETag"] == "\"abc\"")
        }
    }

    @Test(
        "304 has the Vary and the ETag that the 200 in its place would have had (RFC 9110 §15.4.5)",
        arguments: [
            // Accept-Encoding, If-None-Match, fields of the response, Vary, ETag
            ("gzip", "\"x\"", "Content-Type: text/plain", "Accept-Encoding", "W/\"x\""),
            ("gzip", "*", "Content-Type: text/plain", "Accept-Encoding", "W/\"x\""),
            ("identity", "\"x\"", "Content-Type: text/plain", "Accept-Encoding", "\"x\""),
            ("gzip", "\"x\"", "Content-Type: image/png", nil, "\"x\""),
            ("gzip", "W/\"x\"", "", "Accept-Encoding", "W/\"x\""),
            ("gzip", "\"y\", W/\"x\"", "", "Accept-Encoding", "W/\"x\""),
            // The type is not told, and the client has the form that was sent as it is: an image, or a file.
            ("gzip", "\"x\"", "", "Accept-Encoding", "\"x\""),
            ("identity", "W/\"x\"", "", "Accept-Encoding", "\"x\""),
            ("gzip", "W/\"x\"", "Vary: Accept-Encoding, Cookie", "Accept-Encoding, Cookie", "W/\"x\""),
            ("gzip", "W/\"x\"", "Cache-Control: no-transform", nil, "\"x\""),
            ("gzip", "W/\"x\"", "Content-Encoding: br", nil, "\"x\""),
        ] as [(String, String, String, String?, String)]
    )
    func notModified(
        _ accept: String,
        _ held: String,
        _ fields: String,
        _ vary: String?,
        _ tag: String
    ) async throws {
        let request = TestRequest(headers: [("Accept-Encoding", accept), ("If-None-Match", held)])
        let response = try await answer(request, ResponseCompression()) { context in
            context.response.statusCode = 304
            context.setField("ETag", "\"x\"")
            for (name, value) in fieldLines(fields) { context.setField(name, value) }
        }
        #expect(response.statusCode == 304)
        #expect(response["Vary"] == vary)
        #expect(response["ETag"] == tag)
        #expect(response["Content-Encoding"] == (fields.hasSuffix(": br") ? "br" : nil))
    }

    @Test("304 to a request with a secret over https keeps the tag of the form that is not compressed")
    func notModifiedSecret() async throws {
        var options = TestServerOptions()
        options.urlPrefix = "https://*:443/"
        options.tls = TestTLSConnection()
        let request = TestRequest(
            headers: [("Accept-Encoding", "gzip"), ("If-None-Match", "W/\"x\""), ("Cookie", "a=b")]
        )
        let response = try await answer(request, options: options, ResponseCompression()) { context in
            context.response.statusCode = 304
            context.setField("ETag", "\"x\"")
        }
        #expect(response["Vary"] == "Accept-Encoding")
        #expect(response["ETag"] == "\"x\"")
    }

    @Test("What was flushed can be decoded before the response ends", arguments: CompressionCoding.allCases)
    func streaming(_ coding: CompressionCoding) throws {
        let encoder = try ContentEncoder(coding, level: 4)
        var output: [UInt8] = []
        var text = ""
        for index in 0..<20 {
            let piece = "event \(index)\n"
            text += piece
            try encoder.encode(Array(piece.utf8), .gather, into: &output)
            try encoder.encode([], .flush, into: &output)
            #expect(decode(output, coding) == Array(text.utf8), "after piece \(index)")
        }
        try encoder.encode([], .finish, into: &output)
        #expect(decode(output, coding) == Array(text.utf8))
    }

    @Test(
        "A megabyte that does not compress comes back, whatever its pieces",
        arguments: CompressionCoding.allCases
    )
    func large(_ coding: CompressionCoding) throws {
        var state: UInt64 = 1
        let content = (0..<1_000_003).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let encoder = try ContentEncoder(coding, level: 1)
        var output: [UInt8] = []
        var offset = 0
        var size = 1
        while offset < content.count {
            let end = min(offset + size, content.count)
            try encoder.encode(Array(content[offset..<end]), .gather, into: &output)
            offset = end
            size = size * 3 + 1
        }
        try encoder.encode([], .finish, into: &output)
        #expect(decode(output, coding) == content)
    }

    @Test("A stream is flushed through the coding and ends where the handler completes it")
    func stream() async throws {
        let request = TestRequest(headers: [("Accept-Encoding", "gzip")])
        let response = try await answer(request, ResponseCompression()) { context in
            context.setField("Content-Type", "text/event-stream")
            try await context.response.start()
            for index in 0..<3 {
                try await context.response.write("data: \(index)\n\n")
                try await context.response.flush()
            }
            try await context.response.complete()
            await #expect(throws: HTTPResponseError.self) { try await context.response.write("late") }
        }
        #expect(response["Content-Encoding"] == "gzip")
        #expect(response["Content-Length"] == nil)
        #expect(decode(response.body, .gzip) == Array("data: 0\n\ndata: 1\n\ndata: 2\n\n".utf8))
    }

    @Test("A handler that fails ends as without compression")
    func failure() async throws {
        let request = TestRequest(headers: [("Accept-Encoding", "gzip")])
        let response = try await answer(request, ResponseCompression()) { context in
            context.setField("Content-Type", "text/plain")
            try await context.response.write("held back")
            throw BadHTTPRequestError(statusCode: 409, "no")
        }
        #expect(response.statusCode == 409)
        #expect(!response.text.contains("held back"))
    }

    /// The bytes behind a coding, whole or as far as they have come.
    private func decode(_ bytes: [UInt8], _ coding: CompressionCoding) -> [UInt8] {
        var source = bytes
        var target = [UInt8](repeating: 0, count: 1 << 21)
        return source.withUnsafeMutableBufferPointer { source in
            let count = target.withUnsafeMutableBufferPointer { target -> Int in
                switch coding {
                case .gzip:
                    var stream = z_stream()
                    inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                    defer { inflateEnd(&stream) }
                    stream.next_in = source.baseAddress
                    stream.avail_in = UInt32(source.count)
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(target.count)
                    _ = inflate(&stream, Z_SYNC_FLUSH)
                    return target.count - Int(stream.avail_out)
                case .brotli:
                    let decoder = BrotliDecoderCreateInstance(nil, nil, nil)
                    defer { BrotliDecoderDestroyInstance(decoder) }
                    var (left, free) = (source.count, target.count)
                    var input = UnsafePointer(source.baseAddress)
                    var output = target.baseAddress
                    _ = BrotliDecoderDecompressStream(decoder, &left, &input, &free, &output, nil)
                    return target.count - free
                case .zstandard:
                    let decoder = ZSTD_createDCtx()
                    defer { ZSTD_freeDCtx(decoder) }
                    var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                    var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    while input.pos < input.size {
                        guard ZSTD_isError(ZSTD_decompressStream(decoder, &output, &input)) == 0 else {
                            break
                        }
                    }
                    return output.pos
                }
            }
            return Array(target[0..<count])
        }
    }
}

@Suite("Compressed responses in the response cache")
struct CompressedCachingTests {
    @Test(
        "A compressed response is stored where its fields say that everyone may have it",
        arguments: [
            ("Cache-Control: public, max-age=60", 60),
            ("Cache-Control: max-age=5, PUBLIC, s-maxage=\"7\"", 7),
            ("Cache-Control: public|Cache-Control: max-age=9|Vary: Accept-Encoding", 9),
            ("Cache-Control: max-age=60", nil), ("Cache-Control: public", nil),
            ("Cache-Control: public, max-age=0", nil),
            ("Cache-Control: public, max-age=x", nil), ("Cache-Control: public, max-age=60, private", nil),
            ("Cache-Control: public, max-age=60, no-cache", nil),
            ("Cache-Control: public, max-age=60|Vary: Cookie", nil),
            ("Cache-Control: public, max-age=60|Vary: *", nil),
            ("Cache-Control: public, max-age=60|Set-Cookie: a=b", nil),
            ("Cache-Control: public, max-age=60|Pragma: no-cache", nil), ("", nil),
        ] as [(String, Int?)]
    )
    func stored(_ fields: String, _ seconds: Int?) async throws {
        for accept in ["gzip", "identity"] {
            let request = TestRequest(headers: [("Accept-Encoding", accept)])
            let response = try await answer(request, ResponseCompression()) { context in
                for (name, value) in fieldLines(fields) {
                    try context.response.headers.append(name: name, value: value)
                }
                try await context.response.respond(type: "text/plain", CompressionTests.text)
            }
            let isStored = accept == "gzip" && seconds != nil
            #expect(
                response.cachePolicy == (isStored ? .timeToLive(.seconds(seconds ?? 0)) : .automatic),
                "\(fields)"
            )
        }
    }

    @Test("The application's own policy stays, and an error page is not stored by this rule")
    func policy() async throws {
        let request = TestRequest(headers: [("Accept-Encoding", "gzip")])
        let disabled = try await answer(request, ResponseCompression()) { context in
            context.features[(any HTTPResponseCachingFeature).self]?.cachePolicy = .disabled
            context.setField("Cache-Control", "public, max-age=60")
            try await context.response.respond(type: "text/plain", CompressionTests.text)
        }
        #expect(disabled.cachePolicy == .disabled)
        let missing = try await answer(request, ResponseCompression()) { context in
            context.setField("Cache-Control", "public, max-age=60")
            context.setField("Content-Type", "text/plain")
            context.response.statusCode = 404
            try await context.response.write(CompressionTests.text)
        }
        #expect(missing.cachePolicy == .automatic)
    }
}
