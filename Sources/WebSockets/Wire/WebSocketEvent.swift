// SPDX-License-Identifier: Apache-2.0

/// What a side of a WebSocket has received.
package enum WebSocketEvent: Sendable, Equatable {
    /// A whole message.
    case message(WebSocketMessage)
    /// A Ping with its payload, which a Pong takes back.
    case ping([UInt8])
    /// A Pong with its payload.
    case pong([UInt8])
    /// The peer's Close; its code is `.noCode` where it had none.
    case close(WebSocketCloseCode, reason: String)
}
