// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import HTTPRingService

/// `httpring top`.
struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows rates, queues, slow prefixes and cache hits in the terminal, every second.",
        discussion: """
            Ctrl-C ends it. Where standard output is no terminal, blocks follow one another.

            Needs root, or membership of the administrators' group.
            """
    )

    @Option(help: "Seconds between two blocks.")
    var interval: UInt32 = 1

    @Option(help: "Ends after so many blocks; 0 is never.")
    var count: UInt32 = 0

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard (1...3600).contains(interval) else { throw ValidationError("--interval is 1 to 3600 seconds.") }
    }

    func run() throws {
        try connection.use { client in
            var before = try Sample(client)
            var shown: UInt32 = 0
            while count == 0 || shown < count {
                sleep(interval)
                let now = try Sample(client)
                Output.write((Output.isTerminal ? "\u{1B}[H\u{1B}[2J" : "") + Self.block(before, now))
                before = now
                shown += 1
            }
        }
    }

    private static func block(_ before: Sample, _ now: Sample) -> String {
        let seconds = max(0.001, now.seconds - before.seconds)
        func rate(_ name: String) -> Double {
            let (difference, overflow) = now.values[name].number.subtractingReportingOverflow(
                before.values[name].number
            )
            return overflow ? 0 : Double(difference) / seconds
        }
        let hits = rate("cacheHits")
        let requests = rate("requests")
        let share = requests > 0 ? min(100, hits / requests * 100) : 0
        let values = now.values
        var text = "httpring top    reservations \(values["reservations"].number)"
        text += "   registrations \(values["registrations"].number)"
        text += "   control connections \(values["controlConnections"].number)\n\n"
        text += row("requests/s", number(requests), "cache hits/s", number(hits) + " (\(Int(share)) %)")
        text += row(
            "connections",
            "\(values["connectionsOpen"].number)",
            "new/s",
            number(rate("connectionsAccepted"))
        )
        text += row(
            "in progress",
            "\(values["requestsInProgress"].number)",
            "time-outs/s",
            number(rate("timeouts"))
        )
        text += row("received/s", bytes(rate("bytesReceived")), "sent/s", bytes(rate("bytesSent")))
        text += row("refused/s", number(rate("refusals")), "queue refused/s", number(rate("rejections")))
        if values["logRecordsDropped"].number > 0 {
            text += row("log records lost", "\(values["logRecordsDropped"].number)", "", "")
        }
        text += "\n" + columns(["QUEUE", "PROCESSES", "WAITING", "IN PROGRESS", "LIMIT"])
        let busiest = values["queues"].elements.sorted { $0["waiting"].number > $1["waiting"].number }
        for queue in busiest.prefix(20) {
            let name = queue["name"].text
            text += columns(
                [name.isEmpty ? "(unnamed \(queue["queueId"].number))" : name]
                    + ["processes", "waiting", "inProgress", "maxRequests"].map { "\(queue[$0].number)" }
            )
        }
        return text + "\n" + prefixes(before, now, seconds) + "\n"
    }

    /// The prefixes whose requests took longest in the mean, of those that had some.
    private static func prefixes(_ before: Sample, _ now: Sample, _ seconds: Double) -> String {
        var earlier: [String: ControlValue] = [:]
        for prefix in before.values["prefixes"].elements { earlier[prefix["url"].text] = prefix }
        var rows: [(mean: Double, words: [String])] = []
        for prefix in now.values["prefixes"].elements {
            let old = earlier[prefix["url"].text] ?? .none
            func growth(_ name: String) -> Double {
                let (difference, overflow) = prefix[name].number.subtractingReportingOverflow(
                    old[name].number
                )
                return overflow ? 0 : Double(difference)
            }
            let ended =
                growth("requests") + Double(old["inProgress"].number) - Double(prefix["inProgress"].number)
            guard growth("requests") > 0 || prefix["inProgress"].number > 0 else { continue }
            let mean = ended > 0 ? growth("microseconds") / ended / 1000 : 0
            let words = [
                prefix["url"].text, number(growth("requests") / seconds), "\(prefix["inProgress"].number)",
                number(mean), number(Double(prefix["microsecondsMax"].number) / 1000),
            ]
            rows.append((mean, words))
        }
        rows.sort { $0.mean > $1.mean }
        return columns(["SLOWEST PREFIXES", "REQUESTS/S", "IN PROGRESS", "MEAN ms", "LONGEST ms"])
            + rows.prefix(10).map { columns($0.words) }.joined()
    }

    private static func row(_ label: String, _ value: String, _ other: String, _ otherValue: String) -> String
    {
        pad(label, 18) + pad(value, 18) + pad(other, 18) + otherValue + "\n"
    }

    private static func columns(_ words: [String]) -> String {
        pad(words[0], 34) + words.dropFirst().map { pad($0, 13) }.joined() + "\n"
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text.count < width ? text + String(repeating: " ", count: width - text.count) : text + " "
    }

    /// A rate with one digit behind the point where it is small.
    private static func number(_ value: Double) -> String {
        value < 10 && value > 0 ? "\((value * 10).rounded() / 10)" : "\(UInt64(value.rounded()))"
    }

    private static func bytes(_ value: Double) -> String {
        var value = value
        for unit in ["B", "KiB", "MiB"] {
            if value < 1024 { return number(value) + " " + unit }
            value /= 1024
        }
        return number(value) + " GiB"
    }
}

/// The service's counters at one moment.
private struct Sample {
    let values: ControlValue
    let seconds: Double

    init(_ client: ControlClient) throws {
        var read = ControlValue.none
        try client.list(.statistics) { read = $0 }
        values = read
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
