// SPDX-License-Identifier: Apache-2.0

import HTTPRing

let server = try HTTPRingServer(urlPrefixes: ["http://127.0.0.1:8084/"])
try await server.run { context in
    switch context.request.path {
    case "/by-field":
        context.response.headers[.cacheControl] = "public, max-age=60"
        try await context.response.respond(.ok, "stored for a minute\n")
    case "/by-policy":
        let caching = context.features[(any HTTPResponseCachingFeature).self]
        caching?.cachePolicy = .timeToLive(.seconds(10))
        try await context.response.respond(.ok, "stored for ten seconds\n")
    case "/flush":
        let count = try server.flushResponseCache(url: "http://+:8084/", recursive: true)
        try await context.response.respond(.ok, "removed \(count)\n")
    default:
        try await context.response.respond(.ok, "\(server.statistics.cacheHits) hits\n")
    }
}
