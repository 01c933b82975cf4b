// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@testable import HTTPRing

/// Files outside the root, whichever way the root resolves paths.
@Suite("The root of static files")
struct StaticFilesRootTests {
    private let fixture: FileFixture

    init() throws {
        fixture = try FileFixture()
        try fixture.write("a.txt", "a")
        try fixture.write("dir/b.txt", "b")
        try fixture.write("dir/.hidden", "h")
        try fixture.write(".env", "e")
    }

    @Test(
        "No spelling of a path leaves the root",
        arguments: [
            "/../secret.txt", "/..%2Fsecret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt",
            "/%2E%2E%2Fsecret.txt",
            "/dir/../../secret.txt", "/dir/%2e%2e/%2e%2e/secret.txt", "/..%5Csecret.txt", "/....//secret.txt",
            "/%252e%252e/secret.txt", "//../secret.txt", "/./../secret.txt", "/dir/..%00/secret.txt",
            "/..;/secret.txt",
            "/%c0%ae%c0%ae/secret.txt", "/%2Fetc/passwd", "//etc/passwd", "/%2e%2e%5csecret.txt", "/..",
        ],
        [true, false]
    )
    func traversal(target: String, usesOpenat2: Bool) async throws {
        let server = try await fixture.server(fixture.files(usesOpenat2: usesOpenat2))
        let response = try await server.send(TestRequest(target))
        #expect(response.statusCode == 404 || response.statusCode == 400)
        #expect(!response.text.contains("secret") && !response.text.contains("root:"))
    }

    @Test(
        "A feature's path is not trusted to be clean",
        arguments: ["/../secret.txt", "/dir/../../secret.txt", "/a.txt\0", "x", "/."]
    )
    func hostilePath(path: String) throws {
        for usesOpenat2 in [true, false] {
            let files = try fixture.files(usesOpenat2: usesOpenat2) { $0.servesDotFiles = true }
            guard case .missing = try files.find(path) else {
                Issue.record("\(path) names something")
                return
            }
        }
    }

    @Test("A link that leads out of the root is not followed", arguments: [true, false])
    func linksOut(usesOpenat2: Bool) async throws {
        try fixture.link("relative", to: "../secret.txt")
        try fixture.link("absolute", to: fixture.folder + "/secret.txt")
        try fixture.link("up", to: "..")
        try fixture.link("system", to: "/etc")
        try fixture.link("magic", to: "/proc/self/root/etc/passwd")
        try fixture.link("loop", to: "loop")
        let server = try await fixture.server(fixture.files(usesOpenat2: usesOpenat2))
        for target in [
            "/relative", "/absolute", "/up/secret.txt", "/system/passwd", "/magic", "/loop", "/up",
        ] {
            #expect(try await server.send(TestRequest(target)).text == "missed", "\(target)")
        }
    }

    @Test("A link that stays below the root is followed by the kernel's resolution, and never step by step")
    func linksInside() async throws {
        try fixture.link("inside", to: "dir/b.txt")
        try fixture.link("folder", to: "dir")
        let kernel = try await fixture.server(fixture.files())
        #expect(try await kernel.send(TestRequest("/inside")).text == "b")
        #expect(try await kernel.send(TestRequest("/folder/b.txt")).text == "b")
        let stepwise = try await fixture.server(fixture.files(usesOpenat2: false))
        #expect(try await stepwise.send(TestRequest("/inside")).text == "missed")
        #expect(try await stepwise.send(TestRequest("/folder/b.txt")).text == "missed")
        #expect(try await stepwise.send(TestRequest("/dir/b.txt")).text == "b")
    }

    @Test("Only regular files are sent: a pipe, a device and a socket are nothing")
    func notRegular() async throws {
        #expect(mkfifo(fixture.root + "/pipe", 0o600) == 0)
        let server = try await fixture.server(fixture.files())
        #expect(try await server.send(TestRequest("/pipe")).text == "missed")
    }

    @Test("A name that begins with a dot is served only where asked for")
    func dotFiles() async throws {
        let closed = try await fixture.server(fixture.files())
        #expect(try await closed.send(TestRequest("/.env")).text == "missed")
        #expect(try await closed.send(TestRequest("/dir/.hidden")).text == "missed")
        let open = try await fixture.server(fixture.files { $0.servesDotFiles = true })
        #expect(try await open.send(TestRequest("/.env")).text == "e")
        #expect(try await open.send(TestRequest("/dir/.hidden")).text == "h")
    }
}

@Suite("The cache of open files")
struct OpenFileCacheTests {
    private let fixture: FileFixture

    init() throws { fixture = try FileFixture() }

    @Test("A file that was replaced is seen once a second has passed")
    func replaced() async throws {
        try fixture.write("a.txt", "old")
        let server = try await fixture.server(fixture.files())
        #expect(try await server.send(TestRequest("/a.txt")).text == "old")
        try fixture.write("a.txt", "newer")
        fixture.advance(.milliseconds(999))
        #expect(try await server.send(TestRequest("/a.txt")).text == "old")
        fixture.advance(.milliseconds(1))
        #expect(try await server.send(TestRequest("/a.txt")).text == "newer")
    }

    @Test("A file that was removed is gone once a second has passed")
    func removed() async throws {
        try fixture.write("a.txt", "old")
        let server = try await fixture.server(fixture.files())
        #expect(try await server.send(TestRequest("/a.txt")).text == "old")
        unlink(fixture.root + "/a.txt")
        fixture.advance(.seconds(1))
        #expect(try await server.send(TestRequest("/a.txt")).text == "missed")
    }

    @Test("At most the bound of files is held, and those asked for stay")
    func bounded() throws {
        for index in 0..<40 { try fixture.write("\(index).txt", "\(index)") }
        let files = try fixture.files { $0.openFileCountMax = 10 }
        for index in 0..<40 {
            _ = try files.find("/\(index).txt")
            _ = try files.find("/0.txt")
            #expect(files.cache.count <= 10)
        }
        #expect(files.cache.find("/0.txt", now: 0) != nil)
        #expect(files.cache.find("/1.txt", now: 0) == nil)
        let small = try fixture.files { $0.heldContentTotalByteCountMax = 10 }
        for index in 0..<40 {
            _ = try small.find("/\(index).txt")
            #expect(small.cache.contentByteCount <= 10)
        }
        #expect(small.cache.count < 12 && small.cache.find("/39.txt", now: 0) != nil)
        let none = try fixture.files { $0.openFileCountMax = 0 }
        _ = try none.find("/0.txt")
        #expect(none.cache.count == 0)
    }

    @Test("A file's descriptor is closed when cache and responses have let go of it")
    func closed() throws {
        try fixture.write("a.txt", "a")
        let descriptor = try { () throws -> Int32 in
            let files = try fixture.files()
            guard case .file(let file) = try files.find("/a.txt") else { return -1 }
            #expect(file.content == Array("a".utf8))
            #expect(isOpen(file.descriptor, on: "a.txt"))
            return file.descriptor
        }()
        #expect(descriptor >= 0)
        #expect(!isOpen(descriptor, on: "a.txt"))
    }

    /// Whether a descriptor of this process stands for a file of the fixture; tests that run beside this one
    /// may have taken the number again.
    private func isOpen(_ descriptor: Int32, on name: String) -> Bool {
        var one = stat()
        var other = stat()
        guard fstat(descriptor, &one) == 0, stat(fixture.root + "/" + name, &other) == 0 else { return false }
        return one.st_ino == other.st_ino && one.st_dev == other.st_dev
    }
}
