// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport
internal import Glibc

/// The worker's end of a queue to one loop of the service.
///
/// Loop-affine. See `QueueEnd` for how it is driven. A worker offers credits, gets requests, and answers each with
/// a response head and what follows it, or with `reset`.
@safe public final class WorkerEnd: QueueEnd {
    @exclusivity(unchecked) private var owedCredit = 0
    @exclusivity(unchecked) private var owedPong: UInt64?
    /// Requests offered to be taken and not yet come, as far as this end knows.
    @exclusivity(unchecked) public private(set) var credit = 0
    /// Whether the service said that no more requests will come.
    @exclusivity(unchecked) public private(set) var isDraining = false
    @exclusivity(unchecked) private var tickets: FileTickets

    /// Maps a queue that came from the service.
    ///
    /// Takes the descriptors over. Checks seals, size and geometry before it touches the memory.
    ///
    /// - Parameters:
    ///   - descriptors: the queue's descriptors, as they came over the control socket.
    ///   - hello: what the worker says of itself.
    /// - Throws: `TransportViolation` where the service sent something else than a queue, `TransportError` where the
    ///   system refuses.
    public init(_ descriptors: consuming QueueDescriptors, hello: QueueHello = QueueHello()) throws {
        let geometry = try QueueMemory.readGeometry(descriptors.memory)
        let memory = try QueueMemory(file: descriptors.memory, geometry: geometry, side: .worker)
        let own = try QueueDescriptors.duplicate(descriptors.workerBell)
        let other: Int32
        do {
            other = try QueueDescriptors.duplicate(descriptors.serviceBell)
        } catch {
            close(own)
            throw error
        }
        let files: Int32
        do {
            files = try QueueDescriptors.duplicate(descriptors.files)
        } catch {
            close(own)
            close(other)
            throw error
        }
        tickets = FileTickets(socket: files)
        let doorbells = Doorbells(own: own, other: other, isService: false)
        super.init(memory: memory, doorbells: doorbells, side: .worker, hello: hello)
    }

    // MARK: Sending

    /// Offers to take so many more requests, with the next `publish()`.
    ///
    /// Never more than `QueueGeometry.outstandingMax` together with those that are outstanding.
    public func offer(_ count: Int) {
        owedCredit += max(0, min(count, ledger.capacity - ledger.outstanding - credit - owedCredit))
    }

    /// Begins a response; with `.isWhole` it ends, too.
    ///
    /// Cost: copies what the head refers to; allocates nothing.
    public func send(_ head: QueuedResponseHead, of id: RequestID) -> SendOutcome {
        guard let entry = openResponse(id) else { return .gone }
        precondition(entry.pointee.response == .none, "a response has one head")
        let contentCount = head.contentBytes.count
        let count =
            ReceivedRecord.prefixBytes + MemoryLayout<qt_response_head>.size + head.reason.count
            + head.fields.count + contentCount
        guard count <= recordBytesMax else { return .tooLong }
        guard Int64(contentCount) <= entry.pointee.sendWindow else { return .noWindow }
        guard let place = reserve(.responseHead, 0, id.rawValue, count: count) else { return .noRoom }
        var fields = qt_response_head()
        fields.content_length = head.contentLength
        fields.flags = head.flags.rawValue
        fields.cache_seconds = head.cacheSeconds
        fields.status = head.status
        fields.cache_policy = head.cachePolicy
        fields.reason_bytes = UInt32(truncatingIfNeeded: head.reason.count)
        fields.field_bytes = UInt32(truncatingIfNeeded: head.fields.count)
        fields.content_bytes = UInt32(truncatingIfNeeded: contentCount)
        place.storeBytes(of: fields, as: qt_response_head.self)
        var cursor = place + MemoryLayout<qt_response_head>.size
        Self.copy(head.reason, to: &cursor)
        Self.copy(head.fields, to: &cursor)
        Self.copy(head.contentBytes, to: &cursor)
        writer.append(count)
        entry.pointee.response = .open
        if head.flags.contains(.upgrades) {
            precondition(entry.pointee.content != .open, "a request's content is read before an upgrade")
            entry.pointee.isTunnel = true
            entry.pointee.content = .open
        }
        responseSent(id, entry, contentCount, head.flags.contains(.isWhole))
        return .sent
    }

    /// Sends an interim response: a status of 1xx but 101, and field lines.
    public func send(interim status: UInt16, fields lines: UnsafeRawBufferPointer, of id: RequestID)
        -> SendOutcome
    {
        guard let entry = openResponse(id) else { return .gone }
        precondition(entry.pointee.response == .none, "an interim response comes before the head")
        precondition((100...199).contains(status) && status != 101, "an interim status is 1xx, but not 101")
        let count = ReceivedRecord.prefixBytes + MemoryLayout<qt_number>.size + lines.count
        guard count <= recordBytesMax else { return .tooLong }
        let windowBytes = QueueEnd.interimWindowBytes + lines.count
        guard Int64(windowBytes) <= entry.pointee.sendWindow else { return .noWindow }
        guard let place = reserve(.interim, 0, id.rawValue, count: count) else { return .noRoom }
        place.storeBytes(of: qt_number(value: UInt64(status)), as: qt_number.self)
        var cursor = place + MemoryLayout<qt_number>.size
        Self.copy(lines, to: &cursor)
        writer.append(count)
        responseSent(id, entry, windowBytes, false)
        return .sent
    }

    /// Sends content of a response, at most `inlineContentMax` bytes; `isLast` ends it.
    ///
    /// No bytes may be sent with `isLast` only. Larger content is better sent in blocks.
    public func send(content bytes: UnsafeRawBufferPointer, of id: RequestID, isLast: Bool) -> SendOutcome {
        guard let entry = openResponseContent(id) else { return .gone }
        guard bytes.count <= inlineContentMax else { return .tooLong }
        guard bytes.count > 0 || isLast else { return .sent }
        guard Int64(bytes.count) <= entry.pointee.sendWindow else { return .noWindow }
        let flags = isLast ? RecordFlag.last : 0
        guard append(.content, flags, id.rawValue, bytes: bytes) else { return .noRoom }
        responseSent(id, entry, bytes.count, isLast)
        return .sent
    }

    /// Sends the first bytes of a block as content of a response; the block goes with it where the outcome is `.sent`.
    ///
    /// The service sends the bytes to the client from where they are.
    public func send(block: SharedBlock, byteCount: Int, of id: RequestID, isLast: Bool) -> SendOutcome {
        guard let entry = openResponseContent(id) else { return .gone }
        precondition(byteCount > 0 && byteCount <= block.bytes.count, "a block is sent with bytes in it")
        guard Int64(byteCount) <= entry.pointee.sendWindow else { return .noWindow }
        let fields = qt_reference(
            offset: UInt64(block.index * geometry.blockBytes),
            byte_count: UInt64(byteCount)
        )
        guard append(.reference, isLast ? RecordFlag.last : 0, id.rawValue, fields) else { return .noRoom }
        _ = lender.sent(block)
        responseSent(id, entry, byteCount, isLast)
        return .sent
    }

    /// Sends part of a file as content of a response.
    ///
    /// The descriptor has to have been passed, under the same ticket, before.
    public func send(_ file: QueuedFile, of id: RequestID, isLast: Bool) -> SendOutcome {
        guard let entry = openResponseContent(id) else { return .gone }
        precondition(!entry.pointee.isTunnel, "a file is content of a response, not of a tunnel")
        precondition(
            file.offset >= 0 && file.byteCount > 0
                && !file.offset.addingReportingOverflow(file.byteCount).overflow,
            "part of a file has bytes, and an end below 2^63"
        )
        guard Int64(QueuedFile.windowByteCount) <= entry.pointee.sendWindow else { return .noWindow }
        let fields = qt_file(ticket: file.ticket, offset: file.offset, byte_count: file.byteCount)
        guard append(.file, isLast ? RecordFlag.last : 0, id.rawValue, fields) else { return .noRoom }
        responseSent(id, entry, QueuedFile.windowByteCount, isLast)
        return .sent
    }

    /// Sends the trailer section's field lines, which ends a response.
    public func send(trailers lines: UnsafeRawBufferPointer, of id: RequestID) -> SendOutcome {
        guard let entry = openResponseContent(id), !entry.pointee.isTunnel else { return .gone }
        guard lines.count <= inlineContentMax else { return .tooLong }
        guard append(.trailers, RecordFlag.last, id.rawValue, bytes: lines) else { return .noRoom }
        responseSent(id, entry, 0, true)
        return .sent
    }

    /// Gives a request up, with the next `publish()`; the code is for the engine to read.
    public func reset(_ id: RequestID, code: UInt32 = 0) {
        guard violation == nil, let entry = ledger.find(id), entry.pointee.state == .open else { return }
        oweReset(id, entry, code)
    }

    private func oweReset(_ id: RequestID, _ entry: UnsafeMutablePointer<RequestLedger.Entry>, _ code: UInt32)
    {
        entry.pointee.owesReset = true
        entry.pointee.resetCode = code
        ledger.note(id.slot)
        entry.pointee.content = .ended
        entry.pointee.response = .ended
        ledger.finish(id)
    }

    /// Hands a request on to another queue, before anything was answered; this worker is then done with it.
    public func send(delegate queue: UInt64, of id: RequestID) -> SendOutcome {
        guard let entry = openResponse(id), entry.pointee.response == .none else { return .gone }
        guard append(.delegate, 0, id.rawValue, qt_number(value: queue)) else { return .noRoom }
        responseSent(id, entry, 0, true)
        return .sent
    }

    /// Says that a descriptor passed under a ticket is no longer used.
    public func send(forgetFile ticket: UInt64) -> SendOutcome {
        guard violation == nil else { return .gone }
        return append(.forgetFile, 0, 0, qt_number(value: ticket)) ? .sent : .noRoom
    }

    /// Passes an open file to the service, unless it has the same file already.
    ///
    /// The file's ticket is kept until `release(file:)`, whatever else is passed. The caller may close the descriptor.
    /// Cost: a system call for a file that the service has, six for another one.
    ///
    /// - Parameters:
    ///   - descriptor: what is open.
    ///   - now: monotonic nanoseconds.
    /// - Returns: the ticket; `nil` where it cannot be passed: its content has to be sent itself.
    public func pass(_ descriptor: Int32, now: Int64) -> UInt64? {
        guard violation == nil, let peerHello, peerHello.window >= Int64(QueuedFile.windowByteCount) else {
            return nil
        }
        return tickets.ticket(of: descriptor, now: now) { send(forgetFile: $0) == .sent }
    }

    /// A use that began with `pass(_:now:)` is over: what refers to the ticket was sent, or will not be.
    public func release(file ticket: UInt64) { tickets.release(ticket) }

    /// A response with the file was cancelled, perhaps because the service could not use it: it is passed anew.
    public func distrust(file ticket: UInt64) { tickets.distrust(ticket) }

    /// Forgets the files that were last used before a time, as far as the ring has room.
    ///
    /// - Returns: whether there was one; then publish.
    public func forgetFiles(usedBefore time: Int64) -> Bool {
        tickets.forget(usedBefore: time) { send(forgetFile: $0) == .sent }
    }

    private func openResponse(_ id: RequestID) -> UnsafeMutablePointer<RequestLedger.Entry>? {
        guard violation == nil, let entry = ledger.find(id), entry.pointee.response != .ended else {
            return nil
        }
        return entry
    }

    private func openResponseContent(_ id: RequestID) -> UnsafeMutablePointer<RequestLedger.Entry>? {
        guard let entry = openResponse(id) else { return nil }
        precondition(entry.pointee.response == .open, "a response's content comes after its head")
        return entry
    }

    @inline(__always)
    private func responseSent(
        _ id: RequestID,
        _ entry: UnsafeMutablePointer<RequestLedger.Entry>,
        _ byteCount: Int,
        _ isLast: Bool
    ) {
        entry.pointee.sendWindow -= Int64(byteCount)
        guard isLast else { return }
        entry.pointee.response = .ended
        ledger.finish(id)
    }

    override func flushOwn() {
        if owedCredit > 0, append(.credit, 0, 0, qt_number(value: UInt64(owedCredit))) {
            credit += owedCredit
            owedCredit = 0
        }
        if let number = owedPong, append(.pong, 0, 0, qt_number(value: number)) { owedPong = nil }
    }

    // MARK: Receiving

    /// Says at once how far this end has read: the requests it has handed out are in its hands from here on.
    ///
    /// `publish()` does so, too. To be called before anything irrevocable is done for a request.
    public func acknowledge() { reader.publish() }

    /// Hands out what the service has published, in order.
    ///
    /// Records published meanwhile wait for the next call. What a message refers to is valid until the handler
    /// returns, but for shared content, which is valid until it is released. What comes for a request that
    /// has ended here is dropped: the service could not know.
    ///
    /// - Parameters:
    ///   - byteCountMax: after how many bytes to stop, between records.
    ///   - handle: may send, grant, reset, offer and release; throw to end the queue as for any violation.
    /// - Throws: the violation that ends the queue.
    public func receive(
        byteCountMax: Int = .max,
        _ handle: (ServiceMessage) throws(TransportViolation) -> Void
    ) throws(TransportViolation) {
        try receiveRecords(byteCountMax) { (record, kind) throws(TransportViolation) in
            switch kind {
            case .request: try takeRequest(record, handle)
            case .content: try takeContent(record, handle)
            case .reference: try takeReference(record, handle)
            case .release: try takeReleases(record)
            case .window: try takeWindow(record, handle)
            case .trailers: try takeTrailers(record, handle)
            case .cancelled: try takeCancelled(record, handle)
            case .contentFailed: try takeContentFailed(record, handle)
            case .drain:
                try record.check(flags: 0, hasID: false)
                guard record.body.count == 0 else { throw record.violation(.length) }
                isDraining = true
                try handle(.drain)
            case .ping:
                try record.check(flags: 0, hasID: false)
                let number = try record.only(qt_number.self).value
                owedPong = number
                try handle(.ping(number))
            case .hello: try handle(.hello(try takeHello(record)))
            case .credit, .responseHead, .interim, .file, .reset, .delegate, .pong, .forgetFile:
                throw record.violation(.kind)
            }
        }
        if takeRoom() { try handle(.room) }
    }

    private typealias Handler = (ServiceMessage) throws(TransportViolation) -> Void
    private typealias Entry = UnsafeMutablePointer<RequestLedger.Entry>

    private func takeRequest(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        let request = try QueuedRequest(record)
        guard credit > 0 else { throw record.violation(.credit, record.prefix.id) }
        let known = Int64(request.contentBytes.count)
        guard known <= hello.window, let peerHello else { throw record.violation(.window, UInt64(known)) }
        try ledger.accept(
            record,
            hasContent: request.hasMore,
            sendWindow: peerHello.window,
            receiveWindow: hello.window - known
        )
        credit -= 1
        try handle(.request(record.id, request, hasMore: request.hasMore))
    }

    private func takeContent(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        let bytes = record.body
        guard bytes.count > 0 || record.isLast else { throw record.violation(.length) }
        guard let entry = try openContent(record) else { return }
        try ledger.receive(bytes.count, entry, record)
        contentTaken(record, entry, bytes.count)
        try handle(.content(record.id, bytes, isLast: record.isLast))
    }

    private func takeReference(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        let content = try holdReference(record)
        guard let entry = try openContent(record) else { return release(content) }
        try ledger.receive(content.bytes.count, entry, record)
        contentTaken(record, entry, content.bytes.count)
        try handle(.sharedContent(record.id, content, isLast: record.isLast))
    }

    private func takeTrailers(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        guard record.isLast else { throw record.violation(.field) }
        guard let entry = try openContent(record) else { return }
        guard !entry.pointee.isTunnel else { throw record.violation(.state) }
        contentTaken(record, entry, 0)
        try handle(.trailers(record.id, record.body))
    }

    private func takeContentFailed(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        let status = try record.only(qt_number.self).value
        guard record.isLast, (400...599).contains(status) else { throw record.violation(.field, status) }
        guard let entry = try openContent(record) else { return }
        guard !entry.pointee.isTunnel else { throw record.violation(.state) }
        contentTaken(record, entry, 0)
        try handle(.contentFailed(record.id, UInt16(status)))
    }

    private func takeCancelled(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        guard record.body.count == 0 else { throw record.violation(.length) }
        guard let entry = try ledger.current(record) else { return }
        oweReset(record.id, entry, 0)
        try handle(.cancelled(record.id))
    }

    private func takeWindow(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        let count = try record.only(qt_number.self).value
        guard let entry = try ledger.current(record) else { return }
        try ledger.widen(count, entry, record)
        guard entry.pointee.response != .ended else { return }
        try handle(.window(record.id, Int64(count)))
    }

    /// The entry of a request whose content has not ended; `nil` for a request that has ended here.
    private func openContent(_ record: ReceivedRecord) throws(TransportViolation) -> Entry? {
        guard let entry = try ledger.current(record) else { return nil }
        guard entry.pointee.content == .open else { throw record.violation(.state) }
        return entry
    }

    private func contentTaken(_ record: ReceivedRecord, _ entry: Entry, _ byteCount: Int) {
        entry.pointee.contentBytes += Int64(byteCount)
        guard record.isLast else { return }
        entry.pointee.content = .ended
        ledger.finish(record.id)
    }
}
