// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import QueueTransport
import Synchronization
import URLPrefixes

@testable import HTTPEngine

/// A worker's engine that answers for another engine's request queue, in the same process.
///
/// What differs from two processes is only how the descriptors pass.
final class QueuePair: Sendable {
    let worker: Engine
    let workerQueue: RequestQueue
    private let attachment = Mutex<QueueAttachment?>(nil)
    private let served = Mutex<(group: URLGroup?, registrations: [UInt64: QueueRegistration])>((nil, [:]))
    let violations = Notes()

    init(
        _ options: EngineOptions,
        scheduling: HandlerScheduling,
        events: Notes,
        _ consumer: any RequestConsumer
    )
        throws
    {
        var options = options
        options.errorLog = nil
        options.accessLog = nil
        worker = try Engine(options: options) { event in
            if case .handlerFailed(let error, _) = event { events.add("handlerFailed: \(error)") }
        }
        workerQueue = RequestQueue(name: "worker", scheduling: scheduling)
        workerQueue.attach(consumer)
        try worker.start()
    }

    /// Opens the queues of `engine` to the worker.
    func connect(
        _ engine: Engine,
        _ consumer: QueueConsumer,
        _ prefixes: [URLPrefix],
        timeouts: TimeoutManager,
        maxRequestBodySize: Int64?,
        geometry: QueueGeometry? = nil,
        creditMax: Int = 256,
        delegations: DelegationTargets? = nil,
        names: [String: UInt64] = [:]
    ) async throws {
        let group = URLGroup(
            session: ServerSession(timeouts: timeouts),
            queue: workerQueue,
            maxRequestBodySize: maxRequestBodySize
        )
        served.withLock { $0.group = group }
        for prefix in prefixes { await serve(prefix) }
        let registrations = served.withLock { $0.registrations }
        let box = DescriptorBox()
        let violations = self.violations
        let attachment = try await engine.openQueues(
            for: consumer,
            geometry: geometry,
            delegations: delegations,
            deliver: { box.append($0) },
            onEnd: { if let violation = $0 { violations.add("service: \(violation)") } }
        )
        self.attachment.withLock { $0 = attachment }
        var index = 0
        while let descriptors = box.take() {
            try await worker.serveQueue(
                descriptors,
                onLoop: index,
                creditMax: creditMax,
                registrations: registrations,
                delegations: names,
                onEnd: { if let violation = $0 { violations.add("worker: \(violation)") } }
            )
            index += 1
        }
    }

    /// Answers for another prefix.
    func serve(_ prefix: URLPrefix) async {
        let all = served.withLock { served in
            if let group = served.group {
                let registration = QueueRegistration(prefix: prefix, group: group)
                served.registrations[QueueRegistration.number(of: prefix)] = registration
            }
            return served.registrations
        }
        await worker.setQueueRegistrations(all)
    }

    func disconnect() async {
        await attachment.withLock { $0 }?.end()
    }

    func stop() async { await worker.stop(within: .zero) }
}

/// Descriptors on their way from a loop's thread.
final class DescriptorBox: Sendable {
    private let descriptors = Mutex<[(Int32, Int32, Int32, Int32)]>([])

    func append(_ new: consuming QueueDescriptors) {
        guard let copy = try? new.duplicate() else { return }
        let numbers = copy.take()
        descriptors.withLock { $0.append(numbers) }
    }

    func take() -> QueueDescriptors? {
        let next = descriptors.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let (memory, workerBell, serviceBell, files) = next else { return nil }
        return QueueDescriptors(
            memory: memory,
            workerBell: workerBell,
            serviceBell: serviceBell,
            files: files
        )
    }
}
