// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts durations by size, from any thread, without a lock.
final class DurationHistogram: Sendable {
    /// The upper bounds in nanoseconds: those OpenTelemetry advises for request durations.
    static let boundsNanoseconds: InlineArray<14, Int64> = [
        5_000_000, 10_000_000, 25_000_000, 50_000_000, 75_000_000, 100_000_000, 250_000_000, 500_000_000,
        750_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 7_500_000_000, 10_000_000_000,
    ]
    /// The same in seconds, as written.
    static let boundTexts = [
        "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5", "5.0", "7.5",
        "10.0",
    ]

    /// Fifteen counts, one for each bound and one for what is above all.
    private let buckets: InlineArray<15, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    private let sum = Atomic<UInt64>(0)

    /// Counts a duration; cost: two relaxed additions.
    func record(nanoseconds: Int64) {
        var index = 0
        while index < 14, nanoseconds > Self.boundsNanoseconds[index] { index += 1 }
        buckets[index].wrappingAdd(1, ordering: .relaxed)
        sum.wrappingAdd(UInt64(max(nanoseconds, 0)), ordering: .relaxed)
    }

    /// Adds what was counted to a sum of several histograms.
    func add(to total: inout DurationTotals) {
        for index in 0..<15 { total.counts[index] += buckets[index].load(ordering: .relaxed) }
        total.sumNanoseconds &+= sum.load(ordering: .relaxed)
    }
}

/// What histograms have counted at a moment.
struct DurationTotals {
    /// Not cumulative.
    var counts: InlineArray<15, UInt64> = InlineArray(repeating: 0)
    var sumNanoseconds: UInt64 = 0

    var count: UInt64 {
        var sum: UInt64 = 0
        for index in counts.indices { sum &+= counts[index] }
        return sum
    }
}
