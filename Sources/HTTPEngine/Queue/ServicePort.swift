// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing
import QueueTransport

/// The service's side of a queue to one worker process, on one loop.
///
/// Loop-affine. Requests are copied into the ring against the worker's credits; what comes back is written to their
/// exchanges as a handler would write it, so that framing, caching, limits and logs are the engine's own.
final class ServicePort: QueuePort {
    let queue: QueueConsumer
    let attachment: QueueAttachment
    /// The queues the worker may hand requests on to; `nil` where it hands none on.
    let delegations: DelegationTargets?
    private let service: ServiceEnd
    @exclusivity(unchecked) private var requests: ContiguousArray<RemoteRequest?>
    @exclusivity(unchecked) private var ready: ContiguousArray<RemoteRequest> = []
    @exclusivity(unchecked) private var hasCredit = false
    @exclusivity(unchecked) private var isDraining = false
    /// Whether a request found no room in the ring, and none has come free since.
    @exclusivity(unchecked) private var isFull = false
    /// Where heads of HTTP/2 are written.
    @exclusivity(unchecked) private var fields = OutputBuffer(capacity: 0)
    /// Requests whose content is kept until the worker has taken them, in the order in which they were sent.
    @exclusivity(unchecked) private var keeping: ContiguousArray<RequestID> = []

    init(
        _ loop: EngineLoop,
        _ end: ServiceEnd,
        queue: QueueConsumer,
        attachment: QueueAttachment,
        delegations: DelegationTargets? = nil,
        onEnd: @escaping (TransportViolation?) -> Void
    ) {
        self.queue = queue
        self.attachment = attachment
        self.delegations = delegations
        service = end
        requests = .init(repeating: nil, count: end.geometry.outstandingMax)
        super.init(loop: loop, onEnd: onEnd)
        // The kernel closes elsewhere what would wait: a file system may make the last user of a file do so.
        let ring = loop.ring
        end.files.close = { if ring.isCurrent { ring.close($0, token: nil) } else { Socket.close($0) } }
    }

    override var end: QueueEnd { service }
    /// The ports of the same queue, this one among them, while it is open.
    @exclusivity(unchecked) final var served: ServedQueue?

    /// Requests that the worker had answered in the last turn that had any.
    @exclusivity(unchecked) private(set) final var answeredCount = 0

    override var isIdle: Bool { service.outstandingCount == 0 && keeping.isEmpty && ready.isEmpty && !isFull }

    override func published() { served?.left = 0 }

    /// How many more requests the worker takes now.
    var room: Int { isDraining || isFull ? 0 : service.credit }

    /// Hands no more requests over.
    func drain() {
        loop.queues.activate(self)
        isDraining = true
        service.drain()
    }

    /// Tells the worker that the service has begun to stop; requests still under way to it go there.
    func announceStop() {
        loop.queues.activate(self)
        service.drain()
    }

    // MARK: To the worker

    /// Hands a request over.
    ///
    /// - Returns: `false` where the ring has no room; then nothing has happened, and the port has none for now.
    func begin(_ exchange: Exchange, for consumer: QueueConsumer) -> Bool {
        loop.queues.activate(self)
        var request = record(of: exchange)
        var id = RequestID(rawValue: 0)
        let outcome: SendOutcome
        if exchange.head.version >= .http2 {
            fields.removeAll()
            QueuedFields.write(exchange, into: &fields)
            outcome = fields.withUnsafeBytes {
                request.head = $0
                return send(request, of: exchange, id: &id)
            }
        } else {
            request.head = UnsafeRawBufferPointer(exchange.headBytes)
            outcome = send(request, of: exchange, id: &id)
        }
        if let served { served.left -= 1 }
        guard outcome == .sent || outcome == .tooLong else {
            isFull = true
            return false
        }
        exchange.stopWaiting()
        exchange.delivered(to: consumer)
        guard outcome == .sent else {
            end(exchange, BadHTTPRequestError(statusCode: 431, "the head is longer than a record may be"))
            return true
        }
        let remote =
            requests[id.slot].flatMap { $0.isSending ? nil : $0 } ?? RemoteRequest(port: self, end: service)
        requests[id.slot] = remote
        remote.begin(exchange, id, hasContent: request.contentLength != 0)
        return true
    }

    /// Sends a record with what is known of the connection's TLS.
    private func send(_ request: QueuedRequest, of exchange: Exchange, id: inout RequestID) -> SendOutcome {
        guard exchange.isSecure, let facts = exchange.driver?.tlsFacts else {
            return service.send(request, id: &id)
        }
        return facts.record.withUnsafeBytes { facts in
            var request = request
            request.extra = facts
            return service.send(request, id: &id)
        }
    }

    private func record(of exchange: Exchange) -> QueuedRequest {
        var request = QueuedRequest()
        request.registration = exchange.target?.registration ?? 0
        request.urlGroup = exchange.target?.group.id ?? 0
        request.connection = exchange.connectionNumber
        request.requestNumber = exchange.requestNumber
        request.connectionStartedAt = exchange.connectionStartedAt
        request.headStartedAt = exchange.headStartedAt
        request.headEndedAt = exchange.headEndedAt
        request.queuedAt = exchange.queuedAt == 0 ? loop.ring.now.nanoseconds : exchange.queuedAt
        request.prefixPathByteCount = exchange.prefixPathByteCount
        if let addresses = exchange.driver?.addresses {
            request.remoteAddress = QueuedAddress(addresses.peer)
            request.localAddress = QueuedAddress(addresses.local)
        }
        // What follows an extended CONNECT is not content, and comes once the tunnel is there (RFC 8441 §5).
        request.contentLength = exchange.connectProtocolRange.isEmpty ? exchange.lengthToRead : 0
        if exchange.head.version >= .http2 {
            request.flags.insert(.isHTTP2)
            if exchange.head.hasContent { request.flags.insert(.isOpen) }
        }
        if exchange.isSecure { request.flags.insert(.isSecure) }
        if exchange.delegationCount > 0 { request.flags.insert(.isDelegated) }
        if loop.isDraining { request.flags.insert(.closes) }
        return request
    }

    /// Answers for an exchange that no worker has.
    private func end(_ exchange: Exchange, _ error: any Error) {
        exchange.finish(error)
        loop.handlerEnded(exchange)
        exchange.handlerReleased()
    }

    /// Remembers that a request's content is kept until the worker has taken it.
    func keepsContent(_ id: RequestID) { keeping.append(id) }

    /// Lets go of the content of requests that are in the worker's hands now.
    private func letGoOfContent() {
        service.lookAtWorker()
        guard let index = keeping.firstIndex(where: { !service.isTaken($0) }) else {
            for id in keeping { requests[id.slot]?.letGoOfContent(id) }
            keeping.removeAll(keepingCapacity: true)
            return
        }
        for id in keeping[..<index] { requests[id.slot]?.letGoOfContent(id) }
        keeping.removeFirst(index)
    }

    /// Has a request looked at in the port's next turn.
    func markReady(_ remote: RemoteRequest) {
        guard !remote.isReady else { return }
        remote.isReady = true
        ready.append(remote)
    }

    // MARK: From the worker

    override func turn() throws(TransportViolation) {
        hasCredit = false
        let before = service.outstandingCount
        defer { if service.outstandingCount < before { answeredCount = before - service.outstandingCount } }
        if !keeping.isEmpty { letGoOfContent() }
        if service.hasWork {
            try service.receive { (message) throws(TransportViolation) in try take(message) }
        } else {
            try service.receive(byteCountMax: 0) { (message) throws(TransportViolation) in try take(message) }
        }
        while !ready.isEmpty {
            let list = ready
            ready.removeAll(keepingCapacity: true)
            for remote in list {
                remote.isReady = false
                remote.progress()
            }
        }
        if hasCredit { loop.retryWaiting() }
    }

    /// Takes what the worker wrote before it ended.
    func readLast() {
        guard isOpen else { return }
        do throws(TransportViolation) {
            try turn()
        } catch {
            close(error)
        }
    }

    private func take(_ message: WorkerMessage) throws(TransportViolation) {
        switch message {
        case .responseHead(let id, let head): try requests[id.slot]?.head(head)
        case .content(let id, let bytes, let isLast): requests[id.slot]?.content(bytes, isLast: isLast)
        case .sharedContent(let id, let content, let isLast):
            requests[id.slot]?.content(content.bytes, isLast: isLast)
            service.release(content)
        case .trailers(let id, let lines): try requests[id.slot]?.trailers(lines)
        case .interim(let id, let status, let lines): try requests[id.slot]?.interim(status, lines)
        case .window(let id, _): requests[id.slot]?.windowOpened()
        case .reset(let id, let code): requests[id.slot]?.reset(code)
        case .delegate(let id, let queue): requests[id.slot]?.delegated(to: queue)
        case .credit: hasCredit = true
        case .room:
            hasCredit = true
            isFull = false
            for case let remote? in requests where remote.isStalled { markReady(remote) }
        case .hello, .pong, .forgetFile, .cancelledEnded: break
        case .file(let id, let file, let isLast):
            let passed = try service.files.file(file.ticket)
            requests[id.slot]?.file(passed, file, isLast: isLast)
        }
    }

    override func closed() {
        service.lookAtWorker()
        var untaken: [(position: UInt64, exchange: Exchange)] = []
        for case let remote? in requests {
            guard !loop.queues.isEnding, let returned = remote.takeBack() else {
                remote.portClosed()
                continue
            }
            untaken.append(returned)
        }
        requests.removeAll()
        // An honest worker learns that its requests are cancelled, whether or not it sees the descriptors close.
        service.publish()
        loop.takeBack(untaken.sorted { $0.position < $1.position }.map(\.exchange))
    }
}

extension QueuedAddress {
    init(_ address: SocketAddress) {
        let family: Family =
            switch address.family {
            case .ipv4: .ipv4
            case .ipv6: .ipv6
            case .unix: .unix
            }
        self.init(family: family, high: address.high, low: address.low, port: address.port)
    }
}

extension SocketAddress {
    init(_ address: QueuedAddress) {
        switch address.family {
        case .ipv4: self.init(ipv4: UInt32(truncatingIfNeeded: address.low), port: address.port)
        case .ipv6: self.init(ipv6High: address.high, low: address.low, port: address.port)
        case .unix: self.init(unixPath: nil)
        }
    }
}
