// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRing

/// The limits and time-outs that suites set.
struct LimitOptions: ParsableArguments {
    @Option(help: "Seconds for a request's whole head.")
    var headerTimeout: Double = 15

    @Option(help: "Seconds a kept-alive connection may be without a request.")
    var idleTimeout: Double = 60

    @Option(help: "Seconds without a byte of a request's body.")
    var bodyTimeout: Double = 15

    @Option(help: "Bytes a second below which a peer that sends a body or takes a response is cut off.")
    var minRate: Int = 150

    @Option(help: "Bytes of a request's line and fields.")
    var maxHeaderBytes: Int = 32768

    @Option(help: "Field lines of a request.")
    var maxHeaders: Int = 200

    @Option(help: "Bytes of a request's body.")
    var maxBody: Int64 = 1_073_741_824

    @Option(help: "Connections at once.")
    var maxConnections: Int = 10000

    func validate() throws {
        for seconds in [headerTimeout, idleTimeout, bodyTimeout] where !(0.001...86400).contains(seconds) {
            throw ValidationError("A time-out is between 0.001 and 86400 seconds.")
        }
        guard minRate >= 0, maxBody >= 0, maxHeaders >= 1, maxConnections >= 1 else {
            throw ValidationError(
                "A limit is not negative, and allows at least one field line and connection."
            )
        }
        guard (256...(1 << 20)).contains(maxHeaderBytes) else {
            throw ValidationError("--max-header-bytes is between 256 and 1048576.")
        }
    }

    /// Puts them into the server's options.
    func apply(to options: inout HTTPRingServerOptions) {
        options.limits.maxConnections = maxConnections
        options.limits.maxRequestBodySize = maxBody
        options.limits.maxRequestHeadBytes = maxHeaderBytes
        options.limits.maxRequestTargetBytes = min(maxHeaderBytes, options.limits.maxRequestTargetBytes)
        options.limits.maxRequestHeaderCount = maxHeaders
        options.timeouts.headerWait = .seconds(headerTimeout)
        options.timeouts.idleConnection = .seconds(idleTimeout)
        options.timeouts.entityBody = .seconds(bodyTimeout)
        options.timeouts.drainEntityBody = .seconds(bodyTimeout)
        options.timeouts.minSendBytesPerSecond = minRate
        options.timeouts.minRequestBodyBytesPerSecond = minRate
    }
}
