// SPDX-License-Identifier: Apache-2.0

public import QueueTransport
public import URLPrefixes

/// A request queue's application in other processes: their requests leave through shared memory.
///
/// Any thread. Attached to a `RequestQueue` like any other consumer; on each loop requests go to the worker with
/// the most credit, and wait in the queue while nobody has any.
public final class QueueConsumer: RequestConsumer {
    /// Makes a consumer that no process serves yet.
    public init() {}

    /// Not used: requests are handed over without a task.
    public func consume(_ exchange: Exchange) async {
        preconditionFailure("a request for another process has no task in this one")
    }

    /// Whether a request could be handed over on this loop now.
    func hasRoom(on loop: EngineLoop) -> Bool { loop.queues.withRoom(for: self) != nil }

    /// Hands a request over; to be called when there is room.
    func begin(_ exchange: Exchange, on loop: EngineLoop) {
        guard let port = loop.queues.withRoom(for: self) else {
            preconditionFailure("a request is handed over where there is room")
        }
        exchange.delivered(to: self)
        port.begin(exchange)
    }
}

/// What a worker serves: one registration of its URL groups at the service.
public struct QueueRegistration: Sendable {
    let target: RouteTarget

    /// Makes a registration's counterpart in the worker.
    public init(prefix: URLPrefix, group: URLGroup) {
        target = RouteTarget(index: 0, prefix: prefix, group: group)
    }
}

extension Engine {
    /// Opens a queue from each loop to a worker process.
    ///
    /// - Parameters:
    ///   - consumer: whose requests the worker answers.
    ///   - geometry: how large each queue is.
    ///   - deliver: receives each loop's descriptors, to be sent to the worker.
    ///   - onEnd: called on a loop's thread when a queue ended, with what the worker did wrong, or `nil`.
    /// - Returns: a handle that ends the queues.
    /// - Throws: `TransportError` where the system refuses memory or descriptors.
    public func openQueues(
        for consumer: QueueConsumer,
        geometry: QueueGeometry = QueueGeometry(),
        deliver: @escaping @Sendable (consuming QueueDescriptors) -> Void,
        onEnd: @escaping @Sendable (TransportViolation?) -> Void
    ) async throws -> QueueAttachment {
        let attachment = QueueAttachment(self)
        let failures = await onEachLoop { loop -> TransportError? in
            var descriptors: QueueDescriptors?
            do throws(TransportError) {
                var hello = QueueHello()
                hello.window = Int64(loop.options.limits.maxResponseBufferSize)
                let end = try ServiceEnd(geometry: geometry, hello: hello, worker: &descriptors)
                loop.queues.add(ServicePort(loop, end, queue: consumer, attachment: attachment, onEnd: onEnd))
            } catch {
                return error
            }
            if let descriptors = descriptors.take() { deliver(descriptors) }
            return nil
        }
        for case let failure? in failures {
            await attachment.end()
            throw failure
        }
        return attachment
    }

    /// Serves a queue of the service's on one of this process's loops.
    ///
    /// - Parameters:
    ///   - descriptors: as they came from the service.
    ///   - loopIndex: which loop, modulo their number.
    ///   - creditMax: requests taken at once.
    ///   - registrations: by the numbers the service gave them.
    ///   - onEnd: called on the loop's thread when the queue ended, with what the service did wrong, or `nil`.
    /// - Throws: `TransportViolation` or `TransportError`.
    public func serveQueue(
        _ descriptors: consuming QueueDescriptors,
        onLoop loopIndex: Int = 0,
        creditMax: Int = 256,
        registrations: [UInt64: QueueRegistration],
        onEnd: @escaping @Sendable (TransportViolation?) -> Void
    ) async throws {
        let targets = registrations.mapValues(\.target)
        var hello = QueueHello()
        hello.window = Int64(options.limits.maxRequestBufferSize)
        // SAFETY: made here, and from the closure on the loop's alone.
        nonisolated(unsafe) let end = try WorkerEnd(descriptors, hello: hello)
        await onLoop(loopIndex) { loop in
            loop.queues.add(WorkerPort(loop, end, creditMax: creditMax, targets: targets, onEnd: onEnd))
        }
    }
}

/// A worker process's queues, one for each loop of the service.
public final class QueueAttachment: Sendable {
    private let engine: Engine

    init(_ engine: Engine) { self.engine = engine }

    /// Ends the queues: requests the worker has are answered 503 or reset.
    public func end() async {
        _ = await engine.onEachLoop { loop in
            for port in loop.queues.all(ServicePort.self) where port.attachment === self { port.close(nil) }
        }
    }

    /// Tells the worker that no more requests come.
    public func drain() async {
        _ = await engine.onEachLoop { loop in
            for port in loop.queues.all(ServicePort.self) where port.attachment === self { port.drain() }
        }
    }
}
