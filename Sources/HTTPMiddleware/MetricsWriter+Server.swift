// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPWire
import ResponseCache

extension MetricsWriter {
    /// Writes the counters of a server.
    mutating func write(_ statistics: EngineStatistics) {
        writeConnections(statistics)
        writeRequests(statistics)
        writeSecure(statistics)
        writeHTTP2(statistics)
        writeCache(statistics)
        writeQueues(statistics.queues)
        writeTroubles(statistics)
    }

    private mutating func counter(_ name: String, _ value: UInt64, unit: String? = nil, _ help: String) {
        family(name, .counter, unit: unit, help: help)
        sample(value)
    }

    private mutating func gauge(_ name: String, _ value: Int, _ help: String) {
        family(name, .gauge, help: help)
        sample(value)
    }

    private mutating func writeConnections(_ statistics: EngineStatistics) {
        gauge("kestrel.active_connections", statistics.connectionsOpen, "Connections open now.")
        counter(
            "http_service.connection_attempts",
            statistics.connectionsAccepted,
            "Connections accepted."
        )
        counter(
            "kestrel.rejected_connections",
            statistics.reasons[Int(ErrorLogReason.connectionLimit.rawValue)],
            "Connections reset because their client's address had as many as it may."
        )
        gauge(
            "kestrel.upgraded_connections",
            statistics.upgradesOpen,
            "Connections and streams handed over to another protocol, such as WebSocket, now."
        )
        family(
            "kestrel.connection.duration.seconds",
            .histogram,
            unit: "seconds",
            help: "Duration of connections that have ended."
        )
        histogram(statistics.connectionDurations)
        counter(
            "http_service.received.bytes",
            statistics.bytesReceived,
            unit: "bytes",
            "Bytes received from clients."
        )
        counter("http_service.sent.bytes", statistics.bytesSent, unit: "bytes", "Bytes sent to clients.")
    }

    private mutating func writeRequests(_ statistics: EngineStatistics) {
        gauge(
            "http.server.active_requests",
            statistics.requestsInProgress,
            "Requests an application has or waits for now."
        )
        counter("http_service.all_requests", statistics.requestsTotal, "Requests whose head was complete.")
        counter(
            "http_service.rejected_requests",
            statistics.requestsRejected,
            "Requests turned away by a request queue: full, too late, or shut down."
        )
    }

    private mutating func writeSecure(_ statistics: EngineStatistics) {
        gauge(
            "kestrel.active_tls_handshakes",
            statistics.tlsHandshakesInProgress,
            "TLS handshakes under way now."
        )
        family(
            "kestrel.tls_handshake.duration.seconds",
            .histogram,
            unit: "seconds",
            help: "Duration of TLS handshakes that were completed, from the connection's start."
        )
        histogram(statistics.tls12HandshakeDurations, labels: [("tls.protocol.version", "1.2")])
        histogram(statistics.tls13HandshakeDurations, labels: [("tls.protocol.version", "1.3")])
        counter(
            "httpring.tls_handshakes",
            statistics.tlsHandshakes,
            "TLS handshakes that were completed, resumptions included."
        )
        counter(
            "httpring.tls_resumptions",
            statistics.tlsResumptions,
            "TLS handshakes that resumed a session."
        )
        counter(
            "httpring.tls_handshake_failures",
            statistics.tlsHandshakeFailures,
            "TLS handshakes that came to nothing: refused by either side, out of time, or broken off."
        )
    }

    private mutating func writeHTTP2(_ statistics: EngineStatistics) {
        counter("httpring.http2_connections", statistics.http2Connections, "Connections that spoke HTTP/2.")
        gauge(
            "httpring.active_http2_connections",
            statistics.http2ConnectionsOpen,
            "Connections that speak HTTP/2 now."
        )
        counter(
            "httpring.http2_streams",
            statistics.http2Streams,
            "Streams of HTTP/2 that carried a request."
        )
        gauge("httpring.active_http2_streams", statistics.http2StreamsOpen, "Streams of HTTP/2 open now.")
    }

    private mutating func writeCache(_ statistics: EngineStatistics) {
        let cache = statistics.cache
        gauge("http_service.current_uris_cached", cache.entryCount, "Responses in the cache now.")
        gauge("httpring.cache_size.bytes", cache.byteCount, "Bytes in the response cache now.")
        counter("http_service.total_uris_cached", cache.storedCount, "Responses stored in the cache.")
        counter(
            "http_service.uri_cache_hits",
            statistics.cacheHits,
            "Requests answered from the response cache."
        )
        counter(
            "http_service.uri_cache_misses",
            cache.missCount,
            "Requests that were looked up in the response cache and not found."
        )
        counter("http_service.total_flushed_uris", cache.flushedCount, "Responses removed by a flush.")
        counter(
            "httpring.cache_evictions",
            cache.evictedCount &+ cache.expiredCount &+ cache.scavengedCount,
            "Responses that expired, were not asked for, or made room."
        )
    }

    private mutating func writeQueues(_ queues: [RequestQueueStatistics]) {
        guard !queues.isEmpty else { return }
        family(
            "http_service.request_queue.current_queue_size",
            .gauge,
            help: "Requests that wait in a request queue now."
        )
        for queue in queues { sample(queue.waitingCount, labels: [("queue", queue.name)]) }
        family(
            "httpring.request_queue.active_requests",
            .gauge,
            help: "Requests of a queue that an application works on now, where the queue limits them."
        )
        for queue in queues { sample(queue.inProgressCount, labels: [("queue", queue.name)]) }
    }

    /// What went wrong, and for which reason.
    private mutating func writeTroubles(_ statistics: EngineStatistics) {
        counter(
            "httpring.refusals",
            statistics.refusals,
            "Messages refused with an error status or a reset."
        )
        family(
            "http_service.errors",
            .counter,
            help: "Requests and connections that the server itself ended, by the reason of the error log."
        )
        for reason in ErrorLogReason.allCases where reason != .none {
            let count = statistics.reasons[Int(reason.rawValue)]
            if count > 0 { sample(count, labels: [("reason", "\(reason.rawText)")]) }
        }
        counter(
            "httpring.timeouts",
            statistics.timeouts,
            "Connections or requests ended by a time-out or a rate."
        )
        counter(
            "httpring.accept_pauses",
            statistics.acceptPauses,
            "Times that accepting paused for lack of descriptors or over the connection limit."
        )
        counter(
            "httpring.log_records_dropped",
            statistics.logRecordsDropped,
            "Log records lost to a full ring."
        )
    }

    private mutating func histogram(_ durations: DurationCounts, labels: [(name: String, value: String)] = [])
    {
        guard durations.count > 0 else { return }
        let bounds = durations.bounds.milliseconds
        histogram(
            bounds: bounds.indices.map { Self.seconds(milliseconds: bounds[$0]) },
            counts: durations.counts,
            sum: Self.seconds(nanoseconds: durations.sumNanoseconds),
            labels: labels
        )
    }

    /// Milliseconds as OpenMetrics writes a bucket's bound, such as `0.005` and `10.0`.
    static func seconds(milliseconds: Int64) -> String {
        var fraction = String(1000 + milliseconds % 1000).dropFirst()
        while fraction.count > 1, fraction.last == "0" { fraction = fraction.dropLast() }
        return "\(milliseconds / 1000).\(fraction)"
    }
}
