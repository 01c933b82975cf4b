// SPDX-License-Identifier: Apache-2.0

public import HTTPEngine
public import HTTPFeatures
import HTTPTypes
import HTTPWire

/// Answers with the server's counters and the durations of requests, for Prometheus and its like.
///
/// `GET /metrics` gives OpenMetrics 1.0.0 where `Accept` names `application/openmetrics-text`, else Prometheus' text
/// 0.0.4. Instruments are named as those of Kestrel and ASP.NET Core (`kestrel.active_connections`,
/// `http.server.active_requests`, `http.server.request.duration`) where they mean the same; the counters
/// of HTTP.sys begin with `http_service`. Put it before middleware that redirects or authenticates, and
/// see that only those who may can ask: tell your proxy not to pass the path on, or serve it under a URL prefix
/// of its own.
///
/// Cost of an answer: reading some words of each loop; requests are not held up.
public struct MetricsEndpoint: RequestMiddleware {
    /// The path that answers.
    public let path: String
    private let statistics: (@Sendable () -> EngineStatistics)?
    private let requests: RequestMetrics?
    private let more: @Sendable (inout MetricsWriter) -> Void

    /// Makes the endpoint.
    ///
    /// - Parameters:
    ///   - path: compared with the request's path below its URL prefix.
    ///   - requests: the middleware that measures durations, `nil` for none.
    ///   - statistics: reads a server's counters: `{ server.statistics }`; `nil` for none.
    ///   - more: writes families of the application's own.
    public init(
        path: String = "/metrics",
        requests: RequestMetrics? = nil,
        statistics: (@Sendable () -> EngineStatistics)? = nil,
        more: @escaping @Sendable (inout MetricsWriter) -> Void = { _ in }
    ) {
        self.path = path
        self.requests = requests
        self.statistics = statistics
        self.more = more
    }

    /// Answers the path, lets other requests through.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        guard context.request.path == path else { return try await next(context) }
        let method = context.request.method
        guard method == .get || method == .head else {
            context.response.statusCode = 405
            context.response.headers[.allow] = "GET, HEAD"
            return
        }
        let accept = context.features.request?.value(of: .accept) ?? ""
        let isOpen = MediaRanges.names("application", "openmetrics-text", in: accept)
        var writer = MetricsWriter(isOpen ? .openMetrics : .prometheus)
        if let statistics { writer.write(statistics()) }
        if let requests { writer.write(requests) }
        more(&writer)
        writer.finish()
        context.response.headers[.contentType] =
            isOpen
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
            : "text/plain; version=0.0.4; charset=utf-8"
        context.response.headers[.cacheControl] = "no-store"
        try await context.response.write(writer.text)
    }
}

extension MetricsWriter {
    /// Writes the durations of requests.
    mutating func write(_ requests: RequestMetrics) {
        family(
            "http.server.request.duration.seconds",
            .histogram,
            unit: "seconds",
            help: "Duration of HTTP server requests."
        )
        requests.forEachSeries { key, status, totals in
            let counts = totals.counts.indices.map { totals.counts[$0] }
            histogram(
                bounds: DurationHistogram.boundTexts,
                counts: counts,
                sum: Self.seconds(nanoseconds: totals.sumNanoseconds),
                labels: [
                    ("http.request.method", SeriesKey.methods[key.method]),
                    ("http.response.status_code", status),
                    ("network.protocol.version", SeriesKey.versions[key.version]),
                    ("url.scheme", SeriesKey.schemes[key.scheme]),
                ]
            )
        }
    }
}
