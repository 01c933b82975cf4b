// SPDX-License-Identifier: Apache-2.0

public import HTTP2
public import HTTPEngine
public import HTTPSecure

/// Caps on connections and messages.
public typealias HTTPRingLimits = EngineLimits

/// Time-outs and minimum rates.
public typealias HTTPRingTimeouts = TimeoutManager

/// Counters of a server, summed over its loops.
public typealias HTTPRingStatistics = EngineStatistics

/// What the connections of one listener are held to until their requests are routed.
public typealias HTTPRingListenerOptions = ListenerOptions

/// What an `HTTPRingServer` is made with; every value has a default that suits a server on the internet.
public struct HTTPRingServerOptions: Sendable {
    /// The URL prefixes to serve, such as `http://*:8080/`.
    ///
    /// Empty: those of the environment variable `HTTPRING_URLS`, separated by `;`, or `http://localhost:5000/`.
    public var urlPrefixes: [String] = []
    /// URL prefixes to serve beside those, each with rules of its own; see `addPrefix(_:configure:)`.
    var prefixRules: [HTTPRingPrefixRule] = []
    /// Listeners with rules of their own; see `configureListener(port:address:_:)`.
    var listenerRules: [ListenerRule] = []
    /// Where the engine runs; `nil` asks the environment variable `HTTPRING_SERVICE_QUEUE`, else it is embedded.
    public var host: HTTPRingHost?
    /// Addresses beside those the prefixes name: Unix sockets and inherited descriptors.
    public var endpoints: [HTTPRingEndpoint] = []
    /// Number of event loops, each a thread; `nil`: one for each processor the process may use.
    public var loopCount: Int?
    /// Pins each loop to a processor.
    public var pinsLoops = false
    /// How long a loop looks for requests of the service before it sleeps; zero, the default, not at all.
    ///
    /// Saves wake-ups where the service runs on another processor; a few microseconds are enough.
    public var queueSpin = Duration.zero
    /// Caps.
    public var limits = HTTPRingLimits()
    /// Time-outs and minimum rates.
    public var timeouts = HTTPRingTimeouts()
    /// Certificates and rules for `https://` prefixes; needed where there is one.
    ///
    /// ```swift
    /// options.tls = TLSServerConfiguration(identities: [TLSIdentity(certificateFile: "chain.pem", keyFile: "key.pem")])
    /// ```
    public var tls: TLSServerConfiguration?
    /// How often the files of certificates are looked at for changes; `nil`: only `reloadCertificates()` does.
    ///
    /// Default one minute.
    public var certificateReloadInterval: Duration? = .seconds(60)
    /// Ports on which a proxy puts a PROXY protocol header, version 1 or 2, in front of each connection.
    ///
    /// The client's address is then the one in the header. Whoever reaches such a port can claim any address: let
    /// only the proxy reach it. A connection without a valid header is closed.
    public var proxyProtocolPorts: Set<UInt16> = []
    /// Whether a request's target may be `https` in cleartext.
    ///
    /// Default `false`: such a request gets 421 (RFC 9110 §7.4). For servers that only a proxy reaches which ends TLS
    /// and passes on the scheme that its client used; of one listener, set it with
    /// `configureListener(port:address:_:)`. `request.scheme` stays the listener's.
    public var allowsAlternateSchemes = false
    /// Limits of HTTP/2 connections; `nil` has clients speak HTTP/1.1 alone.
    ///
    /// HTTP/2 is spoken over TLS where the client asks for it (ALPN), and in cleartext to a client that begins
    /// with its preface.
    public var http2: HTTP2Limits? = HTTP2Limits()
    /// Value of the `Server` field; `nil` sends none.
    public var serverHeader: String? = "HTTPRing"
    /// Whether responses may be stored in and served from the response cache.
    public var responseCaching = true
    /// Bytes the response cache may hold.
    ///
    /// Default 64 MiB.
    public var cacheByteBudget = 64 << 20
    /// Where handlers run.
    public var handlerScheduling = HandlerScheduling.loop
    /// Requests that may wait for a handler; over it 503.
    ///
    /// Default 1000.
    public var requestQueueLimit = 1000
    /// Handlers that run at once, `nil` for no limit; requests over it wait in the queue.
    public var maxConcurrentRequests: Int?
    /// What a client sees when its request is turned away.
    public var http503Verbosity = Verbosity503.limited
    /// How long requests in progress may take once the server stops.
    ///
    /// Default 30 s.
    public var shutdownTimeout: Duration = .seconds(30)
    /// How often the process's swift-metrics backend is told of the server's counters; `nil`: never.
    public var metricsInterval: Duration?
    /// Where the error log (HTTPERR format) goes; `nil` writes none.
    public var errorLog: LogSink?
    /// Where the access log goes; `nil` writes none.
    public var accessLog: LogSink?
    /// The access log's format.
    public var accessLogFormat = AccessLogFormat.ncsaCombined

    /// Makes options with the defaults.
    public init() {}

    /// Has the listeners of a port hold their connections to something else than the rest of the server.
    ///
    /// ```swift
    /// options.configureListener(port: 8081) { listener in
    ///     listener.maxConnections = 10
    ///     listener.headerWait = .seconds(5)
    ///     listener.http2 = nil
    /// }
    /// ```
    ///
    /// The closure runs for each listener when it opens, and changes a copy of what holds for the server. In the
    /// service, which owns the ports, it has no effect.
    ///
    /// - Parameters:
    ///   - port: the port, as a URL prefix names it.
    ///   - address: the local address, such as `127.0.0.1`; `nil` for all listeners of the port.
    ///   - configure: changes the options.
    public mutating func configureListener(
        port: UInt16,
        address: String? = nil,
        _ configure: @escaping @Sendable (inout HTTPRingListenerOptions) -> Void
    ) {
        listenerRules.append(ListenerRule(port: port, address: address, configure))
    }

    /// Serves a URL prefix whose requests have time-outs and caps of their own: a URL group for itself.
    ///
    /// ```swift
    /// options.addPrefix("http://*:8080/upload/") { group in
    ///     group.maxRequestBodySize = 1 << 30
    ///     group.timeouts.entityBody = .seconds(600)
    /// }
    /// ```
    ///
    /// In the service only the cap on content counts; `httpring` sets time-outs there.
    ///
    /// - Parameters:
    ///   - urlPrefix: the prefix, served beside those of `urlPrefixes`.
    ///   - configure: changes a copy of what holds for the server.
    public mutating func addPrefix(
        _ urlPrefix: String,
        configure: @escaping @Sendable (inout HTTPRingGroupOptions) -> Void
    ) {
        prefixRules.append(HTTPRingPrefixRule(text: urlPrefix, configure: configure))
    }

    /// The part of the options that the engine works by.
    var engineOptions: EngineOptions {
        var options = EngineOptions()
        options.loopCount = loopCount
        options.pinsLoops = pinsLoops
        options.queueSpin = queueSpin
        options.limits = limits
        options.timeouts = timeouts
        options.proxyProtocolPorts = proxyProtocolPorts
        options.allowsAlternateSchemes = allowsAlternateSchemes
        options.listeners = listenerRules
        options.http2 = http2
        options.serverHeader = serverHeader
        options.responseCaching = responseCaching
        options.cacheByteBudget = cacheByteBudget
        options.errorLog = errorLog
        options.accessLog = accessLog
        options.accessLogFormat = accessLogFormat
        return options
    }
}

/// An address to listen on that no URL prefix can name.
public struct HTTPRingEndpoint: Sendable {
    enum Kind: Sendable {
        case unixSocket(path: String, mode: UInt32?, expectsProxyHeader: Bool)
        case inherited(name: String?)
    }

    let kind: Kind
    let port: UInt16
    let configure: @Sendable (inout HTTPRingListenerOptions) -> Void

    /// A Unix socket, created at `path`; a stale one left there is replaced.
    ///
    /// - Parameters:
    ///   - path: at most 107 bytes.
    ///   - mode: the file's access mode, such as `0o660`; `nil` leaves it to the umask.
    ///   - port: requests there are routed as if they had come to this port. Default 80.
    ///   - expectsProxyHeader: whether a proxy begins each connection with a PROXY protocol header.
    ///   - configure: changes what its connections are held to, which is what holds for the server.
    /// - Returns: the endpoint, for `HTTPRingServerOptions.endpoints`.
    public static func unixSocket(
        _ path: String,
        mode: UInt32? = nil,
        routedAsPort port: UInt16 = 80,
        expectsProxyHeader: Bool = false,
        configure: @escaping @Sendable (inout HTTPRingListenerOptions) -> Void = { _ in }
    ) -> Self {
        Self(
            kind: .unixSocket(path: path, mode: mode, expectsProxyHeader: expectsProxyHeader),
            port: port,
            configure: configure
        )
    }

    /// The listening sockets that systemd, or another starter, handed over (`LISTEN_FDS`).
    ///
    /// - Parameters:
    ///   - name: only those of this name (`LISTEN_FDNAMES`); `nil` takes all.
    ///   - port: as which port requests there are routed; 0 means the socket's own. Default 0.
    ///   - configure: changes what its connections are held to, which is what holds for the server.
    /// - Returns: the endpoint, for `HTTPRingServerOptions.endpoints`.
    public static func inherited(
        name: String? = nil,
        routedAsPort port: UInt16 = 0,
        configure: @escaping @Sendable (inout HTTPRingListenerOptions) -> Void = { _ in }
    ) -> Self {
        Self(kind: .inherited(name: name), port: port, configure: configure)
    }
}
