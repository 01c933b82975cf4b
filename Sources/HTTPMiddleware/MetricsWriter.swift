// SPDX-License-Identifier: Apache-2.0

/// Writes metrics as text: OpenMetrics 1.0.0, or Prometheus' format 0.0.4 where a scraper knows only that.
///
/// A family is written with all its samples before the next begins. Names are given as instruments are named,
/// such as `http.server.request.duration`; dots become underscores. Source: OpenMetrics 1.0.0 §5 and §3.
public struct MetricsWriter {
    /// The two forms.
    public enum Format: Sendable {
        /// `application/openmetrics-text; version=1.0.0; charset=utf-8`.
        case openMetrics
        /// `text/plain; version=0.0.4; charset=utf-8`.
        case prometheus
    }

    /// What a family's samples are.
    public enum Kind: String, Sendable {
        /// A count that only grows.
        case counter
        /// A level.
        case gauge
        /// Counts by size.
        case histogram
    }

    /// The form written.
    public let format: Format
    /// What was written so far.
    public private(set) var text = ""
    private var family = ""
    private var kind = Kind.gauge

    /// Makes a writer.
    public init(_ format: Format) { self.format = format }

    /// Begins a family.
    ///
    /// - Parameters:
    ///   - name: letters, digits, `_`, `:` and dots; the unit, where there is one, stands at its end: `.seconds`.
    ///   - kind: what its samples are.
    ///   - unit: the unit, `seconds` or `bytes`; nil where what is counted has none.
    ///   - help: one sentence.
    public mutating func family(_ name: String, _ kind: Kind, unit: String? = nil, help: String) {
        family = Self.name(name)
        self.kind = kind
        // In 0.0.4 the family of a counter is called as its samples are.
        let called = format == .prometheus && kind == .counter ? family + "_total" : family
        text += "# TYPE \(called) \(kind.rawValue)\n"
        if let unit, format == .openMetrics { text += "# UNIT \(called) \(unit)\n" }
        text += "# HELP \(called) \(Self.escaped(help, quotes: format == .openMetrics))\n"
    }

    /// Writes a sample of the family begun last; to a counter `_total` is added.
    public mutating func sample(_ value: some BinaryInteger, labels: [(name: String, value: String)] = []) {
        line(kind == .counter ? "_total" : "", labels, "\(value)")
    }

    /// Writes a point of a histogram: cumulative counts, sum and count.
    ///
    /// - Parameters:
    ///   - bounds: the upper bounds, ascending, as they are written, without `+Inf`.
    ///   - counts: how many are in each bucket, not cumulative; one more than bounds.
    ///   - sum: the sum of all, in the family's unit.
    ///   - labels: what tells the point from others.
    mutating func histogram(
        bounds: [String],
        counts: [UInt64],
        sum: String,
        labels: [(name: String, value: String)]
    ) {
        var cumulative: UInt64 = 0
        for (bound, count) in zip(bounds + ["+Inf"], counts) {
            cumulative += count
            line("_bucket", labels + [("le", bound)], "\(cumulative)")
        }
        line("_sum", labels, sum)
        line("_count", labels, "\(cumulative)")
    }

    /// Ends the text; nothing may be written after it.
    public mutating func finish() {
        if format == .openMetrics { text += "# EOF\n" }
    }

    private mutating func line(_ suffix: String, _ labels: [(name: String, value: String)], _ value: String) {
        text += family + suffix
        if !labels.isEmpty {
            let pairs = labels.map {
                "\(Self.labelName($0.name))=\"\(Self.escaped($0.value, quotes: true))\""
            }
            text += "{\(pairs.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    /// A label's name, which has no colon.
    static func labelName(_ name: String) -> String {
        String(Self.name(name).map { $0 == ":" ? "_" : $0 })
    }

    /// A name with every byte that none may have as an underscore, and no digit first.
    static func name(_ name: String) -> String {
        var result = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_", ":": result.unicodeScalars.append(scalar)
            case "0"..."9":
                if result.isEmpty { result = "_" }
                result.unicodeScalars.append(scalar)
            default: result += "_"
            }
        }
        return result
    }

    /// Text in which backslash, line feed and, where it says so, the double quote are escaped.
    static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Nanoseconds as seconds, exactly.
    static func seconds(nanoseconds: UInt64) -> String {
        let fraction = String(nanoseconds % 1_000_000_000)
        let padded = String(repeating: "0", count: 9 - fraction.count) + fraction
        return "\(nanoseconds / 1_000_000_000).\(padded)"
    }
}
