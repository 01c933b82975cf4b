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
    private let service: ServiceEnd
    @exclusivity(unchecked) private var requests: ContiguousArray<RemoteRequest?>
    @exclusivity(unchecked) private var ready: ContiguousArray<RemoteRequest> = []
    @exclusivity(unchecked) private var hasCredit = false
    @exclusivity(unchecked) private var isDraining = false

    init(
        _ loop: EngineLoop,
        _ end: ServiceEnd,
        queue: QueueConsumer,
        attachment: QueueAttachment,
        onEnd: @escaping (TransportViolation?) -> Void
    ) {
        self.queue = queue
        self.attachment = attachment
        service = end
        requests = .init(repeating: nil, count: end.geometry.outstandingMax)
        super.init(loop: loop, onEnd: onEnd)
    }

    override var end: QueueEnd { service }

    /// How many more requests the worker takes now.
    var room: Int { isDraining ? 0 : service.credit }

    /// Hands no more requests over.
    func drain() {
        isDraining = true
        service.drain()
    }

    // MARK: To the worker

    /// Hands a request over.
    func begin(_ exchange: Exchange) {
        guard exchange.head.version < .http2 else {
            // The record holds a head as HTTP/1 writes it; a client told so comes again (RFC 9113 §7).
            exchange.driver?.reset(exchange, errorCode: ServicePort.http11Required)
            loop.handlerEnded(exchange)
            exchange.handlerReleased()
            return
        }
        var request = QueuedRequest()
        request.registration = UInt64(truncatingIfNeeded: exchange.target?.index ?? 0)
        request.urlGroup = exchange.target?.group.id ?? 0
        request.connection = exchange.connectionNumber
        request.requestNumber = exchange.requestNumber
        request.connectionStartedAt = exchange.connectionStartedAt
        request.headStartedAt = exchange.headStartedAt
        request.headEndedAt = exchange.headEndedAt
        request.queuedAt = exchange.queuedAt
        request.prefixPathByteCount = exchange.prefixPathByteCount
        if let addresses = exchange.driver?.addresses {
            request.remoteAddress = QueuedAddress(addresses.peer)
            request.localAddress = QueuedAddress(addresses.local)
        }
        request.head = UnsafeRawBufferPointer(exchange.headBytes)
        if exchange.head.hasContent, !exchange.isContentAtEnd {
            request.contentLength = exchange.contentFraming == .fixed ? exchange.contentRemaining : -1
        }
        if exchange.isSecure { request.flags.insert(.isSecure) }
        if loop.isDraining { request.flags.insert(.closes) }
        var id = RequestID(rawValue: 0)
        let outcome = service.send(request, id: &id)
        guard outcome == .sent else {
            // A head longer than a record may be, or a ring filled by content: rare, and not worth a wait.
            let status = outcome == .tooLong ? 431 : 503
            end(
                exchange,
                BadHTTPRequestError(statusCode: status, "the request queue did not take the request")
            )
            return
        }
        let remote = requests[id.slot] ?? RemoteRequest(port: self, end: service)
        requests[id.slot] = remote
        remote.begin(exchange, id, hasContent: request.contentLength != 0)
    }

    private static let http11Required: UInt32 = 0xD

    /// Answers for an exchange that no worker has.
    private func end(_ exchange: Exchange, _ error: any Error) {
        exchange.finish(error)
        loop.handlerEnded(exchange)
        exchange.handlerReleased()
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
        case .delegate(let id, _): requests[id.slot]?.reset(QueueReset.refused)
        case .credit: hasCredit = true
        case .room:
            hasCredit = true
            for case let remote? in requests where remote.isStalled { markReady(remote) }
        case .hello, .pong, .forgetFile, .cancelledEnded: break
        case .file:
            // Workers of this version send what files hold.
            throw TransportViolation(.kind)
        }
    }

    override func closed() {
        for case let remote? in requests { remote.portClosed() }
        requests.removeAll()
        // An honest worker learns that its requests are cancelled, whether or not it sees the descriptors close.
        service.publish()
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
