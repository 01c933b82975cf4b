// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// The server's side of the opening handshake: fields in, fields out.
///
/// Source: RFC 6455 §4.2; for an extended CONNECT, RFC 8441 §5.
package struct WebSocketHandshake: Sendable {
    /// What a request says, each value its field lines joined by commas.
    package struct Request: Sendable {
        /// Whether it is an extended CONNECT with `:protocol` `websocket`, which has no key and no Upgrade.
        package var isExtendedConnect = false
        /// Whether the method is GET.
        package var isGet = true
        /// `Upgrade`; `nil` where the request can't be upgraded.
        package var upgrade: String?
        /// `Sec-WebSocket-Version`.
        package var version: String?
        /// `Sec-WebSocket-Key`.
        package var key: String?
        /// `Sec-WebSocket-Protocol`.
        package var subprotocols: String?
        /// `Sec-WebSocket-Extensions`.
        package var extensions: String?
        /// `Origin`.
        package var origin: String?

        /// Makes a request with nothing in it.
        package init() {}
    }

    /// `Sec-WebSocket-Accept`; `nil` for an extended CONNECT.
    package let accept: String?
    /// `Sec-WebSocket-Protocol`: the subprotocol, where one was chosen.
    package let subprotocol: String?
    /// What was agreed on about compression; `nil` means none.
    package let compression: DeflateAgreement?

    /// Checks a request and decides what to agree on.
    ///
    /// - Throws: `WebSocketRefusal`.
    package init(_ request: Request, options: WebSocketOptions) throws(WebSocketRefusal) {
        if !request.isExtendedConnect {
            guard let upgrade = request.upgrade,
                FieldSyntax.listContains("websocket", in: upgrade.utf8.span)
            else { throw .notAnUpgrade }
            guard request.isGet else { throw .methodNotGet }
        }
        guard let version = request.version, version == "13" else { throw .versionUnsupported }
        if request.isExtendedConnect {
            accept = nil
        } else {
            guard let key = request.key, Base64.encodesSixteenBytes(key.utf8.span) else {
                throw .keyMalformed
            }
            accept = WebSocketHandshake.accept(key: key)
        }
        if let allowed = options.allowedOrigins, let origin = request.origin {
            guard allowed.contains(where: { $0.lowercased() == origin.lowercased() }) else {
                throw .originNotAllowed
            }
        }
        let offered = try WebSocketHandshake.subprotocols(request.subprotocols)
        subprotocol = options.subprotocols.first { offered.contains($0) }
        let offers = try DeflateOffer.parse(request.extensions)
        compression = options.compression.flatMap { options in
            offers.lazy.compactMap { DeflateAgreement(offer: $0, options: options) }.first
        }
    }

    /// The value that shows a client that its key was read (RFC 6455 §4.2.2, item 5.4).
    package static func accept(key: String) -> String {
        let text = Array(key.utf8) + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
        return String(decoding: Base64.encode(SHA1.digest(text)), as: UTF8.self)
    }

    /// The subprotocols of a field, in the client's order.
    package static func subprotocols(_ list: String?) throws(WebSocketRefusal) -> [String] {
        guard let list else { return [] }
        var names: [String] = []
        let bytes = Array(list.utf8)
        var isMalformed = false
        FieldSyntax.forEachElement(bytes.span) { range in
            isMalformed = !FieldSyntax.isToken(bytes.span.extracting(range))
            names.append(String(decoding: bytes[range], as: UTF8.self))
            return !isMalformed
        }
        guard !isMalformed, !names.isEmpty else { throw .subprotocolsMalformed }
        return names
    }
}
