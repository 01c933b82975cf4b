// SPDX-License-Identifier: Apache-2.0

import CAllocationCounter
import Glibc
import HTTPRing

/// The measuring, in a process that does nothing else.
enum Measurement {
    /// Requests before the count starts: connections, buffers and tasks are kept and used again from then on.
    private static let warmUpCount = 2000
    private static let mark = "allocations counted: "

    /// Runs a scenario against a server of its own and prints the count.
    static func run(_ name: String) async throws {
        guard let scenario = Scenario.all.first(where: { $0.name == name }) else {
            preconditionFailure("scenarios are found by their names")
        }
        let (server, port) = try await Application.start()
        let client = try Client(scenario, port: port)
        for _ in 0..<(warmUpCount / client.batchCount) { try client.exchange() }
        let traces = getenv("HTTPRING_ALLOCATION_TRACE") != nil
        allocation_counter_start(traces)
        for _ in 0..<(scenario.requestCount / client.batchCount) { try client.exchange() }
        let total = allocation_counter_stop()
        print("\(mark)\(total)")
        fflush(nil)
        if traces { allocation_counter_write_traces(STDOUT_FILENO) }
        await server.stop(within: .seconds(1))
    }

    /// The count in the output of a process that ran a scenario.
    static func total(in output: String) -> Int? {
        for line in output.split(separator: "\n") where line.hasPrefix(mark) {
            return Int(line.dropFirst(mark.count))
        }
        return nil
    }
}
