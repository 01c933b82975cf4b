// SPDX-License-Identifier: Apache-2.0

import HTTPMiddleware
import HTTPRing

// usage: proxied [PORT [SOCKET]]; `tools/conformance/proxy` starts it behind nginx and Apache.
let port = CommandLine.arguments.count > 1 ? UInt16(CommandLine.arguments[1]) ?? 5000 : 5000
let socket = CommandLine.arguments.count > 2 ? CommandLine.arguments[2] : "shop.sock"

var options = HTTPRingServerOptions()
options.urlPrefixes = ["http://127.0.0.1:\(port)/", "http://localhost:\(port)/"]
options.endpoints = [.unixSocket(socket, mode: 0o660, routedAsPort: port)]
let server = try HTTPRingServer(options: options)

var forwarded = ForwardedHeaders()
forwarded.parts = .all
forwarded.trustsUnixSockets = true

let requests = RequestMetrics()
let health = HealthEndpoint(checks: [
    HealthCheck("cart", timeout: .seconds(2)) { .healthy }
])
let application = HandlerApplication(
    requests,
    health,
    MetricsEndpoint(requests: requests, statistics: { server.statistics }),
    forwarded,
    TraceContextPropagation(),
    HSTS(),
    ResponseCompression()
) { context in
    switch context.request.path {
    case "/upload":
        var byteCount = 0
        for try await piece in context.request.body { byteCount += piece.count }
        try await context.response.write("\(byteCount) bytes\n")
    case "/echo":
        let content = try await context.request.body.readAll(upTo: 16 << 20)
        try await context.response.write(content)
    case "/events":
        try await sendEvents(context)
    case "/upgrade":
        try await echoUpgraded(context)
    case "/page":
        context.response.headers[.eTag] = "\"page-1\""
        context.response.headers[.cacheControl] = "public, max-age=60"
        let text = String(repeating: "<p>All work and no play makes Jack a dull boy.</p>\n", count: 100)
        try await context.response.respond(type: "text/html", text)
    default:
        let original = context.features[(any HTTPOriginalRequestFeature).self]
        try await context.response.write(
            """
            client \(context.connection.remoteAddress)
            proxy \(original?.remoteAddress ?? "none")
            url \(context.request.scheme)://\(context.request.authority)\
            \(context.request.pathBase)\(context.request.path)\(context.request.queryString)
            connection \(context.connection.connectionID)
            forwarded-for \(context.request.headers["X-Forwarded-For"] ?? "none")

            """
        )
    }
}
try await server.run(application: application, onReady: { print("ready", $0) })

/// Sends an event a quarter of a second; nginx passes each on at once for the field `X-Accel-Buffering`.
nonisolated(nonsending) func sendEvents(_ context: HTTPContext) async throws {
    context.response.headers[.contentType] = "text/event-stream"
    context.response.headers[.cacheControl] = "no-cache"
    try context.response.headers.set(name: "X-Accel-Buffering", value: "no")
    for number in 0..<4 {
        try await context.response.write("data: \(number)\n\n")
        try await context.response.flush()
        try await Task.sleep(for: .milliseconds(250))
    }
}

/// Speaks a protocol of its own after `101 Switching Protocols`: sends back what comes.
nonisolated(nonsending) func echoUpgraded(_ context: HTTPContext) async throws {
    guard let feature = context.features[(any HTTPUpgradeFeature).self], feature.isUpgradableRequest else {
        context.response.headers[.upgrade] = "echo"
        context.response.statusCode = 426
        return
    }
    context.response.headers[.upgrade] = "echo"
    let stream = try await feature.upgrade()
    while true {
        let bytes = try await stream.read(upTo: 65536)
        if bytes.isEmpty { break }
        try await stream.write(bytes)
    }
    await stream.close()
}
