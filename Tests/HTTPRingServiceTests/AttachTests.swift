// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestKit
import Testing

@Suite(
    "Applications of several users behind one port",
    .serialized,
    .ownThread,
    .enabled(if: ServiceProcess.isRoot, "needs root to be other users")
)
struct AttachTests {
    private let alice: UInt32 = 61001
    private let bob: UInt32 = 61002
    private let service: ServiceProcess
    private let port = ServiceProcess.freePort()
    private var host: String { "localhost:\(port)" }

    init() throws {
        service = try ServiceProcess()
        try service.start()
        for (path, user) in [("a", alice), ("b", bob)] {
            let outcome = try service.httpring("add", "urlacl", "url=http://\(host)/\(path)/", "user=\(user)")
            try #require(outcome.status == 0)
        }
    }

    private func application(_ user: UInt32, _ queue: String, _ path: String) throws -> ApplicationProcess {
        try ApplicationProcess(service, user: user, queue: queue, "\(host)/\(path)")
    }

    /// A port with a certificate, where alice may listen below a path.
    private func secureOrigin(_ path: String) throws -> (origin: String, certificate: String) {
        let certificate = try LocalCertificate(in: service.directory)
        let securePort = ServiceProcess.freePort()
        let origin = "https://localhost:\(securePort)"
        let reserved = try service.httpring("add", "urlacl", "url=\(origin)/\(path)/", "user=\(alice)")
        try #require(reserved.status == 0, "\(reserved.errors)")
        try service.add(certificate, port: securePort)
        return (origin, certificate.file)
    }

    private func get(_ path: String) throws -> (status: Int, content: String) {
        let client = try PortClient(port)
        client.send(path, host: host)
        return client.receive()
    }

    @Test("get the requests below their own prefixes, with content both ways")
    func routing() throws {
        let first = try application(alice, "first", "a/")
        let second = try application(bob, "second", "b/")
        try #require(first.isReady && second.isReady)
        let client = try PortClient(port)
        for round in 0..<20 {
            client.send("/a/plaintext", host: host)
            #expect(client.receive() == (200, "Hello, World!"))
            client.send("/b/echo", method: "POST", host: host, content: "round \(round)")
            #expect(client.receive() == (200, "round \(round)"))
        }
        client.send("/a/bytes/300000", host: host)
        #expect(client.receive().status == 200)
        #expect(try get("/c/").status == 404)
        // Each process counts what it answered itself.
        #expect(try get("/a/stats").content.contains("\"requests\":"))
        let shown = try service.httpring("show", "servicestate").output
        #expect(shown.contains("first") && shown.contains("second"))
    }

    @Test("are refused what is reserved for, or registered by, or opened by another user, in words")
    func refusals() throws {
        let first = try application(alice, "first", "a/")
        try #require(first.isReady)
        for (queue, path, words) in [
            ("own", "a/below/", "may not listen"),
            ("own", "a/", "already registered"),
            ("first", "b/", "may not open the queue 'first'"),
            ("no name", "b/", "queue"),
        ] {
            let other = try application(bob, queue, path)
            #expect(!other.isReady)
            let said = other.words()
            #expect(said.contains(words), "\(queue) \(path): \(said)")
        }
        #expect(try get("/a/plaintext").status == 200)
        let unreachable = try ServiceProcess.run(
            "testapp",
            ["--attach", "q", "--service-socket", "/nonexistent", "--http", "localhost:1"]
        )
        #expect(unreachable.status != 0)
        #expect(unreachable.errors.contains("cannot be reached at /nonexistent"))
    }

    @Test("a process that is killed under load loses the requests in its hands, and nobody else any")
    func killed() throws {
        let first = try application(alice, "first", "a/")
        let second = try application(bob, "second", "b/")
        try #require(first.isReady && second.isReady)
        let held = try (0..<8).map { _ in try PortClient(port) }
        for client in held { client.send("/a/delay/20000", host: host) }
        // Answered behind the others, so that they have arrived.
        #expect(try get("/a/plaintext").status == 200)
        let load = BackgroundLoad { [port, host] in
            let client = try PortClient(port)
            return (0..<500).count { _ in
                client.send("/b/plaintext", host: host)
                return client.receive().status != 200
            }
        }
        first.end(SIGKILL)
        for client in held { #expect([0, 503].contains(client.receive().status)) }
        #expect(load.failures() == 0)
        #expect(try get("/b/plaintext").status == 200)
        // Another process of the same user takes its place.
        let again = try application(alice, "first", "a/")
        #expect(again.isReady)
        #expect(try get("/a/plaintext").status == 200)
    }

    @Test("a process that is told to end answers what it has before")
    func drained() throws {
        let first = try application(alice, "first", "a/")
        try #require(first.isReady)
        let held = try (0..<4).map { _ in try PortClient(port) }
        for client in held { client.send("/a/delay/300", host: host) }
        #expect(try get("/a/plaintext").status == 200)
        #expect(first.end(SIGTERM) == 0)
        for client in held { #expect(client.receive().status == 200) }
    }

    @Test("a process that is told to end closes WebSockets with 1001 and is gone (RFC 6455 §7.4.1)")
    func webSockets() throws {
        let first = try application(alice, "first", "a/")
        try #require(first.isReady)
        let client = try PortClient(port)
        client.send(
            text: "GET /a/ws HTTP/1.1\r\nHost: \(host)\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        #expect(client.receive().status == 101)
        // Echoed, so that it is open at the other end, too.
        client.send(bytes: [0x81, 0x82, 0, 0, 0, 0] + Array("hi".utf8))
        #expect(client.receive(byteCount: 4) == [0x81, 2] + Array("hi".utf8))
        let start = ContinuousClock.now
        first.signal(SIGTERM)
        #expect(client.receive(byteCount: 4) == [0x88, 2, 0x03, 0xE9])
        client.send(bytes: [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9])
        #expect(client.receive(byteCount: 1) == [])
        #expect(first.end(0) == 0)
        #expect(ContinuousClock.now - start < .seconds(4), "it does not wait for its shutdown timeout, 5 s")
    }

    @Test("processes of a defined queue share its requests, and those of a dead one wait for the next")
    func shared() throws {
        let added = try service.httpring(
            "add",
            "queue",
            "name=shop",
            "url=http://\(host)/a/",
            "user=\(alice)"
        )
        try #require(added.status == 0, "\(added.errors)")
        let waiting = try PortClient(port)
        waiting.send("/a/plaintext", host: host)
        let first = try application(alice, "shop", "a/")
        try #require(first.isReady)
        #expect(waiting.receive() == (200, "Hello, World!"))
        let second = try application(alice, "shop", "a/")
        try #require(second.isReady)
        for _ in 0..<20 { #expect(try get("/a/plaintext").status == 200) }
        first.end(SIGKILL)
        for _ in 0..<20 { #expect(try get("/a/plaintext").status == 200) }
        second.end(SIGKILL)
        waiting.send("/a/json", host: host)
        let third = try application(alice, "shop", "a/")
        try #require(third.isReady)
        #expect(waiting.receive().status == 200)
    }

    @Test("processes of a queue that no definition names share its prefixes until the last of them leaves")
    func sharedWithoutDefinition() throws {
        let first = try application(alice, "web", "a/")
        let second = try application(alice, "web", "a/")
        try #require(first.isReady && second.isReady)
        let stranger = try application(bob, "web", "b/")
        #expect(!stranger.isReady)
        #expect(stranger.words().contains("may not open the queue 'web'"))
        for _ in 0..<10 { #expect(try get("/a/plaintext").status == 200) }
        first.end(SIGKILL)
        for _ in 0..<10 { #expect(try get("/a/plaintext").status == 200) }
        let third = try application(alice, "web", "a/")
        try #require(third.isReady)
        #expect(second.end(SIGTERM) == 0)
        for _ in 0..<10 { #expect(try get("/a/plaintext").status == 200) }
        #expect(third.end(SIGTERM) == 0)
        let other = try application(bob, "web", "b/")
        #expect(other.isReady, "the queue ended with its last process")
    }

    @Test(
        "requests of https and HTTP/2 pass, with the certificate in the service alone",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl"),
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "needs curl")
    )
    func secure() throws {
        let (origin, certificate) = try secureOrigin("s")
        let process = try ApplicationProcess(
            service,
            user: alice,
            queue: "secure",
            "\(origin.dropFirst(8))/s/",
            listener: "--https"
        )
        try #require(process.isReady, "\(process.words())")
        func curl(_ arguments: String...) throws -> String {
            try ServiceProcess.run(
                "/usr/bin/curl",
                ["--silent", "--max-time", "10", "--cacert", certificate] + arguments
            ).output
        }
        let form = "%{http_code} %{http_version} %{size_download}"
        let url = origin + "/s/"
        for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let whole = try curl(option, "--write-out", " " + form, url + "plaintext")
            #expect(whole == "Hello, World! 200 \(version) 13")
            let large = try curl(option, "--write-out", form, "--output", "/dev/null", url + "bytes/1000000")
            #expect(large == "200 \(version) 1000000")
            let content = String(repeating: "x", count: 20_000)
            #expect(try curl(option, "--data", content, url + "echo") == content)
        }
    }

    @Test(
        "files go to the client byte for byte, whole and in part, over HTTP/1.1, TLS and HTTP/2 (RFC 9110 §14)",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl"),
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "needs curl")
    )
    func files() throws {
        let (origin, certificate) = try secureOrigin("f")
        let root = NSTemporaryDirectory() + "httpring-root-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let content = Data((0..<4 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) })
        try content.write(to: URL(fileURLWithPath: root + "/large.bin"))
        let process = try ApplicationProcess(
            service,
            user: alice,
            queue: "files",
            "\(origin.dropFirst(8))/f/",
            listener: "--https",
            options: ["--root", root]
        )
        try #require(process.isReady, "\(process.words())")
        let plain = try ApplicationProcess(
            service,
            user: alice,
            queue: "plain",
            "\(host)/a/",
            options: ["--root", root]
        )
        try #require(plain.isReady, "\(plain.words())")
        let output = root + "/received"
        let ranges: [(String, Range<Int>)] = [
            ("0-", 0..<4 << 20), ("100000-3999999", 100_000..<4_000_000),
            ("-70000", (4 << 20) - 70_000..<4 << 20),
            ("5-5", 5..<6),
        ]
        for (url, version) in [
            ("http://\(host)/a", "--http1.1"), (origin + "/f", "--http1.1"), (origin + "/f", "--http2"),
        ] {
            for (text, range) in ranges {
                _ = try ServiceProcess.run(
                    "/usr/bin/curl",
                    [
                        "--silent", "--max-time", "10", "--cacert", certificate, version, "--range", text,
                        "--output", output, url + "/files/large.bin",
                    ]
                )
                let received = FileManager.default.contents(atPath: output)
                #expect(received == content.subdata(in: range), "\(url) \(version) \(text)")
            }
        }
    }

    @Test("a request goes on to another user's queue that lets this one in, also after a restart")
    func delegated() throws {
        let backPlace = "localhost:\(ServiceProcess.freePort())/a/"
        let added = try service.httpring(
            "add",
            "queue",
            "name=back",
            "url=http://\(backPlace)",
            "user=\(bob)",
            "user=\(alice)"
        )
        try #require(added.status == 0, "\(added.errors)")
        let refused = try ApplicationProcess(
            service,
            user: 61003,
            queue: "front",
            "\(host)/c/",
            options: ["--delegate-to", "back"]
        )
        #expect(!refused.isReady)
        #expect(refused.words().contains("may not open the queue 'back'"))
        let front = try ApplicationProcess(
            service,
            user: alice,
            queue: "front",
            "\(host)/a/",
            options: ["--delegate-to", "back"]
        )
        try #require(front.isReady)
        #expect(try get("/a/nowhere").status == 404)
        let client = try PortClient(port)
        for _ in 0..<2 {
            let back = try ApplicationProcess(service, user: bob, queue: "back", backPlace)
            try #require(back.isReady, "\(back.words())")
            let content = String(repeating: "z", count: 10_000)
            client.send("/a/echo?delegate", method: "POST", host: host, content: content)
            #expect(client.receive() == (200, content))
            back.end(SIGKILL)
        }
    }

    @Test("a process whose service dies ends with an error that says so")
    func serviceGone() throws {
        let first = try application(alice, "first", "a/")
        try #require(first.isReady)
        service.end(SIGKILL)
        #expect(first.words().contains("connection to the service broke"))
    }
}

/// Requests from a thread of their own.
private final class BackgroundLoad: @unchecked Sendable {
    // The count is the thread's until it signals.
    private var count = -1
    private let ended = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () throws -> Int) {
        Thread.detachNewThread { [self] in
            count = (try? body()) ?? -1
            ended.signal()
        }
    }

    /// How many failed; -1 where they do not end in time.
    func failures() -> Int {
        ended.wait(timeout: .now() + 20) == .success ? count : -1
    }
}
