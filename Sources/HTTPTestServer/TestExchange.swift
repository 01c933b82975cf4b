// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// One request in progress, from the client's side.
///
/// Its actor stands for the event loop: the handler runs on it, and so do these calls, so that a client
/// only ever sees a handler that waits. What a handler wrote before it waited has left by then.
public actor TestExchange {
    private let transport: TestTransport
    private let features: ExchangeFeatures
    private var handler: Task<Void, Never>?
    private var hasEnded = false
    private var endWaiters: [CheckedContinuation<Void, Never>] = []

    /// Parses the request's head and hands its content to the transport.
    ///
    /// - Throws: what the parser or the path rules refuse.
    init(_ request: TestRequest, number: Int, options: TestServerOptions) throws(Refusal) {
        let bytes = request.headBytes
        var head = RequestHead()
        switch head.parse(bytes.span, limits: HeadLimits()) {
        case .complete: break
        case .incomplete: throw .requestLineMalformed
        case .refused(let refusal, _): throw refusal
        }
        let facts = try RequestFacts(
            head: head,
            headBytes: bytes,
            scheme: options.tls == nil ? "http" : "https",
            urlPrefix: options.urlPrefix
        )
        let transport = TestTransport()
        TestExchange.bringContent(of: request, hasContent: head.hasContent, to: transport)
        self.transport = transport
        features = ExchangeFeatures(request: facts, number: number, options: options, transport: transport)
    }

    private static func bringContent(of request: TestRequest, hasContent: Bool, to transport: TestTransport) {
        switch request.content {
        case .none: transport.arriveEnd(trailers: FieldSection())
        case .whole(let bytes):
            transport.arrive(bytes)
            transport.arriveEnd(trailers: FieldSection())
        case .pieces(let pieces):
            for piece in pieces { transport.arrive(piece) }
            transport.arriveEnd(trailers: section(request.trailers))
        case .open: if !hasContent { transport.arriveEnd(trailers: FieldSection()) }
        }
    }

    private static func section(_ lines: [(name: String, value: String)]) -> FieldSection {
        var section = FieldSection()
        for (name, value) in lines { try? section.append(name: name, value: value) }
        return section
    }

    // MARK: the application

    /// Has the application process the request, in a task of its own on this actor.
    func begin(_ application: some HTTPApplication, onEnd: @escaping @Sendable () -> Void) {
        let task = Task {
            await self.run(application)
            onEnd()
        }
        handler = task
        features.cancelHandler = { task.cancel() }
    }

    private func run(_ application: some HTTPApplication) async {
        let collection = features.makeCollection()
        let context = application.createContext(features: collection)
        var failure: (any Error)?
        do {
            try await application.process(context)
            try features.finish()
        } catch {
            failure = error
            features.fail(error)
        }
        features.runCompletedActions()
        application.dispose(context, error: failure)
        collection.detach()
        features.cancelHandler = nil
        hasEnded = true
        for waiter in endWaiters { waiter.resume() }
        endWaiters = []
    }

    // MARK: the client

    /// Sends a piece of the request's content, or of the new protocol after a 101.
    public func send(_ bytes: [UInt8]) { transport.arrive(bytes) }

    /// Sends text as UTF-8.
    public func send(_ text: String) { transport.arrive(Array(text.utf8)) }

    /// Ends the request's content, or this side of the connection after a 101.
    public func finish(trailers: [(name: String, value: String)] = []) {
        transport.arriveEnd(trailers: TestExchange.section(trailers))
    }

    /// The client goes away: its connection ends and the handler's task is cancelled.
    public func disconnect() { features.abort() }

    /// What happens next, once it has; `nil` when the response is over and its end has been taken.
    public func next() async -> TestResponseEvent? {
        while true {
            features.releaseGathered()
            if let event = transport.takeEvent() { return event }
            if transport.isFinished { return nil }
            await transport.waitForEvent()
        }
    }

    /// Takes content until at least `byteCount` bytes have come, or the response is over.
    public func content(atLeast byteCount: Int) async -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < byteCount, let event = await next() {
            if case .content(let piece) = event { bytes.append(contentsOf: piece) }
        }
        return bytes
    }

    /// Takes all that is left of the response, once it is over and the handler has ended.
    ///
    /// Content is taken as it comes, so that no write waits for this client.
    public func response() async -> TestResponse {
        await withTaskCancellationHandler {
            await transport.waitForFinish()
            if !hasEnded { await withCheckedContinuation { endWaiters.append($0) } }
        } onCancel: {
            Task { await self.disconnect() }
        }
        var response = TestResponse()
        while let event = transport.takeEvent() { response.apply(event) }
        response.keepsConnection = features.keepsConnection && !response.isAborted
        response.cachePolicy = features.cachePolicy
        response.failure = features.failure
        return response
    }

    /// Whether the handler has returned and its context was disposed of.
    public var isOver: Bool { hasEnded }

    /// The server ends the exchange because its time is up.
    func abort() { features.abort() }
}
