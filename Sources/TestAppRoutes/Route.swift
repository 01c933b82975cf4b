// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// What answers the requests of one path.
struct Route: Sendable {
    typealias Action = @Sendable (_ call: Call, _ parameter: Substring) async throws -> Void

    let methods: AllowedMethods
    let action: Action

    init(_ methods: AllowedMethods, _ action: @escaping Action) {
        self.methods = methods
        self.action = action
    }
}

extension TestRoutes {
    /// Routes without a parameter, by their path.
    static let exact: [String: Route] = [
        "/": Route([.get, .post]) { call, _ in
            if call.request.knownMethod == .post {
                try await call.echo()
            } else {
                try await call.reply("OK\n")
            }
        },
        "/plaintext": Route(.get) { call, _ in try await call.reply("Hello, World!") },
        "/json": Route(.get) { call, _ in try await call.message() },
        "/echo": Route([.post, .put, .patch, .delete]) { call, _ in try await call.echo() },
        "/upload": Route([.post, .put]) { call, _ in try await call.upload() },
        "/unread": Route([.post, .put]) { call, _ in try await call.reply("unread\n") },
        "/duplex": Route(.post) { call, _ in try await call.duplex() },
        "/stream": Route(.get) { call, _ in try await call.stream() },
        "/headers": Route([.get, .post, .put]) { call, _ in try await call.requestHeaders() },
        "/response-headers": Route(.get) { call, _ in try await call.responseHeaders() },
        "/set-cookies": Route(.get) { call, _ in try await call.setCookies() },
        "/cached": Route(.get) { call, _ in try await call.cached() },
        "/gzip": Route(.get) { call, _ in try await call.gzip() },
        "/trailers": Route(.get) { call, _ in try await call.trailers() },
        "/early-hints": Route(.get) { call, _ in try await call.earlyHints() },
        "/close": Route(.get) { call, _ in try await call.close() },
        "/throw": Route(.get) { _, _ in throw RouteError.failed },
        "/ws": Route(.get) { call, _ in try await call.webSocket() },
        "/stats": Route(.get) { call, _ in try await call.statistics() },
    ]

    /// Routes whose last segment is a parameter, by what stands before it.
    static let parameterised: [Substring: Route] = [
        "/upload/limit/": Route([.post, .put]) { call, text in try await call.upload(limit: text) },
        "/bytes/": Route(.get) { call, text in try await call.bytes(text) },
        "/chunked/": Route(.get) { call, text in try await call.chunked(text) },
        "/status/": Route(.get) { call, text in try await call.status(text) },
        "/redirect/": Route([.get, .post]) { call, text in try await call.redirect(text) },
        "/big-header/": Route(.get) { call, text in try await call.bigHeader(text) },
        "/many-headers/": Route(.get) { call, text in try await call.manyHeaders(text) },
        "/delay/": Route(.get) { call, text in try await call.delay(text) },
        "/abort/": Route(.get) { call, text in try await call.abort(text) },
    ]
}

extension AllowedMethods {
    static let all: AllowedMethods = [.get, .post, .put, .patch, .delete]
}
