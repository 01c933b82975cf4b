// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPEngine
import HTTPRingControl
import QueueTransport
import Synchronization
import URLPrefixes

/// An application's connection to the service: its queue, its URL group and the prefixes in it.
///
/// Any thread. Calls block until the service answers, a few milliseconds as a rule. Everything ends with it.
final class ServiceConnection: Sendable {
    /// What the service tells unasked.
    enum Event: Sendable {
        /// Another process takes over: finish and end.
        case drain
        /// The service wants a sign of life.
        case ping
        /// Nothing more comes; why, and what to do.
        case ended(String)
    }

    private struct Live {
        let client: ControlClient
        let queue: UInt64
        let group: UInt64
    }

    private let live: Mutex<Live>
    private let descriptor: Int32

    /// Connects, opens the queue and makes a URL group whose requests go there.
    ///
    /// - Throws: `ControlConnectionError` or `ControlFailure`, in words with the next step.
    init(queue name: String, mode: QueueOpeningMode, socket path: String, allowed: [String]) throws {
        let client = try ControlClient(path: path)
        descriptor = client.descriptor
        let opening = ControlRequest.openQueue(name: name, mode: mode, isController: false, access: allowed)
        let queue = try Self.object(opening, client)
        let group = try Self.object(.createGroup(session: try Self.object(.createSession, client)), client)
        _ = try client.perform(.bind(group: group, queue: queue))
        live = Mutex(Live(client: client, queue: queue, group: group))
    }

    private static func object(_ request: ControlRequest, _ client: ControlClient) throws -> UInt64 {
        guard case .object(let id) = try client.perform(request).answer else { throw unexpected }
        return id
    }

    private static var unexpected: EngineError {
        EngineError("The service answered something else than was asked. Use one of this program's version.")
    }

    /// Registers a prefix at the service, which checks the reservations.
    ///
    /// - Returns: the prefix as the service has it.
    func register(_ prefix: URLPrefix) throws -> URLPrefix {
        let answer = try live.withLock { live in
            try live.client.perform(.register(group: live.group, url: prefix.description)).answer
        }
        guard case .registered(let text) = answer else { throw Self.unexpected }
        return try URLPrefix(text)
    }

    /// Takes a prefix back.
    func unregister(_ prefix: URLPrefix) throws {
        try live.withLock { live in
            _ = try live.client.perform(.unregister(group: live.group, url: prefix.description))
        }
    }

    /// Asks for the right to hand requests on to other queues.
    ///
    /// - Returns: the numbers by which the transport names them.
    func delegations(to names: [String]) throws -> [String: UInt64] {
        try live.withLock { live in
            var numbers: [String: UInt64] = [:]
            for name in names { numbers[name] = try Self.object(.delegation(target: name), live.client) }
            return numbers
        }
    }

    /// Has the service hand over the queue's requests from now on.
    ///
    /// - Returns: four descriptors for each of the service's loops: memory, this side's bell, the service's, and the
    ///   socket for files.
    func attach() throws -> [PassedDescriptor] {
        let (answer, descriptors) = try live.withLock { live in
            try live.client.perform(.attach(queue: live.queue, payload: AttachmentFormat.request))
        }
        guard case .attached(let payload) = answer,
            AttachmentFormat.loopCount(payload, descriptorCount: descriptors.count) != nil
        else { throw Self.unexpected }
        return descriptors
    }

    /// Has the service hand nothing more over; when it returns, what comes is in shared memory already.
    func drain() throws {
        try live.withLock { live in _ = try live.client.perform(.drain(queue: live.queue)) }
    }

    /// Says that this process is alive.
    func pong() throws {
        try live.withLock { live in _ = try live.client.perform(.pong(queue: live.queue)) }
    }

    /// Has a thread wait for what the service tells, until the connection ends.
    func watch(_ told: @escaping @Sendable (Event) -> Void) {
        live.withLock { live in
            live.client.onEvent = { event, _ in
                switch event {
                case .drain: told(.drain)
                case .ping: told(.ping)
                case .queueClosed: told(.ended("The service closed the queue; see 'httpring show queue'."))
                case .demandStart: break
                }
            }
        }
        BlockingThread.run { [self] in
            while true {
                var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&entry, 1, -1) > 0 else { continue }
                do {
                    try readEvents()
                } catch {
                    told(.ended("\(error)"))
                    return
                }
            }
        }
    }

    private func readEvents() throws {
        try live.withLock { live in
            // What woke the thread may have been the answer to somebody who held the lock.
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 0) > 0 || live.client.hasUnreadMessage else { return }
            repeat { try live.client.readEvents() } while live.client.hasUnreadMessage
        }
    }

    /// Ends the connection; the service takes back all that was made over it.
    func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
