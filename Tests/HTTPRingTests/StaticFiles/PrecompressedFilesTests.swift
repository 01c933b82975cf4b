// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@testable import HTTPRing

@Suite("Static files that lie compressed beside themselves")
struct PrecompressedFilesTests {
    private let fixture: FileFixture
    private let server: TestServer

    init() async throws {
        fixture = try FileFixture()
        try fixture.write("app.js", "plain")
        try fixture.write("app.js.br", "brotli")
        try fixture.write("app.js.gz", "gzipped")
        try fixture.write("only.css", "only plain")
        try fixture.write("dir/index.html", "index")
        try fixture.write("dir/index.html.zst", "zstandard")
        server = try await fixture.server(
            fixture.files { $0.precompressedCodings = [.brotli, .zstandard, .gzip] }
        )
    }

    private func get(_ target: String, _ headers: (name: String, value: String)...) async throws
        -> TestResponse
    {
        try await server.send(TestRequest(target, headers: headers))
    }

    @Test(
        "The coding a client likes best of those there are is sent (RFC 9110 §12.5.3), else the file itself",
        arguments: [
            ("gzip, br", "brotli", "br"), ("gzip;q=1, br;q=0.5", "gzipped", "gzip"),
            ("gzip", "gzipped", "gzip"),
            ("*", "brotli", "br"), ("br;q=0, *", "gzipped", "gzip"), ("x-gzip", "gzipped", "gzip"),
            ("zstd", "plain", nil), ("identity, br;q=0.5", "plain", nil), ("br;q=0", "plain", nil),
            ("", "plain", nil),
        ] as [(String, String, String?)]
    )
    func negotiation(accepted: String, text: String, coding: String?) async throws {
        for _ in 0..<2 {
            let response = try await get("/app.js", ("Accept-Encoding", accepted))
            #expect(response.statusCode == 200)
            #expect(response.text == text)
            #expect(response["Content-Encoding"] == coding)
            #expect(response["Content-Type"] == "text/javascript")
            #expect(response["Content-Length"] == "\(text.utf8.count)")
            #expect(response["Vary"] == "Accept-Encoding")
        }
    }

    @Test("Vary is on every form of a file that has more than one, and on no other (RFC 9110 §12.5.5)")
    func vary() async throws {
        #expect(try await get("/app.js")["Vary"] == "Accept-Encoding")
        let only = try await get("/only.css", ("Accept-Encoding", "br, gzip"))
        #expect(only.text == "only plain")
        #expect(only["Vary"] == nil)
        #expect(only["Content-Encoding"] == nil)
    }

    @Test(
        "Each form has a tag of its own, and conditions are judged by the form that is sent (RFC 9110 §8.8.3.3)"
    )
    func tags() async throws {
        let plain = try #require(await get("/app.js")["ETag"])
        let brotli = try #require(await get("/app.js", ("Accept-Encoding", "br"))["ETag"])
        let gzip = try #require(await get("/app.js", ("Accept-Encoding", "gzip"))["ETag"])
        #expect(Set([plain, brotli, gzip]).count == 3)
        let unchanged = try await get("/app.js", ("Accept-Encoding", "br"), ("If-None-Match", brotli))
        #expect(unchanged.statusCode == 304)
        #expect(unchanged["ETag"] == brotli)
        #expect(unchanged["Vary"] == "Accept-Encoding")
        #expect(unchanged["Content-Encoding"] == nil)
        let other = try await get("/app.js", ("Accept-Encoding", "br"), ("If-None-Match", plain))
        #expect(other.statusCode == 200)
        #expect(other.text == "brotli")
    }

    @Test(
        "A range is one of the file itself; one of a coded form by If-Range gets the whole file (RFC 9110 §14.2)"
    )
    func ranges() async throws {
        let coded = try await get("/app.js", ("Accept-Encoding", "br"))
        #expect(coded["Accept-Ranges"] == nil)
        #expect(try await get("/app.js")["Accept-Ranges"] == "bytes")
        let part = try await get("/app.js", ("Accept-Encoding", "br"), ("Range", "bytes=1-2"))
        #expect(part.statusCode == 206)
        #expect(part.text == "la")
        #expect(part["Content-Encoding"] == nil)
        #expect(part["Content-Range"] == "bytes 1-2/5")
        let tag = try #require(coded["ETag"])
        let stale = try await get(
            "/app.js",
            ("Accept-Encoding", "br"),
            ("Range", "bytes=1-2"),
            ("If-Range", tag)
        )
        #expect(stale.statusCode == 200)
        #expect(stale.text == "plain")
    }

    @Test("HEAD has the fields of the form that GET would send, a directory's index has forms, too")
    func others() async throws {
        let head = try await server.send(
            TestRequest("/app.js", method: "HEAD", headers: [("Accept-Encoding", "br")])
        )
        #expect(head["Content-Encoding"] == "br")
        #expect(head["Content-Length"] == "6")
        #expect(head.body.isEmpty)
        let index = try await get("/dir/", ("Accept-Encoding", "gzip, zstd"))
        #expect(index.text == "zstandard")
        #expect(index["Content-Encoding"] == "zstd")
        #expect(index["Content-Type"] == "text/html")
        let direct = try await get("/app.js.br", ("Accept-Encoding", "br"))
        #expect(direct["Content-Type"] == "application/x-brotli")
        #expect(direct["Content-Encoding"] == nil)
    }

    @Test(
        "Forms that come, change and go are noticed when the file's entry is too old; one that went is no error"
    )
    func changes() async throws {
        #expect(try await get("/only.css", ("Accept-Encoding", "gzip")).text == "only plain")
        try fixture.write("only.css.gz", "later")
        fixture.advance(.seconds(2))
        #expect(try await get("/only.css", ("Accept-Encoding", "gzip")).text == "later")
        try fixture.write("only.css.gz", "latest")
        fixture.advance(.seconds(2))
        #expect(try await get("/only.css", ("Accept-Encoding", "gzip")).text == "latest")
        try fixture.remove("only.css.gz")
        fixture.advance(.seconds(2))
        #expect(try await get("/only.css", ("Accept-Encoding", "gzip")).text == "only plain")
    }

    @Test("A coded form leads no further than the file itself: out of the root, to a directory, to a pipe")
    func confinement() async throws {
        try fixture.link("only.css.gz", to: "../../secret.txt")
        try fixture.write("only.css.br/x", "in a directory")
        let response = try await get("/only.css", ("Accept-Encoding", "br, gzip"))
        #expect(response.text == "only plain")
        #expect(response["Vary"] == nil)
    }

    @Test("Nothing that lies beside a file is sent for it unless the options say so")
    func standard() async throws {
        let server = try await fixture.server(fixture.files())
        let response = try await server.send(TestRequest("/app.js", headers: [("Accept-Encoding", "br")]))
        #expect(response.text == "plain")
        #expect(response["Vary"] == nil)
    }

    @Test("Without room for open files each form is opened anew")
    func withoutCache() async throws {
        let files = try fixture.files {
            $0.precompressedCodings = [.gzip]
            $0.openFileCountMax = 0
        }
        let server = try await fixture.server(files)
        for _ in 0..<2 {
            let response = try await server.send(
                TestRequest("/app.js", headers: [("Accept-Encoding", "gzip")])
            )
            #expect(response.text == "gzipped")
        }
    }
}
