// SPDX-License-Identifier: Apache-2.0

/// What the access log keeps of one answered request, beside its texts.
///
/// The texts (method, URI, user, host, user agent, referer) are handed to `LogRing.access` as they lie in
/// the receive buffer. **Source**: HTTP Server API, `HTTP_LOG_FIELDS_DATA`.
package struct AccessLogRecord: Sendable {
    /// When the response ended, in nanoseconds of UTC since 1970.
    package var time: Int64
    /// From the first byte received to the last send completed, in microseconds.
    package var durationMicroseconds: UInt64
    /// Bytes sent for this response, its head included.
    package var bytesSent: UInt64
    /// Bytes received for this request, its head included.
    package var bytesReceived: UInt64
    /// The peer.
    package var client: LogAddress
    /// The local end of the connection.
    package var server: LogAddress
    /// The URL group that served the request; 0 is printed as `-`.
    package var siteID: UInt64
    /// The HTTP/2 stream; 0 on HTTP/1.
    package var streamID: UInt32
    /// The status sent; 0 is printed as `-`.
    package var status: UInt16
    /// The version of the request.
    package var version: LogVersion

    /// Creates a record.
    package init(
        time: Int64,
        client: LogAddress,
        server: LogAddress,
        status: UInt16,
        version: LogVersion,
        bytesSent: UInt64,
        bytesReceived: UInt64,
        durationMicroseconds: UInt64,
        siteID: UInt64 = 0,
        streamID: UInt32 = 0
    ) {
        self.time = time
        self.durationMicroseconds = durationMicroseconds
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.client = client
        self.server = server
        self.siteID = siteID
        self.streamID = streamID
        self.status = status
        self.version = version
    }
}
