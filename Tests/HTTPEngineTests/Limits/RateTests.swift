// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("limits: minimum rates")
    struct Rates {
        private static func settings(_ setup: Setup = .oneLoop) -> TestSettings {
            var settings = TestSettings(setup)
            settings.options.timeouts.rateWindow = .milliseconds(50)
            return settings
        }

        private static func tooSlow(_ server: TestEngine) -> UInt64 {
            server.statistics.reasons[Int(ErrorLogReason.timerMinBytesPerSecond.rawValue)]
        }

        private static let long: TestEngine.Handler = { context in
            guard context.target == "/long" else { return try await context.response.write("short") }
            for _ in 0..<1000 { try await context.response.write(pattern(16 << 10)) }
        }

        @Test(
            "A client that does not take a response is reset (MinSendBytesPerSecond)",
            arguments: Setup.allCases
        )
        func sending(setup: Setup) async throws {
            let settings = Rates.settings(setup)
            try await TestEngine.run(settings, handler: Rates.long) { (server) async throws in
                let client = try Client(port: server.port, receiveBufferByteCount: 4096)
                try client.send(server.get("/long"))
                #expect(eventually { Rates.tooSlow(server) == 1 })
                #expect(server.statistics.timeouts == 1)
                #expect(try client.readToEnd().end == .reset)
            }
        }

        @Test(
            "A stream whose client does not let its response out is reset alone (RFC 9113 §6.9, MinSendBytesPerSecond)",
            arguments: Setup.allCases
        )
        func stream(setup: Setup) async throws {
            let settings = Rates.settings(setup)
            try await TestEngine.run(settings, handler: Rates.long) { (server) async throws in
                let client = try server.http2Client(opensWindows: false)
                let stream = client.request("/long")
                try client.run { client.responses[stream]?.content.count == 65535 }
                client.openWindows(0, by: 1000)
                #expect(try client.response(stream).closed == 8)
                #expect(Rates.tooSlow(server) == 1)
                #expect(try client.get("/other").status == 200)
                #expect(client.goAways.isEmpty)
                #expect(eventually { server.statistics.requestsInProgress == 0 })
            }
        }

        @Test("A stream that is let out as fast as it must goes on, and one without a rate, too")
        func allowed() async throws {
            let handler: TestEngine.Handler = { context in
                if context.request.path == "/off" {
                    try context.feature((any HTTPMinResponseDataRateFeature).self).minResponseBytesPerSecond =
                        0
                }
                for _ in 0..<20 { try await context.response.write(pattern(16 << 10)) }
            }
            try await TestEngine.run(Rates.settings(), handler: handler) { (server) async throws in
                let client = try server.http2Client(opensWindows: false)
                let stream = client.request("/")
                var seen = 0
                while client.responses[stream]?.closed == nil {
                    try client.run {
                        let count = client.responses[stream]?.content.count ?? 0
                        return count > seen || client.responses[stream]?.closed != nil
                    }
                    seen = client.responses[stream]?.content.count ?? 0
                    client.openWindows(stream, by: 16 << 10)
                }
                #expect(client.responses[stream]?.closed == 0)
                #expect(seen == 20 * 16 << 10)
                #expect(Rates.tooSlow(server) == 0)
                // A change of a request's own does not travel to another process.
                guard !TestEngine.usesQueue else { return }
                let other = try server.http2Client(opensWindows: false)
                let off = other.request("/off")
                try other.run { other.responses[off]?.content.count == 65535 }
                #expect(try other.client.isQuiet(for: .milliseconds(150)))
                other.openWindows(off, by: 1 << 20)
                #expect(try other.response(off).content.count == 20 * 16 << 10)
                #expect(Rates.tooSlow(server) == 0)
            }
        }

        @Test(
            "Content that trickles in is 408 (MinReceiveBytesPerSecond), over HTTP/1.1 and on a stream",
            arguments: Setup.allCases
        )
        func receiving(setup: Setup) async throws {
            var settings = Rates.settings(setup)
            settings.options.timeouts.minRequestBodyBytesPerSecond = 10_000
            try await TestEngine.run(settings, handler: Handlers.echoWhole) { (server) async throws in
                let client = try server.client()
                try client.send(server.chunkedHead() + "5\r\nab")
                #expect(try client.readResponse().status == 408)
                #expect(Rates.tooSlow(server) == 1)
                let other = try server.http2Client()
                let upload = other.request("/", method: "POST", content: pattern(100), isWhole: false)
                try other.run { other.responses[upload]?.status == 408 }
                #expect(Rates.tooSlow(server) == 2)
                #expect(try other.get("/").status == 200)
            }
        }

        @Test("A rate that no number of bytes comes up to is one, not a program that stops")
        func endless() {
            #expect(Connection.byteCount(at: 150, over: 5_000_000_000) == 750)
            #expect(Connection.byteCount(at: 150, over: 50_000_000) == 7)
            #expect(Connection.byteCount(at: .max, over: 5_000_000_000) == .max)
            #expect(Connection.byteCount(at: 0, over: .max) == 0)
        }
    }
}
