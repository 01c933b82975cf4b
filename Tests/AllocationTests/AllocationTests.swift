// SPDX-License-Identifier: Apache-2.0

import CAllocationCounter
import Glibc
import Testing

/// What a request allocates once the server is warm, in the whole process, and the most that it may.
///
/// Each scenario has a process of its own, so that no other test's allocations are counted. Set
/// `HTTPRING_ALLOCATION_TRACE` to have the places that allocate printed.
@Suite("allocations", .serialized, .enabled(if: Availability.isCounting))
struct AllocationTests {
    @Test("A warm server allocates no more for a request than its threshold", arguments: Scenario.all)
    func steadyState(_ scenario: Scenario) async throws {
        let result = try await #require(
            processExitsWith: .success,
            observing: [\.standardOutputContent]
        ) { [name = scenario.name as String] in
            try await Measurement.run(name)
        }
        let output = String(decoding: result.standardOutputContent, as: UTF8.self)
        let total = try #require(Measurement.total(in: output), "the measuring process said: \(output)")
        let perRequest = Double(total) / Double(scenario.requestCount)
        print(
            "allocations: \(scenario.name): \(total) for \(scenario.requestCount) requests,",
            perRequest,
            "a request"
        )
        if getenv("HTTPRING_ALLOCATION_TRACE") != nil { print(output) }
        let limit = scenario.allocationsMax * Double(scenario.requestCount) + Double(Scenario.slack)
        #expect(
            Double(total) <= limit,
            "\(perRequest) allocations a request are over \(scenario.allocationsMax)"
        )
    }

    @Test("The counter sees an allocation made in Swift, so that 0 means none")
    func counterCounts() async throws {
        await #expect(processExitsWith: .success) {
            allocation_counter_start(false)
            var arrays: [[UInt8]] = []
            for count in 1...100 { arrays.append([UInt8](repeating: 1, count: count)) }
            let total = allocation_counter_stop()
            #expect(arrays.count == 100)
            #expect(total >= 100)
            #expect(total < 200)
        }
    }
}

/// Whether this build can count at all.
enum Availability {
    static let isCounting: Bool = {
        let isAvailable = allocation_counter_is_available()
        if !isAvailable {
            print("allocations: skipped, a sanitizer or another C library has malloc for itself")
        }
        return isAvailable
    }()
}
