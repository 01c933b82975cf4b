// SPDX-License-Identifier: Apache-2.0
package import HTTPWire

/// What the error log keeps of one failure, beside its texts: a response of the engine's own, a time-out,
/// a lost connection.
///
/// The texts (method, URI, queue name) are handed to `LogRing.error` as they lie in the receive buffer.
/// **Source**: HTTP Server API, "Error logging in the HTTP Server API".
package struct ErrorLogRecord: Sendable {
    /// When it happened, in nanoseconds of UTC since 1970.
    package var time: Int64
    /// The peer.
    package var client: LogAddress
    /// The local end of the connection.
    package var server: LogAddress
    /// The URL group that routing found; 0 (printed `-`) before or without routing.
    package var siteID: UInt64
    /// The status sent; 0 (printed `-`) when none was.
    package var status: UInt16
    /// The version of the request, as far as it was read.
    package var version: LogVersion
    /// Why.
    package var reason: ErrorLogReason

    /// Creates a record.
    package init(
        time: Int64,
        client: LogAddress,
        server: LogAddress,
        reason: ErrorLogReason,
        status: UInt16 = 0,
        version: LogVersion = .unknown,
        siteID: UInt64 = 0
    ) {
        self.time = time
        self.client = client
        self.server = server
        self.siteID = siteID
        self.status = status
        self.version = version
        self.reason = reason
    }
}
