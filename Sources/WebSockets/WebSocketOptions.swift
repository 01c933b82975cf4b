// SPDX-License-Identifier: Apache-2.0

/// How a WebSocket is accepted and kept.
public struct WebSocketOptions: Sendable {
    /// The subprotocols the application speaks, the best one first; the first that the client offers is chosen.
    public var subprotocols: [String] = []
    /// The origins whose pages may connect; `nil` lets all.
    ///
    /// An origin is what a browser calls one, such as `"https://example.com"`. Others get 403. Browsers send `Origin`, and cookies, from any page; clients without `Origin` are let in.
    public var allowedOrigins: [String]?
    /// How often an idle client is sent a Ping; 2 minutes.
    ///
    /// `nil` or zero sends none.
    public var keepAliveInterval: Duration? = .seconds(120)
    /// How long after a Ping the connection is given up when nothing comes; `nil`, the standard, waits for ever.
    ///
    /// It counts only while the application is receiving.
    public var keepAliveTimeout: Duration?
    /// The largest message accepted, in bytes after decompression; 1 MiB.
    ///
    /// A larger one closes the socket with 1009.
    public var maxMessageByteCount = 1 << 20
    /// The largest payload of a single frame accepted, as sent; no limit of its own unless set.
    public var maxFrameByteCount = Int.max
    /// permessage-deflate, where the client offers it; `nil`, the standard, declines.
    ///
    /// Compressing a secret next to text an attacker chooses gives the secret away (as CRIME did): turn it on where
    /// messages hold no such mixture.
    public var compression: WebSocketCompression?
    /// How long `close(code:reason:)` waits for the client's Close; 10 s.
    public var closeTimeout: Duration = .seconds(10)
    /// What time-outs are measured with.
    public var clock: any Clock<Duration> = ContinuousClock()

    /// Makes the standard options.
    public init() {}
}

/// The parameters of permessage-deflate (RFC 7692).
public struct WebSocketCompression: Sendable, Equatable {
    /// Whether messages to the client may refer to earlier ones: smaller, for 256 KiB a connection.
    public var serverContextTakeover = true
    /// Whether the client's messages may refer to earlier ones.
    public var clientContextTakeover = true
    /// The bits of the window messages to the client are compressed with, 8 to 15; 15.
    public var serverWindowBits = 15 {
        didSet { serverWindowBits = min(max(serverWindowBits, 8), 15) }
    }
    /// The most bits of the client's window, 8 to 15; 15.
    ///
    /// Only clients that offer to be limited can be.
    public var clientWindowBits = 15 {
        didSet { clientWindowBits = min(max(clientWindowBits, 8), 15) }
    }
    /// zlib's level, 1 (fast) to 9 (small); 1.
    public var level = 1
    /// zlib's memory level, 1 to 9; 8.
    public var memoryLevel = 8
    /// Messages with fewer bytes go as they are; 64.
    public var minMessageByteCount = 64

    /// Makes the standard parameters.
    public init() {}
}
