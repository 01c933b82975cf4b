// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport
internal import Glibc

/// The service's end of a queue to one worker process.
///
/// Loop-affine; one for each pair of worker process and loop. See `QueueEnd` for how it is driven.
@safe public final class ServiceEnd: QueueEnd {
    /// Requests the worker offers to take beyond those it has.
    @exclusivity(unchecked) public private(set) var credit = 0
    @exclusivity(unchecked) private var owesDrain = false
    @exclusivity(unchecked) private var owedPing: UInt64?
    /// The files that the worker has passed.
    public let files: PassedFiles

    /// Makes the memory and the doorbells of a new queue.
    ///
    /// - Parameters:
    ///   - geometry: how large its parts are; has to be valid.
    ///   - hello: what the service says of itself.
    ///   - worker: receives what the worker needs of it, to be sent over the control socket.
    /// - Throws: `TransportError` where the system refuses memory or descriptors.
    public init(
        geometry: QueueGeometry = QueueGeometry(),
        hello: QueueHello = QueueHello(),
        worker: inout QueueDescriptors?
    ) throws(TransportError) {
        let file = try QueueMemory.makeFile(geometry)
        var opened = [file]
        do throws(TransportError) {
            let memory = try QueueMemory(file: file, geometry: geometry, side: .service)
            let serviceBell = try TransportError.check(qt_eventfd(), "eventfd")
            opened.append(serviceBell)
            let workerBell = try TransportError.check(qt_eventfd(), "eventfd")
            opened.append(workerBell)
            let watch = try TransportError.check(qt_watch(workerBell), "epoll_create1")
            opened.append(watch)
            let own = try QueueDescriptors.duplicate(serviceBell)
            opened.append(own)
            var sockets: [Int32] = [-1, -1]
            _ = try TransportError.check(qt_file_sockets(&sockets), "socketpair")
            files = PassedFiles(socket: sockets[0])
            worker = QueueDescriptors(
                memory: file,
                workerBell: watch,
                serviceBell: serviceBell,
                files: sockets[1]
            )
            let doorbells = Doorbells(own: own, other: workerBell, isService: true)
            super.init(memory: memory, doorbells: doorbells, side: .service, hello: hello)
        } catch {
            for descriptor in opened { close(descriptor) }
            throw error
        }
    }

    // MARK: Sending

    /// Hands a request to the worker against one of its credits.
    ///
    /// The worker sees it with the next `publish()`. Content follows with `send(content:…)` where the length is not
    /// 0 and `.isWhole` is not set. Cost: copies what the request refers to; allocates nothing.
    ///
    /// - Parameters:
    ///   - request: the request.
    ///   - id: receives its number, where the outcome is `.sent`.
    /// - Returns: what became of it.
    public func send(_ request: QueuedRequest, id: inout RequestID) -> SendOutcome {
        guard violation == nil else { return .gone }
        guard credit > 0, let peerHello else { return .noCredit }
        let contentCount = request.contentBytes.count
        guard Int64(contentCount) <= peerHello.window else { return .noWindow }
        let size = ReceivedRecord.prefixBytes + MemoryLayout<qt_request>.size
        let count = size + request.head.count + request.extra.count + contentCount
        guard count <= recordBytesMax else { return .tooLong }
        let hasMore = request.contentLength != 0 && !request.flags.contains(.isWhole)
        guard
            let issued = ledger.issue(
                hasContent: hasMore,
                sendWindow: peerHello.window - Int64(contentCount),
                receiveWindow: hello.window
            )
        else { return .noCredit }
        guard let place = reserve(.request, 0, issued.rawValue, count: count) else {
            ledger.entries[issued.slot].response = .ended
            ledger.settle(issued)
            return .noRoom
        }
        place.storeBytes(of: Self.fields(of: request), as: qt_request.self)
        var cursor = place + MemoryLayout<qt_request>.size
        Self.copy(request.head, to: &cursor)
        Self.copy(request.extra, to: &cursor)
        Self.copy(request.contentBytes, to: &cursor)
        writer.append(count)
        ledger.entries[issued.slot].contentBytes = Int64(contentCount)
        ledger.entries[issued.slot].recordEnd = writer.tail
        credit -= 1
        id = issued
        return .sent
    }

    private static func fields(of request: QueuedRequest) -> qt_request {
        var fields = qt_request()
        fields.registration = request.registration
        fields.url_group = request.urlGroup
        fields.connection = request.connection
        fields.connection_started = request.connectionStartedAt
        fields.head_started = request.headStartedAt
        fields.head_ended = request.headEndedAt
        fields.queued = request.queuedAt
        fields.content_length = request.contentLength
        fields.remote = request.remoteAddress.shared
        fields.local = request.localAddress.shared
        fields.flags = request.flags.rawValue
        fields.request_number = request.requestNumber
        fields.prefix_path_bytes = UInt32(truncatingIfNeeded: request.prefixPathByteCount)
        fields.head_bytes = UInt32(truncatingIfNeeded: request.head.count)
        fields.extra_bytes = UInt32(truncatingIfNeeded: request.extra.count)
        fields.content_bytes = UInt32(truncatingIfNeeded: request.contentBytes.count)
        return fields
    }

    /// Sends content of a request, at most `inlineContentMax` bytes; `isLast` ends it.
    ///
    /// No bytes may be sent with `isLast` only.
    public func send(content bytes: UnsafeRawBufferPointer, of id: RequestID, isLast: Bool) -> SendOutcome {
        guard let entry = openContent(id) else { return .gone }
        guard bytes.count <= inlineContentMax else { return .tooLong }
        guard bytes.count > 0 || isLast else { return .sent }
        guard Int64(bytes.count) <= entry.pointee.sendWindow else { return .noWindow }
        let flags = isLast ? RecordFlag.last : 0
        guard append(.content, flags, id.rawValue, bytes: bytes) else { return .noRoom }
        contentSent(id, entry, bytes.count, isLast)
        return .sent
    }

    /// Sends the first bytes of a block as content of a request; the block goes with it where the outcome is `.sent`.
    public func send(block: SharedBlock, byteCount: Int, of id: RequestID, isLast: Bool) -> SendOutcome {
        guard let entry = openContent(id) else { return .gone }
        precondition(byteCount > 0 && byteCount <= block.bytes.count, "a block is sent with bytes in it")
        guard Int64(byteCount) <= entry.pointee.sendWindow else { return .noWindow }
        let fields = qt_reference(
            offset: UInt64(block.index * geometry.blockBytes),
            byte_count: UInt64(byteCount)
        )
        guard append(.reference, isLast ? RecordFlag.last : 0, id.rawValue, fields) else { return .noRoom }
        _ = lender.sent(block)
        contentSent(id, entry, byteCount, isLast)
        return .sent
    }

    /// Sends the trailer section's field lines, which ends a request's content.
    public func send(trailers lines: UnsafeRawBufferPointer, of id: RequestID) -> SendOutcome {
        guard let entry = openContent(id), !entry.pointee.isTunnel else { return .gone }
        guard lines.count <= inlineContentMax else { return .tooLong }
        guard append(.trailers, RecordFlag.last, id.rawValue, bytes: lines) else { return .noRoom }
        contentSent(id, entry, 0, true)
        return .sent
    }

    /// Says that the rest of a request's content can't be had, which ends it.
    ///
    /// - Parameters:
    ///   - status: what answers for that, 400 to 599.
    ///   - id: the request.
    /// - Returns: what became of it.
    public func send(contentFailed status: UInt16, of id: RequestID) -> SendOutcome {
        guard let entry = openContent(id), !entry.pointee.isTunnel else { return .gone }
        precondition((400...599).contains(status), "failed content is answered with an error")
        let fields = qt_number(value: UInt64(status))
        guard append(.contentFailed, RecordFlag.last, id.rawValue, fields) else { return .noRoom }
        contentSent(id, entry, 0, true)
        return .sent
    }

    private func openContent(_ id: RequestID) -> UnsafeMutablePointer<RequestLedger.Entry>? {
        guard violation == nil, let entry = ledger.find(id), entry.pointee.state == .open,
            entry.pointee.content == .open
        else { return nil }
        return entry
    }

    private func contentSent(
        _ id: RequestID,
        _ entry: UnsafeMutablePointer<RequestLedger.Entry>,
        _ byteCount: Int,
        _ isLast: Bool
    ) {
        entry.pointee.sendWindow -= Int64(byteCount)
        entry.pointee.contentBytes += Int64(byteCount)
        guard isLast else { return }
        entry.pointee.content = .ended
        ledger.settle(id)
    }

    /// Tells the worker that nobody wants the response any more, with the next `publish()`.
    ///
    /// Nothing of the request is handed out from now on but `.cancelledEnded`, when the worker has ended it, too.
    public func cancel(_ id: RequestID) {
        guard let entry = ledger.find(id), entry.pointee.state == .open else { return }
        entry.pointee.state = .cancelled
        entry.pointee.owesCancel = true
        ledger.note(id.slot)
    }

    /// Looks how far the worker has read, for `isTaken(_:)`.
    ///
    /// A worker that claims to have read what it cannot have is not believed, and found out by the next `receive`.
    public func lookAtWorker() {
        writer.refresh()
        if let found = writer.violation, violation == nil { violation = found }
    }

    /// Whether a request is in the worker's hands: it had read its record when last looked at, or said anything of it.
    ///
    /// A worker that hides what it has read keeps nobody's request: one of which it has said nothing can be given to
    /// another. Also `true` for a request that has ended.
    public func isTaken(_ id: RequestID) -> Bool {
        guard let entry = ledger.find(id) else { return true }
        return entry.pointee.wasMentioned || writer.hasBeenRead(upTo: entry.pointee.recordEnd)
    }

    /// Where a request stands in the order in which they were sent; 0 for one that has ended.
    public func position(of id: RequestID) -> UInt64 { ledger.find(id)?.pointee.recordEnd ?? 0 }

    /// Tells the worker that the service stops, or sends it no more requests, with the next `publish()`.
    public func drain() { owesDrain = true }

    /// Asks whether the worker is alive, with the next `publish()`; it answers with the same number.
    public func ping(_ number: UInt64) { owedPing = number }

    /// Bytes of a request's content that the worker was sent.
    public func contentByteCount(of id: RequestID) -> Int64 { ledger.find(id)?.pointee.contentBytes ?? 0 }

    override func flushOwn() {
        if owesDrain, append(.drain, 0, 0, bytes: .init(start: nil, count: 0)) { owesDrain = false }
        if let number = owedPing, append(.ping, 0, 0, qt_number(value: number)) { owedPing = nil }
    }

    // MARK: Receiving

    /// Hands out what the worker has published, in order.
    ///
    /// Records published meanwhile wait for the next call. What a message refers to is valid until the handler
    /// returns, but for shared content, which is valid until it is released.
    ///
    /// - Parameters:
    ///   - byteCountMax: after how many bytes to stop, between records.
    ///   - handle: may send, cancel, grant and release; throw to end the queue as for any violation.
    /// - Throws: the violation that ends the queue. All its requests are then to be answered for.
    public func receive(
        byteCountMax: Int = .max,
        _ handle: (WorkerMessage) throws(TransportViolation) -> Void
    ) throws(TransportViolation) {
        try receiveRecords(byteCountMax) { (record, kind) throws(TransportViolation) in
            switch kind {
            case .responseHead: try takeResponseHead(record, handle)
            case .content: try takeContent(record, handle)
            case .reference: try takeReference(record, handle)
            case .credit: try takeCredit(record, handle)
            case .release: try takeReleases(record)
            case .window: try takeWindow(record, handle)
            case .trailers: try takeTrailers(record, handle)
            case .file: try takeFile(record, handle)
            case .interim: try takeInterim(record, handle)
            case .reset: try takeReset(record, handle)
            case .delegate: try takeDelegate(record, handle)
            case .pong:
                try record.check(flags: 0, hasID: false)
                try handle(.pong(try record.only(qt_number.self).value))
            case .forgetFile:
                try record.check(flags: 0, hasID: false)
                let ticket = try record.only(qt_number.self).value
                try files.forget(ticket)
                try handle(.forgetFile(ticket: ticket))
            case .hello: try handle(.hello(try takeHello(record)))
            case .request, .cancelled, .drain, .ping, .contentFailed: throw record.violation(.kind)
            }
        }
        if takeRoom() { try handle(.room) }
    }

    private typealias Handler = (WorkerMessage) throws(TransportViolation) -> Void
    private typealias Entry = UnsafeMutablePointer<RequestLedger.Entry>

    private func takeCredit(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: false)
        let count = try record.only(qt_number.self).value
        guard count > 0, count <= UInt64(ledger.capacity),
            Int(count) + credit + ledger.outstanding <= ledger.capacity
        else { throw record.violation(.credit, count) }
        credit += Int(count)
        try handle(.credit(Int(count)))
    }

    private func takeResponseHead(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        let entry = try ledger.outstanding(record)
        let head = try QueuedResponseHead(record)
        guard entry.pointee.response == .none else { throw record.violation(.state) }
        try ledger.receive(head.contentBytes.count, entry, record)
        if head.flags.contains(.upgrades) {
            guard entry.pointee.content != .open else { throw record.violation(.state) }
            entry.pointee.isTunnel = true
            entry.pointee.content = .open
        }
        let isWhole = head.flags.contains(.isWhole)
        entry.pointee.response = isWhole ? .ended : .open
        try finish(record, entry, isWhole, .responseHead(record.id, head), handle)
    }

    private func takeInterim(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        let entry = try ledger.outstanding(record)
        let status = try record.fields(qt_number.self).value
        guard (100...199).contains(status), status != 101 else { throw record.violation(.field, status) }
        guard entry.pointee.response == .none else { throw record.violation(.state) }
        let lines = UnsafeRawBufferPointer(rebasing: record.body[MemoryLayout<qt_number>.size...])
        try ledger.receive(QueueEnd.interimWindowBytes + lines.count, entry, record)
        try finish(record, entry, false, .interim(record.id, UInt16(status), lines), handle)
    }

    private func takeContent(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        let entry = try responseContent(record)
        let bytes = record.body
        guard bytes.count > 0 || record.isLast else { throw record.violation(.length) }
        try ledger.receive(bytes.count, entry, record)
        let message = WorkerMessage.content(record.id, bytes, isLast: record.isLast)
        try finish(record, entry, record.isLast, message, handle)
    }

    private func takeReference(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        let entry = try responseContent(record)
        let content = try holdReference(record)
        try ledger.receive(content.bytes.count, entry, record)
        if entry.pointee.state == .cancelled { release(content) }
        let message = WorkerMessage.sharedContent(record.id, content, isLast: record.isLast)
        try finish(record, entry, record.isLast, message, handle)
    }

    private func takeFile(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        let entry = try responseContent(record)
        let fields = try record.only(qt_file.self)
        guard !entry.pointee.isTunnel, fields.offset >= 0, fields.byte_count > 0,
            !fields.offset.addingReportingOverflow(fields.byte_count).overflow
        else { throw record.violation(.field, UInt64(bitPattern: fields.offset)) }
        let file = QueuedFile(ticket: fields.ticket, offset: fields.offset, byteCount: fields.byte_count)
        try ledger.receive(QueuedFile.windowByteCount, entry, record)
        let message = WorkerMessage.file(record.id, file, isLast: record.isLast)
        try finish(record, entry, record.isLast, message, handle)
    }

    private func takeTrailers(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: RecordFlag.last, hasID: true)
        let entry = try responseContent(record)
        guard record.isLast else { throw record.violation(.field) }
        guard !entry.pointee.isTunnel else { throw record.violation(.state) }
        try finish(record, entry, true, .trailers(record.id, record.body), handle)
    }

    private func takeReset(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        let entry = try ledger.outstanding(record)
        let code = try record.only(qt_number.self).value
        guard code <= UInt64(UInt32.max) else { throw record.violation(.field, code) }
        // A tunnel whose worker's direction has ended can be reset, too: then both have.
        entry.pointee.content = .ended
        try finish(record, entry, true, .reset(record.id, UInt32(code)), handle)
    }

    private func takeDelegate(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        let entry = try ledger.outstanding(record)
        let queue = try record.only(qt_number.self).value
        guard entry.pointee.response == .none else { throw record.violation(.state) }
        try finish(record, entry, true, .delegate(record.id, queue: queue), handle)
    }

    private func takeWindow(_ record: ReceivedRecord, _ handle: Handler) throws(TransportViolation) {
        try record.check(flags: 0, hasID: true)
        let entry = try ledger.outstanding(record)
        let count = try record.only(qt_number.self).value
        try ledger.widen(count, entry, record)
        guard entry.pointee.state == .open, entry.pointee.content == .open else { return }
        try handle(.window(record.id, Int64(count)))
    }

    /// The entry of a response whose head has come and whose end has not.
    @inline(__always)
    private func responseContent(_ record: ReceivedRecord) throws(TransportViolation) -> Entry {
        let entry = try ledger.outstanding(record)
        guard entry.pointee.response == .open else { throw record.violation(.state) }
        return entry
    }

    /// Hands a message out unless its request was cancelled, and takes the request off the table at its end.
    @inline(__always)
    private func finish(
        _ record: ReceivedRecord,
        _ entry: Entry,
        _ isLast: Bool,
        _ message: WorkerMessage,
        _ handle: Handler
    ) throws(TransportViolation) {
        let id = record.id
        let wasCancelled = entry.pointee.state == .cancelled
        if isLast {
            entry.pointee.response = .ended
            ledger.settle(id)
        }
        if !wasCancelled {
            try handle(message)
        } else if isLast {
            try handle(.cancelledEnded(id))
        }
    }
}
