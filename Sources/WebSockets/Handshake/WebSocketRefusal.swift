// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// Why a request does not open a WebSocket.
public enum WebSocketRefusal: Error, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// It asks for no upgrade to `websocket`, or over HTTP/1.0.
    case notAnUpgrade
    /// It is an upgrade, but not a GET.
    case methodNotGet
    /// `Sec-WebSocket-Version` is not 13.
    case versionUnsupported
    /// `Sec-WebSocket-Key` is not there once, or is not the Base64 of 16 bytes.
    case keyMalformed
    /// `Sec-WebSocket-Protocol` is not a list of tokens.
    case subprotocolsMalformed
    /// `Sec-WebSocket-Extensions` is not a list of extensions.
    case extensionsMalformed
    /// `Origin` is not one of the origins that are allowed.
    case originNotAllowed

    /// The status that answers it: 400, 403 or 426.
    ///
    /// 426 goes with `Upgrade: websocket` and `Sec-WebSocket-Version: 13` (RFC 6455 §4.4, RFC 9110 §15.5.22).
    public var statusCode: Int {
        switch self {
        case .notAnUpgrade, .versionUnsupported: 426
        case .originNotAllowed: 403
        default: 400
        }
    }

    /// The reason in words.
    public var description: String {
        switch self {
        case .notAnUpgrade: "the request is no upgrade to websocket"
        case .methodNotGet: "a WebSocket is opened with GET"
        case .versionUnsupported: "Sec-WebSocket-Version is not 13"
        case .keyMalformed: "Sec-WebSocket-Key is not the Base64 of 16 bytes"
        case .subprotocolsMalformed: "Sec-WebSocket-Protocol is not a list of tokens"
        case .extensionsMalformed: "Sec-WebSocket-Extensions is not a list of extensions"
        case .originNotAllowed: "the origin is not allowed"
        }
    }

    /// The fields of the answer: with 426, what to upgrade to, and the version (RFC 6455 §4.4, RFC 9110 §15.5.22).
    var fields: FieldSection {
        var fields = FieldSection()
        guard statusCode == 426 else { return fields }
        fields.append(id: .upgrade, literal: "websocket")
        fields.append(id: .secWebSocketVersion, literal: "13")
        return fields
    }
}
