// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes
public import HTTPWire

/// One request and its response: the pleasant surface over the features.
///
/// Belongs to its handler: not `Sendable`, and not to be kept after the handler returns. Everything here
/// is also there as a feature; `features` finds the rest.
///
/// ```swift
/// try await server.run { context in
///     context.response.headers[.contentType] = "text/plain"
///     try await context.response.write("Hello, \(context.request.path)")
/// }
/// ```
public final class HTTPContext {
    /// The request's features, found by type.
    public let features: FeatureCollection

    /// Values that parts of an application pass to each other along a request.
    public var items: [String: any Sendable] {
        get { storedItems ?? [:] }
        set { storedItems = newValue }
    }

    private var storedItems: [String: any Sendable]?

    /// Makes a context over features; for servers and tests.
    public init(features: FeatureCollection) { self.features = features }

    /// The request.
    public var request: HTTPContextRequest { HTTPContextRequest(features: features) }

    /// The response.
    public var response: HTTPContextResponse { HTTPContextResponse(features: features) }

    /// The connection's addresses.
    public var connection: any HTTPConnectionFeature { required(features.connection) }

    /// Whether the client has gone or the request was aborted; the handler's task is cancelled then.
    public var isAborted: Bool { features.lifetime?.isAborted ?? false }

    /// A name for the request, for logs.
    public var traceIdentifier: String {
        features[(any HTTPRequestIdentifierFeature).self]?.traceIdentifier ?? ""
    }

    /// Ends the connection or stream at once; the client sees a failure.
    public func abort() { features.lifetime?.abort() }

    /// Forgets what a handler left here, before the next request.
    ///
    /// For applications that reuse contexts.
    public func recycle() { if storedItems != nil { storedItems = nil } }
}

/// The request, as a handler sees it.
public struct HTTPContextRequest {
    let features: FeatureCollection

    private var feature: any HTTPRequestFeature { required(features.request) }

    /// The method, such as `.get`.
    public var method: HTTPRequest.Method {
        switch feature.knownMethod {
        case .get: .get
        case .head: .head
        case .post: .post
        case .put: .put
        case .delete: .delete
        case .options: .options
        case .patch: .patch
        default: HTTPRequest.Method(feature.method) ?? .get
        }
    }
    /// The path below the URL prefix, decoded; see `HTTPRequestFeature.path`.
    public var path: String { feature.path }
    /// The part of the path that the URL prefix matched.
    public var pathBase: String { feature.pathBase }
    /// The query with its `?`, as sent, or empty.
    public var queryString: String { feature.queryString }
    /// The request-target as sent.
    public var rawTarget: String { feature.rawTarget }
    /// `"http"` or `"https"`.
    public var scheme: String { feature.scheme }
    /// The host and port the request was sent to.
    public var authority: String { feature.authority }
    /// `"HTTP/1.1"` and the like.
    public var protocolVersion: String { feature.protocolVersion }
    /// The field section.
    public var headers: FieldSection { feature.requestHeaders }
    /// A field's value, without making the whole section.
    public subscript(_ name: HTTPField.Name) -> String? { feature.value(of: name.rawName) }
    /// The content.
    public var body: HTTPRequestBody { HTTPRequestBody(feature: required(features.requestBody)) }

    /// The pairs of the query, percent-decoded with `+` as a space, in order.
    public var query: [(name: String, value: String)] { QueryPairs.parse(feature.queryString) }

    /// The request as swift-http-types' type.
    ///
    /// Allocates; measured at 0.4 µs a field.
    public var httpRequest: HTTPRequest {
        HTTPRequest(
            method: method,
            scheme: scheme,
            authority: authority,
            path: rawTarget,
            headerFields: headers.httpFields
        )
    }
}

/// The request's content: an asynchronous sequence of pieces, or all of it at once.
public struct HTTPRequestBody: AsyncSequence {
    /// A piece of content.
    public typealias Element = [UInt8]

    let feature: any HTTPRequestBodyFeature

    /// The size asked for at a time by the iterator.
    public static let pieceByteCountMax = 65536

    /// Reads the next piece; empty at the end.
    public func read(upTo byteCountMax: Int = pieceByteCountMax) async throws -> [UInt8] {
        try await feature.read(upTo: byteCountMax)
    }

    /// Reads all of the content.
    ///
    /// - Parameter byteCountMax: how much is read at most.
    /// - Returns: the content.
    /// - Throws: `BadHTTPRequestError` with status 413 over that; what `read` throws.
    public func readAll(upTo byteCountMax: Int = 1 << 20) async throws -> [UInt8] {
        if let length = feature.contentLength, length > Int64(byteCountMax) {
            throw BadHTTPRequestError(statusCode: 413, "the content is larger than \(byteCountMax) bytes")
        }
        var whole = try await feature.read(upTo: byteCountMax + 1)
        while !whole.isEmpty, !feature.isAtEnd {
            let piece = try await feature.read(upTo: byteCountMax - Swift.min(whole.count, byteCountMax) + 1)
            if piece.isEmpty { break }
            whole.append(contentsOf: piece)
            if whole.count > byteCountMax { break }
        }
        guard whole.count <= byteCountMax else {
            throw BadHTTPRequestError(statusCode: 413, "the content is larger than \(byteCountMax) bytes")
        }
        return whole
    }

    /// Makes an iterator over the pieces.
    public func makeAsyncIterator() -> Iterator { Iterator(feature: feature) }

    /// Reads the content piece by piece.
    public struct Iterator: AsyncIteratorProtocol {
        let feature: any HTTPRequestBodyFeature

        /// The next piece, or `nil` at the end.
        public mutating func next() async throws -> [UInt8]? {
            let piece = try await feature.read(upTo: HTTPRequestBody.pieceByteCountMax)
            return piece.isEmpty ? nil : piece
        }

        /// The next piece, without leaving the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> [UInt8]?
        {
            let piece = try await feature.read(upTo: HTTPRequestBody.pieceByteCountMax)
            return piece.isEmpty ? nil : piece
        }
    }
}

/// The response, as a handler sees it.
public struct HTTPContextResponse {
    let features: FeatureCollection

    private var feature: any HTTPResponseFeature { required(features.response) }
    private var body: any HTTPResponseBodyFeature { required(features.responseBody) }

    /// The status, `.ok` unless set.
    public var status: HTTPResponse.Status {
        get { HTTPResponse.Status(code: feature.statusCode) }
        nonmutating set {
            feature.statusCode = newValue.code
            if feature.reasonPhrase != nil { feature.reasonPhrase = nil }
        }
    }
    /// The status code, 200 unless set.
    public var statusCode: Int {
        get { feature.statusCode }
        nonmutating set { feature.statusCode = newValue }
    }
    /// The field section.
    public var headers: FieldSection {
        get { feature.responseHeaders }
        nonmutating _modify { yield &feature.responseHeaders }
    }
    /// The content's length, where it is known before it is written.
    public var contentLength: Int64? {
        get { feature.responseHeaders[FieldID.contentLength].flatMap { Int64($0) } }
        nonmutating set {
            if let newValue {
                try? feature.responseHeaders.set(id: .contentLength, value: String(newValue))
            } else {
                _ = feature.responseHeaders.remove(name: "Content-Length")
            }
        }
    }
    /// Whether status and fields are fixed.
    public var hasStarted: Bool { feature.hasStarted }

    /// Writes text as UTF-8.
    public func write(_ text: String) async throws { try await body.write(text) }
    /// Writes bytes.
    public func write(_ bytes: [UInt8]) async throws { try await body.write(bytes) }
    /// Fixes status, fields and framing.
    public func start() async throws { try await body.start() }
    /// Sends what was written and waits until the kernel has taken it.
    public func flush() async throws { try await body.flush() }
    /// Ends the response before the handler returns.
    public func complete() async throws { try await body.complete() }
    /// Sends a file, or part of it.
    public func sendFile(_ path: String, offset: Int64 = 0, byteCount: Int64? = nil) async throws {
        try await body.sendFile(path, offset: offset, byteCount: byteCount)
    }
    /// Runs `action` just before status and fields are fixed.
    public func onStarting(_ action: @escaping () throws -> Void) throws { try feature.onStarting(action) }
    /// Runs `action` after the response has ended.
    public func onCompleted(_ action: @escaping () -> Void) { feature.onCompleted(action) }

    /// Answers with a status, a type and a text.
    public func respond(_ status: HTTPResponse.Status = .ok, type: String = "text/plain", _ text: String)
        async throws
    {
        self.status = status
        feature.responseHeaders[.contentType] = type
        try await body.write(text)
    }
}

/// Unwraps a feature every server has; its absence is an error of the application, which removed it.
@inline(__always)
func required<Feature>(_ feature: Feature?) -> Feature {
    guard let feature else {
        preconditionFailure("a feature every request has was removed from its collection")
    }
    return feature
}
