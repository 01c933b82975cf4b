// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Drains the rings of all loops, formats the records and hands the lines to the sinks.
///
/// **Isolation**: made by the hub, then the writer thread's alone. Records of one loop keep their order; those
/// of different loops are as near in order as the passes are short.
final class LogWriter {
    private let state: LogWriterState
    private let errors: LogOutput?
    private let accesses: LogOutput?
    private let format: AccessLogFormat
    private var clock = LogClock()
    /// The losses that the error log already tells of.
    private var told = LogDrops()

    /// How long records may lie in a ring that is not half full.
    private static let pollMilliseconds: Int32 = 100

    /// Creates a writer of up to two logs.
    init(state: LogWriterState, errors: LogOutput?, accesses: LogOutput?, format: AccessLogFormat) {
        self.state = state
        self.errors = errors
        self.accesses = accesses
        self.format = format
    }

    /// Works until the hub asks for the end, and a last time after that.
    func run() {
        while true {
            let wishes = state.takeWishes()
            pass()
            tellDrops(at: Self.now())
            let isReopening = !wishes.flushes.isEmpty
            for output in [errors, accesses] {
                if isReopening { output?.flushAndReopen() } else { output?.flush() }
            }
            for done in wishes.flushes { done.ring() }
            if wishes.isStopping { break }
            state.doorbell.wait(milliseconds: Self.pollMilliseconds)
        }
        state.ended.ring()
    }

    /// Formats every record that the rings hold now.
    func pass() {
        for ring in state.registered {
            unsafe ring.drain { record in
                switch unsafe record.kind {
                case .error: unsafe write(record.error, record.texts)
                case .access: unsafe write(record.access, record.texts)
                case .padding: break
                }
            }
        }
    }

    private func write(_ record: ErrorLogRecord, _ texts: LogTexts) {
        let time = clock.timestamp(nanoseconds: record.time)
        errors?.append(at: time) { text in
            ErrorLogFormat.appendHeader(at: time, to: &text)
        } line: { text in
            unsafe ErrorLogFormat.append(record, texts, at: time, to: &text)
        }
    }

    private func write(_ record: AccessLogRecord, _ texts: LogTexts) {
        let time = clock.timestamp(nanoseconds: record.time)
        accesses?.append(at: time) { text in
            format.appendHeader(at: time, to: &text)
        } line: { text in
            unsafe format.append(record, texts, at: time, to: &text)
        }
    }

    /// Says in the error log how much was dropped since it last said so: a gap must not look like quiet.
    func tellDrops(at nanoseconds: Int64) {
        let drops = state.drops
        let errorCount = drops.errors &- told.errors
        let accessCount = drops.accesses &- told.accesses
        guard let errors, errorCount != 0 || accessCount != 0 else { return }
        told = drops
        let time = clock.timestamp(nanoseconds: nanoseconds)
        errors.append(at: time) { text in
            ErrorLogFormat.appendHeader(at: time, to: &text)
        } line: { text in
            ErrorLogFormat.appendDrops(errors: errorCount, accesses: accessCount, at: time, to: &text)
        }
    }

    private static func now() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
