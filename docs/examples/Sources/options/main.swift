// SPDX-License-Identifier: Apache-2.0

import HTTPRing

var options = HTTPRingServerOptions()
options.urlPrefixes = ["http://127.0.0.1:8081/"]
options.loopCount = 1
options.limits.maxRequestBodySize = 1_000_000
options.timeouts.headerWait = .seconds(10)
options.handlerScheduling = .concurrent
options.errorLog = .descriptor(2)
options.accessLog = .files(LogFiles(directory: "log", rotation: .daily, filesMax: 14))
options.accessLogFormat = .w3c

let server = try HTTPRingServer(options: options)
let files = try StaticFiles(root: ".", requestPath: "/files")
try await server.run(onReady: { print("serving", $0) }) { context in
    if try await files.respond(context) { return }
    switch (context.request.method, context.request.path) {
    case (.get, "/"):
        try await context.response.respond(type: "text/html", "<h1>Hello</h1>")
    case (.post, "/echo"):
        let content = try await context.request.body.readAll(upTo: 65536)
        try await context.response.write(content)
    case (.post, "/upload"):
        let limit = context.features[(any HTTPMaxRequestBodySizeFeature).self]
        limit?.maxRequestBodySize = 100_000_000
        var byteCount = 0
        for try await piece in context.request.body { byteCount += piece.count }
        try await context.response.write("\(byteCount) bytes\n")
    default:
        try await context.response.respond(.notFound, "not found\n")
    }
}
