// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("counters")
    struct Counters {
        @Test("Each reason of the error log is counted, whether a log is written or not")
        func reasons() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                func count(_ reason: ErrorLogReason) -> UInt64 {
                    server.statistics.reasons[Int(reason.rawValue)]
                }
                #expect(try server.status(of: "GET / HTTP/1.1\r\n\r\n") == 400)
                #expect(try server.status(of: "GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n") == 400)
                #expect(count(.hostname) == 2)
                #expect(try server.status(of: "GET / HTTP/1.1\r\nHost : a\r\n\r\n") == 400)
                #expect(count(.header) == 1)
                #expect(server.statistics.refusals == 3)
            }
        }

        @Test("A loop has a word for each reason there is")
        func places() {
            let most = ErrorLogReason.allCases.map(\.rawValue).max() ?? 0
            #expect(Int(most) < LoopCounters().reasons.count)
            #expect(Int(most) < EngineStatistics().reasons.count)
        }

        @Test("A duration counts in the first bucket whose bound is not below it")
        func buckets() {
            let histogram = LoopHistogram(.short)
            for nanoseconds in [0, 5_000_000, 5_000_001, 10_000_000_000, 10_000_000_001, -1] as [Int64] {
                histogram.record(nanoseconds: nanoseconds)
            }
            var counts = DurationCounts(.short)
            counts.add(histogram)
            #expect(counts.counts[0] == 3)
            #expect(counts.counts[1] == 1)
            #expect(counts.counts[13] == 1)
            #expect(counts.counts[14] == 1)
            #expect(counts.count == 6)
            #expect(counts.sumNanoseconds == 20_010_000_002)
        }

        @Test("Connections are counted while they last and timed when they end")
        func connections() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                #expect(try client.exchange(server.get()).status == 200)
                #expect(server.statistics.connectionDurations.count == 0)
                client.close()
                #expect(eventually { server.statistics.connectionsOpen == 0 })
                #expect(server.statistics.connectionDurations.count == 1)
            }
        }

        @Test("A handshake is under way, then made and timed, or failed: also one broken off")
        func handshakes() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.describe) { (server) async throws in
                let begun = try server.client()
                #expect(eventually { server.statistics.tlsHandshakesInProgress == 1 })
                try begun.startTLS()
                #expect(try begun.exchange(server.get()).status == 200)
                let statistics = server.statistics
                #expect(statistics.tlsHandshakesInProgress == 0)
                #expect(statistics.tlsHandshakes == 1)
                #expect(statistics.tls13HandshakeDurations.count == 1)
                #expect(statistics.tls12HandshakeDurations.count == 0)
                let gone = try server.client()
                #expect(eventually { server.statistics.tlsHandshakesInProgress == 1 })
                gone.close()
                #expect(eventually { server.statistics.tlsHandshakeFailures == 1 })
                #expect(server.statistics.tlsHandshakesInProgress == 0)
            }
        }

        @Test("Connections and streams of HTTP/2 are counted while they last")
        func http2() async throws {
            let gate = Gate()
            try await TestEngine.run(
                handler: { context in
                    try await gate.wait()
                    try await context.response.write("ok")
                },
                { (server) async throws in
                    let client = try server.http2Client()
                    let streams = [client.request("/a"), client.request("/b")]
                    try client.flush()
                    #expect(eventually { gate.waitingCount == 2 })
                    #expect(server.statistics.http2ConnectionsOpen == 1)
                    #expect(server.statistics.http2StreamsOpen == 2)
                    gate.open()
                    for stream in streams { #expect(try client.response(stream).text == "ok") }
                    #expect(eventually { server.statistics.http2StreamsOpen == 0 })
                    #expect(server.statistics.http2Streams == 2)
                    client.client.close()
                    #expect(eventually { server.statistics.http2ConnectionsOpen == 0 })
                    #expect(server.statistics.http2Connections == 1)
                }
            )
        }
    }
}
