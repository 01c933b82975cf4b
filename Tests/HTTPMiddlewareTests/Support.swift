// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPTestServer
import HTTPWire

/// What a server in memory answers to a request.
func answer(
    _ request: TestRequest,
    options: TestServerOptions = TestServerOptions(),
    _ middleware: any RequestMiddleware,
    _ handler: @escaping HTTPHandler = { _ in }
) async throws -> TestResponse {
    let server = TestServer(options: options)
    try await server.start(application: HandlerApplication(middleware, handler: handler))
    let response = try await server.send(request)
    await server.stop(within: .seconds(1))
    return response
}

/// Field lines written as `name: value`, separated by `|`.
func fieldLines(_ text: String) -> [(name: String, value: String)] {
    text.split(separator: "|").map { line in
        let parts = line.split(separator: ": ", maxSplits: 1)
        return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
    }
}

extension HTTPContext {
    /// Sets a field of the response.
    func setField(_ name: String, _ value: String) { try? response.headers.set(name: name, value: value) }
}
