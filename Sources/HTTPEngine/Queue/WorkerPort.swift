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
    @exclusivity(unchecked) private var inProgressCount = 0
    @exclusivity(unchecked) private var isDrained = false
    @exclusivity(unchecked) private var drivers: ContiguousArray<QueueDriver?>
    @exclusivity(unchecked) private var touched: ContiguousArray<QueueDriver> = []

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
        super.init(loop: loop, onEnd: onEnd)
        end.offer(creditMax)
    }

    override var end: QueueEnd { worker }

    /// Whether the service sends no more requests and all that came are answered.
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
            case .drain: isDrained = true
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
        guard let target = targets[request.registration], let queue = target.queue else {
            // Unregistered here while the request was on its way.
            worker.reset(id, code: QueueReset.refused)
            worker.offer(1)
            return
        }
        // SAFETY: the record's bytes stay in place until this function returns.
        let bytes = request.head.bindMemory(to: UInt8.self)
        guard
            case .complete(let count) = loop.scratchHead.parse(
                Span(_unsafeElements: bytes),
                limits: loop.headLimits
            ),
            count == bytes.count
        else { throw TransportViolation(.field, value: UInt64(bytes.count), kind: 2) }
        let driver = drivers[id.slot] ?? QueueDriver(port: self)
        drivers[id.slot] = driver
        let exchange = loop.takeExchange()
        inProgressCount += 1
        driver.begin(exchange, id, request, target, bytes)
        // A handler of the loop's own runs after this turn, which publishes; another one may run at once.
        if queue.scheduling == .concurrent { worker.acknowledge() }
        loop.deliver(exchange, to: queue, consumer: target.consumer)
    }

    /// A request is over here; another may come.
    func requestEnded() {
        inProgressCount -= 1
        worker.offer(1)
    }

    override func closed() {
        for case let driver? in drivers { driver.portClosed() }
    }
}
