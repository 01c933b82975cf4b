// SPDX-License-Identifier: Apache-2.0

/// One thing that is done again and again.
struct Benchmark {
    /// What `--filter` is matched against, and what the table shows.
    let name: String
    /// Does it that many times, and returns something that depends on all of it, so that none is left out.
    let run: (_ count: Int) -> Int

    init(_ name: String, _ run: @escaping (_ count: Int) -> Int) {
        self.name = name
        self.run = run
    }
}

/// Benchmarks whose batches take turns, so that what changes slowly on the machine meets all of them alike.
struct Group: Sendable {
    let name: String
    /// Makes what they work on; called only where one of them is wanted.
    let make: @Sendable () -> [Benchmark]

    init(_ name: String, _ make: @escaping @Sendable () -> [Benchmark]) {
        self.name = name
        self.make = make
    }
}

/// What was measured of one benchmark.
struct Measure {
    let group: String
    let name: String
    /// Nanoseconds of CPU time an operation, the median of the batches.
    let median: Double
    /// The same of the fastest batch.
    let least: Double
    /// Allocations an operation, `nil` where they can't be counted.
    let allocations: Double?
}
