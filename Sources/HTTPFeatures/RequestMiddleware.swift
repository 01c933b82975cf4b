// SPDX-License-Identifier: Apache-2.0

/// Answers one request.
public typealias HTTPHandler = HandlerApplication.Handler

/// A step that an application puts around its handler: it may change the request, answer it, or watch the response.
///
/// Middleware works through the request's features, so it is the same whichever server runs it. An application
/// that uses none pays nothing: the server calls its handler directly.
///
/// ```swift
/// struct NoCache: RequestMiddleware {
///     func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
///         context.response.headers[.cacheControl] = "no-cache"
///         try await next(context)
///     }
/// }
/// ```
public protocol RequestMiddleware: Sendable {
    /// Handles a request: calls `next` once, or answers by itself and does not.
    ///
    /// Runs where the handler runs. What `next` throws should be passed on, for the server answers with it.
    ///
    /// - Parameters:
    ///   - context: the request and its response.
    ///   - next: the rest of the application.
    /// - Throws: what `next` throws, or an error of its own, which the server answers as one of the handler's.
    nonisolated(nonsending) func handle(_ context: HTTPContext, next: HTTPHandler) async throws
}

extension RequestMiddleware {
    /// The handler that handles each request by this middleware, with `next` inside it.
    public func wrapping(_ next: @escaping HTTPHandler) -> HTTPHandler {
        { context in try await self.handle(context, next: next) }
    }
}

extension HandlerApplication {
    /// Makes an application of a handler with middleware around it.
    ///
    /// ```swift
    /// try await server.run(application: HandlerApplication(ForwardedHeaders(), ResponseCompression()) { context in
    ///     try await context.response.write("Hello")
    /// })
    /// ```
    ///
    /// - Parameters:
    ///   - middleware: in the order in which it sees a request; the first is the outermost.
    ///   - handler: answers what the middleware lets through.
    public init(_ middleware: any RequestMiddleware..., handler: @escaping Handler) {
        self.init(middleware.reversed().reduce(handler) { next, step in step.wrapping(next) })
    }
}
