// SPDX-License-Identifier: Apache-2.0

import HTTPRing

var options = HTTPRingServerOptions()
options.urlPrefixes = ["http://localhost:8083/"]
options.endpoints = [
    .unixSocket("example.sock", mode: 0o660, routedAsPort: 8083),
    .inherited(routedAsPort: 8083),
]
options.configureListener(port: 8083) { listener in
    listener.maxConnections = 1000
    listener.headerWait = .seconds(5)
    listener.http2?.concurrentStreamCountMax = 20
}
options.addPrefix("http://localhost:8083/upload/") { group in
    group.maxRequestBodySize = 1 << 30
    group.timeouts.entityBody = .seconds(300)
}
options.accessLog = .descriptor(1)

let server = try HTTPRingServer(options: options)
try await server.run { context in
    try await context.response.write("hello \(context.connection.remoteAddress)\n")
}
