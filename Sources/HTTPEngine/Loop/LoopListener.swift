// SPDX-License-Identifier: Apache-2.0

import HTTP2
import HTTPSecure
import HTTPWire
import IORing
import URLPrefixes

/// An address the engine listens on: what every connection accepted there has in common.
struct ListenerEndpoint: Sendable, Hashable {
    /// A number for the address; the same on every loop.
    let id: UInt32
    let scheme: URLPrefix.Scheme
    /// The port requests are routed by.
    let port: UInt16
    /// The local address, where the socket is bound to one in particular.
    let address: IPAddressLiteral?
    let isUnixSocket: Bool
    /// The address as text, for logs and listings.
    let text: String
    /// What sets stored responses of this address apart from those of others on the same port: nothing, where
    /// the socket is bound to no address in particular.
    var cacheAddress: [UInt8] { address == nil ? [] : Array(text.utf8) }
}

/// One loop's socket for an endpoint.
///
/// Loop-affine.
final class LoopListener {
    enum State {
        case off
        case multishot
        case once
        /// Not accepting, over the connection limit or out of descriptors.
        case paused
        case closing
    }

    let endpoint: ListenerEndpoint
    private var listener: Listener?
    let index: UInt32
    let cacheAddress: [UInt8]
    /// The certificates of connections accepted here; `nil` for cleartext.
    let tls: TLSServerContext?
    var state = State.off
    /// A connection that was accepted over the limit and waits for a place; -1 when there is none.
    var parkedSocket: Int32 = -1
    /// Called when the socket is closed.
    var ended: (() -> Void)?

    // The listener's options as its connections need them; times in nanoseconds.
    let expectsProxyHeader: Bool
    let allowsAlternateSchemes: Bool
    let headLimits: HeadLimits
    private(set) var headerWait: Int64
    private(set) var idleTimeout: Int64
    let handshakeTimeout: Int64
    let requestCountMax: UInt32
    let minSendBytesPerSecond: Int
    /// Bytes of input held for a connection; over it receiving pauses.
    ///
    /// A head must fit.
    let inputCountMax: Int
    /// The connections that count together with this listener's, and how many there may be.
    let places: ConnectionPlaces
    /// The same by client address; `nil` for no limit.
    let addressPlaces: AddressPlaces?
    /// What sessions of HTTP/2 share; `nil` where it is not spoken.
    private(set) var http2Workspace: HTTP2Workspace?
    private let settings: ListenerSettings

    /// The listening descriptor, -1 once it is closed.
    var socket: Int32 { listener?.descriptor ?? -1 }

    /// Closes the descriptor; no accept may be left on it.
    func closeSocket() { listener = nil }

    init(
        endpoint: ListenerEndpoint,
        settings: ListenerSettings,
        listener: Listener,
        index: UInt32,
        loop: EngineLoop
    ) {
        tls = endpoint.scheme == .https ? loop.options.tls : nil
        self.endpoint = endpoint
        self.listener = listener
        cacheAddress = endpoint.cacheAddress
        self.index = index
        self.settings = settings
        let options = settings.options
        expectsProxyHeader = options.expectsProxyHeader
        allowsAlternateSchemes = options.allowsAlternateSchemes
        headLimits = options.headLimits
        headerWait = options.headerWait.saturatedNanoseconds
        idleTimeout = options.idleConnection.saturatedNanoseconds
        handshakeTimeout = options.tlsHandshake.saturatedNanoseconds
        requestCountMax = options.maxRequestsPerConnection.map { UInt32(clamping: max(1, $0)) } ?? .max
        minSendBytesPerSecond = options.minSendBytesPerSecond
        inputCountMax = max(loop.options.limits.maxRequestBufferSize, options.maxRequestHeadBytes)
        places = settings.places
        addressPlaces = settings.addressPlaces
        http2Workspace = options.http2Limits.map { loop.http2Workspace(of: $0) }
    }

    /// Takes over other time-outs of the engine, where the listener has none of its own.
    func follow(_ timeouts: TimeoutManager, _ loop: EngineLoop) {
        if settings.followsIdleConnection { idleTimeout = timeouts.idleConnection.saturatedNanoseconds }
        guard settings.followsHeaderWait else { return }
        headerWait = timeouts.headerWait.saturatedNanoseconds
        guard var limits = settings.options.http2Limits else { return }
        limits.headTimeout = timeouts.headerWait
        http2Workspace = loop.http2Workspace(of: limits)
    }
}
