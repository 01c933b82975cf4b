// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPMiddleware
import HTTPTestServer
import Testing

@testable import HTTPRing

@Suite("Static files behind compression")
struct CompressedFilesTests {
    private let fixture: FileFixture
    private let server: TestServer

    init() async throws {
        fixture = try FileFixture()
        let line = "All work and no play makes Jack a dull boy. "
        try fixture.write("small.txt", String(repeating: line, count: 50))
        try fixture.write("large.txt", String(repeating: line, count: 20_000))
        try fixture.write("image.png", String(repeating: line, count: 50))
        let files = try fixture.files()
        server = TestServer()
        let application = HandlerApplication(ResponseCompression()) { context in
            _ = try await files.respond(context)
        }
        try await server.start(application: application)
    }

    private static let varying = ["Vary", "Content-Encoding", "ETag", "Accept-Ranges", "Content-Type"]

    @Test(
        "HEAD has the fields of the GET, compressed or sent as a file (RFC 9110 §9.3.2)",
        arguments: ["/small.txt", "/large.txt", "/image.png"],
        ["gzip", "identity"]
    )
    func head(_ target: String, _ accept: String) async throws {
        let fields = [("Accept-Encoding", accept)]
        let get = try await server.send(TestRequest(target, headers: fields))
        let head = try await server.send(TestRequest(target, method: "HEAD", headers: fields))
        #expect(get["Content-Encoding"] == (target == "/small.txt" && accept == "gzip" ? "gzip" : nil))
        for name in Self.varying { #expect(head[name] == get[name], "\(name)") }
        if let length = head["Content-Length"] { #expect(length == get["Content-Length"]) }
        #expect(head.body.isEmpty)
        await server.stop(within: .seconds(1))
    }

    @Test(
        "304 has the Vary and the ETag of the 200 that the client holds (RFC 9110 §15.4.5)",
        arguments: ["/small.txt", "/large.txt", "/image.png"],
        ["gzip", "identity"]
    )
    func notModified(_ target: String, _ accept: String) async throws {
        let get = try await server.send(TestRequest(target, headers: [("Accept-Encoding", accept)]))
        let tag = try #require(get["ETag"])
        let fields = [("Accept-Encoding", accept), ("If-None-Match", tag)]
        let unchanged = try await server.send(TestRequest(target, headers: fields))
        #expect(unchanged.statusCode == 304)
        #expect(unchanged["ETag"] == tag)
        if get["Vary"] != nil { #expect(unchanged["Vary"] == "Accept-Encoding") }
        #expect(unchanged["Content-Encoding"] == nil)
        await server.stop(within: .seconds(1))
    }
}
