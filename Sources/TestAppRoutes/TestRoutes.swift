// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire
import WebSockets

/// What `/stats` tells of the server the application runs on.
public struct TestAppStatistics: Sendable {
    /// Connections open now.
    public var connectionsOpen: Int
    /// Requests since the start.
    public var requestsTotal: Int
    /// Requests in progress, the one that asks included.
    public var requestsInProgress: Int
    /// The process's resident memory in bytes.
    public var residentByteCount: Int

    /// Makes a reading.
    public init(connectionsOpen: Int, requestsTotal: Int, requestsInProgress: Int, residentByteCount: Int) {
        self.connectionsOpen = connectionsOpen
        self.requestsTotal = requestsTotal
        self.requestsInProgress = requestsInProgress
        self.residentByteCount = residentByteCount
    }
}

/// The application every suite talks to: one handler over the features of a request.
///
/// Knows no server: what it needs of one besides a request's features comes in through `init`.
///
/// ```swift
/// let routes = TestRoutes(statistics: { … })
/// try await server.run { try await routes.handle($0) }
/// ```
public struct TestRoutes: Sendable {
    let statistics: @Sendable () -> TestAppStatistics
    let files: (@Sendable (HTTPContext) async throws -> Bool)?

    /// Makes the application.
    ///
    /// - Parameters:
    ///   - statistics: reads the server's numbers for `/stats`.
    ///   - files: answers requests below `/files/`, or returns `false` where there is no such file;
    ///     `nil` where no files are served.
    public init(
        statistics: @escaping @Sendable () -> TestAppStatistics,
        files: (@Sendable (HTTPContext) async throws -> Bool)? = nil
    ) {
        self.statistics = statistics
        self.files = files
    }

    /// Answers one request.
    ///
    /// Cost: `/plaintext` and `/json` are found by two comparisons and allocate nothing here; the rest by a
    /// dictionary look-up.
    public func handle(_ context: HTTPContext) async throws {
        guard let request = context.features.request, let response = context.features.response,
            let body = context.features.responseBody
        else { return }
        let path = request.path
        if request.knownMethod == .get {
            if path == "/plaintext" {
                response.responseHeaders.append(id: .contentType, literal: "text/plain")
                return try await body.write("Hello, World!")
            }
            if path == "/json" {
                response.responseHeaders.append(id: .contentType, literal: "application/json")
                return try await body.write(#"{"message":"Hello, World!"}"#)
            }
        }
        try await answer(
            Call(routes: self, context: context, request: request, response: response, body: body),
            path
        )
    }

    /// Finds the route of any other request, checks its method and has it answered.
    private func answer(_ call: Call, _ path: String) async throws {
        let method = call.request.knownMethod
        guard method != .other else { return try await call.reply(501, "not implemented\n") }
        if call.request.rawTarget == "*" { return try await call.replyWithoutContent(204, allow: .all) }
        if path.hasPrefix("/files/"), let files {
            if try await files(call.context) { return }
            return try await call.reply(404, "not found\n")
        }
        guard let (route, parameter) = TestRoutes.find(path) else {
            let isRefused = method == .trace || method == .connect
            return try await isRefused ? call.reply(501, "not implemented\n") : call.reply(404, "not found\n")
        }
        if method == .options { return try await call.replyWithoutContent(204, allow: route.methods) }
        // A WebSocket over HTTP/2 is opened with CONNECT (RFC 8441).
        let opensWebSocket = method == .connect && path == "/ws" && call.context.isWebSocketRequest
        guard opensWebSocket || route.methods.allows(method) else {
            call.set("Allow", route.methods.fieldValue)
            return try await call.reply(405, "method not allowed\n")
        }
        try await answerBadParameter(call) { try await route.action(call, parameter) }
    }

    /// Answers for a route that was given a bad parameter; any other error is the server's to answer.
    private func answerBadParameter(_ call: Call, _ action: () async throws -> Void) async throws {
        do {
            try await action()
        } catch RouteError.badParameter where !call.response.hasStarted {
            try await call.reply(400, "bad parameter\n")
        }
    }

    /// The route of a path: the whole of it, or all but the last segment, which is then the parameter.
    private static func find(_ path: String) -> (Route, Substring)? {
        if let route = exact[path] { return (route, "") }
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let start = path.utf8.index(after: slash)
        guard let route = parameterised[path[..<start]] else { return nil }
        return (route, path[start...])
    }
}

/// Why a route did not answer.
enum RouteError: Error {
    /// The path or query has a value that is not allowed.
    case badParameter
    /// `/throw` threw.
    case failed
}

/// One request with the features a route works on, taken out of the collection once.
struct Call {
    let routes: TestRoutes
    let context: HTTPContext
    let request: any HTTPRequestFeature
    let response: any HTTPResponseFeature
    let body: any HTTPResponseBodyFeature

    var isHead: Bool { request.knownMethod == .head }

    /// Sets a field of the program's own making.
    func set(_ name: String, _ value: String) {
        do {
            try response.responseHeaders.set(name: name, value: value)
        } catch {
            preconditionFailure("the application's own field \(name) is not valid: \(error)")
        }
    }

    /// Answers 200 with a text.
    func reply(_ text: String) async throws { try await reply(200, text) }

    /// Answers with a text.
    func reply(_ statusCode: Int, _ text: String) async throws {
        response.statusCode = statusCode
        response.responseHeaders.append(id: .contentType, literal: "text/plain")
        try await body.write(text)
    }

    /// Answers with a status, `Allow` and no content.
    func replyWithoutContent(_ statusCode: Int, allow methods: AllowedMethods) async throws {
        response.statusCode = statusCode
        set("Allow", methods.fieldValue)
    }

    /// Answers with JSON.
    func reply(_ json: JSONText) async throws {
        response.responseHeaders.append(id: .contentType, literal: "application/json")
        try await body.write(json.bytes)
    }

    /// A whole number from the path, digits only.
    ///
    /// - Throws: `RouteError.badParameter` where it is none, or not in `range`.
    func number(_ text: Substring, in range: ClosedRange<Int64>) throws -> Int64 {
        guard let value = FieldSyntax.decimal(text.utf8.span), range.contains(value) else {
            throw RouteError.badParameter
        }
        return value
    }

    /// A whole number from the query, or `standard` where the name is not there.
    func queryNumber(_ name: String, standard: Int64, in range: ClosedRange<Int64>) throws -> Int64 {
        guard let text = context.request.query.first(where: { $0.name == name })?.value else {
            return standard
        }
        return try number(text[...], in: range)
    }
}
