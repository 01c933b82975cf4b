// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer

/// A server that answers with `handler`.
func makeServer(
    _ options: TestServerOptions = TestServerOptions(),
    _ handler: @escaping HandlerApplication.Handler
) async throws -> TestServer {
    let server = TestServer(options: options)
    try await server.start(application: HandlerApplication(handler))
    return server
}

/// Sends one request to a server of its own.
func answer(
    _ request: TestRequest = TestRequest(),
    _ handler: @escaping HandlerApplication.Handler
) async throws -> TestResponse {
    try await makeServer(TestServerOptions(), handler).send(request)
}

/// A request of HTTP/1.0.
func http10(_ headers: [(name: String, value: String)] = []) -> TestRequest {
    var request = TestRequest("/", headers: headers)
    request.version = "HTTP/1.0"
    return request
}
