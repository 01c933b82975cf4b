// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTPFeatures
import HTTPWire
import IORing
import TestKit
import Testing
import URLPrefixes

@testable import HTTPEngine

/// How a suite's engine runs its handlers; suites that must hold for each run once for each.
enum Setup: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case oneLoop
    case twoLoops
    case concurrent
    /// In a second engine behind shared memory, as another process has one.
    case queue

    var testDescription: String { rawValue }
    var loopCount: Int { self == .twoLoops ? 2 : 1 }
    var scheduling: HandlerScheduling { self == .concurrent ? .concurrent : .loop }
}

/// What a test's engine is made with.
struct TestSettings {
    var options: EngineOptions
    var prefixes = ["http://localhost:0/"]
    var queueLengthMax = 1000
    var concurrencyMax: Int?
    var verbosity = Verbosity503.limited
    var scheduling: HandlerScheduling
    var groupTimeouts: TimeoutManager?
    var maxRequestBodySize: Int64? = 30_000_000
    /// Whether the queue has an application from the start.
    var isAttached = true
    /// Whether handlers run in a second engine behind shared memory.
    var usesQueue: Bool

    init(_ setup: Setup = .oneLoop) {
        options = EngineOptions()
        options.loopCount = setup.loopCount
        scheduling = setup.scheduling
        usesQueue = setup == .queue || TestEngine.usesQueue
    }
}

/// An engine on loopback, with one queue and one handler.
final class TestEngine: Sendable {
    typealias Handler = @Sendable (HTTPContext) async throws -> Void

    let engine: Engine
    let queue: RequestQueue
    let group: URLGroup
    let port: UInt16
    let events: Notes
    private let handler: Handler
    private let pair: QueuePair?
    /// Whether the handlers of every test run in a second engine, so that every suite tests the queue, too.
    static let usesQueue = getenv("HTTPRING_TEST_QUEUE") != nil
    /// Whether this one's do.
    var usesQueue: Bool { pair != nil }

    private init(_ settings: TestSettings, _ handler: @escaping Handler) async throws {
        let events = Notes()
        self.events = events
        self.handler = handler
        engine = try Engine(options: settings.options) { event in
            switch event {
            case .handlerFailed(let error, _): events.add("handlerFailed: \(error)")
            case .acceptPaused(_, let code): events.add("acceptPaused: \(code)")
            }
        }
        queue = RequestQueue(
            name: "test",
            lengthMax: settings.queueLengthMax,
            concurrencyMax: settings.concurrencyMax,
            verbosity: settings.verbosity,
            scheduling: settings.scheduling
        )
        let session = ServerSession(timeouts: settings.options.timeouts)
        group = URLGroup(
            session: session,
            queue: queue,
            timeouts: settings.groupTimeouts,
            maxRequestBodySize: settings.maxRequestBodySize
        )
        let remote = QueueConsumer()
        if settings.isAttached, settings.usesQueue {
            pair = try QueuePair(
                settings.options,
                scheduling: settings.scheduling,
                events: events,
                TestConsumer(handler: handler)
            )
            queue.attach(remote)
        } else {
            pair = nil
            if settings.isAttached { queue.attach(TestConsumer(handler: handler)) }
        }
        try engine.start()
        var port: UInt16 = 0
        do {
            for text in settings.prefixes {
                var prefix = try URLPrefix(text, allowingPortZero: true)
                if prefix.port == 0 { prefix = prefix.withPort(port) }
                port = try await engine.register(prefix, group: group).port
            }
        } catch {
            await engine.stop(within: .zero)
            throw error
        }
        self.port = port
        if let pair {
            try await pair.connect(
                engine,
                remote,
                engine.registeredPrefixes,
                timeouts: settings.options.timeouts,
                maxRequestBodySize: settings.maxRequestBodySize
            )
        }
    }

    /// Registers another prefix for the group.
    @discardableResult
    func register(_ prefix: URLPrefix) async throws -> URLPrefix {
        // Whoever answers knows of it before the first request comes, unless the port is chosen here.
        if prefix.port != 0 { await pair?.serve(prefix) }
        let bound = try await engine.register(prefix, group: group)
        if bound != prefix { await pair?.serve(bound) }
        return bound
    }

    /// Attaches the handler to the queue.
    func attach() async {
        queue.attach(TestConsumer(handler: handler))
        await engine.publishRoutes()
    }

    /// Runs an engine while `body` runs on a thread of its own; afterwards nothing may be left of it.
    static func run(
        _ settings: TestSettings = TestSettings(),
        handler: @escaping Handler,
        _ body: @Sendable (TestEngine) async throws -> Void
    ) async throws {
        let server = try await TestEngine(settings, handler)
        let thread = TestThread()
        defer { thread.end() }
        do {
            try await withTaskExecutorPreference(thread) { @concurrent in try await body(server) }
        } catch {
            await server.engine.stop(within: .zero)
            await server.pair?.stop()
            throw error
        }
        let isQuiet = await withTaskExecutorPreference(thread) { @concurrent in
            eventually { server.statistics.requestsInProgress == 0 }
        }
        #expect(isQuiet, "requests are in progress after the test: \(server.statistics)")
        #expect(server.queue.waitingCount == 0)
        #expect(server.queue.inProgressCount == 0)
        await server.engine.stop(within: .seconds(1))
        await server.pair?.stop()
        if let pair = server.pair { #expect(pair.violations.all == []) }
    }

    var statistics: EngineStatistics { engine.statistics }

    func client() throws -> Client { try Client(port: port) }

    /// The status a new connection gets for a request.
    func status(of request: String) throws -> Int { try client().exchange(request).status }

    /// A request with the Host field that every test's default prefix has.
    func get(_ target: String = "/", _ fields: String...) -> String {
        "GET \(target) HTTP/1.1\r\nHost: localhost:\(port)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    /// A request with content of known length.
    func post(_ target: String = "/", _ fields: String..., body: String = "") -> String {
        "POST \(target) HTTP/1.1\r\nHost: localhost:\(port)\r\nContent-Length: \(body.utf8.count)\r\n"
            + fields.map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    /// The head of a request whose content is chunked.
    func chunkedHead(_ target: String = "/", _ fields: String...) -> String {
        "POST \(target) HTTP/1.1\r\nHost: localhost:\(port)\r\nTransfer-Encoding: chunked\r\n"
            + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }
}

/// Answers with a handler, keeping the context for the next request as an embedded host does.
private final class TestConsumer: RequestConsumer {
    private let handler: TestEngine.Handler

    init(handler: @escaping TestEngine.Handler) { self.handler = handler }

    func consume(_ exchange: Exchange) async {
        let context: HTTPContext
        if let kept = exchange.features.reusable as? HTTPContext {
            context = kept
        } else {
            context = HTTPContext(features: exchange.features)
            exchange.features.reusable = context
        }
        do {
            try await handler(context)
            await exchange.finishHandler(nil)
        } catch {
            await exchange.finishHandler(error)
        }
        context.recycle()
    }
}

/// All engine suites, one test at a time: they share processors, and some measure time.
@Suite("engine", .serialized, .timeLimit(.minutes(1)))
enum EngineSuites {}
