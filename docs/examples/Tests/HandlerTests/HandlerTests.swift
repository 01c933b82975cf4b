// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import Testing

@Test("The handler greets by path")
func greeting() async throws {
    let server = TestServer()
    try await server.start(
        application: HandlerApplication { context in
            try await context.response.write("Hello, \(context.request.path)")
        }
    )
    let response = try await server.send(TestRequest("/world"))
    #expect(response.statusCode == 200)
    #expect(response.text == "Hello, /world")
}
