// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Testing

@testable import HTTP2

@Suite("HTTP/2 requests and responses")
struct RequestTests {
    @Test("A request is answered with head and content (RFC 9113 §8.1)")
    func getsResponse() {
        let server = Server()
        server.answerAll()
        let client = TestClient()
        let id = client.request("/a?b=c", fields: [("accept", "*/*")])
        server.run(with: client)
        let exchange = server.application[id]
        #expect(exchange?.method == "GET")
        #expect(exchange?.target == "/a?b=c")
        #expect(exchange?.host == "example.com")
        #expect(exchange?.fields == ["accept: */*"])
        #expect(exchange?.head.version == .http2)
        let response = client.responses[id]
        #expect(response?.status == "200")
        #expect(response?.value("content-type") == "text/plain")
        #expect(response?.value("content-length") == "13")
        #expect(response?.content == Array("Hello, World!".utf8))
        #expect(response?.closed == 0)
        #expect(exchange?.closed == .noError)
        #expect(server.session.openStreamCount == 0)
        #expect(server.session.end == nil)
    }
}
