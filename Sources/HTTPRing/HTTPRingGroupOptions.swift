// SPDX-License-Identifier: Apache-2.0

import HTTPEngine

/// What the requests of one URL prefix are held to: the properties of a URL group.
public struct HTTPRingGroupOptions: Sendable {
    /// Time-outs and minimum rates; `idleConnection`, `headerWait` and `tlsHandshake` are the listener's business.
    public var timeouts: HTTPRingTimeouts
    /// Bytes of a request's content, `nil` for no limit; over it 413.
    public var maxRequestBodySize: Int64?
    /// Connections and streams handed over to another protocol, as WebSocket, at once; over it 503.
    ///
    /// `nil`, the default, counts them with the server's.
    public var maxConcurrentUpgradedConnections: Int?
}

/// A URL prefix with rules of its own.
struct HTTPRingPrefixRule: Sendable {
    let text: String
    let configure: @Sendable (inout HTTPRingGroupOptions) -> Void
}
