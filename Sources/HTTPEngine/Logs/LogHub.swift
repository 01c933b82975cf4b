// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The logs of one engine: a ring for each loop, one writer thread, up to two sinks.
///
/// **Isolation**: any thread, control plane only; loops keep to their `LogRing`.
/// **Source**: HTTP Server API, "Error logging" and "Server-side logging".
package final class LogHub: Sendable {
    private enum Stage {
        case ready(LogWriter)
        case running(LogThread)
        case over
    }

    private let state: LogWriterState
    private let stage: Mutex<Stage>
    private let ringBytes: Int
    private let isErrorLogged: Bool
    private let isAccessLogged: Bool

    /// Creates the logs, and checks that their directories can be used.
    ///
    /// - Parameters:
    ///   - errorSink: Where errors go; nil logs none.
    ///   - accessSink: Where accesses go; nil logs none.
    ///   - format: The text of the access log.
    ///   - ringBytes: The size of each loop's ring, brought into 16 KiB through 64 MiB and rounded up to a
    ///     power of two. Nil is 4 MiB with an access log, some 12,000 records, and 128 KiB without. Measured with
    ///     loops that take all of two cores and log 250,000 accesses a second each (2026-11-22, three runs, the
    ///     machine shared): 4 MiB lost nothing, nothing and 0.5 %; 1 MiB lost 0.8 to 1.3 %.
    /// - Throws: what is wrong with a directory or a size, or the system's limit that was reached.
    package convenience init(
        errorSink: LogSink?,
        accessSink: LogSink?,
        format: AccessLogFormat = .ncsaCombined,
        ringBytes: Int? = nil
    ) throws(LogError) {
        try self.init(
            errorSink: errorSink,
            accessSink: accessSink,
            format: format,
            ringBytes: ringBytes,
            complain: Self.complainOnStandardError
        )
    }

    /// Creates the logs with another place for complaints than standard error.
    init(
        errorSink: LogSink?,
        accessSink: LogSink?,
        format: AccessLogFormat,
        ringBytes: Int?,
        complain: @escaping @Sendable (String) -> Void
    ) throws(LogError) {
        let state = try LogWriterState()
        func output(
            _ sink: LogSink?,
            _ title: String,
            _ names: (LogRotation) -> LogFileNames
        ) throws(LogError) -> LogOutput? {
            guard let sink else { return nil }
            return try LogOutput(
                sink: sink,
                title: title,
                names: names,
                counters: state.counters,
                complain: complain
            )
        }
        let errors = try output(errorSink, "error log", LogFileNames.errors)
        let accesses = try output(accessSink, "access log") { LogFileNames.accesses(format, $0) }
        self.state = state
        self.ringBytes = ringBytes ?? (accessSink == nil ? 128 << 10 : 4 << 20)
        isErrorLogged = errorSink != nil
        isAccessLogged = accessSink != nil
        stage = Mutex(
            .ready(LogWriter(state: state, errors: errors, accesses: accesses, format: format))
        )
    }

    deinit { stop() }

    /// Creates the ring of one loop.
    ///
    /// It may be written to at once; what it holds is logged from `start` on.
    package func makeRing() -> sending LogRing {
        let memory = LogRingMemory(capacity: ringBytes)
        if isErrorLogged || isAccessLogged { state.register(memory) }
        return LogRing(
            memory: memory,
            doorbell: state.doorbell,
            isErrorLogged: isErrorLogged,
            isAccessLogged: isAccessLogged
        )
    }

    /// Starts the writer thread.
    ///
    /// Without sinks, and for a hub that was started before, it does nothing.
    package func start() throws(LogError) {
        guard isErrorLogged || isAccessLogged else { return }
        try stage.withLock { stage throws(LogError) in
            guard case .ready(let writer) = stage else { return }
            stage = .running(try LogThread(writer))
            state.begin()
        }
    }

    /// Writes out what the rings hold now, and goes on in a new file where one was renamed or deleted.
    ///
    /// **Cost**: blocks until done, at most `timeout`: never call it on a loop. Returns false where the time
    /// was not enough or no writer runs.
    @discardableResult
    package func flush(timeout: Duration = .seconds(5)) -> Bool {
        guard let done = try? LogDoorbell(), state.wishFlush(done) else { return false }
        return done.wait(milliseconds: Self.milliseconds(timeout))
    }

    /// Writes out what the rings hold now, and ends the writer thread.
    ///
    /// What is logged later is dropped.
    ///
    /// **Cost**: blocks until done, at most `timeout`. Returns false where a sink held the writer longer: it
    /// then ends by itself when the sink lets go.
    @discardableResult
    package func stop(timeout: Duration = .seconds(5)) -> Bool {
        stage.withLock { stage in
            defer { stage = .over }
            guard case .running(let thread) = stage else { return true }
            state.wishStop()
            let hasEnded = state.ended.wait(milliseconds: Self.milliseconds(timeout))
            if hasEnded { thread.join() } else { thread.detach() }
            return hasEnded
        }
    }

    /// What was lost so far, of each kind.
    package var drops: LogDrops { state.drops }

    /// How many records and lines were lost so far.
    package var droppedCount: UInt64 { state.drops.total }

    private static func milliseconds(_ duration: Duration) -> Int32 {
        let (seconds, attoseconds) = duration.components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return Int32(max(seconds, 0) * 1000 + max(attoseconds, 0) / 1_000_000_000_000_000)
    }

    private static let complainOnStandardError: @Sendable (String) -> Void = { message in
        // A standard error that nobody reads must not hold the log up either.
        var line = message + "\n"
        line.withUTF8 { bytes in
            unsafe try? LogDescriptor(2, name: "standard error", patienceMilliseconds: 0).write(bytes)
        }
    }
}
