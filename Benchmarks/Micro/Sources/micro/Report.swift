// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How measures are shown.
enum Report {
    static func printTableHead() {
        print("| | benchmark | median ns | least ns | allocations |\n|---|---|---|---|---|")
    }

    static func printRow(_ measure: Measure) {
        let allocations = measure.allocations.map { decimal($0, places: 2) } ?? "?"
        let (median, least) = (decimal(measure.median, places: 1), decimal(measure.least, places: 1))
        print("| \(measure.group) | \(measure.name) | \(median) | \(least) | \(allocations) |")
        fflush(nil)
    }

    static func printJSON(_ measures: [Measure]) {
        let rows = measures.map { measure in
            let allocations = measure.allocations.map { decimal($0, places: 3) } ?? "null"
            return
                "  {\"group\": \"\(measure.group)\", \"name\": \"\(measure.name)\", \"medianNanoseconds\": "
                + "\(decimal(measure.median, places: 2)), \"leastNanoseconds\": "
                + "\(decimal(measure.least, places: 2)), \"allocations\": \(allocations)}"
        }
        print("[\n\(rows.joined(separator: ",\n"))\n]")
    }

    static func warn(_ words: String) {
        let line = Array("micro: \(words)\n".utf8)
        line.withUnsafeBytes { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }

    static func exit(_ status: Int32) -> Never { Glibc.exit(status) }

    private static func decimal(_ value: Double, places: Int) -> String {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((value * Double(scale)).rounded())
        let digits = String(scaled % scale)
        return "\(scaled / scale).\(String(repeating: "0", count: places - digits.count))\(digits)"
    }
}
