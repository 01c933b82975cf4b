// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire
public import Logging

/// The request's place in a distributed trace; there behind `TraceContextPropagation`.
public protocol HTTPTraceContextFeature: AnyObject {
    /// The trace, the caller's span and this request's.
    var traceContext: TraceContext { get set }
}

/// Takes part in distributed traces: reads `traceparent` and `tracestate`, makes a span for each request.
///
/// A request without a valid `traceparent` begins a trace. The context is a feature of the request; while the
/// handler runs it is also in the task, where `Logger.MetadataProvider.traceContext` finds it, so that every log
/// line of the request carries `trace_id` and `span_id`. Requests made on behalf of this one pass on
/// `TraceContext.traceparent` and `.state`. Nothing is sent to a tracing system.
///
/// Cost: two small allocations and 24 random bytes a request.
public struct TraceContextPropagation: RequestMiddleware {
    /// Whether callers are believed; without it each request begins a trace of its own.
    ///
    /// Default true. Turn it off where strangers call and traces cost money.
    public var acceptsCallers: Bool
    /// Whether the request's `traceIdentifier`, which the server's own logs name, becomes the trace and span.
    ///
    /// Default true.
    public var setsTraceIdentifier = true

    /// Makes middleware.
    public init(acceptsCallers: Bool = true) { self.acceptsCallers = acceptsCallers }

    /// Gives the request its place in a trace, then goes on.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        let trace = trace(of: context)
        context.features[(any HTTPTraceContextFeature).self] = TraceContextHolder(trace)
        if setsTraceIdentifier, let identifier = context.features[(any HTTPRequestIdentifierFeature).self] {
            identifier.traceIdentifier = "\(trace.traceID)-\(trace.spanID)"
        }
        try await TraceContext.$current.withValue(trace) { try await next(context) }
    }

    private func trace(of context: HTTPContext) -> TraceContext {
        var random = SystemRandomNumberGenerator()
        // Two lines are joined by a comma, and so malformed, as §3.2 wants it.
        guard acceptsCallers, let request = context.features.request,
            let traceparent = request.value(of: .traceparent),
            let trace = TraceContext(
                traceparent: traceparent,
                tracestate: request.value(of: .tracestate),
                random: &random
            )
        else { return TraceContext(random: &random) }
        return trace
    }
}

extension TraceContext {
    /// The context of the request whose handler is running; `nil` elsewhere.
    @TaskLocal public static var current: TraceContext?
}

extension Logger.MetadataProvider {
    /// Adds `trace_id`, `span_id` and `trace_flags` of the request in progress to log lines.
    public static var traceContext: Logger.MetadataProvider {
        Logger.MetadataProvider {
            guard let trace = TraceContext.current else { return [:] }
            return [
                "trace_id": "\(trace.traceID)", "span_id": "\(trace.spanID)",
                "trace_flags": trace.isSampled ? "01" : "00",
            ]
        }
    }
}

final class TraceContextHolder: HTTPTraceContextFeature {
    var traceContext: TraceContext

    init(_ traceContext: TraceContext) { self.traceContext = traceContext }
}
