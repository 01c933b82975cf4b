// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@testable import HTTPRing

@Suite("Static files")
struct StaticFilesTests {
    private let fixture: FileFixture
    /// More than is held in memory and more than one piece.
    private let long = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    init() throws {
        fixture = try FileFixture()
        try fixture.write("a.txt", "hello")
        try fixture.write("empty.txt", "")
        try fixture.write("long.bin", long)
        try fixture.write("dir/index.html", "<p>index")
        try fixture.write("dir/b.css", "b{}")
        try fixture.write("space name é.txt", "odd")
    }

    @Test(
        "A file is sent whole with its type, length, Last-Modified, strong ETag and Accept-Ranges",
        arguments: [true, false]
    )
    func whole(offersSendFile: Bool) async throws {
        let server = try await fixture.server(fixture.files(), offersSendFile: offersSendFile)
        let small = try await server.send(TestRequest("/a.txt"))
        #expect(small.statusCode == 200)
        #expect(small.text == "hello")
        #expect(small["Content-Type"] == "text/plain")
        #expect(small["Content-Length"] == "5")
        #expect(small["Last-Modified"] == "Wed, 01 Jan 2025 00:00:00 GMT")
        #expect(small["Accept-Ranges"] == "bytes")
        #expect(small["ETag"]?.hasPrefix("\"") == true)
        let large = try await server.send(TestRequest("/long.bin"))
        #expect(large.body == long)
        #expect(large["Content-Length"] == "200000")
        #expect(large["Content-Type"] == "application/octet-stream")
        let empty = try await server.send(TestRequest("/empty.txt"))
        #expect(empty.statusCode == 200)
        #expect(empty["Content-Length"] == "0")
        #expect(empty.body.isEmpty)
    }

    @Test("HEAD tells what GET does and sends nothing", arguments: ["/a.txt", "/long.bin", "/dir/"])
    func head(target: String) async throws {
        let server = try await fixture.server(fixture.files())
        let whole = try await server.send(TestRequest(target))
        let head = try await server.send(TestRequest(target, method: "HEAD"))
        #expect(head.statusCode == 200)
        #expect(head.headers == whole.headers)
        #expect(head.body.isEmpty)
    }

    @Test("Other methods on a file are 405 with Allow, OPTIONS is 204, and on nothing they are not answered")
    func otherMethods() async throws {
        let server = try await fixture.server(fixture.files())
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "FOO"] {
            let response = try await server.send(TestRequest("/a.txt", method: method))
            #expect(response.statusCode == 405)
            #expect(response["Allow"] == "GET, HEAD, OPTIONS")
        }
        let options = try await server.send(TestRequest("/a.txt", method: "OPTIONS"))
        #expect(options.statusCode == 204)
        #expect(options["Allow"] == "GET, HEAD, OPTIONS")
        #expect(try await server.send(TestRequest("/none", method: "POST")).text == "missed")
    }

    @Test(
        "A name is percent-decoded once, and only a plain path names a file",
        arguments: [
            ("/a.txt?x=1", 200), ("/%61.txt", 200), ("/space%20name%20%C3%A9.txt", 200), ("/dir//b.css", 200),
            ("//a.txt", 200), ("/x/../a.txt", 200), ("/dir/%2E%2E/a.txt", 200), ("/none", 404),
            ("/a.txt/", 404),
            ("/a.txt/b", 404), ("/A.TXT", 404), ("/dir%2Fb.css", 404), ("/dir%5Cb.css", 404),
            ("/%2561.txt", 404),
            ("/" + String(repeating: "a/", count: 2500), 404),
            ("/" + String(repeating: "a", count: 300), 404),
        ]
    )
    func names(target: String, status: Int) async throws {
        let server = try await fixture.server(fixture.files())
        #expect(try await server.send(TestRequest(target)).statusCode == status)
    }

    @Test("A directory without its slash is redirected to it, whatever stands before it, and keeps the query")
    func directoryRedirect() async throws {
        try fixture.write("a:b/index.html", "colon")
        let server = try await fixture.server(fixture.files())
        for (target, location) in [
            ("/dir", "./dir/"), ("/dir?x=1&y", "./dir/?x=1&y"), ("//dir", "./dir/"), ("/x/../dir", "./dir/"),
            ("/d%69r", "./d%69r/"), ("/a:b", "./a:b/"),
        ] {
            let response = try await server.send(TestRequest(target))
            #expect(response.statusCode == 301, "\(target)")
            #expect(response["Location"] == location)
        }
        #expect(try await server.send(TestRequest("/dir/")).text == "<p>index")
        #expect(try await server.send(TestRequest("/")).text == "missed", "the root has no index")
        #expect(try await server.send(TestRequest("/dir", method: "POST")).text == "missed")
    }

    @Test("Without an index file, directories are not answered")
    func noIndex() async throws {
        let server = try await fixture.server(fixture.files { $0.indexFile = nil })
        #expect(try await server.send(TestRequest("/dir/")).statusCode == 404)
        #expect(try await server.send(TestRequest("/dir")).statusCode == 404)
        #expect(try await server.send(TestRequest("/dir/b.css"))["Content-Type"] == "text/css")
    }

    @Test("Below a request path, only what is below it is answered")
    func requestPath() async throws {
        try fixture.write("index.html", "root")
        let server = try await fixture.server(fixture.files(requestPath: "/files/"))
        #expect(try await server.send(TestRequest("/files/a.txt")).text == "hello")
        #expect(try await server.send(TestRequest("/files/")).text == "root")
        #expect(try await server.send(TestRequest("/files"))["Location"] == "./files/")
        #expect(try await server.send(TestRequest("/a.txt")).text == "missed")
        #expect(try await server.send(TestRequest("/filesa.txt")).text == "missed")
    }

    @Test("A missing root is an error that says what to do")
    func missingRoot() throws {
        let error = #expect(throws: StaticFilesError.self) { try StaticFiles(root: fixture.root + "/none") }
        #expect(error?.description.contains("(ENOENT): give a directory") == true)
        #expect(throws: StaticFilesError.self) { try StaticFiles(root: fixture.root + "/a.txt") }
    }

    @Test(
        "The type follows the extension in any case, or the operator's own table",
        arguments: [
            ("x.html", "text/html"), ("x.HTML", "text/html"), ("x.js", "text/javascript"),
            ("x.svg", "image/svg+xml"),
            ("x.tar.gz", "application/gzip"), ("x", "application/octet-stream"),
            ("x.", "application/octet-stream"),
            ("x.unheardof", "application/octet-stream"), ("x.own", "text/x-own"),
            ("d.html/x", "application/octet-stream"),
        ]
    )
    func mediaType(name: String, type: String) {
        #expect(MediaTypes.type(of: name, adding: ["own": "text/x-own"]) == type)
    }
}
