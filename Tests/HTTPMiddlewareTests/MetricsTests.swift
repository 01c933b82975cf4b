// SPDX-License-Identifier: Apache-2.0
import HTTPEngine
import HTTPFeatures
import HTTPTestServer
import HTTPWire
import ResponseCache
import Synchronization
import Testing

@testable import HTTPMiddleware

@Suite("Metrics")
struct MetricsTests {
    private static let openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @Test("Names, help and label values are escaped as OpenMetrics §3.2 has it")
    func escaping() {
        var writer = MetricsWriter(.openMetrics)
        writer.family("my.app-1/2", .gauge, help: "A \\ of \"it\"\nall.")
        writer.sample(-3, labels: [("a.b", "x\"y\\z\nw\té"), ("9", "")])
        writer.finish()
        #expect(
            writer.text == """
                # TYPE my_app_1_2 gauge
                # HELP my_app_1_2 A \\\\ of \\"it\\"\\nall.
                my_app_1_2{a_b="x\\"y\\\\z\\nw\té",_9=""} -3
                # EOF

                """
        )
    }

    @Test(
        "Prometheus' text 0.0.4 calls a counter's family as its samples, escapes no quotes in help, has no end"
    )
    func prometheus() {
        var writer = MetricsWriter(.prometheus)
        writer.family("sent.bytes", .counter, unit: "bytes", help: "Say \"bytes\".")
        writer.sample(UInt64.max)
        writer.finish()
        #expect(
            writer.text == """
                # TYPE sent_bytes_total counter
                # HELP sent_bytes_total Say "bytes".
                sent_bytes_total 18446744073709551615

                """
        )
        var open = MetricsWriter(.openMetrics)
        open.family("sent.bytes", .counter, unit: "bytes", help: "Bytes.")
        open.sample(1)
        #expect(
            open.text
                == "# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\n# HELP sent_bytes Bytes.\nsent_bytes_total 1\n"
        )
    }

    @Test("The form is negotiated; the path is the endpoint's alone")
    func negotiation() async throws {
        let cases = [
            (nil, "text/plain; version=0.0.4; charset=utf-8"),
            ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
                Self.openMetrics
            ),
            ("application/openmetrics-text;q=0, */*", "text/plain; version=0.0.4; charset=utf-8"),
        ]
        for (accept, type) in cases {
            let request = TestRequest("/metrics", headers: accept.map { [("Accept", $0)] } ?? [])
            let response = try await answer(request, MetricsEndpoint(statistics: { EngineStatistics() }))
            #expect(response["Content-Type"] == type)
            #expect(response.text.hasSuffix("# EOF\n") == (type == Self.openMetrics))
        }
        #expect(
            try await answer(TestRequest("/metrics", method: "POST"), MetricsEndpoint()).statusCode == 405
        )
        let other = try await answer(TestRequest("/metrics/x"), MetricsEndpoint()) {
            try await $0.response.write("app")
        }
        #expect(other.text == "app")
    }

    @Test("The server's counters are told under Kestrel's and HTTP.sys's names")
    func counters() async throws {
        var statistics = EngineStatistics()
        statistics.connectionsOpen = 3
        statistics.requestsInProgress = 2
        statistics.requestsTotal = 70
        statistics.cacheHits = 40
        statistics.bytesSent = 9000
        let request = TestRequest("/metrics", headers: [("Accept", "application/openmetrics-text")])
        let endpoint = MetricsEndpoint(statistics: { [statistics] in statistics }) { writer in
            writer.family("shop.orders", .counter, help: "Orders.")
            writer.sample(5)
        }
        let lines = Set(try await answer(request, endpoint).text.split(separator: "\n").map { String($0) })
        for line in [
            "kestrel_active_connections 3", "http_server_active_requests 2",
            "http_service_all_requests_total 70",
            "http_service_uri_cache_hits_total 40", "http_service_sent_bytes_total 9000",
            "shop_orders_total 5",
            "# TYPE http_service_all_requests counter", "# UNIT http_service_sent_bytes bytes",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
    }

    @Test(
        "TLS, HTTP/2, the cache, queues and refusals by reason have families; each is told once, none twice"
    )
    func secureCounters() async throws {
        var statistics = EngineStatistics()
        statistics.tlsHandshakes = 9
        statistics.tlsResumptions = 4
        statistics.tlsHandshakeFailures = 2
        statistics.tlsHandshakesInProgress = 1
        statistics.tls13HandshakeDurations.counts[1] = 9
        statistics.tls13HandshakeDurations.sumNanoseconds = 60_000_000
        statistics.connectionDurations.counts[14] = 1
        statistics.connectionDurations.sumNanoseconds = 301_000_000_000
        statistics.http2Connections = 6
        statistics.http2ConnectionsOpen = 5
        statistics.http2Streams = 80
        statistics.http2StreamsOpen = 7
        statistics.upgradesOpen = 2
        statistics.cache.entryCount = 12
        statistics.reasons[Int(ErrorLogReason.connectionLimit.rawValue)] = 3
        statistics.reasons[Int(ErrorLogReason.timerHeaderWait.rawValue)] = 8
        statistics.queues = [RequestQueueStatistics(name: "shop", waitingCount: 11, inProgressCount: 3)]
        let request = TestRequest("/metrics", headers: [("Accept", "application/openmetrics-text")])
        let endpoint = MetricsEndpoint(statistics: { [statistics] in statistics })
        let text = try await answer(request, endpoint).text
        let lines = text.split(separator: "\n").map { String($0) }
        for line in [
            "kestrel_active_tls_handshakes 1", "httpring_tls_handshakes_total 9",
            "httpring_tls_resumptions_total 4", "httpring_tls_handshake_failures_total 2",
            "kestrel_tls_handshake_duration_seconds_bucket{tls_protocol_version=\"1.3\",le=\"0.005\"} 0",
            "kestrel_tls_handshake_duration_seconds_bucket{tls_protocol_version=\"1.3\",le=\"0.01\"} 9",
            "kestrel_tls_handshake_duration_seconds_sum{tls_protocol_version=\"1.3\"} 0.060000000",
            "kestrel_connection_duration_seconds_bucket{le=\"300.0\"} 0",
            "kestrel_connection_duration_seconds_bucket{le=\"+Inf\"} 1",
            "httpring_http2_connections_total 6", "httpring_active_http2_connections 5",
            "httpring_http2_streams_total 80", "httpring_active_http2_streams 7",
            "kestrel_upgraded_connections 2", "kestrel_rejected_connections_total 3",
            "http_service_current_uris_cached 12",
            "http_service_errors_total{reason=\"ConnLimit\"} 3",
            "http_service_errors_total{reason=\"Timer_HeaderWait\"} 8",
            "http_service_request_queue_current_queue_size{queue=\"shop\"} 11",
            "httpring_request_queue_active_requests{queue=\"shop\"} 3",
        ] {
            #expect(lines.contains(line), "\(line)\n\(text)")
        }
        let families = lines.filter { $0.hasPrefix("# TYPE") }
        #expect(Set(families).count == families.count)
    }

    @Test("Bounds are written in seconds with a point, as OpenMetrics §4.1 has canonical numbers")
    func bounds() {
        let texts = [
            (5, "0.005"), (250, "0.25"), (1000, "1.0"), (7500, "7.5"), (300_000, "300.0"), (20, "0.02"),
        ]
        for (milliseconds, text) in texts {
            #expect(MetricsWriter.seconds(milliseconds: Int64(milliseconds)) == text)
        }
        let short = DurationCounts.Bounds.short.milliseconds
        for index in short.indices {
            #expect(MetricsWriter.seconds(milliseconds: short[index]) == DurationHistogram.boundTexts[index])
        }
    }

    @Test("Durations fall into buckets by upper bound, told cumulatively (OpenMetrics §5.4)")
    func histogram() async throws {
        let now = Mutex<Int64>(0)
        let metrics = RequestMetrics { now.withLock { $0 } }
        let server = TestServer()
        let application = HandlerApplication(MetricsEndpoint(requests: metrics), metrics) { context in
            #expect(metrics.activeRequests == 1)
            switch context.request.path {
            case "/exact": now.withLock { $0 += 5_000_000 }
            case "/over": now.withLock { $0 += 5_000_001 }
            case "/long": now.withLock { $0 += 60_000_000_000 }
            case "/bad": throw BadHTTPRequestError(statusCode: 418, "a teapot")
            case "/broken": throw CancellationError()
            default: context.response.statusCode = 299
            }
        }
        try await server.start(application: application)
        for path in ["/exact", "/over", "/long", "/bad", "/broken", "/odd"] {
            _ = try await server.send(TestRequest(path))
        }
        _ = try await server.send(TestRequest("/exact", method: "BREW"))
        #expect(metrics.activeRequests == 0)
        let request = TestRequest("/metrics", headers: [("Accept", "application/openmetrics-text")])
        let text = try await server.send(request).text
        await server.stop(within: .seconds(1))
        let lines = text.split(separator: "\n").map { String($0) }
        func labels(_ method: String, _ status: String) -> String {
            "http_request_method=\"\(method)\",http_response_status_code=\"\(status)\","
                + "network_protocol_version=\"1.1\",url_scheme=\"http\""
        }
        let name = "http_server_request_duration_seconds"
        let get = labels("GET", "200")
        for line in [
            "# TYPE \(name) histogram", "# UNIT \(name) seconds",
            "\(name)_bucket{\(get),le=\"0.005\"} 1", "\(name)_bucket{\(get),le=\"0.01\"} 2",
            "\(name)_bucket{\(get),le=\"10.0\"} 2", "\(name)_bucket{\(get),le=\"+Inf\"} 3",
            "\(name)_sum{\(get)} 60.010000001", "\(name)_count{\(get)} 3",
            "\(name)_count{\(labels("GET", "4xx"))} 1", "\(name)_count{\(labels("GET", "500"))} 1",
            "\(name)_count{\(labels("GET", "2xx"))} 1", "\(name)_count{\(labels("_OTHER", "200"))} 1",
        ] {
            #expect(lines.contains(line), "\(line)\n\(text)")
        }
        #expect(lines.last == "# EOF")
        #expect(lines.count(where: { $0.hasPrefix("# TYPE") }) == 1)
    }

    @Test("Every key has a place of its own, and every status one in it")
    func places() {
        for index in 0..<SeriesKey.indexCount { #expect(SeriesKey(index: index).index == index) }
        var places: Set<Int> = []
        for status in -1...1000 {
            let place = SeriesKey.statusIndex(status)
            #expect((0..<SeriesKey.statusCount).contains(place))
            places.insert(place)
            let text = SeriesKey.statusText(place)
            let isOther = !(100..<600).contains(status)
            #expect(text == String(status) || text == (isOther ? "other" : "\(status / 100)xx"), "\(status)")
        }
        #expect(places.count == SeriesKey.statusCount)
    }
}
