// SPDX-License-Identifier: Apache-2.0

@testable import QueueTransport

/// Both ends of a queue in one process, introduced to each other.
struct Pair {
    let service: ServiceEnd
    let worker: WorkerEnd

    init(
        _ geometry: QueueGeometry = .small,
        serviceWindow: Int64 = 64 << 10,
        workerWindow: Int64 = 64 << 10,
        credit: Int = 8
    ) throws {
        var descriptors: QueueDescriptors?
        var hello = QueueHello()
        hello.window = serviceWindow
        service = try ServiceEnd(geometry: geometry, hello: hello, worker: &descriptors)
        guard let descriptors = descriptors.take() else { preconditionFailure("a queue has descriptors") }
        hello.window = workerWindow
        worker = try WorkerEnd(descriptors, hello: hello)
        worker.offer(credit)
        worker.publish()
        try service.receive { _ in }
        try worker.receive { _ in }
    }

    /// Sends a request with this head and takes it at the worker.
    func begin(_ head: String = "GET / HTTP/1.1\r\n\r\n", contentLength: Int64 = 0) throws -> RequestID {
        var id = RequestID(rawValue: 0)
        var request = QueuedRequest()
        request.contentLength = contentLength
        let outcome = withBytes(head) { bytes in
            request.head = bytes
            return service.send(request, id: &id)
        }
        guard outcome == .sent else { throw TestFailure("\(outcome)") }
        service.publish()
        try worker.receive { _ in }
        return id
    }

    /// What the service gets now, as text.
    func atService() throws -> [String] {
        worker.publish()
        var found: [String] = []
        try service.receive { message in
            if case .sharedContent(_, let content, _) = message { service.release(content) }
            found.append(text(message))
        }
        service.publish()
        return found
    }

    /// What the worker gets now, as text.
    func atWorker() throws -> [String] {
        service.publish()
        var found: [String] = []
        try worker.receive { message in
            if case .sharedContent(_, let content, _) = message { worker.release(content) }
            found.append(text(message))
        }
        worker.publish()
        return found
    }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension QueueGeometry {
    /// The smallest rings, so that tests wrap and fill them soon.
    static var small: QueueGeometry {
        var geometry = QueueGeometry()
        geometry.requestRingBytes = 4096
        geometry.responseRingBytes = 4096
        geometry.blockBytes = 4096
        geometry.requestBlocks = 4
        geometry.responseBlocks = 4
        geometry.outstandingMax = 8
        geometry.recordBytesMax = 2048
        return geometry
    }
}

func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBytes(body)
}

private func string(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

func text(_ message: WorkerMessage) -> String {
    switch message {
    case .hello(let hello): "hello \(hello.window)"
    case .credit(let count): "credit \(count)"
    case .responseHead(let id, let head):
        "head \(id) \(head.status) \(head.flags.rawValue) \(head.contentLength) \(head.cachePolicy) "
            + "\(head.cacheSeconds) [\(string(head.reason))] [\(string(head.fields))] [\(string(head.contentBytes))]"
    case .interim(let id, let status, let lines): "interim \(id) \(status) [\(string(lines))]"
    case .content(let id, let bytes, let isLast): "content \(id) [\(string(bytes))]\(isLast ? " last" : "")"
    case .sharedContent(let id, let content, let isLast):
        "shared \(id) [\(string(content.bytes))]\(isLast ? " last" : "")"
    case .file(let id, let file, let isLast):
        "file \(id) \(file.ticket) \(file.offset)+\(file.byteCount)\(isLast ? " last" : "")"
    case .trailers(let id, let lines): "trailers \(id) [\(string(lines))]"
    case .reset(let id, let code): "reset \(id) \(code)"
    case .window(let id, let count): "window \(id) \(count)"
    case .delegate(let id, let queue): "delegate \(id) \(queue)"
    case .cancelledEnded(let id): "cancelledEnded \(id)"
    case .pong(let number): "pong \(number)"
    case .forgetFile(let ticket): "forgetFile \(ticket)"
    case .room: "room"
    }
}

func text(_ message: ServiceMessage) -> String {
    switch message {
    case .hello(let hello): "hello \(hello.window)"
    case .request(let id, let request, let hasMore):
        "request \(id) [\(string(request.head))] [\(string(request.extra))] [\(string(request.contentBytes))]"
            + (hasMore ? " more" : "")
    case .content(let id, let bytes, let isLast): "content \(id) [\(string(bytes))]\(isLast ? " last" : "")"
    case .sharedContent(let id, let content, let isLast):
        "shared \(id) [\(string(content.bytes))]\(isLast ? " last" : "")"
    case .trailers(let id, let lines): "trailers \(id) [\(string(lines))]"
    case .contentFailed(let id, let status): "contentFailed \(id) \(status)"
    case .cancelled(let id): "cancelled \(id)"
    case .window(let id, let count): "window \(id) \(count)"
    case .drain: "drain"
    case .ping(let number): "ping \(number)"
    case .room: "room"
    }
}
