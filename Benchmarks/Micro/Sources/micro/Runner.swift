// SPDX-License-Identifier: Apache-2.0

import CAllocationCounter
import Glibc

/// Measures groups of benchmarks.
struct Runner {
    var batchCount = 25
    /// Aimed at; long beside a call of the clock, short beside a change of the machine's mood.
    var batchNanoseconds = 10_000_000.0
    private var sink = 0

    init() {}

    /// Measures those of a group whose names hold `filter`.
    mutating func run(_ group: Group, filter: String?) -> [Measure] {
        var benchmarks = group.make()
        if let filter { benchmarks.removeAll { !$0.name.contains(filter) && !group.name.contains(filter) } }
        let counts = benchmarks.map { calibrate($0) }
        var samples: [[Double]] = Array(repeating: [], count: benchmarks.count)
        for _ in 0..<batchCount {
            for (index, benchmark) in benchmarks.enumerated() {
                samples[index].append(time(benchmark, counts[index]) / Double(counts[index]))
            }
        }
        return benchmarks.enumerated().map { index, benchmark in
            let sorted = samples[index].sorted()
            return Measure(
                group: group.name,
                name: benchmark.name,
                median: sorted[sorted.count / 2],
                least: sorted[0],
                allocations: allocations(benchmark)
            )
        }
    }

    /// Warms up, and finds how often an operation fits into a batch.
    private mutating func calibrate(_ benchmark: Benchmark) -> Int {
        var count = 1
        while true {
            let nanoseconds = time(benchmark, count)
            if nanoseconds > batchNanoseconds / 4 {
                return max(1, Int(Double(count) * batchNanoseconds / nanoseconds))
            }
            count *= 4
        }
    }

    /// CPU time of this thread, which what else the machine does enters but through caches.
    private mutating func time(_ benchmark: Benchmark, _ count: Int) -> Double {
        let start = Runner.now()
        sink &+= benchmark.run(count)
        return Runner.now() - start
    }

    /// The difference of two runs, so that what a run needs once does not count.
    private mutating func allocations(_ benchmark: Benchmark) -> Double? {
        guard allocation_counter_is_available() else { return nil }
        let few = countAllocations(benchmark, 1000)
        let many = countAllocations(benchmark, 2000)
        return Double(many &- few) / 1000
    }

    private mutating func countAllocations(_ benchmark: Benchmark, _ count: Int) -> Int {
        allocation_counter_start(false)
        sink &+= benchmark.run(count)
        return Int(allocation_counter_stop())
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}
