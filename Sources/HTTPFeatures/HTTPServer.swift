// SPDX-License-Identifier: Apache-2.0

/// What runs behind a server: makes a context for each request, processes it, disposes of it.
///
/// A server calls the three in order for each request, on the executor the request belongs to.
/// `createContext` may return the object it finds in `features.reusable` to save an allocation.
public protocol HTTPApplication<Context>: Sendable {
    /// What the application works with while it processes one request.
    associatedtype Context

    /// Makes the context of a request.
    ///
    /// - Parameter features: the request's features, valid until `dispose` returns.
    /// - Returns: what `process` gets.
    func createContext(features: FeatureCollection) -> Context

    /// Processes a request. The response is completed by the server when this returns.
    ///
    /// - Throws: anything; the client gets 500 (or a `BadHTTPRequestError`'s status) where nothing was sent.
    func process(_ context: Context) async throws

    /// Lets go of a context after its response has ended.
    ///
    /// - Parameters:
    ///   - context: what `createContext` made.
    ///   - error: what `process` threw, if it did.
    func dispose(_ context: Context, error: (any Error)?)
}

/// A server of HTTP: takes requests from somewhere and has an application answer them.
public protocol HTTPServer: AnyObject, Sendable {
    /// Features of the server itself, such as `ServerAddressesFeature`.
    var features: ServerFeatures { get }

    /// Starts serving requests with `application` and returns once they can arrive.
    ///
    /// - Throws: where an address can't be had or the environment refuses something; nothing is left open.
    func start(application: some HTTPApplication) async throws

    /// Stops: takes no new connection, lets requests in progress finish, closes the rest at the deadline.
    ///
    /// - Parameter deadline: how long requests in progress may take.
    func stop(within deadline: Duration) async
}

extension HTTPServer {
    /// The addresses the server listens on; empty where it has none.
    public var addresses: [String] { features[(any ServerAddressesFeature).self]?.addresses ?? [] }
}

/// The features of a server, found by their type.
///
/// Any thread.
public struct ServerFeatures: Sendable {
    private let all: [any Sendable]

    /// Makes a collection of objects that conform to feature protocols.
    public init(_ features: any Sendable...) { all = features }

    /// The feature of a type, `nil` where the server has none.
    ///
    /// Cost: a cast for each feature it has.
    ///
    /// - Parameter type: the feature protocol, such as `(any ServerAddressesFeature).self`.
    public subscript<Feature>(_ type: Feature.Type) -> Feature? {
        for feature in all { if let feature = feature as? Feature { return feature } }
        return nil
    }
}

/// An application made of one handler.
public struct HandlerApplication: HTTPApplication {
    /// Answers one request.
    public typealias Handler = nonisolated(nonsending) @Sendable (HTTPContext) async throws -> Void

    /// What answers a request.
    public let handler: Handler

    /// Makes an application that calls `handler` for each request.
    public init(_ handler: @escaping Handler) { self.handler = handler }

    /// The request's context, reused with its features where no one else kept it.
    public func createContext(features: FeatureCollection) -> HTTPContext {
        if let context = features.reusable as? HTTPContext { return context }
        let context = HTTPContext(features: features)
        features.reusable = context
        return context
    }

    /// Calls the handler.
    public func process(_ context: HTTPContext) async throws { try await handler(context) }

    /// Forgets what the handler left in the context.
    public func dispose(_ context: HTTPContext, error: (any Error)?) { context.recycle() }
}
