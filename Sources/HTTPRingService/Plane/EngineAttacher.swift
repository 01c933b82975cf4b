// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPRingControl
import QueueTransport
import Synchronization

/// Hands the engine's requests to attached processes: a queue of shared memory from each loop to each process.
///
/// Control thread only. The payload of `attach` is one byte, the version 2; the answer's are the version and, most
/// significant byte first in two, the number of loops, with four descriptors for each: memory, the worker's bell,
/// the service's bell, the socket for files.
public final class EngineAttacher: QueueAttacher {
    private struct Key: Hashable {
        let client: ClientID
        let queue: UInt64
    }

    private let host: EngineHost
    private let log: @Sendable (String) -> Void
    private var attachments: [Key: AttachmentBox] = [:]
    private var delegations: [ClientID: DelegationTargets] = [:]

    /// Makes the attacher of an engine.
    ///
    /// - Parameters:
    ///   - host: whose queues are handed out.
    ///   - log: told when a process broke the rules of shared memory; any thread.
    public init(_ host: EngineHost, log: @escaping @Sendable (String) -> Void) {
        self.host = host
        self.log = log
    }

    /// Opens a queue from each loop to a client's process.
    public func attach(
        client: ClientID,
        queue id: UInt64,
        identity: PeerIdentity,
        payload: [UInt8],
        descriptors: [PassedDescriptor]
    ) throws(ControlFailure) -> (payload: [UInt8], descriptors: [PassedDescriptor]) {
        guard payload == AttachmentFormat.request, descriptors.isEmpty else {
            throw ControlFailure(.badMessage, "The service attaches version 2 of the queue transport only.")
        }
        guard let queue = host.requestQueue(id) else {
            throw ControlFailure(.notFound, "There is no queue \(id).")
        }
        let consumer = queue.remoteConsumer ?? QueueConsumer()
        let box = AttachmentBox()
        let parcel = DescriptorParcel()
        let (engine, log, delegations) = (host.engine, log, delegations[client])
        let failure = host.waiter.wait { () -> String? in
            do {
                let attachment = try await engine.openQueues(
                    for: consumer,
                    delegations: delegations,
                    deliver: { parcel.add($0) },
                    onEnd: { violation in
                        guard let violation else { return }
                        log("error: process \(identity.processID) lost its queue \(id): \(violation)")
                        box.endFromLoop()
                    }
                )
                await box.fill(attachment)
                return nil
            } catch {
                return "\(error)"
            }
        }
        if let failure {
            throw ControlFailure(.machine, "\(failure). Raise LimitNOFILE or the memory of the service.")
        }
        let passed = parcel.take()
        guard !passed.isEmpty, passed.count <= UnixSocket.descriptorsMax else {
            host.waiter.wait { await box.end() }
            throw ControlFailure(
                .unsupported,
                "The service has too many loops to attach to: set loops in [engine] to 63 or less."
            )
        }
        attachments[Key(client: client, queue: id)] = box
        if queue.remoteConsumer == nil {
            queue.attach(consumer)
            host.consumerChanged()
        }
        return (
            AttachmentFormat.answer(loopCount: passed.count / AttachmentFormat.descriptorsPerLoop), passed
        )
    }

    /// Ends a client's part of a queue: what it had taken gets 503, what waits goes to others.
    public func detach(client: ClientID, queue: UInt64) {
        guard let box = attachments.removeValue(forKey: Key(client: client, queue: queue)) else { return }
        host.waiter.wait { await box.end() }
    }

    /// Lets a client hand requests on to a queue.
    public func setDelegation(client: ClientID, number: UInt64, queue: UInt64?) {
        let targets = delegations[client] ?? DelegationTargets()
        delegations[client] = targets
        targets.set(number, queue.flatMap { host.requestQueue($0) })
    }

    /// A client has gone.
    public func endDelegations(client: ClientID) { delegations[client] = nil }

    /// Hands a client no more requests of a queue.
    public func drain(client: ClientID, queue: UInt64) {
        guard let box = attachments[Key(client: client, queue: queue)] else { return }
        host.waiter.wait { await box.drain() }
    }
}

/// An attachment that can be told to end before it is there.
private final class AttachmentBox: Sendable {
    private let state = Mutex<(attachment: QueueAttachment?, hasEnded: Bool)>((nil, false))

    func fill(_ attachment: QueueAttachment) async {
        let hasEnded = state.withLock { state in
            state.attachment = attachment
            return state.hasEnded
        }
        if hasEnded { await attachment.end() }
    }

    func end() async {
        let attachment = state.withLock { state in
            state.hasEnded = true
            return state.attachment
        }
        await attachment?.end()
    }

    /// Ends the other loops' queues too; does not wait.
    func endFromLoop() { Task.detached { await self.end() } }

    func drain() async { await state.withLock { $0.attachment }?.drain() }
}

/// Descriptors on their way from the loops' threads to the control thread.
private final class DescriptorParcel: Sendable {
    private let passed = Mutex<[PassedDescriptor]>([])

    func add(_ descriptors: consuming QueueDescriptors) {
        let (memory, workerBell, serviceBell, files) = descriptors.take()
        let new = [memory, workerBell, serviceBell, files].map { PassedDescriptor($0) }
        passed.withLock { $0 += new }
    }

    func take() -> [PassedDescriptor] {
        passed.withLock { passed in
            defer { passed = [] }
            return passed
        }
    }
}
