// SPDX-License-Identifier: Apache-2.0

import HTTPSecure
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
    /// Whether each connection begins with a PROXY protocol header.
    let expectsProxyHeader: Bool
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

    var expectsProxyHeader: Bool { endpoint.expectsProxyHeader }

    /// The listening descriptor, -1 once it is closed.
    var socket: Int32 { listener?.descriptor ?? -1 }

    /// Closes the descriptor; no accept may be left on it.
    func closeSocket() { listener = nil }

    init(endpoint: ListenerEndpoint, listener: Listener, index: UInt32, tls: TLSServerContext?) {
        self.tls = tls
        self.endpoint = endpoint
        self.listener = listener
        cacheAddress = endpoint.cacheAddress
        self.index = index
    }
}
