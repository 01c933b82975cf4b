// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire
import Synchronization

/// Measures how long requests take, for `MetricsEndpoint`: `http.server.request.duration` and `.active_requests`.
///
/// A request is counted when what it wraps returns, by method, status, scheme and protocol version; a handler
/// that throws counts as 500, or as the status of its `BadHTTPRequestError`, or as 499 where the client has gone. Methods that are not well-known count
/// as `_OTHER`, so that clients cannot make series. Put it first, to measure all the rest.
///
/// Cost: two readings of the clock, one look-up in a table and four relaxed additions a request, to words that its
/// loop alone writes up to eight loops; no lock. A series is allocated when its first request comes.
public final class RequestMetrics: RequestMiddleware {
    /// What the requests of some loops come to; eight of them, so that loops do not write to each other's words.
    private final class Shard: Sendable {
        let active = Atomic<Int>(0)
        /// By `SeriesKey.index`.
        let blocks: [Lazy<Block>] = (0..<SeriesKey.indexCount).map { _ in Lazy { Block() } }
    }

    /// The series of one key, by `SeriesKey.statusIndex(_:)`.
    private final class Block: Sendable {
        let series: [Lazy<DurationHistogram>] = (0..<SeriesKey.statusCount).map { _ in
            Lazy { DurationHistogram() }
        }
    }

    private static let shardCount = 8
    private let shards: [Lazy<Shard>] = (0..<shardCount).map { _ in Lazy { Shard() } }
    private let nanoseconds: @Sendable () -> Int64

    /// Makes middleware that reads the monotonic clock.
    public convenience init() {
        let start = ContinuousClock.now
        self.init {
            let (seconds, attoseconds) = start.duration(to: .now).components
            return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        }
    }

    /// Makes middleware with a clock of the caller's.
    init(nanoseconds: @escaping @Sendable () -> Int64) { self.nanoseconds = nanoseconds }

    /// Measures what `next` takes.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        let loop = context.features[(any HTTPRequestInfoFeature).self]?.loopIndex ?? 0
        let shard = shards[loop & (Self.shardCount - 1)].value
        let start = nanoseconds()
        shard.active.wrappingAdd(1, ordering: .relaxed)
        // Read before the handler: a context is empty once its request has ended.
        let key = context.features.request.map(SeriesKey.init)
        var status = 500
        defer {
            shard.active.wrappingSubtract(1, ordering: .relaxed)
            if let key {
                let histogram = shard.blocks[key.index].value.series[SeriesKey.statusIndex(status)].value
                histogram.record(nanoseconds: nanoseconds() - start)
            }
        }
        do {
            try await next(context)
            status = context.response.statusCode
        } catch {
            if context.response.hasStarted {
                status = context.response.statusCode
            } else if let error = error as? BadHTTPRequestError {
                status = error.statusCode
            } else if context.isAborted {
                status = 499
            }
            throw error
        }
    }

    /// Requests that are being handled now.
    public var activeRequests: Int {
        shards.reduce(0) { $0 + ($1.current?.active.load(ordering: .relaxed) ?? 0) }
    }

    /// Calls a function with each series that has counted something.
    func forEachSeries(_ body: (SeriesKey, _ status: String, DurationTotals) -> Void) {
        for index in 0..<SeriesKey.indexCount {
            let blocks = shards.compactMap { $0.current?.blocks[index].current }
            guard !blocks.isEmpty else { continue }
            for status in 0..<SeriesKey.statusCount {
                var totals = DurationTotals()
                for block in blocks { block.series[status].current?.add(to: &totals) }
                guard totals.count > 0 else { continue }
                body(SeriesKey(index: index), SeriesKey.statusText(status), totals)
            }
        }
    }
}

/// A value made when it is first asked for, once, without a lock.
private final class Lazy<Value: AnyObject & Sendable>: Sendable {
    private let reference = AtomicLazyReference<Value>()
    private let make: @Sendable () -> Value

    init(_ make: @escaping @Sendable () -> Value) { self.make = make }

    var current: Value? { reference.load() }
    var value: Value { reference.load() ?? reference.storeIfNil(make()) }
}
