// SPDX-License-Identifier: Apache-2.0

import HTTPRing

/// The handlers that are measured.
enum Application {
    /// A server of one loop on a port of its own, already serving.
    static func start() async throws -> (server: HTTPRingServer, port: UInt16) {
        var options = HTTPRingServerOptions()
        options.loopCount = 1
        let server = try HTTPRingServer(urlPrefixes: ["http://127.0.0.1:0/"], options: options)
        try await server.start(application: HandlerApplication(handle))
        let port = server.addresses.first.flatMap { address in
            address.split(separator: ":").last.flatMap { UInt16($0.dropLast()) }
        }
        guard let port else { preconditionFailure("a server that has started has an address with a port") }
        return (server, port)
    }

    private static func handle(_ context: HTTPContext) async throws {
        let response = context.response
        switch context.request.path {
        case "/cached":
            response.headers.append(id: .cacheControl, literal: "public, max-age=600")
            response.headers.append(id: .contentType, literal: "text/plain")
            try await response.write("Hello, World!")
        case "/text":
            response.headers[.contentType] = "text/plain"
            try await response.write("Hello, World!")
        case "/echo":
            try await response.write(try await context.request.body.readAll())
        default:
            response.headers.append(id: .contentType, literal: "text/plain")
            try await response.write("Hello, World!")
        }
    }
}
