// SPDX-License-Identifier: Apache-2.0

public import HTTP2
public import HTTPSecure

/// Caps of the engine: on connections, on messages and on what is held in memory for a peer.
///
/// Names and defaults are Kestrel's `KestrelServerLimits` and HttpSys's options unless the comment says
/// otherwise; the table of what a client sees at each is in `docs/limits.md`.
public struct EngineLimits: Sendable {
    /// Connections open at once over all loops; over it new ones wait in the kernel's backlog.
    ///
    /// `nil`: no limit.
    public var maxConnections: Int?
    /// Connections of one client address open at once; over it a new one is reset.
    ///
    /// IPv6 addresses of one /64 count as one; clients of a Unix socket are not counted. `nil`, the default: no
    /// limit.
    public var maxConnectionsPerAddress: Int?
    /// Requests of one connection, after which it is closed in order, or gets GOAWAY over HTTP/2.
    ///
    /// `nil`, the default: no limit.
    public var maxRequestsPerConnection: Int?
    /// Connections and streams handed over to another protocol, as WebSocket, at once; over it 503.
    ///
    /// `nil`, the default: no limit.
    public var maxConcurrentUpgradedConnections: Int?
    /// Bytes of a request's content, `nil` for no limit; over it 413.
    ///
    /// Default 30,000,000.
    public var maxRequestBodySize: Int64?
    /// Bytes of request line and field section; over it 431.
    ///
    /// Default 32 KiB.
    public var maxRequestHeadBytes: Int
    /// Bytes of the request-target; over it 414.
    ///
    /// Default 8 KiB.
    public var maxRequestTargetBytes: Int
    /// Field lines in a request; over it 431.
    ///
    /// Default 100.
    public var maxRequestHeaderCount: Int
    /// Bytes of request content held for an application that does not read.
    ///
    /// Default 64 KiB.
    public var maxRequestBufferSize: Int
    /// Bytes of response held for a client that does not read, after which writes wait.
    ///
    /// Default 64 KiB.
    public var maxResponseBufferSize: Int
    /// Bytes of unread request content thrown away to keep a connection; more closes it.
    ///
    /// Default 256 KiB.
    public var maxDrainedBodySize: Int64

    /// Makes limits with the defaults.
    public init() {
        maxConnections = nil
        maxRequestBodySize = 30_000_000
        maxRequestHeadBytes = 32 * 1024
        maxRequestTargetBytes = 8 * 1024
        maxRequestHeaderCount = 100
        maxRequestBufferSize = 64 * 1024
        maxResponseBufferSize = 64 * 1024
        maxDrainedBodySize = 256 * 1024
    }
}

/// Time-outs and minimum rates: HTTP.sys's TimeoutManager.
///
/// Set for a listener and, for requests that were routed, for a URL group. Checked on a timer wheel of
/// 16 ms slots.
public struct TimeoutManager: Sendable {
    /// No byte of a request's content for so long: 408 and close.
    ///
    /// Default 120 s.
    public var entityBody: Duration
    /// The rest of an unread request body may take so long after the response.
    ///
    /// Default 5 s (Kestrel's).
    public var drainEntityBody: Duration
    /// A request may wait in its queue for so long: 503.
    ///
    /// Default 120 s.
    public var requestQueue: Duration
    /// A connection without a request in progress is closed after so long.
    ///
    /// Default 120 s.
    public var idleConnection: Duration
    /// A whole head must be in after so long from its first byte, or from the connection's start: 408.
    ///
    /// Default 30 s (Kestrel's; HTTP.sys has 120 s).
    public var headerWait: Duration
    /// A TLS handshake must be done after so long from the connection's start: reset.
    ///
    /// Default 10 s (Kestrel's).
    public var tlsHandshake: Duration
    /// A client that takes a response slower than this, over `rateWindow`, is cut off.
    ///
    /// 0: off. Default 150.
    public var minSendBytesPerSecond: Int
    /// A client that sends a body slower than this, over `rateWindow`, gets 408.
    ///
    /// 0: off. Default 150.
    public var minRequestBodyBytesPerSecond: Int

    /// Over what time the minimum rates are measured, for the whole server.
    ///
    /// Default 5 s.
    public var rateWindow: Duration
    /// How long a client that has shut its half waits for a response to begin, for the whole server; then the end.
    ///
    /// Default 2 s.
    public var halfCloseGrace: Duration

    /// Makes time-outs with the defaults.
    public init() {
        rateWindow = .seconds(5)
        halfCloseGrace = .seconds(2)
        entityBody = .seconds(120)
        drainEntityBody = .seconds(5)
        requestQueue = .seconds(120)
        idleConnection = .seconds(120)
        headerWait = .seconds(30)
        tlsHandshake = .seconds(10)
        minSendBytesPerSecond = 150
        minRequestBodyBytesPerSecond = 150
    }
}

/// What a client sees when the engine can't pass its request on (HTTP_503_RESPONSE_VERBOSITY).
public enum Verbosity503: UInt8, Sendable {
    /// The connection is reset without a response.
    case basic
    /// `503 Service Unavailable`.
    case limited
    /// `503` with the reason in words.
    case full
}

/// Where handlers run.
public enum HandlerScheduling: Sendable {
    /// On the thread of the loop that owns the connection: no thread hop; handlers must not block.
    case loop
    /// On Swift's global pool, for handlers that block or compute.
    case concurrent
}

/// Everything the engine is told at its start.
public struct EngineOptions: Sendable {
    /// Number of loops, each a thread; default: one for each processor the process may use.
    public var loopCount: Int?
    /// Pins loop *i* to the *i*-th processor the process may use.
    public var pinsLoops = false
    /// How long a loop looks for what other processes send before it sleeps; zero, the default, not at all.
    ///
    /// Saves wake-ups, at most two a request, where the other process runs on another processor and answers within
    /// that time. Where it has to wait for this one's processor it only costs.
    public var queueSpin = Duration.zero
    /// Caps.
    public var limits = EngineLimits()
    /// Time-outs of requests before they are routed, and of URL groups that set none.
    public var timeouts = TimeoutManager()
    /// Value of the `Server` field; `nil` sends none.
    public var serverHeader: String? = "HTTPRing"
    /// Whether responses may be stored and served from the response cache.
    public var responseCaching = true
    /// Bytes the response cache may hold.
    public var cacheByteBudget = 64 << 20
    /// Certificates for listeners of scheme `https`; without them such a listener can't be opened.
    public var tls: TLSServerContext?
    /// Ports on which every connection begins with a PROXY protocol header.
    public var proxyProtocolPorts: Set<UInt16> = []
    /// Whether a target may be `https` in cleartext; else 421.
    ///
    /// Kestrel's `AllowAlternateSchemes`. Source: RFC 9110 §7.4.
    public var allowsAlternateSchemes = false
    /// Limits of HTTP/2 connections; `nil` has clients speak HTTP/1.1 alone.
    public var http2: HTTP2Limits? = HTTP2Limits()
    /// Listeners that are held to something else; where several rules match, each changes what the last one left.
    public var listeners: [ListenerRule] = []
    /// Where the error log goes; `nil` writes none.
    public var errorLog: LogSink?
    /// Where the access log goes; `nil` writes none.
    public var accessLog: LogSink?
    /// The access log's format.
    public var accessLogFormat = AccessLogFormat.ncsaCombined

    /// Makes options with the defaults.
    public init() {}
}
