// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import TestAppRoutes
import Testing

@Suite("Plain routes of the test application")
struct PlainRouteTests {
    @Test(
        "A simple GET route answers 200 with its type and exactly its bytes",
        arguments: [
            ("/", "text/plain", "OK\n"),
            ("/plaintext", "text/plain", "Hello, World!"),
            ("/json", "application/json", #"{"message":"Hello, World!"}"#),
            ("/plaintext?a=b", "text/plain", "Hello, World!"),
            ("/%70laintext", "text/plain", "Hello, World!"),
            ("/redirect/0", "text/plain", "GET 0\n"),
            ("/delay/0", "text/plain", "delayed\n"),
            ("/cached", "text/plain", "cached\n"),
            ("/close", "text/plain", "closing\n"),
            ("/early-hints", "text/plain", "ok\n"),
            ("/set-cookies", "text/plain", "ok\n"),
        ]
    )
    func simple(target: String, type: String, text: String) async throws {
        let response = try await get(target)
        #expect(response.statusCode == 200)
        #expect(response["Content-Type"] == type)
        #expect(response["Content-Length"] == String(text.utf8.count))
        #expect(response["Transfer-Encoding"] == nil)
        #expect(response["Date"] != nil, "RFC 9110 §6.6.1")
        #expect(response.text == text)
        #expect(!response.isAborted)
    }

    @Test(
        "HEAD answers as GET does, with the same fields and no content (RFC 9110 §9.3.2)",
        arguments: [
            "/", "/plaintext", "/json", "/bytes/1000", "/bytes/0", "/chunked/10", "/cached", "/gzip",
            "/status/200",
            "/status/404", "/status/302", "/big-header/10", "/many-headers/3", "/set-cookies", "/trailers",
            "/stream?n=2&ms=0", "/response-headers?A=1", "/early-hints", "/throw", "/redirect/2",
        ]
    )
    func head(target: String) async throws {
        let whole = try await get(target)
        let head = try await get(target, method: "HEAD")
        #expect(head.statusCode == whole.statusCode)
        #expect(head.body.isEmpty)
        if whole.body.isEmpty {
            var fields = whole.headers
            fields.remove(name: "Content-Length")
            var others = head.headers
            others.remove(name: "Content-Length")
            #expect(others == fields)
        } else {
            #expect(head.headers == whole.headers)
        }
    }

    @Test("POST / echoes as POST /echo does")
    func postRoot() async throws {
        let response = try await get("/", method: "POST", body: Array("abc".utf8))
        #expect(response.statusCode == 200)
        #expect(response.text == "abc")
        #expect(response["Content-Type"] == "application/octet-stream")
    }

    @Test(
        "An unknown path is 404 not found",
        arguments: ["/nope", "/plaintext/", "/bytes", "/status/", "//", "/bytes/1/2"]
    )
    func unknownPath(target: String) async throws {
        let response = try await get(target)
        #expect(response.statusCode == (target == "/status/" ? 400 : 404))
        if response.statusCode == 404 { #expect(response.text == "not found\n") }
        #expect(response["Content-Type"] == "text/plain")
    }

    @Test(
        "A bad parameter is 400",
        arguments: [
            "/bytes/x", "/bytes/-1", "/bytes/2147483648", "/bytes/99999999999999999999", "/status/199",
            "/status/600", "/status/abc", "/redirect/x", "/redirect/1?code=304", "/delay/30001", "/delay/+1",
            "/big-header/60001", "/many-headers/501", "/chunked/1?size=0", "/stream?n=x", "/abort/x",
        ]
    )
    func badParameter(target: String) async throws {
        #expect(try await get(target).statusCode == 400)
    }

    @Test(
        "A known path with another method is 405 with Allow naming the listed ones, HEAD and OPTIONS",
        arguments: [
            ("/plaintext", "POST", "GET, HEAD, OPTIONS"),
            ("/json", "DELETE", "GET, HEAD, OPTIONS"),
            ("/", "PUT", "GET, HEAD, POST, OPTIONS"),
            ("/echo", "GET", "POST, PUT, PATCH, DELETE, OPTIONS"),
            ("/echo", "HEAD", "POST, PUT, PATCH, DELETE, OPTIONS"),
            ("/upload", "GET", "POST, PUT, OPTIONS"),
            ("/bytes/1", "TRACE", "GET, HEAD, OPTIONS"),
            ("/headers", "PATCH", "GET, HEAD, POST, PUT, OPTIONS"),
            ("/duplex", "PUT", "POST, OPTIONS"),
        ]
    )
    func methodNotAllowed(target: String, method: String, allow: String) async throws {
        let response = try await get(target, method: method)
        #expect(response.statusCode == 405)
        #expect(response["Allow"] == allow)
    }

    @Test(
        "OPTIONS on a known path, and OPTIONS *, is 204 with Allow",
        arguments: ["/plaintext", "/echo", "*"]
    )
    func options(target: String) async throws {
        let response = try await get(target, method: "OPTIONS")
        #expect(response.statusCode == 204)
        #expect(response["Allow"]?.contains("OPTIONS") == true)
        #expect(response.body.isEmpty)
        #expect(response["Content-Length"] == nil, "RFC 9110 §8.6: none on 204")
    }

    @Test("A method nobody knows is 501; OPTIONS on an unknown path is 404")
    func unknownMethod() async throws {
        #expect(try await get("/plaintext", method: "FOOBAR").statusCode == 501)
        #expect(try await get("/nope", method: "TRACE").statusCode == 501)
        #expect(try await get("/nope", method: "OPTIONS").statusCode == 404)
    }

    @Test("/status/N answers N with the fields and content the contract lists", arguments: 200...599)
    func status(code: Int) async throws {
        let response = try await get("/status/\(code)")
        #expect(response.statusCode == code)
        let hasNoContent = code == 204 || code == 205 || code == 304
        #expect(response.text == (hasNoContent ? "" : "\(code)\n"))
        #expect(response["Location"] == ((300...399).contains(code) ? "/plaintext" : nil))
        #expect(response["Allow"] == (code == 405 ? "GET" : nil))
        #expect(response["WWW-Authenticate"] == (code == 401 ? #"Basic realm="test""# : nil))
        if code == 204 || code == 304 { #expect(response["Content-Length"] == nil) }
        #expect(response.keepsConnection)
    }

    @Test("/redirect/N goes one step, with the status asked for, and 0 tells method and length")
    func redirect() async throws {
        let step = try await get("/redirect/3")
        #expect(step.statusCode == 302)
        #expect(step["Location"] == "/redirect/2")
        for code in [301, 302, 303, 307, 308] {
            let response = try await get("/redirect/1?code=\(code)", method: "POST", body: [1, 2])
            #expect(response.statusCode == code)
            #expect(response["Location"] == "/redirect/0")
        }
        #expect(try await get("/redirect/0", method: "POST", body: [1, 2, 3]).text == "POST 3\n")
    }

    @Test("/throw is 500 as text, tells no detail and keeps the connection")
    func throwing() async throws {
        let response = try await get("/throw")
        #expect(response.statusCode == 500)
        #expect(response["Content-Type"] == "text/plain")
        #expect(response["Content-Length"] == "\(response.body.count)")
        #expect(!response.text.lowercased().contains("error:") && !response.text.contains("failed"))
        #expect(response.keepsConnection)
    }

    @Test("/close ends the connection after the response")
    func close() async throws {
        let response = try await get("/close")
        #expect(response["Connection"] == "close")
        #expect(!response.keepsConnection)
    }

    @Test("/stats tells the server's numbers")
    func stats() async throws {
        let response = try await get("/stats")
        #expect(response.text == #"{"connections":3,"requests":1,"streams":1,"rss":123456}"#)
        #expect(response["Content-Type"] == "application/json")
    }

    @Test("/delay ends with its client: the handler's wait is cancelled")
    func delayCancelled() async throws {
        let server = try await makeServer()
        let exchange = try await server.open(TestRequest("/delay/30000"))
        await exchange.disconnect()
        let response = await exchange.response()
        #expect(response.isAborted)
        #expect(response.failure == "CancellationError()")
    }

    @Test("/files is 404 where no directory is served")
    func noFiles() async throws {
        #expect(try await get("/files/a.txt").statusCode == 404)
    }

    @Test("/files is asked of the handler for files, and 404 where it has none")
    func files() async throws {
        let server = TestServer()
        let routes = TestRoutes(
            statistics: {
                TestAppStatistics(
                    connectionsOpen: 0,
                    requestsTotal: 0,
                    requestsInProgress: 0,
                    residentByteCount: 0
                )
            },
            files: { context in
                guard context.request.path == "/files/a" else { return false }
                try await context.response.write("a")
                return true
            }
        )
        try await server.start(application: handler(routes))
        #expect(try await server.send(TestRequest("/files/a")).text == "a")
        #expect(try await server.send(TestRequest("/files/b")).statusCode == 404)
    }
}
