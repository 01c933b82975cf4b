// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPRingControl
import Logging
import QueueTransport
import Synchronization
import URLPrefixes

// A server whose engine runs in the service.
extension HTTPRingServer {
    /// Registers the prefixes over a connection to the service and serves its queue.
    func attach(_ connection: ServiceConnection, delegatesTo targets: [String]) async throws {
        do {
            guard options.endpoints.isEmpty else {
                throw EngineError("The service owns the ports: leave the options' `endpoints` empty.")
            }
            for (index, prefix) in prefixes.enumerated() {
                try await register(prefix, connection, group(ofPrefix: index))
            }
            let delegations = try connection.delegations(to: targets)
            let passed = try connection.attach()
            let registrations = attached.withLock { $0.registrations }
            let count = AttachmentFormat.descriptorsPerLoop
            for loop in 0..<passed.count / count {
                let descriptors = QueueDescriptors(
                    memory: passed[loop * count].take(),
                    workerBell: passed[loop * count + 1].take(),
                    serviceBell: passed[loop * count + 2].take(),
                    files: passed[loop * count + 3].take()
                )
                try await engine.serveQueue(
                    descriptors,
                    onLoop: loop,
                    registrations: registrations,
                    delegations: delegations
                ) { [ending] violation in
                    guard let violation else { return }
                    ending.yield(EngineError("The service broke its queue: \(violation)."))
                }
            }
        } catch {
            connection.close()
            throw error
        }
        attached.withLock { $0.connection = connection }
        let engine = engine
        connection.watch { [ending] event in
            switch event {
            case .drain: ending.yield(nil)
            case .ping:
                Task.detached {
                    // A loop that a handler blocks has no turn: then there is no answer.
                    await engine.visitLoops()
                    // The answer waits for the service, on no thread of Swift's pool. A lost connection says so itself.
                    BlockingThread.run { try? connection.pong() }
                }
            case .ended(let why): ending.yield(EngineError(why))
            }
        }
    }

    /// Registers a prefix at the service and serves what comes below it.
    @discardableResult
    func register(
        _ prefix: URLPrefix,
        _ connection: ServiceConnection,
        _ group: URLGroup
    ) async throws -> URLPrefix {
        // Known before the first request comes, unless the service chooses the port.
        if prefix.port != 0 { await serve(prefix, group) }
        do {
            let bound = try connection.register(prefix)
            if bound != prefix { await serve(bound, group) }
            serverAddresses.add(bound.description)
            return bound
        } catch {
            await serveNoLonger(prefix)
            throw error
        }
    }

    private func serve(_ prefix: URLPrefix, _ group: URLGroup) async {
        let registration = QueueRegistration(prefix: prefix, group: group)
        let all = attached.withLock { attached in
            attached.registrations[QueueRegistration.number(of: prefix)] = registration
            return attached.registrations
        }
        await engine.setQueueRegistrations(all)
    }

    /// Forgets a prefix; what is on its way below it gets 503.
    func serveNoLonger(_ prefix: URLPrefix) async {
        let all = attached.withLock { attached in
            attached.registrations[QueueRegistration.number(of: prefix)] = nil
            return attached.registrations
        }
        await engine.setQueueRegistrations(all)
    }

    /// Takes no more requests from the service and lets those in progress end.
    func drainQueue(within deadline: Duration) async {
        guard let connection = attached.withLock({ $0.connection }) else { return }
        do {
            try connection.drain()
            await engine.finishQueues(within: deadline)
        } catch {
            logger.warning(
                "the service is gone before the queue was drained",
                metadata: ["error": "\(error)"]
            )
        }
    }

    /// Ends the connection to the service, if there is one.
    func detach() { attached.withLock { $0.connection.take() }?.close() }
}

/// What a server has at the service.
struct AttachedState: Sendable {
    var connection: ServiceConnection?
    var registrations: [UInt64: QueueRegistration] = [:]
}
