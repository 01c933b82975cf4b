// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("loops that look before they sleep")
    struct SpinTests {
        @Test("answer the same, with content both ways")
        func spinning() async throws {
            var options = EngineOptions()
            options.queueSpin = .microseconds(100)
            try await QueueServer.run(options) { (server) async throws in
                _ = try await server.addWorker(handler: Handlers.echo)
                let client = try server.client()
                for round in 0..<100 {
                    let content = String(repeating: "\(round % 10)", count: round * 100)
                    let response = try client.exchange(
                        "POST / HTTP/1.1\r\nHost: localhost:\(server.port)\r\n"
                            + "Content-Length: \(content.utf8.count)\r\n\r\n" + content
                    )
                    #expect(response.status == 200)
                    #expect(response.text == content)
                }
            }
        }
    }
}
