// SPDX-License-Identifier: Apache-2.0

public import HTTP2
import HTTPWire
import IORing
import URLPrefixes

/// What the connections of one listener are held to until their requests are routed.
///
/// Begins with what holds for the whole server. After routing, the rules of the URL group count.
public struct ListenerOptions: Sendable {
    /// Connections open at once; over it new ones wait in the kernel's backlog.
    ///
    /// A listener with a number of its own counts by itself: its connections take no place among those of the
    /// server, so that one for administration can be reached when the others are full. `nil`: no limit.
    public var maxConnections: Int?
    /// Connections of one client address open at once; over it a new one is reset.
    ///
    /// A listener with a number of its own counts by itself. `nil`: no limit.
    public var maxConnectionsPerAddress: Int?
    /// Requests of one connection, after which it is closed in order, or gets GOAWAY over HTTP/2.
    ///
    /// `nil`: no limit.
    public var maxRequestsPerConnection: Int?
    /// Bytes of request line and field section; over it 431.
    public var maxRequestHeadBytes: Int
    /// Bytes of the request-target; over it 414.
    public var maxRequestTargetBytes: Int
    /// Field lines in a request; over it 431.
    public var maxRequestHeaderCount: Int
    /// A whole head must be in after so long from its first byte, or from the connection's start: 408.
    public var headerWait: Duration
    /// A connection without a request in progress is closed after so long.
    public var idleConnection: Duration
    /// A TLS handshake must be done after so long from the connection's start: reset.
    public var tlsHandshake: Duration
    /// A client that takes what is not a routed request's response slower than this is cut off; 0: off.
    public var minSendBytesPerSecond: Int
    /// Limits of HTTP/2 connections; `nil` has clients speak HTTP/1.1 alone.
    public var http2: HTTP2Limits?
    /// Whether each connection begins with a PROXY protocol header.
    public var expectsProxyHeader: Bool
    /// Whether a target may be `https` in cleartext; else 421.
    ///
    /// For listeners that only a proxy reaches which ends TLS and passes on the scheme that its client used.
    public var allowsAlternateSchemes: Bool

    /// Makes the options of a listener for which nothing in particular is said.
    public init(_ options: EngineOptions) {
        maxConnections = options.limits.maxConnections
        maxConnectionsPerAddress = options.limits.maxConnectionsPerAddress
        maxRequestsPerConnection = options.limits.maxRequestsPerConnection
        maxRequestHeadBytes = options.limits.maxRequestHeadBytes
        maxRequestTargetBytes = options.limits.maxRequestTargetBytes
        maxRequestHeaderCount = options.limits.maxRequestHeaderCount
        headerWait = options.timeouts.headerWait
        idleConnection = options.timeouts.idleConnection
        tlsHandshake = options.timeouts.tlsHandshake
        minSendBytesPerSecond = options.timeouts.minSendBytesPerSecond
        http2 = options.http2
        expectsProxyHeader = false
        allowsAlternateSchemes = options.allowsAlternateSchemes
    }

    var headLimits: HeadLimits {
        HeadLimits(
            headBytesMax: maxRequestHeadBytes,
            targetBytesMax: maxRequestTargetBytes,
            fieldCountMax: maxRequestHeaderCount,
            fieldBytesMax: maxRequestHeadBytes
        )
    }

    /// The limits of HTTP/2 sessions, with the listener's own where they say the same thing; `nil` for none.
    var http2Limits: HTTP2Limits? {
        guard var limits = http2 else { return nil }
        limits.head = headLimits
        limits.headTimeout = headerWait
        return limits
    }
}

/// Which listeners have options of their own, and which.
public struct ListenerRule: Sendable {
    /// The port; as a prefix names it, 0 for any that is free.
    public let port: UInt16
    /// The local address, such as `127.0.0.1`; `nil` for every one.
    public let address: String?
    /// Changes the options, which begin with the server's.
    public let configure: @Sendable (inout ListenerOptions) -> Void

    /// Makes a rule.
    public init(
        port: UInt16,
        address: String? = nil,
        _ configure: @escaping @Sendable (inout ListenerOptions) -> Void
    ) {
        self.port = port
        self.address = address
        self.configure = configure
    }

    func matches(_ address: SocketAddress, askedPort: UInt16) -> Bool {
        guard address.family != .unix, port == askedPort || port == address.port else { return false }
        guard let own = self.address else { return true }
        return IPAddressLiteral(own).map { $0 == address.literal } ?? false
    }
}

/// The options of one listener as its connections need them, shared by all loops.
final class ListenerSettings: Sendable {
    let options: ListenerOptions
    let places: ConnectionPlaces
    let addressPlaces: AddressPlaces?
    /// Whether the listener's time-outs are the engine's, and change with them.
    let followsHeaderWait: Bool
    let followsIdleConnection: Bool

    /// Makes settings; what is not the listener's own is counted with the engine's.
    ///
    /// - Parameters:
    ///   - options: the listener's.
    ///   - engine: whose places count.
    ///   - standard: the options of a listener for which nothing in particular is said.
    init(_ options: ListenerOptions, _ engine: Engine, standard: ListenerOptions) {
        self.options = options
        followsHeaderWait = options.headerWait == standard.headerWait
        followsIdleConnection = options.idleConnection == standard.idleConnection
        let limits = engine.options.limits
        places =
            options.maxConnections == limits.maxConnections
            ? engine.connectionPlaces : engine.makeConnectionPlaces(limit: options.maxConnections)
        addressPlaces =
            options.maxConnectionsPerAddress == limits.maxConnectionsPerAddress
            ? engine.addressPlaces : options.maxConnectionsPerAddress.map { AddressPlaces(limit: $0) }
    }
}
