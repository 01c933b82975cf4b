// SPDX-License-Identifier: Apache-2.0

public import QueueTransport
public import URLPrefixes

/// A request queue's application in other processes: their requests leave through shared memory.
///
/// Any thread. Attached to a `RequestQueue` like any other consumer; on each loop requests go to the worker with
/// the most credit, a few of one turn at a time, and wait in the queue while nobody has any.
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
    ///
    /// - Returns: `false` where it found no room after all; then it is as it was before.
    func begin(_ exchange: Exchange, on loop: EngineLoop) -> Bool {
        while let port = loop.queues.withRoom(for: self) {
            if port.begin(exchange, for: self) { return true }
        }
        return false
    }
}

/// What a worker serves: one registration of its URL groups at the service.
public struct QueueRegistration: Sendable {
    let target: RouteTarget

    /// The number by which both sides know the registration of a prefix.
    ///
    /// It follows from the prefix's full form (FNV-1a, 64 bits), so that it stays the same over every change of the
    /// service's routes and never comes to mean another prefix.
    public static func number(of prefix: URLPrefix) -> UInt64 {
        prefix.description.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

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
    ///   - geometry: how large each queue is; as large as the longest head needs where it is not given.
    ///   - delegations: the queues that the worker may hand requests on to; `nil` for none.
    ///   - deliver: receives each loop's descriptors, to be sent to the worker.
    ///   - onEnd: called on a loop's thread when a queue ended, with what the worker did wrong, or `nil`.
    /// - Returns: a handle that ends the queues.
    /// - Throws: `TransportError` where the system refuses memory or descriptors.
    public func openQueues(
        for consumer: QueueConsumer,
        geometry: QueueGeometry? = nil,
        delegations: DelegationTargets? = nil,
        deliver: @escaping @Sendable (consuming QueueDescriptors) -> Void,
        onEnd: @escaping @Sendable (TransportViolation?) -> Void
    ) async throws -> QueueAttachment {
        let attachment = QueueAttachment(self)
        let recordBytes = options.limits.maxRequestHeadBytes + TLSFacts.recordBytesMax + 4096
        let geometry = geometry ?? QueueGeometry(recordsOf: recordBytes)
        let failures = await onEachLoop { loop -> TransportError? in
            var descriptors: QueueDescriptors?
            do throws(TransportError) {
                var hello = QueueHello()
                hello.window = Int64(loop.options.limits.maxResponseBufferSize)
                let end = try ServiceEnd(geometry: geometry, hello: hello, worker: &descriptors)
                loop.queues.add(
                    ServicePort(
                        loop,
                        end,
                        queue: consumer,
                        attachment: attachment,
                        delegations: delegations,
                        onEnd: onEnd
                    )
                )
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
    ///   - registrations: by their numbers; see `QueueRegistration.number(of:)`.
    ///   - delegations: the numbers of the queues that requests may be handed on to, by names.
    ///   - onEnd: called on the loop's thread when the queue ended, with what the service did wrong, or `nil`.
    /// - Throws: `TransportViolation` or `TransportError`.
    public func serveQueue(
        _ descriptors: consuming QueueDescriptors,
        onLoop loopIndex: Int = 0,
        creditMax: Int = 256,
        registrations: [UInt64: QueueRegistration],
        delegations: [String: UInt64] = [:],
        onEnd: @escaping @Sendable (TransportViolation?) -> Void
    ) async throws {
        let targets = registrations.mapValues(\.target)
        var hello = QueueHello()
        hello.window = Int64(options.limits.maxRequestBufferSize)
        // SAFETY: made here, and from the closure on the loop's alone.
        nonisolated(unsafe) let end = try WorkerEnd(descriptors, hello: hello)
        await onLoop(loopIndex) { loop in
            let port = WorkerPort(loop, end, creditMax: creditMax, targets: targets, onEnd: onEnd)
            if !delegations.isEmpty { port.delegations = DelegationNames(delegations) }
            loop.queues.add(port)
        }
    }
}

extension Engine {
    /// Serves other registrations than before on this worker's queues; requests in progress go on.
    ///
    /// - Parameter registrations: all of them, by their numbers.
    public func setQueueRegistrations(_ registrations: [UInt64: QueueRegistration]) async {
        let targets = registrations.mapValues(\.target)
        _ = await onEachLoop { loop in
            for port in loop.queues.all(WorkerPort.self) { port.targets = targets }
        }
    }

    /// Waits until this worker's queues have been drained by the service and their requests are answered.
    ///
    /// - Parameter deadline: how long at most.
    public func finishQueues(within deadline: Duration) async {
        let end = ContinuousClock.now + deadline
        while ContinuousClock.now < end, !Task.isCancelled {
            let isFinished = await onEachLoop { loop in
                loop.queues.all(WorkerPort.self).allSatisfy(\.isFinished)
            }
            if isFinished.allSatisfy({ $0 }) { return }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }
}

/// A worker process's queues, one for each loop of the service.
public final class QueueAttachment: Sendable {
    private let engine: Engine

    init(_ engine: Engine) { self.engine = engine }

    /// Ends the queues: requests the worker has taken are answered 503 or reset, the others go back to their queue.
    ///
    /// What the worker had written is read before.
    public func end() async {
        _ = await engine.onEachLoop { loop in
            for port in loop.queues.all(ServicePort.self) where port.attachment === self {
                port.readLast()
                port.close(nil)
            }
        }
    }

    /// Tells the worker that no more requests come.
    public func drain() async {
        _ = await engine.onEachLoop { loop in
            for port in loop.queues.all(ServicePort.self) where port.attachment === self { port.drain() }
        }
    }
}
