// SPDX-License-Identifier: Apache-2.0

/// A CONNECT request that names the protocol it wants to speak over its stream (RFC 8441, RFC 9220).
///
/// HTTP/2 and later; absent or without a protocol on any other request.
public protocol HTTPExtendedConnectFeature: AnyObject {
    /// The value of `:protocol`, such as `"websocket"`; `nil` for a request that is no extended CONNECT.
    var connectProtocol: String? { get }

    /// Sends `200` with the response's fields and hands over the stream.
    ///
    /// - Throws: `HTTPResponseError` with `.notUpgradable` for a request that is no extended CONNECT, and
    ///   `.alreadyStarted` once the response has started.
    func accept() async throws -> any HTTPDuplexStream
}
