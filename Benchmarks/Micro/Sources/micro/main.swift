// SPDX-License-Identifier: Apache-2.0

import CAllocationCounter

let usage = """
    usage: micro [--filter TEXT] [--batches N] [--json] [--list]

    Measures what single steps of a request cost, in CPU time and allocations. Build it with -c release.

      --filter TEXT   only benchmarks whose name, or whose group's name, holds the text
      --batches N     samples for each benchmark; 25 unless given
      --json          one JSON array instead of a table
      --list          the names alone
    """

let groups =
    WireBenchmarks.groups + RouteBenchmarks.groups + CacheBenchmarks.groups + FeatureBenchmarks.groups

var runner = Runner()
var filter: String?
var printsJSON = false
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--filter" where !arguments.isEmpty: filter = arguments.popFirst()
    case "--batches" where Int(arguments.first ?? "").map { $0 > 0 } == true:
        runner.batchCount = arguments.popFirst().flatMap { Int($0) } ?? runner.batchCount
    case "--json": printsJSON = true
    case "--list":
        for group in groups { for benchmark in group.make() { print("\(group.name): \(benchmark.name)") } }
        Report.exit(0)
    default:
        print(usage)
        Report.exit(argument == "--help" || argument == "-h" ? 0 : 2)
    }
}

#if DEBUG
Report.warn("a debug build measures nothing worth knowing; use swift run -c release")
#endif
if !allocation_counter_is_available() { Report.warn("allocations can't be counted in this build") }
if !printsJSON { Report.printTableHead() }
var measures: [Measure] = []
for group in groups {
    let new = runner.run(group, filter: filter)
    if !printsJSON { for measure in new { Report.printRow(measure) } }
    measures += new
}
if printsJSON { Report.printJSON(measures) }
