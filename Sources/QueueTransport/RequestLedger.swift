// SPDX-License-Identifier: Apache-2.0

/// What one side knows of the requests between the two: which are outstanding, and what may come next in each.
///
/// Loop-affine, pure. Both sides keep one and believe only their own. The service gives out numbers with `issue`,
/// the worker takes them with `accept`; from then on each record that is sent or received is a step of the entry,
/// and one that does not fit is a violation of the other side's.
///
/// ```
/// content (service → worker)    none | open ──► ended
/// response (worker → service)   none ──► head ──► ended
/// ```
@safe final class RequestLedger {
    /// How far a direction of a request has come.
    enum Flow: UInt8 {
        case none
        case open
        case ended
    }

    /// Whether a slot is in use.
    enum State: UInt8 {
        case free
        case open
        /// The service wants nothing more of it; the worker has not ended it yet.
        case cancelled
    }

    struct Entry {
        var generation: UInt32 = 0
        var state = State.free
        /// From service to worker.
        var content = Flow.none
        /// From worker to service.
        var response = Flow.none
        var isTunnel = false
        /// In the list of those with something to tell the other side.
        var isNoted = false
        var owesCancel = false
        var owesReset = false
        var resetCode: UInt32 = 0
        /// Bytes this side may send.
        var sendWindow: Int64 = 0
        /// Bytes the other side may send.
        var receiveWindow: Int64 = 0
        /// Bytes this side will let the other send beyond that, but has not told it.
        var owedWindow: Int64 = 0
        /// Content bytes the service has sent, or the worker received.
        var contentBytes: Int64 = 0
        /// Where the request's record ends in the service's ring.
        var recordEnd: UInt64 = 0
        /// Whether the worker has said anything about the request.
        var wasMentioned = false

        init() {}
    }

    /// More than a window can grow to; a sum above it is a violation.
    static let windowMax: Int64 = 1 << 40

    let capacity: Int
    let entries: UnsafeMutablePointer<Entry>
    private(set) var outstanding = 0
    private let free: UnsafeMutablePointer<UInt16>
    private var freeCount: Int
    private let noted: UnsafeMutablePointer<UInt16>
    private(set) var notedCount = 0

    init(capacity: Int) {
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: Entry(), count: capacity)
        free = .allocate(capacity: capacity)
        noted = .allocate(capacity: capacity)
        freeCount = capacity
        for index in 0..<capacity { free[index] = UInt16(capacity - 1 - index) }
    }

    deinit {
        entries.deallocate()
        free.deallocate()
        noted.deallocate()
    }

    // MARK: The service's side

    /// Gives out a number; `nil` when all are out.
    func issue(hasContent: Bool, sendWindow: Int64, receiveWindow: Int64) -> RequestID? {
        guard freeCount > 0 else { return nil }
        freeCount -= 1
        let slot = Int(free[freeCount])
        var generation = entries[slot].generation &+ 1
        if generation == 0 { generation = 1 }
        begin(slot, generation, hasContent, sendWindow, receiveWindow)
        return RequestID(slot: slot, generation: generation)
    }

    /// The entry a record from the worker is about; throws where no such request is outstanding.
    @inline(__always)
    func outstanding(_ record: ReceivedRecord) throws(TransportViolation) -> UnsafeMutablePointer<Entry> {
        guard let entry = find(record.id) else { throw record.violation(.identifier, record.id.rawValue) }
        entry.pointee.wasMentioned = true
        return entry
    }

    /// Ends a request where both directions that matter have ended; its slot may be issued again.
    @inline(__always)
    func settle(_ id: RequestID) {
        let entry = entries + id.slot
        guard entry.pointee.response == .ended else { return }
        if entry.pointee.isTunnel, entry.pointee.content == .open { return }
        close(id.slot)
        free[freeCount] = UInt16(id.slot)
        freeCount += 1
    }

    // MARK: The worker's side

    /// Takes a number the service gave out; throws where it cannot have.
    func accept(
        _ record: ReceivedRecord,
        hasContent: Bool,
        sendWindow: Int64,
        receiveWindow: Int64
    ) throws(TransportViolation) {
        let id = record.id
        guard id.slot < capacity, id.generation != 0, entries[id.slot].state == .free,
            entries[id.slot].generation != id.generation
        else { throw record.violation(.identifier, record.id.rawValue) }
        begin(id.slot, id.generation, hasContent, sendWindow, receiveWindow)
    }

    /// The entry a record from the service is about; `nil` for a request that has ended here, of which the service
    /// could not know yet.
    @inline(__always)
    func current(_ record: ReceivedRecord) throws(TransportViolation) -> UnsafeMutablePointer<Entry>? {
        let id = record.id
        guard id.slot < capacity, id.generation != 0, entries[id.slot].generation == id.generation else {
            throw record.violation(.identifier, record.id.rawValue)
        }
        return entries[id.slot].state == .free ? nil : entries + id.slot
    }

    /// Ends a request on the worker's side, where nothing more is to be sent or awaited.
    @inline(__always)
    func finish(_ id: RequestID) {
        let entry = entries + id.slot
        guard entry.pointee.response == .ended else { return }
        if entry.pointee.isTunnel, entry.pointee.content == .open { return }
        close(id.slot)
    }

    // MARK: Both

    /// The entry of an outstanding request; `nil` for a number that is no longer, or never was.
    @inline(__always)
    func find(_ id: RequestID) -> UnsafeMutablePointer<Entry>? {
        guard id.slot < capacity, id.generation != 0, entries[id.slot].generation == id.generation,
            entries[id.slot].state != .free
        else { return nil }
        return entries + id.slot
    }

    /// Remembers that a request has something to tell the other side.
    @inline(__always)
    func note(_ slot: Int) {
        guard !entries[slot].isNoted else { return }
        entries[slot].isNoted = true
        noted[notedCount] = UInt16(slot)
        notedCount += 1
    }

    /// The request noted last.
    var lastNoted: Int? { notedCount > 0 ? Int(noted[notedCount - 1]) : nil }

    /// Takes that request off the list.
    func removeLastNoted() {
        notedCount -= 1
        entries[Int(noted[notedCount])].isNoted = false
    }

    /// Counts bytes that came in; throws where the other side had not been let send so many.
    @inline(__always)
    func receive(
        _ byteCount: Int,
        _ entry: UnsafeMutablePointer<Entry>,
        _ record: ReceivedRecord
    ) throws(TransportViolation) {
        guard Int64(byteCount) <= entry.pointee.receiveWindow else {
            throw record.violation(.window, UInt64(byteCount))
        }
        entry.pointee.receiveWindow -= Int64(byteCount)
    }

    /// Adds to what this side may send, as the other side says.
    func widen(
        _ byteCount: UInt64,
        _ entry: UnsafeMutablePointer<Entry>,
        _ record: ReceivedRecord
    ) throws(TransportViolation) {
        guard byteCount > 0, byteCount <= UInt64(Self.windowMax),
            entry.pointee.sendWindow + Int64(byteCount) <= Self.windowMax
        else { throw record.violation(.window, byteCount) }
        entry.pointee.sendWindow += Int64(byteCount)
    }

    private func begin(
        _ slot: Int,
        _ generation: UInt32,
        _ hasContent: Bool,
        _ sendWindow: Int64,
        _ receiveWindow: Int64
    ) {
        let entry = entries + slot
        entry.pointee.generation = generation
        entry.pointee.state = .open
        entry.pointee.content = hasContent ? .open : .none
        entry.pointee.response = .none
        entry.pointee.isTunnel = false
        entry.pointee.sendWindow = sendWindow
        entry.pointee.receiveWindow = receiveWindow
        entry.pointee.owedWindow = 0
        entry.pointee.contentBytes = 0
        entry.pointee.wasMentioned = false
        outstanding += 1
    }

    private func close(_ slot: Int) {
        let entry = entries + slot
        entry.pointee.state = .free
        entry.pointee.owesCancel = false
        entry.pointee.owedWindow = 0
        outstanding -= 1
    }
}
