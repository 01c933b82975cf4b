// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPMiddleware
import HTTPTestServer
import HTTPWire
import Logging
import Testing

@Suite("Trace context")
struct TraceContextTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test(
        "traceparent is read by the rules of its version (§3.2)",
        arguments: Corpus.table("traceparent.tsv")
    )
    func traceparent(_ row: Corpus.Row) {
        var random = SystemRandomNumberGenerator()
        let trace = TraceContext(traceparent: row[1], tracestate: nil, random: &random)
        guard row[0] == "valid" else {
            #expect(trace == nil, "\(row)")
            return
        }
        #expect(trace?.traceID == row[2], "\(row)")
        #expect(
            trace?.parentSpan.map { String($0, radix: 16) } == String(row[3].drop { $0 == "0" }),
            "\(row)"
        )
        #expect(trace?.isSampled == (row[4] == "true"), "\(row)")
        #expect(trace?.spanID != row[3])
        #expect(trace.map { $0.traceparent.hasPrefix("00-\(row[2])-\($0.spanID)-0") } == true, "\(row)")
    }

    @Test("tracestate is passed on where it is well-formed (§3.3)", arguments: Corpus.table("tracestate.tsv"))
    func tracestate(_ row: Corpus.Row) {
        var random = SystemRandomNumberGenerator()
        let trace = TraceContext(traceparent: Self.parent, tracestate: row[1], random: &random)
        #expect(trace != nil)
        #expect(trace?.state ?? "-" == row[0], "\(row)")
    }

    @Test("tracestate has at most 32 members (§3.3.1.1)")
    func members() {
        var random = SystemRandomNumberGenerator()
        let list = (0..<33).map { "k\($0)=v" }
        for count in [32, 33] {
            let text = list[..<count].joined(separator: ",")
            let trace = TraceContext(traceparent: Self.parent, tracestate: text, random: &random)
            #expect(trace?.state == (count == 32 ? text : nil))
        }
    }

    @Test("A request goes on with its caller's trace under a new span, which logs name")
    func propagation() async throws {
        let request = TestRequest(headers: [
            ("traceparent", Self.parent), ("tracestate", "a=1"), ("tracestate", "b=2"),
        ])
        let response = try await answer(request, TraceContextPropagation()) { context in
            let trace = context.features[(any HTTPTraceContextFeature).self]?.traceContext
            #expect(trace?.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
            #expect(trace?.parentSpan == 0x00f0_67aa_0ba9_02b7)
            #expect(trace?.state == "a=1,b=2")
            #expect(TraceContext.current == trace)
            let metadata = Logger.MetadataProvider.traceContext.get()
            #expect(metadata["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
            #expect(metadata["span_id"] == trace.map { "\($0.spanID)" })
            #expect(context.traceIdentifier == trace.map { "\($0.traceID)-\($0.spanID)" })
            await Task.yield()
            #expect(TraceContext.current == trace)
            try await context.response.write(trace?.traceparent ?? "")
        }
        #expect(response.text.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
        #expect(response.text.hasSuffix("-01"))
        #expect(TraceContext.current == nil)
        #expect(Logger.MetadataProvider.traceContext.get().isEmpty)
    }

    @Test(
        "A request without a valid caller begins a trace",
        arguments: [[], [("traceparent", "nonsense")], [("traceparent", parent), ("traceparent", parent)]]
    )
    func beginning(_ headers: [(String, String)]) async throws {
        let request = TestRequest(headers: headers.map { (name: $0.0, value: $0.1) })
        _ = try await answer(request, TraceContextPropagation()) { context in
            let trace = context.features[(any HTTPTraceContextFeature).self]?.traceContext
            #expect(trace?.parentSpan == nil && trace != nil)
            #expect(trace?.isSampled == false)
        }
    }

    @Test("Callers are not believed where that is turned off")
    func strangers() async throws {
        let request = TestRequest(headers: [("traceparent", Self.parent)])
        _ = try await answer(request, TraceContextPropagation(acceptsCallers: false)) { context in
            let trace = context.features[(any HTTPTraceContextFeature).self]?.traceContext
            #expect(trace?.traceID != "4bf92f3577b34da6a3ce929d0e0e4736")
        }
    }
}
