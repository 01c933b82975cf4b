// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import TestAppRoutes

/// The test application behind an in-memory server.
func makeServer(_ options: TestServerOptions = TestServerOptions()) async throws -> TestServer {
    let server = TestServer(options: options)
    let routes = TestRoutes(statistics: {
        TestAppStatistics(
            connectionsOpen: 3,
            requestsTotal: server.requestCount,
            requestsInProgress: server.requestsInProgress,
            residentByteCount: 123_456
        )
    })
    try await server.start(application: HandlerApplication { try await routes.handle($0) })
    return server
}

/// Sends one request to a server of its own.
func get(
    _ target: String,
    method: String = "GET",
    headers: [(name: String, value: String)] = [],
    body: [UInt8]? = nil
) async throws -> TestResponse {
    try await makeServer().send(TestRequest(target, method: method, headers: headers, body: body))
}

/// The bytes `i mod 251` of a range.
func pattern(_ range: Range<Int>) -> [UInt8] { range.map { UInt8($0 % 251) } }

/// The routes as an application.
func handler(_ routes: TestRoutes) -> HandlerApplication {
    HandlerApplication { try await routes.handle($0) }
}
