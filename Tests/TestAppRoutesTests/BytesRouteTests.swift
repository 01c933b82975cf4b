// SPDX-License-Identifier: Apache-2.0

import HTTPTestServer
import TestAppRoutes
import Testing

@Suite("Routes of the test application that send pattern bytes")
struct BytesRouteTests {
    @Test(
        "/bytes/N sends N pattern bytes with length, tag and Accept-Ranges",
        arguments: [0, 1, 250, 251, 65511, 65512, 200_000]
    )
    func bytes(count: Int) async throws {
        let response = try await get("/bytes/\(count)")
        #expect(response.statusCode == 200)
        #expect(response.body == pattern(0..<count))
        #expect(response["Content-Length"] == "\(count)")
        #expect(response["Content-Type"] == "application/octet-stream")
        #expect(response["Accept-Ranges"] == "bytes")
        #expect(response["ETag"] == "\"bytes-\(count)\"")
    }

    @Test("HEAD /bytes/N tells 2^31-1 bytes and sends none")
    func headLargest() async throws {
        let response = try await get("/bytes/2147483647", method: "HEAD")
        #expect(response["Content-Length"] == "2147483647")
        #expect(response.body.isEmpty)
    }

    @Test(
        "A single range is 206 with Content-Range and just those bytes (RFC 9110 §14, §15.3.7)",
        arguments: [
            ("bytes=0-9", 0..<10), ("bytes=300-400", 300..<401), ("bytes=99990-", 99990..<100_000),
            ("bytes=-5", 99995..<100_000), ("bytes=99999-200000", 99999..<100_000),
            ("bytes=1-99998", 1..<99999),
            ("bytes=100-200,150-300", 100..<301), ("bytes=0-9,200000-", 0..<10),
        ]
    )
    func range(field: String, expected: Range<Int>) async throws {
        let response = try await get("/bytes/100000", headers: [("Range", field)])
        #expect(response.statusCode == 206)
        #expect(response["Content-Range"] == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/100000")
        #expect(response["Content-Length"] == "\(expected.count)")
        #expect(response.body == pattern(expected))
        #expect(response["ETag"] == "\"bytes-100000\"")
    }

    @Test(
        "A range outside is 416 with the length (RFC 9110 §15.5.17)",
        arguments: ["bytes=100-", "bytes=100-200,300-"]
    )
    func unsatisfiable(field: String) async throws {
        let response = try await get("/bytes/100", headers: [("Range", field)])
        #expect(response.statusCode == 416)
        #expect(response["Content-Range"] == "bytes */100")
    }

    @Test(
        "A malformed Range, another unit, a HEAD and more than eight ranges are served whole (RFC 9110 §14.2)",
        arguments: [
            "bytes=x", "bytes=5-4", "items=0-1", "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16",
            "bytes 0-1",
        ]
    )
    func ignored(field: String) async throws {
        let response = try await get("/bytes/100", headers: [("Range", field)])
        #expect(response.statusCode == 200)
        #expect(response.body.count == 100)
        #expect(
            try await get("/bytes/100", method: "HEAD", headers: [("Range", "bytes=0-1")]).statusCode == 200
        )
    }

    @Test("If-Range lets the range stand only with the same strong tag (RFC 9110 §13.1.5)")
    func ifRange() async throws {
        for (condition, status) in [("\"bytes-100\"", 206), ("\"bytes-99\"", 200), ("W/\"bytes-100\"", 200)] {
            let response = try await get(
                "/bytes/100",
                headers: [("Range", "bytes=0-1"), ("If-Range", condition)]
            )
            #expect(response.statusCode == status, "If-Range: \(condition)")
        }
    }

    @Test("Several ranges are multipart/byteranges whose length is told (RFC 9110 §14.6)")
    func multipart() async throws {
        let response = try await get("/bytes/1000", headers: [("Range", "bytes=0-1,10-11,-1")])
        #expect(response.statusCode == 206)
        let type = try #require(response["Content-Type"])
        let prefix = "multipart/byteranges; boundary="
        #expect(type.hasPrefix(prefix))
        let boundary = type.dropFirst(prefix.count)
        var expected: [UInt8] = []
        for (index, range) in [0..<2, 10..<12, 999..<1000].enumerated() {
            expected += (index == 0 ? "" : "\r\n").utf8
            expected += "--\(boundary)\r\nContent-Type: application/octet-stream\r\n".utf8
            expected += "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/1000\r\n\r\n".utf8
            expected += pattern(range)
        }
        expected += "\r\n--\(boundary)--\r\n".utf8
        #expect(response.body == expected)
        #expect(response["Content-Length"] == "\(expected.count)")
        #expect(response["Content-Range"] == nil)
    }

    @Test(
        "/chunked/N sends pattern bytes without Content-Length, chunked on HTTP/1.1",
        arguments: [
            ("/chunked/0", 0), ("/chunked/3000", 3000), ("/chunked/1000?size=1", 1000),
            ("/chunked/300000?size=100000", 300_000),
        ]
    )
    func chunked(target: String, count: Int) async throws {
        let response = try await get(target)
        #expect(response.statusCode == 200)
        #expect(response["Content-Length"] == nil)
        #expect(response["Transfer-Encoding"] == "chunked")
        #expect(response.body == pattern(0..<count))
        #expect(response.keepsConnection)
    }

    @Test("/chunked/N ends with the connection on HTTP/1.0 (RFC 9112 §6.3)")
    func chunkedHTTP10() async throws {
        var request = TestRequest("/chunked/2500", headers: [("Connection", "keep-alive")])
        request.version = "HTTP/1.0"
        let response = try await makeServer().send(request)
        #expect(response["Transfer-Encoding"] == nil)
        #expect(response["Content-Length"] == nil)
        #expect(response["Connection"] == "close")
        #expect(!response.keepsConnection)
        #expect(response.body == pattern(0..<2500))
    }

    @Test("/abort/N is never a short success", arguments: [0, 1, 1000, 100_000])
    func abort(count: Int) async throws {
        let response = try await get("/abort/\(count)")
        #expect(response.isAborted)
        #expect(!response.keepsConnection)
        if count > 0 {
            #expect(response.statusCode == 200)
            #expect(response["Content-Length"] == "\(2 * count)")
            #expect(response.body == pattern(0..<count))
        }
    }
}
