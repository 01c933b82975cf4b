// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@testable import HTTPRing

@Suite("Conditions and ranges on static files")
struct StaticFilesConditionTests {
    private let fixture: FileFixture
    private let server: TestServer
    private let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 % 251) }

    init() async throws {
        fixture = try FileFixture()
        try fixture.write("f.bin", bytes)
        try fixture.write("small.txt", "0123456789")
        server = try await fixture.server(fixture.files { $0.cacheControl = "max-age=5" })
    }

    private func get(_ target: String, _ headers: [(name: String, value: String)]) async throws
        -> TestResponse
    {
        try await server.send(TestRequest(target, headers: headers))
    }

    @Test(
        "If-None-Match with the tag and If-Modified-Since with the time are 304 with the validators (RFC 9110 §15.4.5)"
    )
    func notModified() async throws {
        let whole = try await get("/f.bin", [])
        let tag = try #require(whole["ETag"])
        for headers in [
            [(name: "If-None-Match", value: tag)], [(name: "If-None-Match", value: "*")],
            [(name: "If-Modified-Since", value: "Wed, 01 Jan 2025 00:00:00 GMT")],
        ] {
            let response = try await get("/f.bin", headers)
            #expect(response.statusCode == 304)
            #expect(response.body.isEmpty)
            #expect(response["ETag"] == tag)
            #expect(response["Cache-Control"] == "max-age=5")
            #expect(response["Content-Length"] == nil)
        }
        #expect(try await get("/f.bin", [("If-None-Match", "\"other\"")]).statusCode == 200)
    }

    @Test("If-Match and If-Unmodified-Since that fail are 412 (RFC 9110 §13.1.1, §13.1.4)")
    func preconditionFailed() async throws {
        #expect(try await get("/f.bin", [("If-Match", "\"other\"")]).statusCode == 412)
        #expect(
            try await get("/f.bin", [("If-Unmodified-Since", "Tue, 31 Dec 2024 23:59:59 GMT")]).statusCode
                == 412
        )
        #expect(try await get("/f.bin", [("If-Match", "*")]).statusCode == 200)
    }

    @Test(
        "One range is 206 with Content-Range, from a file in memory and from one that is not",
        arguments: [
            ("bytes=0-0", 0..<1), ("bytes=5-", 5..<10), ("bytes=-3", 7..<10), ("bytes=2-3,4-6", 2..<7),
        ]
    )
    func range(field: String, expected: Range<Int>) async throws {
        let small = try await get("/small.txt", [("Range", field)])
        #expect(small.statusCode == 206)
        #expect(small.body == Array("0123456789".utf8)[expected].map { $0 })
        #expect(small["Content-Range"] == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/10")
        #expect(small["Content-Length"] == "\(expected.count)")
        let large = try await get("/f.bin", [("Range", "bytes=1000-70000")])
        #expect(large.statusCode == 206)
        #expect(large.body == Array(bytes[1000...70000]))
        #expect(large.headers.values(of: "Content-Length") == ["69001"])
    }

    @Test("Several ranges are multipart/byteranges of the length that is told (RFC 9110 §14.6)")
    func ranges() async throws {
        let response = try await get("/small.txt", [("Range", "bytes=0-1,8-")])
        #expect(response.statusCode == 206)
        let type = try #require(response["Content-Type"])
        let boundary = type.split(separator: "=").last ?? ""
        #expect(type.hasPrefix("multipart/byteranges; boundary="))
        #expect(response["Content-Length"] == "\(response.body.count)")
        #expect(
            response.text
                == "--\(boundary)\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
                + "\r\n--\(boundary)\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89"
                + "\r\n--\(boundary)--\r\n"
        )
    }

    @Test(
        "A range outside is 416 with the length; a malformed one and a HEAD are served whole (RFC 9110 §14.2)"
    )
    func unsatisfiable() async throws {
        let response = try await get("/small.txt", [("Range", "bytes=10-")])
        #expect(response.statusCode == 416)
        #expect(response["Content-Range"] == "bytes */10")
        #expect(try await get("/small.txt", [("Range", "bytes=9-1")]).text == "0123456789")
        let head = try await server.send(
            TestRequest("/small.txt", method: "HEAD", headers: [("Range", "bytes=0-1")])
        )
        #expect(head.statusCode == 200)
    }

    @Test("If-Range lets the range stand for the strong tag and the exact time only (RFC 9110 §13.1.5)")
    func ifRange() async throws {
        let tag = try #require(try await get("/small.txt", [])["ETag"])
        for (condition, status) in [
            (tag, 206), ("\"other\"", 200), ("W/" + tag, 200), ("Wed, 01 Jan 2025 00:00:00 GMT", 206),
            ("Wed, 01 Jan 2025 00:00:01 GMT", 200),
        ] {
            let response = try await get("/small.txt", [("Range", "bytes=0-1"), ("If-Range", condition)])
            #expect(response.statusCode == status, "If-Range: \(condition)")
        }
    }

    @Test("The tag of a file changed within the last second is weak (RFC 9110 §8.8.1)")
    func weakTag() async throws {
        try fixture.write("new.txt", "new", changed: 1_735_689_600)
        let fresh = try await fixture.server(
            fixture.files { $0.unixNanoseconds = { 1_735_689_601_000_000_004 } }
        )
        let tag = try #require(try await fresh.send(TestRequest("/new.txt"))["ETag"])
        #expect(tag.hasPrefix("W/\""))
        let ranged = TestRequest("/new.txt", headers: [("Range", "bytes=0-0"), ("If-Range", tag)])
        #expect(try await fresh.send(ranged).statusCode == 200)
        let date = [
            (name: "Range", value: "bytes=0-0"), (name: "If-Range", value: "Wed, 01 Jan 2025 00:00:00 GMT"),
        ]
        #expect(try await fresh.send(TestRequest("/new.txt", headers: date)).statusCode == 200)
        let conditional = TestRequest("/new.txt", headers: [("If-None-Match", tag)])
        #expect(try await fresh.send(conditional).statusCode == 304)
        let settled = try await fixture.server(
            fixture.files { $0.unixNanoseconds = { 1_735_689_601_000_000_005 } }
        )
        #expect(try await settled.send(TestRequest("/new.txt"))["ETag"] == String(tag.dropFirst(2)))
    }

    @Test("The tag changes with the length and with the time of the last change")
    func tagChanges() async throws {
        let server = try await fixture.server(fixture.files { $0.openFileCountMax = 0 })
        var tags: Set<String> = []
        for (text, changed) in [("abc", 1_735_689_600), ("abcd", 1_735_689_600), ("abc", 1_735_689_601)]
            as [(String, Int64)]
        {
            try fixture.write("t.txt", text, changed: changed)
            tags.insert(try await server.send(TestRequest("/t.txt"))["ETag"] ?? "")
        }
        #expect(tags.count == 3)
    }
}
