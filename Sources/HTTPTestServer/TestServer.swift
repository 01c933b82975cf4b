// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire
import Synchronization

/// An HTTP server in memory, so that applications are tested without sockets.
///
/// ```swift
/// let server = TestServer()
/// try await server.start(application: HandlerApplication { try await $0.response.write("hello") })
/// let response = try await server.send(TestRequest("/"))
/// ```
///
/// It parses the request's head with the parser of the engine, offers the features a cleartext or TLS
/// HTTP/1.1 connection has, and follows the same rules for responses: framing, `Content-Length` accounting,
/// HEAD and statuses without content, errors, aborts, upgrades. Routing by URL prefix, the response cache,
/// time-outs and rates are the engine's and are not here. It has no thread of its own: each request runs
/// on an actor of its own in the process's pool.
public final class TestServer: HTTPServer {
    private struct State {
        var application: (any HTTPApplication)?
        var isStopping = false
        var exchanges: [Int: TestExchange] = [:]
        var requestCount = 0
        var isDeadlinePast = false
        var stopWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private let options: TestServerOptions
    private let state = Mutex(State())

    /// Makes a server.
    public init(options: TestServerOptions = TestServerOptions()) { self.options = options }

    /// The URL prefix of the options.
    public var features: ServerFeatures { ServerFeatures(TestAddresses(addresses: [options.urlPrefix])) }

    /// How many requests are in progress.
    public var requestsInProgress: Int { state.withLock { $0.exchanges.count } }

    /// How many requests have reached the application.
    public var requestCount: Int { state.withLock { $0.requestCount } }

    /// Serves requests with `application` from now on.
    public func start(application: some HTTPApplication) async throws {
        state.withLock {
            $0.application = application
            $0.isStopping = false
            $0.isDeadlinePast = false
        }
    }

    /// Answers new requests with 503, waits for those in progress, and aborts what is left at the deadline.
    public func stop(within deadline: Duration) async {
        state.withLock { $0.isStopping = true }
        let timer = Task {
            guard (try? await Task.sleep(for: deadline)) != nil else { return }
            self.state.withLock { $0.isDeadlinePast = true }
            self.resumeStopWaiters()
        }
        await waitUntilIdle()
        timer.cancel()
        for exchange in state.withLock({ Array($0.exchanges.values) }) { await exchange.abort() }
        state.withLock { $0.application = nil }
    }

    /// Sends a request and waits for the whole response.
    ///
    /// - Throws: `TestServerError` where the server is not started.
    public func send(_ request: TestRequest) async throws -> TestResponse {
        switch try await receive(request) {
        case .exchange(let exchange): return await exchange.response()
        case .refused(let response): return response
        }
    }

    /// Sends a request and returns while it is in progress, to watch or feed it piece by piece.
    ///
    /// - Throws: `TestServerError` where the server is not started or refused the request itself.
    public func open(_ request: TestRequest) async throws -> TestExchange {
        switch try await receive(request) {
        case .exchange(let exchange): return exchange
        case .refused(let response): throw TestServerError.refused(response.statusCode)
        }
    }

    private enum Reception {
        case exchange(TestExchange)
        case refused(TestResponse)
    }

    private func receive(_ request: TestRequest) async throws -> Reception {
        let (application, isStopping) = state.withLock { ($0.application, $0.isStopping) }
        guard let application else { throw TestServerError.notStarted }
        if isStopping { return .refused(refusal(.appShutdown)) }
        let number = state.withLock {
            $0.requestCount += 1
            return $0.requestCount
        }
        do {
            let exchange = try TestExchange(request, number: number, options: options)
            state.withLock { $0.exchanges[number] = exchange }
            await exchange.begin(application) { self.ended(number) }
            return .exchange(exchange)
        } catch {
            return .refused(refusal(error))
        }
    }

    /// The response the server itself gives to a request it does not pass on.
    private func refusal(_ refusal: Refusal) -> TestResponse {
        var response = TestResponse()
        response.statusCode = Int(refusal.row.status)
        response.reasonPhrase = ReasonPhrase.standard(for: refusal.row.status).description
        response.isAborted = response.statusCode == 0
        response.headers.set(id: .contentLength, decimal: 0)
        try? response.headers.append(id: .date, value: HTTPDate(unixSeconds: options.unixSeconds()).text)
        response.keepsConnection = refusal.row.fate == .keep
        if !response.keepsConnection { try? response.headers.append(id: .connection, value: "close") }
        response.failure = String(describing: refusal)
        return response
    }

    private func ended(_ number: Int) {
        let isIdle = state.withLock {
            $0.exchanges[number] = nil
            return $0.exchanges.isEmpty
        }
        if isIdle { resumeStopWaiters() }
    }

    private func waitUntilIdle() async {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock {
                if $0.exchanges.isEmpty || $0.isDeadlinePast { return true }
                $0.stopWaiters.append(continuation)
                return false
            }
            if goesOn { continuation.resume() }
        }
    }

    private func resumeStopWaiters() {
        let waiters = state.withLock {
            let waiters = $0.stopWaiters
            $0.stopWaiters = []
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// Why a test's request went nowhere.
public enum TestServerError: Error, Equatable {
    /// `start(application:)` was not called, or the server has stopped.
    case notStarted
    /// The server answered itself, with this status; `TestServer.send(_:)` returns that response.
    case refused(Int)
}

private final class TestAddresses: ServerAddressesFeature {
    let addresses: [String]

    init(addresses: [String]) { self.addresses = addresses }
}
