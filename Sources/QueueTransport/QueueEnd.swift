// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport
internal import Glibc

/// One end of a queue between a loop of the service and a worker process: what both ends have in common.
///
/// Loop-affine. What the other side writes is copied, then checked, then used. The first violation ends it: from
/// then on `receive` throws it again and nothing can be sent.
///
/// A turn of a loop is: `receive`, whatever follows from it, `publish()` once; and before it sleeps, `arm()`. Memory
/// is bounded by the geometry: what finds no room is refused or, where it is a few words, kept in the table
/// of requests and sent later.
///
/// **No wake-up is lost**, although the other side is rung only while it sleeps. A sleeper stores its number in
/// `sleeping`, passes a full fence, and then looks at the indices; a publisher stores its index, passes a full
/// fence, and then loads `sleeping`. One of the two fences comes first in the single order of such fences. Is it the
/// sleeper's, the publisher sees the number and rings; is it the publisher's, the sleeper sees the index and
/// does not sleep. A number is rung for once, because the ring stays in the doorbell until the sleeper wakes and
/// drains it; what is published after that ring, and before the next sleep, the next `arm()` sees by the same
/// argument, since it stores a new number first.
public class QueueEnd {
    @exclusivity(unchecked) var reader: RingReader
    @exclusivity(unchecked) var writer: RingWriter
    @exclusivity(unchecked) var isReceiving = false
    @exclusivity(unchecked) var violation: TransportViolation?
    @exclusivity(unchecked) var peerHello: QueueHello?
    @exclusivity(unchecked) private var signalledHead: UInt64 = 0
    @exclusivity(unchecked) private var sleepNumber: UInt64 = 0
    @exclusivity(unchecked) private var isArmed = false
    @exclusivity(unchecked) private var rungFor: UInt64 = 0
    @exclusivity(unchecked) var isRoomWanted = false

    let memory: QueueMemory
    let ledger: RequestLedger
    let lender: BlockLender
    let borrower: BlockBorrower
    let hello: QueueHello
    let recordBytesMax: Int
    private let doorbells: Doorbells
    private let scratch: UnsafeMutableRawPointer
    private let isService: Bool
    private let writerCapacity: Int
    // SAFETY: words of the control page, which stays mapped as long as `memory`.
    private let ownSleeping: UnsafeMutablePointer<UInt64>
    private let ownWantsRoom: UnsafeMutablePointer<UInt64>
    private let otherSleeping: UnsafeMutablePointer<UInt64>
    private let otherWantsRoom: UnsafeMutablePointer<UInt64>

    /// How often the other side was rung.
    @exclusivity(unchecked) public private(set) final var ringCount: UInt64 = 0

    init(memory: QueueMemory, doorbells: Doorbells, side: QueueMemory.Side, hello: QueueHello) {
        precondition(
            (0...QueueEnd.helloWindowMax).contains(hello.window),
            "a hello's window is at most 1 GiB"
        )
        self.memory = memory
        self.doorbells = doorbells
        self.hello = hello
        isService = side == .service
        let geometry = memory.geometry
        recordBytesMax = geometry.recordBytesMax
        let (own, other) = memory.sides(isService: isService)
        ownSleeping = own.sleeping
        ownWantsRoom = own.wantsRoom
        otherSleeping = other.sleeping
        otherWantsRoom = other.wantsRoom
        scratch = .allocate(byteCount: geometry.recordBytesMax, alignment: 16)
        writerCapacity = isService ? geometry.requestRingBytes : geometry.responseRingBytes
        writer = RingWriter(
            base: isService ? memory.requestRing : memory.responseRing,
            capacity: writerCapacity,
            tail: own.tail,
            head: other.head
        )
        reader = RingReader(
            base: isService ? memory.responseRing : memory.requestRing,
            capacity: isService ? geometry.responseRingBytes : geometry.requestRingBytes,
            tail: other.tail,
            head: own.head,
            recordBytesMax: geometry.recordBytesMax,
            scratch: scratch
        )
        let requests = (memory.requestArea, geometry.requestBlocks)
        let responses = (memory.responseArea, geometry.responseBlocks)
        let (lent, borrowed) = isService ? (requests, responses) : (responses, requests)
        lender = BlockLender(base: lent.0, blockBytes: geometry.blockBytes, count: lent.1)
        borrower = BlockBorrower(base: borrowed.0, blockBytes: geometry.blockBytes, count: borrowed.1)
        ledger = RequestLedger(capacity: geometry.outstandingMax)
        sendHello()
    }

    deinit { scratch.deallocate() }

    static let helloWindowMax: Int64 = 1 << 30
    /// What an interim response takes of the window beside its field lines, so that a service need not keep more.
    static let interimWindowBytes = 64

    private func sendHello() {
        let fields = qt_hello(version: hello.version, features: hello.features, window: UInt64(hello.window))
        guard append(.hello, 0, 0, fields) else { preconditionFailure("an empty ring has room for a hello") }
        publish()
    }

    // MARK: Facts

    /// The geometry of the queue's memory.
    public final var geometry: QueueGeometry { memory.geometry }

    /// What the other side said of itself; `nil` before its first record.
    public final var otherHello: QueueHello? { peerHello }

    /// Requests that have begun and not ended.
    public final var outstandingCount: Int { ledger.outstanding }

    /// Whether a number names a request that has begun and not ended here.
    public final func isOutstanding(_ id: RequestID) -> Bool { ledger.find(id) != nil }

    /// Bytes of content that this side may send for a request now.
    public final func window(of id: RequestID) -> Int64 { ledger.find(id)?.pointee.sendWindow ?? 0 }

    /// The most content that one record in the ring can hold.
    public final var inlineContentMax: Int { recordBytesMax - ReceivedRecord.prefixBytes }

    // MARK: Shared content

    /// Takes a free block to write content into; `nil` when all are in use, `.room` tells when one is free.
    public final func takeBlock() -> SharedBlock? { lender.take() }

    /// Gives a block back that was not sent.
    public final func returnBlock(_ block: SharedBlock) { lender.giveBack(block) }

    /// Gives shared content back to the other side, with the next `publish()`.
    ///
    /// Once for each that was handed out, also after its request has ended; before the end itself goes is best.
    public final func release(_ content: SharedContent) { borrower.release(content) }

    // MARK: Windows

    /// Lets the other side send so many more bytes of a request's content or response, with the next `publish()`.
    ///
    /// What this side must be ready to keep for a request is what it granted and has not received.
    public final func grant(_ byteCount: Int64, to id: RequestID) {
        guard byteCount > 0, let entry = ledger.find(id), entry.pointee.state == .open else { return }
        let sum = entry.pointee.receiveWindow + entry.pointee.owedWindow
        entry.pointee.owedWindow += min(byteCount, RequestLedger.windowMax - sum)
        ledger.note(id.slot)
    }

    // MARK: Sleeping and waking

    /// What to wait on while this end sleeps: readable when the other side rang.
    ///
    /// To be polled for reading only. After it became readable call `disarm(rung: true)`.
    public final var descriptorToPoll: Int32 { doorbells.own }

    /// Whether there is something to receive; a load of shared memory.
    @inline(__always)
    public final var hasWork: Bool { reader.hasMore }

    /// Hands over what was sent, given back and granted since the last time, and wakes the other side if it sleeps.
    ///
    /// Cost: with nothing to hand over a few comparisons, else a fence; a system call where the other side sleeps.
    public final func publish() {
        flushOwed()
        let wrote = writer.publish()
        let read = reader.head != signalledHead
        guard wrote || read else { return }
        if read {
            reader.publish()
            signalledHead = reader.head
        }
        qt_fence()
        let sleeping = qt_load_relaxed(otherSleeping)
        guard sleeping != 0, sleeping != rungFor else { return }
        guard wrote || qt_load_relaxed(otherWantsRoom) != 0 else { return }
        rungFor = sleeping
        ringCount &+= 1
        doorbells.ring()
    }

    /// Publishes, and says that this end is about to sleep.
    ///
    /// - Returns: whether there is work already; then it must not sleep, and is not armed.
    public final func arm() -> Bool {
        publish()
        if !isArmed {
            isArmed = true
            sleepNumber &+= 1
            qt_store_relaxed(ownSleeping, sleepNumber)
        }
        // Also where it was armed before: it may have come to want room since, which nobody would ring for.
        qt_fence()
        guard hasWork || hasRoomAgain() || violation != nil else { return false }
        isArmed = false
        qt_store_relaxed(ownSleeping, 0)
        return true
    }

    /// Says that this end is awake; `rung` when its descriptor became readable, which costs a system call.
    public final func disarm(rung: Bool) {
        if rung { doorbells.drain() }
        guard isArmed else { return }
        isArmed = false
        qt_store_relaxed(ownSleeping, 0)
    }

    /// Waits until there is work: looks `spins` times, some 10 ns each, then sleeps.
    ///
    /// For a thread that serves this end alone; blocks it.
    ///
    /// - Parameters:
    ///   - spins: looks before sleeping; on one processor 0 is best.
    ///   - milliseconds: how long to sleep at most; negative for ever.
    /// - Returns: whether there is work.
    @discardableResult
    public final func wait(spins: Int, milliseconds: Int32) -> Bool {
        publish()
        var left = spins
        while left > 0 {
            if hasWork { return true }
            qt_pause()
            left -= 1
        }
        // A ring that was meant for an earlier sleep, seen only now, is no reason to come back; a peer that rings
        // for nothing is not waited for without end.
        for _ in 0..<QueueEnd.idleRingCountMax {
            guard !arm() else { return true }
            let rung = qt_wait_readable(doorbells.own, milliseconds) == 1
            disarm(rung: rung)
            if hasWork || hasRoomAgain() { return true }
            guard rung else { return false }
        }
        return false
    }

    private static let idleRingCountMax = 64

    // MARK: What ends share

    /// Whether a refused record would find room now.
    final func hasRoomAgain() -> Bool {
        guard isRoomWanted else { return false }
        writer.refresh()
        return writer.room >= writerCapacity / 2
    }

    /// Whether to hand out `.room`.
    final func takeRoom() -> Bool {
        var found = false
        if hasRoomAgain() {
            isRoomWanted = false
            qt_store_relaxed(ownWantsRoom, 0)
            found = true
        }
        if lender.isWanted, lender.available > 0 {
            lender.isWanted = false
            found = true
        }
        return found
    }

    @inline(__always)
    final func reserve(_ kind: RecordKind, _ flags: UInt8, _ id: UInt64, count: Int)
        -> UnsafeMutableRawPointer?
    {
        if let place = writer.reserve(kind, flags, id, count: count) { return place }
        wantRoom()
        return nil
    }

    @inline(never)
    private final func wantRoom() {
        if let found = writer.violation, violation == nil { violation = found }
        isRoomWanted = true
        qt_store_relaxed(ownWantsRoom, 1)
    }

    /// Writes a record that is no more than a structure; `false` where there is no room.
    @inline(__always)
    final func append<Fields: BitwiseCopyable>(
        _ kind: RecordKind,
        _ flags: UInt8,
        _ id: UInt64,
        _ fields: Fields
    ) -> Bool {
        let count = ReceivedRecord.prefixBytes + MemoryLayout<Fields>.size
        guard let place = reserve(kind, flags, id, count: count) else { return false }
        place.storeBytes(of: fields, as: Fields.self)
        writer.append(count)
        return true
    }

    /// Writes a record that is no more than bytes; the caller has checked their number.
    @inline(__always)
    final func append(_ kind: RecordKind, _ flags: UInt8, _ id: UInt64, bytes: UnsafeRawBufferPointer) -> Bool
    {
        let count = ReceivedRecord.prefixBytes + bytes.count
        guard let place = reserve(kind, flags, id, count: count) else { return false }
        if let base = bytes.baseAddress { place.copyMemory(from: base, byteCount: bytes.count) }
        writer.append(count)
        return true
    }

    /// Writes what is owed to the other side, as far as there is room.
    final func flushOwed() {
        guard violation == nil else { return }
        while let slot = ledger.lastNoted {
            guard flush(slot) else { return }
            ledger.removeLastNoted()
        }
        // Credits after resets: the service counts both against the same limit.
        flushOwn()
        while borrower.returnedCount > 0 {
            guard flushReleases() else { return }
        }
    }

    /// What only one of the ends owes.
    func flushOwn() {}

    private final func flush(_ slot: Int) -> Bool {
        let entry = ledger.entries + slot
        let id = RequestID(slot: slot, generation: entry.pointee.generation).rawValue
        if entry.pointee.owesCancel {
            guard append(.cancelled, 0, id, bytes: .init(start: nil, count: 0)) else { return false }
            entry.pointee.owesCancel = false
        }
        if entry.pointee.owesReset {
            let code = UInt64(entry.pointee.resetCode)
            guard append(.reset, 0, id, qt_number(value: code)) else { return false }
            entry.pointee.owesReset = false
        }
        if entry.pointee.owedWindow > 0 {
            if entry.pointee.state == .open {
                let number = qt_number(value: UInt64(entry.pointee.owedWindow))
                guard append(.window, 0, id, number) else { return false }
                entry.pointee.receiveWindow += entry.pointee.owedWindow
            }
            entry.pointee.owedWindow = 0
        }
        return true
    }

    private final func flushReleases() -> Bool {
        let blocks = min(borrower.returnedCount, 256)
        let count = ReceivedRecord.prefixBytes + blocks * 2
        guard let place = reserve(.release, 0, 0, count: count) else { return false }
        for index in 0..<blocks {
            let block = UInt16(truncatingIfNeeded: borrower.nextReturned() ?? 0)
            place.storeBytes(of: block, toByteOffset: index * 2, as: UInt16.self)
        }
        writer.append(count)
        return true
    }

    // MARK: Receiving

    /// Takes the records that were there at the beginning of the call, and checks what every record has.
    @inline(__always)
    final func receiveRecords(
        _ byteCountMax: Int,
        _ take: (ReceivedRecord, RecordKind) throws(TransportViolation) -> Void
    ) throws(TransportViolation) {
        if let violation { throw violation }
        precondition(!isReceiving, "a handler of received records receives no more of them")
        isReceiving = true
        defer { isReceiving = false }
        do throws(TransportViolation) {
            try reader.refresh()
            let start = reader.head
            while reader.head &- start < UInt64(byteCountMax), let record = try reader.next() {
                guard let kind = RecordKind(rawValue: record.prefix.kind) else {
                    throw record.violation(.kind)
                }
                if peerHello == nil {
                    guard kind == .hello else { throw record.violation(.state) }
                }
                try take(record, kind)
            }
        } catch {
            violation = error
            throw error
        }
    }

    final func takeHello(_ record: ReceivedRecord) throws(TransportViolation) -> QueueHello {
        try record.check(flags: 0, hasID: false)
        guard peerHello == nil else { throw record.violation(.state) }
        let fields = try record.only(qt_hello.self)
        guard fields.version == 1 else { throw record.violation(.version, UInt64(fields.version)) }
        guard fields.window <= UInt64(Self.helloWindowMax) else {
            throw record.violation(.window, fields.window)
        }
        var hello = QueueHello()
        hello.version = fields.version
        hello.features = fields.features
        hello.window = Int64(fields.window)
        peerHello = hello
        return hello
    }

    final func takeReleases(_ record: ReceivedRecord) throws(TransportViolation) {
        try record.check(flags: 0, hasID: false)
        let list = record.body
        guard list.count > 0, list.count % 2 == 0 else { throw record.violation(.length, UInt64(list.count)) }
        var offset = 0
        while offset < list.count {
            let index = Int(list.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            guard lender.released(index) else { throw record.violation(.reference, UInt64(index)) }
            offset += 2
        }
    }

    final func holdReference(_ record: ReceivedRecord) throws(TransportViolation) -> SharedContent {
        let fields = try record.only(qt_reference.self)
        guard let content = borrower.hold(offset: fields.offset, byteCount: fields.byte_count) else {
            throw record.violation(.reference, fields.offset)
        }
        return content
    }
}

extension QueueEnd {
    /// Copies bytes into the ring, and moves the cursor behind them.
    @inline(__always)
    static func copy(_ bytes: UnsafeRawBufferPointer, to cursor: inout UnsafeMutableRawPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        // SAFETY: the caller reserved a record with room for all of its parts.
        cursor.copyMemory(from: base, byteCount: bytes.count)
        cursor += bytes.count
    }
}
