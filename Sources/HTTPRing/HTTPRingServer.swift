// SPDX-License-Identifier: Apache-2.0

import Glibc
public import HTTPEngine
public import HTTPFeatures
import HTTPSecure
import IORing
public import Logging
public import ServiceLifecycle
import Synchronization
import URLPrefixes
import UnixSignals

/// An HTTP server: an application behind one request queue of the engine, in this process or in the service.
///
/// ```swift
/// try await HTTPRingServer(urlPrefixes: ["http://*:8080/"]).run { context in
///     try await context.response.write("Hello, World!")
/// }
/// ```
public final class HTTPRingServer: HTTPServer {
    /// What the server was made with.
    public let options: HTTPRingServerOptions
    let engine: Engine
    let host: HTTPRingHost
    private let tls: TLSServerContext?
    private let queue: RequestQueue
    let group: URLGroup
    private let ruledGroups: [URLGroup]
    let prefixes: [URLPrefix]
    let serverAddresses: ServerAddresses
    let logger: Logger
    let attached = Mutex(AttachedState())
    /// Why the server should stop by itself: an error, or `nil` where another process takes over.
    let endings: AsyncStream<EngineError?>
    let ending: AsyncStream<EngineError?>.Continuation
    private let state = Mutex(State.new)
    private let tasks = Mutex<[Task<Void, Never>]>([])

    private enum State { case new, started, stopped }

    /// Makes a server; nothing is opened until it starts.
    ///
    /// - Parameters:
    ///   - urlPrefixes: what to serve; replaces the options' own list unless empty.
    ///   - host: where the engine runs; replaces the options' own unless `nil`.
    ///   - options: everything else.
    ///   - logger: where handler errors and start and stop are told.
    /// - Throws: `URLPrefixError` for a prefix that is none, with a valid example.
    public init(
        urlPrefixes: [String] = [],
        host: HTTPRingHost? = nil,
        options: HTTPRingServerOptions = HTTPRingServerOptions(),
        logger: Logger = Logger(label: "httpring")
    ) throws {
        var options = options
        if !urlPrefixes.isEmpty { options.urlPrefixes = urlPrefixes }
        if options.urlPrefixes.isEmpty, options.prefixRules.isEmpty {
            options.urlPrefixes = HTTPRingServer.prefixesOfEnvironment()
        }
        let host = host ?? options.host ?? .ofEnvironment
        options.host = host
        self.host = host
        (endings, ending) = AsyncStream.makeStream()
        if options.urlPrefixes.isEmpty, options.prefixRules.isEmpty, options.endpoints.isEmpty {
            options.urlPrefixes = ["http://localhost:5000/"]
        }
        self.options = options
        self.logger = logger
        let ruled = options.prefixRules.map(\.text)
        prefixes = try (options.urlPrefixes + ruled).map { try URLPrefix($0, allowingPortZero: true) }
        for prefix in prefixes where prefix.scheme == .https {
            guard options.tls == nil, host == .embedded else { break }
            throw EngineError("\(prefix): an https prefix needs certificates; set the options' `tls`")
        }
        var engineOptions = options.engineOptions
        engineOptions.tls = try options.tls.map { try TLSServerContext($0) }
        tls = engineOptions.tls
        for warning in tls?.warnings ?? [] { logger.warning("\(warning)") }
        engine = try Engine(options: engineOptions) { HTTPRingServer.log($0, logger) }
        queue = RequestQueue(
            name: "embedded",
            lengthMax: options.requestQueueLimit,
            concurrencyMax: options.maxConcurrentRequests,
            verbosity: options.http503Verbosity,
            scheduling: options.handlerScheduling
        )
        let session = ServerSession(timeouts: options.timeouts)
        group = URLGroup(
            session: session,
            queue: queue,
            maxRequestBodySize: options.limits.maxRequestBodySize
        )
        ruledGroups = HTTPRingServer.groups(of: options, session, queue)
        serverAddresses = ServerAddresses()
    }

    /// A URL group for each prefix that has rules of its own.
    private static func groups(
        of options: HTTPRingServerOptions,
        _ session: ServerSession,
        _ queue: RequestQueue
    ) -> [URLGroup] {
        options.prefixRules.map { rule in
            var own = HTTPRingGroupOptions(
                timeouts: options.timeouts,
                maxRequestBodySize: options.limits.maxRequestBodySize
            )
            rule.configure(&own)
            return URLGroup(
                session: session,
                queue: queue,
                timeouts: own.timeouts,
                maxRequestBodySize: own.maxRequestBodySize,
                maxConcurrentUpgradedConnections: own.maxConcurrentUpgradedConnections
            )
        }
    }

    /// The URL group of a prefix by its place in `prefixes`: those with rules of their own come last.
    func group(ofPrefix index: Int) -> URLGroup {
        let place = index - options.urlPrefixes.count
        return place >= 0 && place < ruledGroups.count ? ruledGroups[place] : group
    }

    private static func prefixesOfEnvironment() -> [String] {
        guard let value = getenv("HTTPRING_URLS") else { return [] }
        return String(cString: value).split(separator: ";").map { String($0) }.filter { !$0.isEmpty }
    }

    private static func log(_ event: EngineEvent, _ logger: Logger) {
        switch event {
        case .handlerFailed(let error as BadHTTPRequestError, let request):
            // The peer's fault, and it has been told.
            logger.debug("a request was refused", metadata: ["request": "\(request)", "error": "\(error)"])
        case .handlerFailed(let error, let request):
            logger.error(
                "the handler of a request failed",
                metadata: ["request": "\(request)", "error": "\(error)"]
            )
        case .acceptPaused(let endpoint, let errno):
            logger.warning(
                "accepting connections rests for lack of resources",
                metadata: ["endpoint": "\(endpoint)", "error": "\(String(cString: strerror(errno)))"]
            )
        }
    }

    // MARK: HTTPServer

    /// The prefixes served, with real ports once the server has started.
    public var features: ServerFeatures { ServerFeatures(serverAddresses) }

    /// Counters of the server, summed over its loops.
    public var statistics: HTTPRingStatistics { engine.statistics }

    /// Starts the loops, registers the prefixes and listens.
    ///
    /// - Throws: where io_uring is refused, an address can't be had, or the service can't be reached or refuses, in
    ///   words with the next step; nothing is left open then. A server starts once.
    public func start(application: some HTTPApplication) async throws {
        let isNew = state.withLock { state in
            guard state == .new else { return false }
            state = .started
            return true
        }
        guard isNew else { throw EngineError("the server has been started before; make another one") }
        if let application = application as? HandlerApplication {
            queue.attach(HandlerConsumer(handler: application.handler))
        } else {
            queue.attach(ApplicationConsumer(application: application))
        }
        try engine.start()
        do {
            switch host {
            case .embedded:
                for (index, prefix) in prefixes.enumerated() {
                    let bound = try await engine.register(prefix, group: group(ofPrefix: index))
                    serverAddresses.add(bound.description)
                }
                for endpoint in options.endpoints { try listen(endpoint) }
            case .service(let queue, let mode, let socket, let allowed, let targets):
                let connection = try ServiceConnection(
                    queue: queue,
                    mode: mode.opening,
                    socket: socket ?? HTTPRingHost.standardSocket,
                    allowed: allowed
                )
                try await attach(connection, delegatesTo: targets)
            }
        } catch {
            await engine.stop(within: .zero)
            throw error
        }
        startMetrics()
        startReloading()
        startRotatingTicketKeys()
        logger.debug("serving", metadata: ["prefixes": "\(serverAddresses.addresses)"])
    }

    private func startMetrics() {
        guard let interval = options.metricsInterval else { return }
        let task = Task.detached { [weak self] in
            var metrics = ServerMetrics()
            while !Task.isCancelled {
                guard let statistics = self?.engine.statistics else { return }
                metrics.report(statistics)
                try? await Task.sleep(for: interval)
            }
        }
        tasks.withLock { $0.append(task) }
    }

    private func startReloading() {
        guard let tls, let interval = options.certificateReloadInterval else { return }
        let logger = logger
        let task = Task.detached {
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                HTTPRingServer.reload(tls, logger)
            }
        }
        tasks.withLock { $0.append(task) }
    }

    /// Has the keys of session tickets replaced when they are due.
    private func startRotatingTicketKeys() {
        guard let keys = tls?.ticketKeys else { return }
        let logger = logger
        let task = Task.detached {
            let start = ContinuousClock.now
            while !Task.isCancelled {
                do {
                    try keys.rotateIfDue(now: start.duration(to: .now))
                } catch {
                    logger.error("keys of session tickets stay as they are", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: .seconds(60))
            }
        }
        tasks.withLock { $0.append(task) }
    }

    private static func reload(_ tls: TLSServerContext, _ logger: Logger) {
        do {
            guard try tls.reload() else { return }
            logger.notice("certificates were reloaded")
            for warning in tls.warnings { logger.warning("\(warning)") }
        } catch {
            logger.error("certificates stay as they are", metadata: ["error": "\(error)"])
        }
    }

    private func listen(_ endpoint: HTTPRingEndpoint) throws {
        switch endpoint.kind {
        case .unixSocket(let path, let mode, let expectsProxyHeader):
            try engine.listen(
                unixSocket: path,
                mode: mode,
                scheme: .http,
                port: endpoint.port,
                expectsProxyHeader: expectsProxyHeader,
                configure: endpoint.configure
            )
        case .inherited(let name):
            for listener in try Listener.inherited() where name == nil || listener.name == name {
                let port = endpoint.port == 0 ? listener.address.port : endpoint.port
                engine.listen(
                    listener,
                    scheme: .http,
                    port: port == 0 ? 80 : port,
                    configure: endpoint.configure
                )
            }
        }
    }

    /// Stops: takes no new connection, lets requests in progress finish, closes the rest at the deadline.
    public func stop(within deadline: Duration) async {
        let isStarted = state.withLock { state in
            guard state == .started else { return false }
            state = .stopped
            return true
        }
        guard isStarted else { return }
        let start = ContinuousClock.now
        await drainQueue(within: deadline)
        await engine.stop(within: max(.zero, deadline - (ContinuousClock.now - start)))
        detach()
        let ending = tasks.withLock { $0 }
        for task in ending { task.cancel() }
        // What they hold of OpenSSL must go before the process ends, which tears OpenSSL down.
        for task in ending { await task.value }
    }

    // MARK: Prefixes while running

    /// Serves another prefix from now on.
    ///
    /// - Returns: the prefix in full form, with its real port.
    /// - Throws: `URLPrefixError`, `PrefixTableError` where it is taken, or `IORingError` where its port is.
    @discardableResult
    public func addPrefix(_ text: String) async throws -> String {
        let prefix = try URLPrefix(text, allowingPortZero: true)
        if let connection = attached.withLock({ $0.connection }) {
            return try await register(prefix, connection, group).description
        }
        let bound = try await engine.register(prefix, group: group)
        serverAddresses.add(bound.description)
        return bound.description
    }

    /// Serves a prefix no longer; requests in progress go on.
    ///
    /// - Returns: whether it was served.
    @discardableResult
    public func removePrefix(_ text: String) async throws -> Bool {
        let prefix = try URLPrefix(text)
        if let connection = attached.withLock({ $0.connection }) {
            guard serverAddresses.addresses.contains(prefix.description) else { return false }
            try connection.unregister(prefix)
            await serveNoLonger(prefix)
        } else {
            guard await engine.unregister(prefix) else { return false }
        }
        serverAddresses.remove(prefix.description)
        return true
    }

    /// Removes stored responses: one URL, a URL and all below it, or everything.
    ///
    /// - Returns: how many were removed.
    @discardableResult
    public func flushResponseCache(url: String? = nil, recursive: Bool = false) throws -> Int {
        try engine.flushCache(url: url, recursive: recursive)
    }

    /// Reads the files of certificates again; connections that exist are not touched.
    ///
    /// Blocking.
    ///
    /// - Returns: whether anything had changed.
    /// - Throws: `TLSConfigurationError`, which names the file; everything stays as it was then.
    @discardableResult
    public func reloadCertificates() throws -> Bool { try tls?.reload() ?? false }

    /// Writes out what the logs hold.
    public func flushLogs() { engine.flushLogs() }

    // MARK: Running

    /// Serves until SIGTERM or SIGINT comes or the task is cancelled, then stops gracefully.
    ///
    /// A server attached to the service also stops where the service wants another process in its place.
    ///
    /// - Parameters:
    ///   - onReady: called once with the prefixes served, when every listener accepts.
    ///   - handler: answers one request.
    /// - Throws: what `start(application:)` throws; `EngineError` where the service went away.
    public func run(
        onReady: (@Sendable ([String]) -> Void)? = nil,
        _ handler: @escaping HandlerApplication.Handler
    ) async throws {
        try await run(application: HandlerApplication(handler), onReady: onReady)
    }

    /// Serves an application until SIGTERM or SIGINT comes or the task is cancelled.
    public func run(
        application: some HTTPApplication,
        onReady: (@Sendable ([String]) -> Void)? = nil
    ) async throws {
        // Trapped before anything listens, so that no signal ends the process half started.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        signal(SIGPIPE, SIG_IGN)
        try await start(application: application)
        onReady?(serverAddresses.addresses)
        let forwarding = Task { [ending] in for await _ in signals { ending.yield(nil) } }
        var failure: EngineError?
        for await reason in endings {
            failure = reason
            break
        }
        forwarding.cancel()
        await stop(within: options.shutdownTimeout)
        if let failure { throw failure }
    }

    /// The server as a service of a swift-service-lifecycle group.
    public func service(_ handler: @escaping HandlerApplication.Handler) -> some Service {
        HTTPRingService(server: self, application: HandlerApplication(handler))
    }
}

/// Serves until its group shuts down gracefully.
struct HTTPRingService<Application: HTTPApplication>: Service {
    let server: HTTPRingServer
    let application: Application

    func run() async throws {
        try await server.start(application: application)
        var failure: EngineError?
        for await reason in server.endings.cancelOnGracefulShutdown() {
            failure = reason
            break
        }
        await server.stop(within: server.options.shutdownTimeout)
        if let failure { throw failure }
    }
}

/// The addresses of a server, for other threads.
final class ServerAddresses: ServerAddressesFeature {
    private let list = Mutex<[String]>([])

    var addresses: [String] { list.withLock { $0 } }

    func add(_ address: String) { list.withLock { $0.append(address) } }
    func remove(_ address: String) { list.withLock { list in list.removeAll { $0 == address } } }
}
