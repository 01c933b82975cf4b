// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import QueueTransport
import TestKit
import Testing
import URLPrefixes

@testable import HTTPEngine

/// An engine whose request queue is served by a second engine, through shared memory.
final class QueueServer: Sendable {
    let engine: Engine
    let queue: RequestQueue
    let consumer = QueueConsumer()
    let port: UInt16
    let events = Notes()
    private let prefix: URLPrefix
    private let options: EngineOptions

    private init(_ options: EngineOptions) async throws {
        self.options = options
        engine = try Engine(options: options)
        queue = RequestQueue(name: "test")
        queue.attach(consumer)
        try engine.start()
        let group = URLGroup(session: ServerSession(), queue: queue, maxRequestBodySize: nil)
        prefix = try await engine.register(
            URLPrefix("http://localhost:0/", allowingPortZero: true),
            group: group
        )
        port = prefix.port
    }

    /// A worker's engine, connected.
    func addWorker(
        creditMax: Int = 256,
        geometry: QueueGeometry? = nil,
        delegations: DelegationTargets? = nil,
        names: [String: UInt64] = [:],
        handler: @escaping TestEngine.Handler
    ) async throws -> QueuePair {
        let consumer = QueueHandler(handler)
        let pair = try QueuePair(options, scheduling: .loop, events: events, consumer)
        try await pair.connect(
            engine,
            self.consumer,
            [prefix],
            timeouts: options.timeouts,
            maxRequestBodySize: nil,
            geometry: geometry,
            creditMax: creditMax,
            delegations: delegations,
            names: names
        )
        return pair
    }

    /// Another queue, with a prefix on a port of its own.
    func addQueue(_ path: String) async throws -> (queue: RequestQueue, prefix: URLPrefix) {
        let queue = RequestQueue(name: path)
        queue.attach(QueueConsumer())
        let group = URLGroup(session: ServerSession(), queue: queue, maxRequestBodySize: nil)
        let prefix = try URLPrefix("http://localhost:0\(path)", allowingPortZero: true)
        return (queue, try await engine.register(prefix, group: group))
    }

    /// A worker's engine for another queue.
    func addWorker(
        to other: (queue: RequestQueue, prefix: URLPrefix),
        delegations: DelegationTargets? = nil,
        names: [String: UInt64] = [:],
        handler: @escaping TestEngine.Handler
    ) async throws -> QueuePair {
        guard let consumer = other.queue.remoteConsumer else { throw HandlerFailure() }
        let pair = try QueuePair(options, scheduling: .loop, events: events, QueueHandler(handler))
        try await pair.connect(
            engine,
            consumer,
            [other.prefix],
            timeouts: options.timeouts,
            maxRequestBodySize: nil,
            delegations: delegations,
            names: names
        )
        return pair
    }

    /// A worker that is offered so many requests and takes none unless the test has it do so.
    func addIdleWorker(
        credit: Int = 64,
        geometry: QueueGeometry? = nil,
        delegations: DelegationTargets? = nil
    ) async throws -> (end: WorkerEnd, attachment: QueueAttachment) {
        let box = DescriptorBox()
        let attachment = try await engine.openQueues(
            for: consumer,
            geometry: geometry,
            delegations: delegations,
            deliver: { box.append($0) },
            onEnd: { [events] in if let violation = $0 { events.add("\(violation.code)") } }
        )
        guard let descriptors = box.take() else { throw HandlerFailure() }
        let end = try WorkerEnd(descriptors)
        try end.receive { _ in }
        end.offer(credit)
        end.publish()
        return (end, attachment)
    }

    /// Waits until so many requests have been handed to workers, and none waits.
    func hasHandedOver(_ count: Int) -> Bool {
        eventually { engine.statistics.requestsInProgress == count && queue.waitingCount == 0 }
    }

    func client() throws -> Client { try Client(port: port) }

    func get(_ target: String, _ fields: String...) -> String {
        "GET \(target) HTTP/1.1\r\nHost: localhost:\(port)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    /// Runs an engine without a worker while `body` runs on a thread of its own.
    static func run(
        _ options: EngineOptions = EngineOptions(),
        _ body: @Sendable (QueueServer) async throws -> Void
    ) async throws {
        var options = options
        options.loopCount = 1
        let server = try await QueueServer(options)
        let thread = TestThread()
        defer { thread.end() }
        do {
            try await withTaskExecutorPreference(thread) { @concurrent in try await body(server) }
        } catch {
            await server.engine.stop(within: .zero)
            throw error
        }
        let isQuiet = await withTaskExecutorPreference(thread) { @concurrent in
            eventually { server.engine.statistics.requestsInProgress == 0 }
        }
        #expect(isQuiet, "requests are in progress after the test")
        #expect(server.queue.waitingCount == 0)
        await server.engine.stop(within: .zero)
    }
}

/// Answers a worker's requests with a handler.
private final class QueueHandler: RequestConsumer {
    private let handler: TestEngine.Handler

    init(_ handler: @escaping TestEngine.Handler) { self.handler = handler }

    func consume(_ exchange: Exchange) async {
        let context = HTTPContext(features: exchange.features)
        do {
            try await handler(context)
            await exchange.finishHandler(nil)
        } catch {
            await exchange.finishHandler(error)
        }
    }
}
