// SPDX-License-Identifier: Apache-2.0

import Testing

/// One way to use the server, and how many allocations it may cost.
struct Scenario: Sendable, CustomTestStringConvertible {
    /// How a client comes to its next request.
    enum Pattern: Sendable {
        /// The same bytes on one connection, one request after another.
        case same
        /// As `same`, but a digit of the head changes with each request.
        case changing
        /// That many requests in one send.
        case pipelined(Int)
        /// Each on a connection of its own, which the server closes.
        case reconnecting
    }

    /// Names the scenario in the list of tests, and finds it again in the process that measures it.
    let name: String
    /// What is sent; `#` stands for a digit that may change.
    let request: String
    let pattern: Pattern
    let requestCount: Int
    /// Allocations per request in a release build, all threads of the process together.
    let releaseMax: Double
    /// The same in a debug build, where generic code is not specialised and few calls are inlined.
    ///
    /// Some way above what is measured, as a release build's allocations are what counts.
    let debugMax: Double

    var testDescription: String { name }

    var allocationsMax: Double {
        #if DEBUG
        debugMax
        #else
        releaseMax
        #endif
    }

    /// Allocations that a whole run may make beside those of its requests: the once-a-second work of the loop,
    /// and the last growth of buffers that the warm-up did not see.
    static let slack = 64

    /// The thresholds.
    ///
    /// One changes only with a reason in the commit.
    static let all = [
        Scenario(
            name: "cached hit",
            request: get("/cached"),
            pattern: .same,
            requestCount: 10_000,
            releaseMax: 0,
            debugMax: 2
        ),
        Scenario(
            name: "cached hit with a head that is new each time",
            request: get("/cached", "X-Trace: #\r\n"),
            pattern: .changing,
            requestCount: 10_000,
            releaseMax: 0,
            debugMax: 12
        ),
        Scenario(
            name: "cached hit, 16 pipelined",
            request: get("/cached"),
            pattern: .pipelined(16),
            requestCount: 10_000,
            releaseMax: 0,
            debugMax: 1
        ),
        Scenario(
            name: "GET from a handler",
            request: get("/plaintext"),
            pattern: .same,
            requestCount: 10_000,
            releaseMax: 0,
            debugMax: 6
        ),
        Scenario(
            name: "GET from a handler, 16 pipelined",
            request: get("/plaintext"),
            pattern: .pipelined(16),
            requestCount: 10_000,
            releaseMax: 0,
            debugMax: 5
        ),
        Scenario(
            name: "GET from a handler that sets its type as text",
            request: get("/text"),
            pattern: .same,
            requestCount: 10_000,
            releaseMax: 0,
            debugMax: 6
        ),
        Scenario(
            name: "POST of 13 bytes to a handler that echoes",
            request: post("/echo", "Hello, World!"),
            pattern: .same,
            requestCount: 10_000,
            releaseMax: 1,
            debugMax: 4
        ),
        Scenario(
            name: "GET on a new connection each time",
            request: get("/plaintext", "Connection: close\r\n"),
            pattern: .reconnecting,
            requestCount: 2000,
            releaseMax: 0,
            debugMax: 6
        ),
    ]

    private static func get(_ path: String, _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
    }

    private static func post(_ path: String, _ content: String) -> String {
        "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(content.utf8.count)\r\n\r\n\(content)"
    }
}
