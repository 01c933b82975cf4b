// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing
import QueueTransport

/// The worker's side of a queue to one loop of the service.
///
/// Loop-affine. Requests that come become exchanges with a `QueueDriver`, and go to the queue of their prefix as
/// if they had come over a connection.
final class WorkerPort: QueuePort {
    let worker: WorkerEnd
    /// What is served, by registration numbers.
    @exclusivity(unchecked) var targets: [UInt64: RouteTarget]
    /// The queues that requests may be handed on to.
    @exclusivity(unchecked) var delegations: DelegationNames?
    @exclusivity(unchecked) private var inProgressCount = 0
    /// Whether the service has begun to stop, or sends no more requests.
    @exclusivity(unchecked) private(set) var isDrained = false
    @exclusivity(unchecked) private var drivers: ContiguousArray<QueueDriver?>
    @exclusivity(unchecked) private var touched: ContiguousArray<QueueDriver> = []
    /// Where heads of HTTP/2 are put together.
    @exclusivity(unchecked) private var assembled = AssembledHead()
    /// What was said of the TLS of connections, by their numbers.
    @exclusivity(unchecked) private var knownFacts = ContiguousArray<TLSFacts?>(
        repeating: nil,
        count: WorkerPort.knownFactsCount
    )
    /// What a head may have: the service has held it to its own limits.
    private let headLimits: HeadLimits

    init(
        _ loop: EngineLoop,
        _ end: WorkerEnd,
        creditMax: Int,
        targets: [UInt64: RouteTarget],
        onEnd: @escaping (TransportViolation?) -> Void
    ) {
        worker = end
        self.targets = targets
        drivers = .init(repeating: nil, count: end.geometry.outstandingMax)
        // The service counts 32 bytes more for each field of HTTP/2 than its record has.
        let byteCount = 8 * end.geometry.recordBytesMax
        headLimits = HeadLimits(
            headBytesMax: byteCount,
            targetBytesMax: byteCount,
            fieldCountMax: byteCount,
            fieldBytesMax: byteCount,
            methodBytesMax: byteCount
        )
        super.init(loop: loop, onEnd: onEnd)
        end.offer(creditMax)
    }

    override var end: QueueEnd { worker }

    /// Whether the service has said that it drains and all that came are answered.
    var isFinished: Bool { !isOpen || (isDrained && inProgressCount == 0) }

    /// Has a driver's output looked at in the port's next turn.
    func touch(_ driver: QueueDriver) {
        guard !driver.isTouched else { return }
        driver.isTouched = true
        touched.append(driver)
    }

    override func turn() throws(TransportViolation) {
        var hasRoom = false
        try worker.receive(byteCountMax: worker.hasWork ? .max : 0) { (message) throws(TransportViolation) in
            switch message {
            case .request(let id, let request, _): try begin(id, request)
            case .content(let id, let bytes, let isLast):
                drivers[id.slot]?.contentArrived(bytes, isLast: isLast)
            case .sharedContent(let id, let content, let isLast):
                drivers[id.slot]?.contentArrived(content.bytes, isLast: isLast)
                worker.release(content)
            case .trailers(let id, let lines): try drivers[id.slot]?.trailersArrived(lines)
            case .contentFailed(let id, let status): drivers[id.slot]?.contentFailed(status)
            case .cancelled(let id): drivers[id.slot]?.cancelled()
            case .window(let id, _): drivers[id.slot]?.windowOpened()
            case .room: hasRoom = true
            case .drain:
                isDrained = true
                for case let driver? in drivers { driver.exchange?.beginDrain() }
            case .hello, .ping: break
            }
        }
        if hasRoom { for case let driver? in drivers where driver.isStalled { driver.windowOpened() } }
        while !touched.isEmpty {
            let list = touched
            touched.removeAll(keepingCapacity: true)
            for driver in list {
                driver.isTouched = false
                driver.pump()
            }
        }
    }

    private func begin(_ id: RequestID, _ request: QueuedRequest) throws(TransportViolation) {
        guard let target = targets[request.registration] ?? anyTarget(request), let queue = target.queue
        else {
            // Unregistered here while the request was on its way.
            worker.reset(id, code: QueueReset.refused)
            worker.offer(1)
            return
        }
        if request.flags.contains(.isHTTP2) {
            let isOpen = request.flags.contains(.isOpen)
            guard
                QueuedFields.read(request.head, hasContent: isOpen, limits: headLimits, into: &assembled)
            else { throw TransportViolation(.field, value: UInt64(request.head.count), kind: 2) }
            assembled.swapHead(with: &loop.scratchHead)
            let connectProtocol = assembled.connectProtocol
            try assembled.bytes.withUnsafeBytes { (bytes) throws(TransportViolation) in
                let bytes = bytes.assumingMemoryBound(to: UInt8.self)
                try begin(id, request, target, queue, bytes, connectProtocol)
            }
            return
        }
        // SAFETY: the record's bytes stay in place until this function returns.
        let bytes = request.head.bindMemory(to: UInt8.self)
        guard
            case .complete(let count) = loop.scratchHead.parse(
                Span(_unsafeElements: bytes),
                limits: headLimits
            ),
            count == bytes.count
        else { throw TransportViolation(.field, value: UInt64(bytes.count), kind: 2) }
        try begin(id, request, target, queue, bytes, .empty)
    }

    /// Where a request from another queue goes that lies below none of the registrations.
    private func anyTarget(_ request: QueuedRequest) -> RouteTarget? {
        guard request.flags.contains(.isDelegated) else { return nil }
        return targets.min { $0.key < $1.key }?.value
    }

    /// Begins a request whose head stands in the loop's scratch.
    private func begin(
        _ id: RequestID,
        _ request: QueuedRequest,
        _ target: RouteTarget,
        _ queue: RequestQueue,
        _ headBytes: UnsafeBufferPointer<UInt8>,
        _ connectProtocol: ByteRange
    ) throws(TransportViolation) {
        var facts: TLSFacts?
        if request.extra.count > 0 {
            facts = factsOfConnection(request)
            guard facts != nil, request.flags.contains(.isSecure) else {
                throw TransportViolation(.field, value: UInt64(request.extra.count), kind: 2)
            }
        }
        let driver = drivers[id.slot] ?? QueueDriver(port: self)
        drivers[id.slot] = driver
        let exchange = loop.takeExchange()
        inProgressCount += 1
        driver.begin(exchange, id, request, target, headBytes)
        if target.registration != request.registration { exchange.settle(among: targets.values) }
        exchange.isSecure = request.flags.contains(.isSecure)
        exchange.tlsFacts = facts
        if let delegations { exchange.delegations = delegations }
        exchange.connectProtocolRange = connectProtocol
        // A handler of the loop's own runs after this turn, which publishes; another one may run at once.
        if queue.scheduling == .concurrent { worker.acknowledge() }
        loop.deliver(exchange, to: queue, consumer: target.consumer)
    }

    /// Reads what the service says of the connection's TLS, unless it said the same of its last request.
    private func factsOfConnection(_ request: QueuedRequest) -> TLSFacts? {
        let place = Int(truncatingIfNeeded: request.connection % UInt64(WorkerPort.knownFactsCount))
        if let known = knownFacts[place], known.record.elementsEqual(request.extra) { return known }
        let facts = TLSFacts(record: request.extra)
        knownFacts[place] = facts
        return facts
    }

    private static let knownFactsCount = 256

    /// Has the service close files that were not used of late.
    func forgetFiles(now: Int64) {
        guard worker.forgetFiles(usedBefore: now &- WorkerPort.fileKeepNanoseconds) else { return }
        loop.queues.activate(self)
    }

    /// For how long the service keeps a file open after it was used last.
    private static let fileKeepNanoseconds: Int64 = 10_000_000_000

    /// A request is over here; another may come.
    func requestEnded() {
        inProgressCount -= 1
        worker.offer(1)
    }

    override func closed() {
        for case let driver? in drivers { driver.portClosed() }
    }
}
