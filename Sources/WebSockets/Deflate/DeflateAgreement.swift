// SPDX-License-Identifier: Apache-2.0

/// What both sides do about compression.
///
/// Source: RFC 7692 §7.1.
package struct DeflateAgreement: Sendable, Equatable {
    /// Whether the server's messages may refer to earlier ones.
    package let serverKeepsContext: Bool
    /// Whether the client's may.
    package let clientKeepsContext: Bool
    /// The bits of the server's window.
    package let serverWindowBits: Int
    /// The bits of the client's window.
    package let clientWindowBits: Int
    /// The value of `Sec-WebSocket-Extensions` that says so.
    package let fieldValue: String

    /// Agrees to an offer, within what the options allow.
    ///
    /// The answer names a parameter only where it was offered or is needed, since a client that did not offer
    /// `client_max_window_bits` may not get it. A client's window can't be limited then, and the offer stands with 15.
    package init?(offer: DeflateOffer, options: WebSocketCompression) {
        serverKeepsContext = options.serverContextTakeover && !offer.serverNoContextTakeover
        clientKeepsContext = options.clientContextTakeover && !offer.clientNoContextTakeover
        serverWindowBits = min(options.serverWindowBits, offer.serverMaxWindowBits ?? 15)
        clientWindowBits = offer.clientMaxWindowBits.map { min($0, options.clientWindowBits) } ?? 15
        var value = "permessage-deflate"
        if !serverKeepsContext { value += "; server_no_context_takeover" }
        if !clientKeepsContext { value += "; client_no_context_takeover" }
        if offer.serverMaxWindowBits != nil || serverWindowBits < 15 {
            value += "; server_max_window_bits=\(serverWindowBits)"
        }
        if clientWindowBits < 15 { value += "; client_max_window_bits=\(clientWindowBits)" }
        fieldValue = value
    }
}
