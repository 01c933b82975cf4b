// SPDX-License-Identifier: Apache-2.0

import HTTPRing

var options = HTTPRingServerOptions()
options.urlPrefixes = ["http://localhost:8083/"]
options.endpoints = [
    .unixSocket("example.sock", mode: 0o660, routedAsPort: 8083),
    .inherited(routedAsPort: 8083),
]
options.accessLog = .descriptor(1)

let server = try HTTPRingServer(options: options)
try await server.run { context in
    try await context.response.write("hello \(context.connection.remoteAddress)\n")
}
