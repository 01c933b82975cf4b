// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Durations counted by size: fourteen bounds, and what is above all of them.
public struct DurationCounts: Sendable {
    /// The upper bounds of a histogram's buckets.
    public enum Bounds: Sendable {
        /// From 5 ms to 10 s: requests and handshakes.
        case short
        /// From 10 ms to 5 minutes: connections.
        case long

        /// The bounds in milliseconds, ascending; those of ASP.NET Core's instruments.
        public var milliseconds: InlineArray<14, Int64> {
            switch self {
            case .short: [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000]
            case .long:
                [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 120_000, 300_000]
            }
        }
    }

    /// The buckets.
    public let bounds: Bounds
    /// How many fell into each bucket, not cumulative; the last is above all bounds.
    public var counts = [UInt64](repeating: 0, count: 15)
    /// The sum of all durations, in nanoseconds.
    public var sumNanoseconds: UInt64 = 0

    /// Makes counts of nothing.
    public init(_ bounds: Bounds) { self.bounds = bounds }

    /// How many durations there were.
    public var count: UInt64 { counts.reduce(0, &+) }

    mutating func add(_ histogram: LoopHistogram) {
        for index in counts.indices { counts[index] &+= histogram.buckets[index].load(ordering: .relaxed) }
        sumNanoseconds &+= histogram.sum.load(ordering: .relaxed)
    }
}

/// The same for one loop: words only its thread writes, read by anyone.
final class LoopHistogram: Sendable {
    /// In nanoseconds.
    private let bounds: InlineArray<14, Int64>
    let buckets: InlineArray<15, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    let sum = Atomic<UInt64>(0)

    init(_ bounds: DurationCounts.Bounds) {
        let milliseconds = bounds.milliseconds
        self.bounds = InlineArray { milliseconds[$0] * 1_000_000 }
    }

    /// Counts a duration; of the loop's own thread only.
    func record(nanoseconds: Int64) {
        var index = 0
        while index < 14, nanoseconds > bounds[index] { index += 1 }
        buckets[index].count()
        sum.count(UInt64(max(nanoseconds, 0)))
    }
}
