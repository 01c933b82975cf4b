// SPDX-License-Identifier: Apache-2.0

/// Addresses and name of the connection a request came over.
public protocol HTTPConnectionFeature: AnyObject {
    /// A name for the connection, unique in this process.
    var connectionID: String { get set }
    /// The client's address as text, empty for a Unix socket; `0.0.0.0` where the kernel no longer knows it.
    var remoteAddress: String { get set }
    /// The client's port, 0 for a Unix socket.
    var remotePort: Int { get set }
    /// The address the client reached, or the socket's path.
    var localAddress: String { get set }
    /// The port the client reached.
    var localPort: Int { get set }
}

/// Asks for the end of a connection once the request in progress is done.
public protocol ConnectionLifetimeNotificationFeature: AnyObject {
    /// Whether a graceful end was asked for, by the server's stop or by `requestClose()`.
    var isCloseRequested: Bool { get }
    /// Sends `Connection: close` (HTTP/1) or GOAWAY (HTTP/2) with this response.
    func requestClose()
    /// Calls an action once the server has begun to stop, or this process to leave its queue.
    ///
    /// At once where it has already; not at all once the request has ended. One action a request: a later one takes
    /// the place of the one before. It is called on the request's loop, and only starts what is to be done: it does
    /// not wait. For requests that go on until somebody ends them, such as upgraded connections and event streams.
    func whenDraining(_ action: @escaping @Sendable () -> Void)
}

extension ConnectionLifetimeNotificationFeature {
    /// Never calls it; for servers that do not stop.
    public func whenDraining(_ action: @escaping @Sendable () -> Void) {}
}

/// Turns a connection over to another protocol (RFC 9110 §7.8).
public protocol HTTPUpgradeFeature: AnyObject {
    /// Whether the request asked for an upgrade and has no content.
    var isUpgradableRequest: Bool { get }

    /// Sends `101 Switching Protocols` with the response's fields and hands over the connection.
    ///
    /// The application sets `Upgrade` first; `Connection: Upgrade` is added.
    ///
    /// - Throws: `HTTPResponseError` when the request can't be upgraded or the response has started.
    func upgrade() async throws -> any HTTPDuplexStream
}

/// Bytes in both directions over an upgraded connection.
///
/// Loop-affine.
public protocol HTTPDuplexStream: AnyObject {
    /// Reads what has arrived; an empty array when the peer has finished sending.
    func read(upTo byteCountMax: Int) async throws -> [UInt8]
    /// Writes bytes, waiting while more than 64 KiB are unsent.
    func write(_ bytes: [UInt8]) async throws
    /// Ends what this side sends, after what was written has gone out.
    ///
    /// On a stream of HTTP/2 the other direction goes on until the client ends it; over HTTP/1.1 the connection ends.
    func close() async
    /// Ends both directions: what was written goes out, and a read that waits returns an empty array.
    func abandon() async
}

extension HTTPDuplexStream {
    /// Closes; for streams that know no half-open state.
    public func abandon() async { await close() }
}

/// Facts about a TLS connection; absent on cleartext.
public protocol TLSConnectionFeature: AnyObject {
    /// The protocol version, such as `"TLSv1.3"`.
    var tlsVersion: String { get }
    /// The cipher suite's standard name.
    var cipherSuite: String { get }
    /// The server name the client asked for, or empty.
    var serverName: String { get }
    /// The negotiated application protocol, or empty.
    var applicationProtocol: String { get }
    /// The client's certificate chain, DER, leaf first; empty where none was sent.
    var clientCertificateChain: [[UInt8]] { get }
}

/// The addresses a server listens on; a feature of the server, not of a request.
public protocol ServerAddressesFeature: AnyObject, Sendable {
    /// The URL prefixes in full form, with real ports once the server has started.
    var addresses: [String] { get }
}
