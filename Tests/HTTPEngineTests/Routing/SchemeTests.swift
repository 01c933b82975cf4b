// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("routing: schemes of targets")
    struct Schemes {
        @Test("An https target in cleartext gets 421, and the connection goes on (RFC 9110 §7.4, §15.5.20)")
        func cleartext() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let authority = "localhost:\(server.port)"
                let client = try server.client()
                for target in ["https://\(authority)/", "HTTPS://\(authority)"] {
                    let response = try client.exchange("GET \(target) HTTP/1.1\r\nHost: \(authority)\r\n\r\n")
                    #expect(response.status == 421)
                }
                #expect(
                    try client.exchange("GET http://\(authority)/ HTTP/1.1\r\nHost: \(authority)\r\n\r\n")
                        .status
                        == 200
                )
                let second = try server.http2Client()
                second.scheme = "https"
                #expect(try second.get("/").status == 421)
                #expect(try second.get("*", method: "OPTIONS").status == 421)
                second.scheme = "http"
                #expect(try second.get("/").status == 200)
            }
        }

        @Test("An http target over TLS is served as the https that it comes by")
        func secure() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.describe) { (server) async throws in
                let authority = "localhost:\(server.port)"
                let client = try server.secureClient()
                let request = { (scheme: String) in
                    "GET \(scheme)://\(authority)/ HTTP/1.1\r\nHost: \(authority)\r\n\r\n"
                }
                #expect(try client.exchange(request("http")).status == 200)
                #expect(try client.exchange(request("https")).status == 200)
                let second = try server.secureHTTP2Client()
                second.scheme = "http"
                #expect(try second.get("/").status == 200)
                second.scheme = "https"
                #expect(try second.get("/").status == 200)
            }
        }

        @Test(
            "A listener may allow other schemes; its own stays (Kestrel, AllowAlternateSchemes)",
            arguments: [Setup.oneLoop, .queue]
        )
        func allowed(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.options.listeners = [ListenerRule(port: 0) { $0.allowsAlternateSchemes = true }]
            try await TestEngine.run(
                settings,
                handler: { try await $0.response.write($0.request.scheme) }
            ) { (server) async throws in
                let authority = "localhost:\(server.port)"
                let request = "GET https://\(authority)/ HTTP/1.1\r\nHost: \(authority)\r\n\r\n"
                #expect(try server.client().exchange(request).text == "http")
                let second = try server.http2Client()
                second.scheme = "https"
                #expect(try second.get("/").text == "http")
            }
        }

        @Test("The rule of the server is that of its listeners")
        func rule() {
            var options = EngineOptions()
            #expect(!ListenerOptions(options).allowsAlternateSchemes)
            options.allowsAlternateSchemes = true
            #expect(ListenerOptions(options).allowsAlternateSchemes)
        }
    }
}
