// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Testing

@Suite("Responses of the in-memory server")
struct ResponseTests {
    @Test("A handler that does nothing answers 200 OK with Content-Length: 0 and Date (HTTP.sys §10.1)")
    func defaults() async throws {
        let response = try await answer { _ in }
        #expect(response.statusCode == 200)
        #expect(response.reasonPhrase == "OK")
        #expect(response["Content-Length"] == "0")
        #expect(response["Date"] == "Wed, 01 Jan 2025 12:00:00 GMT")
        #expect(response["Connection"] == nil)
        #expect(response.keepsConnection)
        #expect(response.failure == nil)
    }

    @Test("Writes before anything left make one response of known length")
    func knownLength() async throws {
        let response = try await answer { context in
            try await context.response.write("a")
            try await context.response.write([98, 99])
        }
        #expect(response.text == "abc")
        #expect(response["Content-Length"] == "3")
    }

    @Test(
        "What is started or flushed before its end is chunked on HTTP/1.1, ended by close on HTTP/1.0 (RFC 9112 §6)"
    )
    func unknownLength() async throws {
        let handler: HandlerApplication.Handler = { context in
            try await context.response.write("a")
            try await context.response.flush()
            try await context.response.write("b")
        }
        let chunked = try await answer(TestRequest(), handler)
        #expect(chunked["Transfer-Encoding"] == "chunked" && chunked["Content-Length"] == nil)
        #expect(chunked.text == "ab" && chunked.keepsConnection)
        let old = try await answer(http10([("Connection", "keep-alive")]), handler)
        #expect(old["Transfer-Encoding"] == nil && old["Content-Length"] == nil)
        #expect(old.text == "ab" && !old.keepsConnection && old["Connection"] == "close")
    }

    @Test("More than 64 KiB leaves before the end")
    func large() async throws {
        let response = try await answer { context in
            for _ in 0..<20 { try await context.response.write([UInt8](repeating: 7, count: 10_000)) }
        }
        #expect(response["Transfer-Encoding"] == "chunked")
        #expect(response.body.count == 200_000)
    }

    @Test("A response with Upgrade has the Connection option, too (RFC 9110 §7.8)")
    func upgradeOption() async throws {
        let handler: HandlerApplication.Handler = { context in
            context.response.statusCode = 426
            try context.response.headers.append(name: "Upgrade", value: "websocket")
        }
        #expect(try await answer(TestRequest(), handler)["Connection"] == "Upgrade")
        #expect(try await answer(http10(), handler)["Connection"] == "Upgrade, close")
        let kept = try await answer(http10([("Connection", "keep-alive")]), handler)
        #expect(kept["Connection"] == "Upgrade, keep-alive")
    }

    @Test("The connection is kept as RFC 9112 §9.3 and the response's own Connection say")
    func persistence() async throws {
        #expect(!(try await answer(http10()) { _ in }.keepsConnection))
        let old = try await answer(http10([("Connection", "keep-alive")])) {
            try await $0.response.write("x")
        }
        #expect(old.keepsConnection && old["Connection"] == "keep-alive")
        let asked = try await answer(TestRequest("/", headers: [("Connection", "close")])) { _ in }
        #expect(!asked.keepsConnection && asked["Connection"] == "close")
        #expect(
            !(try await answer { try $0.response.headers.set(name: "Connection", value: "Close") }
                .keepsConnection)
        )
        let told = try await answer {
            $0.features[(any ConnectionLifetimeNotificationFeature).self]?.requestClose()
        }
        #expect(!told.keepsConnection && told["Connection"] == "close")
    }

    @Test("HEAD sends no content and the length GET would have (RFC 9110 §9.3.2)")
    func head() async throws {
        let response = try await answer(TestRequest("/", method: "HEAD")) {
            try await $0.response.write("abc")
        }
        #expect(response["Content-Length"] == "3")
        #expect(response.body.isEmpty)
        let declared = try await answer(TestRequest("/", method: "HEAD")) {
            $0.response.contentLength = 1 << 40
        }
        #expect(declared["Content-Length"] == "\(1 << 40)" && declared.keepsConnection)
        #expect(try await answer(TestRequest("/", method: "HEAD")) { _ in }["Content-Length"] == nil)
    }

    @Test(
        "A status without content has no framing field, and writing to it throws (RFC 9110 §8.6)",
        arguments: [204, 205, 304]
    )
    func noContent(status: Int) async throws {
        let response = try await answer { context in
            context.response.statusCode = status
            try context.response.headers.set(name: "Transfer-Encoding", value: "chunked")
            await #expect(throws: HTTPResponseError.self) { try await context.response.write("x") }
        }
        #expect(response.statusCode == status)
        #expect(response["Content-Length"] == (status == 205 ? "0" : nil))
        #expect(response["Transfer-Encoding"] == nil)
        #expect(response.keepsConnection)
    }

    @Test(
        "More than Content-Length throws and nothing of it is sent; fewer is never a short success (HTTP.sys §10.6)"
    )
    func contentLength() async throws {
        let more = try await answer { context in
            context.response.contentLength = 3
            try await context.response.write("ab")
            let error = await #expect(throws: HTTPResponseError.self) {
                try await context.response.write("cd")
            }
            #expect(error?.code == .contentLengthExceeded)
            try await context.response.write("c")
        }
        #expect(more.text == "abc" && more["Content-Length"] == "3")
        let tooMuch = try await answer { context in
            context.response.contentLength = 1
            try await context.response.write("ab")
        }
        #expect(tooMuch.statusCode == 500 && tooMuch.text == "Internal Server Error\n")
        let nothing = try await answer { $0.response.contentLength = 3 }
        #expect(nothing.statusCode == 500 && nothing["Content-Length"] == "22")
        let fewer = try await answer { context in
            context.response.contentLength = 3
            try await context.response.write("ab")
            try await context.response.flush()
        }
        #expect(fewer.isAborted)
    }

    @Test("Status, reason and fields are fixed by the start; later changes change nothing")
    func fixed() async throws {
        let response = try await answer { context in
            context.response.statusCode = 201
            context.features.response?.reasonPhrase = "Made"
            try await context.response.start()
            #expect(context.response.hasStarted)
            context.response.statusCode = 500
            context.features.response?.reasonPhrase = "No"
            #expect(context.response.statusCode == 201)
            try context.response.headers.append(name: "X-Late", value: "1")
            #expect(throws: HTTPResponseError.self) { try context.response.onStarting {} }
        }
        #expect(response.statusCode == 201 && response.reasonPhrase == "Made")
        #expect(response["X-Late"] == nil)
    }

    @Test(
        "onStarting runs last registered first, before the head; onCompleted likewise, after the end (HTTP.sys §8.4)"
    )
    func callbacks() async throws {
        let order = Recorder()
        let response = try await answer { context in
            let headers = context.response
            try headers.onStarting { order.add("s1") }
            try headers.onStarting {
                order.add("s2")
                try headers.headers.append(name: "X-Starting", value: "1")
            }
            headers.onCompleted { order.add("c1") }
            headers.onCompleted { order.add("c2") }
            order.add("write")
            try await headers.write("x")
            order.add("written")
        }
        #expect(response["X-Starting"] == "1")
        #expect(order.all == ["write", "s2", "s1", "written", "c2", "c1"])
    }

    @Test("onStarting that throws is 500; onCompleted still runs, also after the handler threw")
    func failingCallbacks() async throws {
        let order = Recorder()
        let response = try await answer { context in
            try context.response.onStarting { throw Failure() }
            context.response.onCompleted { order.add("completed") }
        }
        #expect(response.statusCode == 500)
        let thrown = try await answer { context in
            try context.response.onStarting { order.add("starting") }
            context.response.onCompleted { order.add("completed") }
            throw Failure()
        }
        #expect(thrown.statusCode == 500)
        #expect(order.all == ["completed", "completed"], "onStarting is not run for the server's own answer")
    }

    @Test(
        "A handler that throws before the start answers 500 without its fields, or a BadHTTPRequestError's status"
    )
    func throwing() async throws {
        let response = try await answer { context in
            context.response.statusCode = 201
            try context.response.headers.set(name: "X-Mine", value: "1")
            throw Failure()
        }
        #expect(response.statusCode == 500 && response["X-Mine"] == nil)
        #expect(response["Content-Type"] == "text/plain" && response.text == "Internal Server Error\n")
        #expect(response.keepsConnection && response.failure == "Failure()")
        #expect(
            try await answer { _ in throw BadHTTPRequestError(statusCode: 418, "teapot") }.statusCode == 418
        )
    }

    @Test("A handler that throws once bytes have left ends the connection: no short success")
    func throwingLate() async throws {
        let flushed = try await answer { context in
            try await context.response.write("part")
            try await context.response.flush()
            throw Failure()
        }
        #expect(
            flushed.isAborted && flushed.statusCode == 200 && flushed.text == "part"
                && !flushed.keepsConnection
        )
        let written = try await answer { context in
            try await context.response.write("part")
            throw Failure()
        }
        #expect(written.statusCode == 500 && written.text == "Internal Server Error\n", "nothing had left")
    }

    @Test("complete() ends the response before the handler; later writes throw, a second one does nothing")
    func complete() async throws {
        let response = try await answer { context in
            try await context.response.write("x")
            try await context.response.complete()
            try await context.response.complete()
            let error = await #expect(throws: HTTPResponseError.self) {
                try await context.response.write("y")
            }
            #expect(error?.code == .alreadyCompleted)
        }
        #expect(response.text == "x" && response["Content-Length"] == "1" && !response.isAborted)
    }

    @Test("Trailers follow chunked content, also when they are set last; not known length, not HTTP/1.0")
    func trailers() async throws {
        let handler: HandlerApplication.Handler = { context in
            try await context.response.write("x")
            let feature = try #require(context.features[(any HTTPResponseTrailersFeature).self])
            try feature.responseTrailers.append(name: "X-Sum", value: "1")
        }
        let response = try await answer(TestRequest(), handler)
        #expect(response.trailers["X-Sum"] == "1" && response["Transfer-Encoding"] == "chunked")
        let old = try await answer(http10(), handler)
        #expect(old.trailers.isEmpty && old["Content-Length"] == "1")
    }

    @Test("Interim responses go before the head; of statuses 102 to 199 but 101, and not after the start")
    func interim() async throws {
        let response = try await answer { context in
            let feature = try #require(context.features[(any HTTPInterimResponseFeature).self])
            try feature.sendInterim(statusCode: 103, headers: FieldSection())
            for status in [100, 101, 200] {
                #expect(throws: HTTPResponseError.self) {
                    try feature.sendInterim(statusCode: status, headers: FieldSection())
                }
            }
            try await context.response.start()
            try feature.sendInterim(statusCode: 103, headers: FieldSection())
        }
        #expect(response.interimResponses.map(\.statusCode) == [103])
    }

    @Test(
        "A status HTTP has not is not taken, and 101 without an upgrade is 500",
        arguments: [0, 99, 100, 1000, 101]
    )
    func invalidStatus(status: Int) async throws {
        let response = try await answer { $0.response.statusCode = status }
        #expect(response.statusCode == (status == 101 ? 500 : 200))
    }

    @Test("An application that sets Transfer-Encoding writes the coding itself (HTTP.sys §10.2)")
    func ownTransferCoding() async throws {
        let response = try await answer { context in
            try context.response.headers.set(name: "Transfer-Encoding", value: "chunked")
            try await context.response.write("1\r\nx\r\n0\r\n\r\n")
        }
        #expect(response["Transfer-Encoding"] == "chunked" && response["Content-Length"] == nil)
        #expect(response.text == "1\r\nx\r\n0\r\n\r\n")
    }

    @Test("The cache policy the application sets is told to the test")
    func cachePolicy() async throws {
        let response = try await answer { context in
            context.features[(any HTTPResponseCachingFeature).self]?.cachePolicy = .timeToLive(.seconds(5))
        }
        #expect(response.cachePolicy == .timeToLive(.seconds(5)))
    }

    @Test("A file is sent whole or in part, and refused where it is not there or too short")
    func sendFile() async throws {
        let path = "/proc/self/exe"
        let response = try await answer { try await $0.response.sendFile(path, offset: 1, byteCount: 3) }
        #expect(response.text == "ELF" && response["Content-Length"] == "3")
        let large = try await answer { try await $0.response.sendFile(path, byteCount: 300_000) }
        #expect(large.body.count == 300_000)
        for (path, offset) in [
            ("/nonexistent", 0), ("/proc/self/exe", 1 << 40), ("/", 0), ("/proc/self/exe", -1),
        ] as [(String, Int64)] {
            _ = try await answer { context in
                let error = await #expect(throws: HTTPResponseError.self) {
                    try await context.response.sendFile(path, offset: offset, byteCount: 1)
                }
                #expect(error?.code == .fileUnavailable)
            }
        }
    }
}

struct Failure: Error {}
