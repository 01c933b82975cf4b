// SPDX-License-Identifier: Apache-2.0

/// One whole message, text or binary.
public struct WebSocketMessage: Sendable, Hashable {
    /// The two kinds of messages (RFC 6455 §5.6).
    public enum Kind: Sendable, Hashable {
        /// UTF-8 text.
        case text
        /// Any bytes.
        case binary
    }

    /// What the bytes are.
    public let kind: Kind
    /// The payload; of a text that was received, valid UTF-8.
    public let bytes: [UInt8]

    /// The text of a text message, `nil` of a binary one.
    ///
    /// Cost: copies the bytes into a string each time.
    public var text: String? { kind == .text ? String(decoding: bytes, as: UTF8.self) : nil }

    /// Makes a text message.
    public static func text(_ text: String) -> WebSocketMessage {
        WebSocketMessage(kind: .text, bytes: Array(text.utf8))
    }

    /// Makes a binary message.
    public static func binary(_ bytes: [UInt8]) -> WebSocketMessage {
        WebSocketMessage(kind: .binary, bytes: bytes)
    }

    init(kind: Kind, bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }
}
