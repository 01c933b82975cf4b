// SPDX-License-Identifier: Apache-2.0

/// One log's way out: lines are gathered here and handed to the sink in batches.
///
/// **Isolation**: the writer thread only. **Errors**: lines that cannot be written are counted and lost; the
/// first of a row of failures is told once on standard error.
final class LogOutput {
    private enum Target {
        case descriptor(LogDescriptor)
        case files(LogFileSeries)
        case lines(@Sendable (String) -> Void)
    }

    private var target: Target
    private let title: String
    private let counters: LogCounters
    private let complain: @Sendable (String) -> Void
    private var text = LogText(capacity: LogOutput.batchBytes + LogTextLimit.lineBytes)
    private var lineCount: UInt64 = 0
    private var isHeaderDue = true
    private var isFailing = false
    /// Whether opening a file failed since the last flush; then lines are lost without asking again.
    private var isShut = false

    /// How much is gathered before it is written.
    private static let batchBytes = 64 << 10

    /// Creates the way to `sink`; throws where its directory cannot be used.
    init(
        sink: LogSink,
        title: String,
        names: (LogRotation) -> LogFileNames,
        counters: LogCounters,
        complain: @escaping @Sendable (String) -> Void
    ) throws(LogError) {
        switch sink {
        case .descriptor(let descriptor):
            target = .descriptor(LogDescriptor(descriptor, name: "descriptor \(descriptor)"))
        case .files(let files):
            target = .files(try LogFileSeries(files, names: names(files.rotation)))
        case .lines(let body):
            target = .lines(body)
            isHeaderDue = false
        }
        self.title = title
        self.counters = counters
        self.complain = complain
    }

    /// Appends one line of the given time, which `line` writes with its end; `header` begins each file.
    func append(
        at time: LogTimestamp,
        header: (inout LogText) -> Void,
        line: (inout LogText) -> Void
    ) {
        guard prepare(at: time) else {
            counters.addLost(1)
            return
        }
        if isHeaderDue {
            header(&text)
            isHeaderDue = false
        }
        let start = text.count
        line(&text)
        lineCount += 1
        if case .lines(let body) = target {
            // SAFETY: the bytes are copied before the text changes.
            let bytes = unsafe text.bytes[start..<text.count - 1]
            body(unsafe String(decoding: bytes, as: UTF8.self))
            text.removeAll()
            lineCount = 0
        } else if text.count >= Self.batchBytes {
            writeOut()
        }
    }

    /// Writes what was gathered.
    func flush() {
        writeOut()
        isShut = false
    }

    /// Writes what was gathered, and goes on in a new file where the open one was renamed or deleted.
    func flushAndReopen() {
        flush()
        if case .files(let series) = target { series.forgetIfMoved() }
    }
}

extension LogOutput {
    /// Sees to it that the sink takes a line of this time; false where it cannot.
    private func prepare(at time: LogTimestamp) -> Bool {
        if isShut { return false }
        guard case .files(let series) = target, series.isDue(at: time, pending: text.count) else {
            return true
        }
        writeOut()
        do throws(LogError) {
            try series.begin(at: time)
            isHeaderDue = true
            return true
        } catch {
            isShut = true
            report(error)
            return false
        }
    }

    private func writeOut() {
        guard text.count > 0 else { return }
        do throws(LogError) {
            switch target {
            case .descriptor(let descriptor): try unsafe descriptor.write(text.bytes)
            case .files(let series): try unsafe series.write(text.bytes)
            case .lines: break
            }
            isFailing = false
        } catch {
            counters.addLost(lineCount)
            report(error)
        }
        text.removeAll()
        lineCount = 0
    }

    private func report(_ error: LogError) {
        guard !isFailing else { return }
        isFailing = true
        complain("HTTPRing: \(title): \(error)")
    }
}
