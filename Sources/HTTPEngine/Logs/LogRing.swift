// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Synchronization

/// Loop-affine.
///
/// The writing end of one loop's log ring: records go in, or are dropped and counted.
///
/// **Cost**: a record is a handful of copies into memory the loop owns: no allocation, lock or wait. The
/// writer thread looks every 100 ms by itself, so the loop wakes it only when the ring passes half full: one
/// comparison a record, one system call for each half ring (some thousand records). Polling alone would lose
/// records at full load; a wake-up for each record would cost more than the record.
/// **Units and limits**: errors may fill the ring; accesses leave an eighth of it to them, so that a busy
/// access log does not hide what went wrong. What finds no room is counted in `LogHub.drops`.
@safe package final class LogRing {
    /// Whether anything reads errors.
    ///
    /// Where false, `error` returns at once.
    package let isErrorLogged: Bool
    /// Whether anything reads accesses.
    ///
    /// Ask before gathering a record; where false, `access` returns at once.
    package let isAccessLogged: Bool

    private let memory: LogRingMemory
    private let doorbell: LogDoorbell
    private let capacity: UInt64
    private let base: UnsafeMutableRawPointer
    /// Where the next record goes, as bytes since the ring began.
    private var position: UInt64 = 0
    /// Where the reader was when last asked; it can only have come further.
    private var readerSeen: UInt64 = 0
    /// At which position to look again whether the reader should be woken.
    private var lookAt: UInt64

    /// Creates the writing end of `memory`.
    init(memory: LogRingMemory, doorbell: LogDoorbell, isErrorLogged: Bool, isAccessLogged: Bool) {
        self.memory = memory
        self.doorbell = doorbell
        self.isErrorLogged = isErrorLogged
        self.isAccessLogged = isAccessLogged
        capacity = UInt64(memory.capacity)
        unsafe base = unsafe memory.base
        lookAt = UInt64(memory.capacity) / 2
    }

    /// Logs an error with its texts, each cut to `LogTextLimit`; any bytes are allowed in them.
    ///
    /// The reason `.none` logs nothing.
    package func error(
        _ record: ErrorLogRecord,
        method: Span<UInt8>,
        uri: Span<UInt8>,
        queueName: Span<UInt8>
    ) {
        guard isErrorLogged && record.reason != .none else { return }
        let counts = LogTextCounts(
            method: Self.cut(method, LogTextLimit.method),
            uri: Self.cut(uri, LogTextLimit.uri),
            name: Self.cut(queueName, LogTextLimit.name)
        )
        let size = LogRecordPrefix.stride + MemoryLayout<ErrorLogRecord>.stride + counts.total
        guard var cursor = unsafe reserve(size, leaving: 0) else {
            // Only this thread stores the count, so a plain sum is enough.
            let count = memory.droppedErrorCount.load(ordering: .relaxed)
            return memory.droppedErrorCount.store(count &+ 1, ordering: .relaxed)
        }
        unsafe Self.start(&cursor, .error, size, counts, record)
        unsafe Self.copy(method, counts.method, to: &cursor)
        unsafe Self.copy(uri, counts.uri, to: &cursor)
        unsafe Self.copy(queueName, counts.name, to: &cursor)
        publish(size)
    }

    /// Logs an answered request with its texts, each cut to `LogTextLimit`; any bytes are allowed in them.
    package func access(
        _ record: AccessLogRecord,
        method: Span<UInt8>,
        uri: Span<UInt8>,
        user: Span<UInt8>,
        host: Span<UInt8>,
        userAgent: Span<UInt8>,
        referer: Span<UInt8>
    ) {
        guard isAccessLogged else { return }
        let counts = LogTextCounts(
            method: Self.cut(method, LogTextLimit.method),
            uri: Self.cut(uri, LogTextLimit.uri),
            name: Self.cut(user, LogTextLimit.name),
            host: Self.cut(host, LogTextLimit.host),
            userAgent: Self.cut(userAgent, LogTextLimit.userAgent),
            referer: Self.cut(referer, LogTextLimit.referer)
        )
        let size = LogRecordPrefix.stride + MemoryLayout<AccessLogRecord>.stride + counts.total
        guard var cursor = unsafe reserve(size, leaving: capacity / 8) else {
            let count = memory.droppedAccessCount.load(ordering: .relaxed)
            return memory.droppedAccessCount.store(count &+ 1, ordering: .relaxed)
        }
        unsafe Self.start(&cursor, .access, size, counts, record)
        unsafe Self.copy(method, counts.method, to: &cursor)
        unsafe Self.copy(uri, counts.uri, to: &cursor)
        unsafe Self.copy(user, counts.name, to: &cursor)
        unsafe Self.copy(host, counts.host, to: &cursor)
        unsafe Self.copy(userAgent, counts.userAgent, to: &cursor)
        unsafe Self.copy(referer, counts.referer, to: &cursor)
        publish(size)
    }
}

extension LogRing {
    /// Finds contiguous room for `size` bytes, or returns nil where less than `leaving` would stay free.
    private func reserve(_ size: Int, leaving: UInt64) -> UnsafeMutableRawPointer? {
        let offset = position & (capacity &- 1)
        let toEnd = capacity &- offset
        let aligned = Self.aligned(size)
        let needed = aligned <= toEnd ? aligned : toEnd &+ aligned
        if capacity &- (position &- readerSeen) < needed &+ leaving {
            readerSeen = memory.readPosition.value.load(ordering: .acquiring)
            if capacity &- (position &- readerSeen) < needed &+ leaving { return nil }
        }
        guard aligned > toEnd else { return unsafe base + Int(truncatingIfNeeded: offset) }
        // SAFETY: all positions are multiples of eight, so that there is room for a padding's eight bytes; the
        // bytes are the writer's by the check above. The reader sees them with the next `publish`.
        let padding = unsafe base + Int(truncatingIfNeeded: offset)
        unsafe padding.storeBytes(of: UInt32(truncatingIfNeeded: toEnd), as: UInt32.self)
        unsafe padding.storeBytes(of: LogRecordKind.padding.rawValue, toByteOffset: 4, as: UInt8.self)
        position &+= toEnd
        return unsafe base
    }

    /// Writes the prefix and the struct of a record, and moves the cursor behind them.
    @inline(__always)
    private static func start<Record>(
        _ cursor: inout UnsafeMutableRawPointer,
        _ kind: LogRecordKind,
        _ size: Int,
        _ texts: LogTextCounts,
        _ record: Record
    ) {
        let byteCount = UInt32(truncatingIfNeeded: aligned(size))
        // SAFETY: `reserve` found room for `size` bytes at an address that is a multiple of eight.
        unsafe cursor.initializeMemory(
            as: LogRecordPrefix.self,
            to: LogRecordPrefix(byteCount: byteCount, kind: kind, texts: texts)
        )
        unsafe cursor += LogRecordPrefix.stride
        unsafe cursor.initializeMemory(as: Record.self, to: record)
        unsafe cursor += MemoryLayout<Record>.stride
    }

    /// Copies the first `count` bytes of a text, and moves the cursor behind them.
    @inline(__always)
    private static func copy(_ text: Span<UInt8>, _ count: UInt16, to cursor: inout UnsafeMutableRawPointer) {
        if count == 0 { return }
        unsafe text.withUnsafeBufferPointer { bytes in
            guard let source = bytes.baseAddress else { return }
            // SAFETY: `count` is at most the span's length, and part of the size that was reserved.
            unsafe cursor.copyMemory(from: source, byteCount: Int(count))
            unsafe cursor += Int(count)
        }
    }

    /// Hands the record to the reader, and wakes it where the ring is half full.
    @inline(__always)
    private func publish(_ size: Int) {
        position &+= Self.aligned(size)
        memory.writePosition.value.store(position, ordering: .releasing)
        if position >= lookAt { wakeReaderIfHalfFull() }
    }

    @inline(never)
    private func wakeReaderIfHalfFull() {
        readerSeen = memory.readPosition.value.load(ordering: .acquiring)
        if position &- readerSeen >= capacity / 2 {
            doorbell.ring()
            lookAt = position &+ capacity / 8
        } else {
            lookAt = readerSeen &+ capacity / 2
        }
    }

    @inline(__always)
    private static func aligned(_ size: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: (size &+ 7) & ~7)
    }

    @inline(__always)
    private static func cut(_ text: Span<UInt8>, _ limit: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: min(text.count, limit))
    }
}
