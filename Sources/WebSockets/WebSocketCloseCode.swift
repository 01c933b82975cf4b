// SPDX-License-Identifier: Apache-2.0

/// Why a WebSocket was closed (RFC 6455 §7.4).
public struct WebSocketCloseCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The code's number.
    public let rawValue: UInt16

    /// Makes a code of any number; `canBeSent` tells whether it may stand in a Close frame.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// 1000: the purpose was fulfilled.
    public static let normal = WebSocketCloseCode(rawValue: 1000)
    /// 1001: the server goes down, or the page was left.
    public static let goingAway = WebSocketCloseCode(rawValue: 1001)
    /// 1002: the peer broke the protocol.
    public static let protocolError = WebSocketCloseCode(rawValue: 1002)
    /// 1003: data of a kind that isn't accepted.
    public static let unsupportedData = WebSocketCloseCode(rawValue: 1003)
    /// 1005: the peer's Close frame had no code; never sent.
    public static let noCode = WebSocketCloseCode(rawValue: 1005)
    /// 1006: the connection ended without a Close frame; never sent.
    public static let abnormal = WebSocketCloseCode(rawValue: 1006)
    /// 1007: a text that isn't UTF-8, or data that doesn't inflate.
    public static let invalidData = WebSocketCloseCode(rawValue: 1007)
    /// 1008: against the rules of the application.
    public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    /// 1009: a message over the limit.
    public static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    /// 1010: the client misses an extension.
    public static let extensionRequired = WebSocketCloseCode(rawValue: 1010)
    /// 1011: the server met a condition it did not expect.
    public static let internalError = WebSocketCloseCode(rawValue: 1011)

    /// Whether the code may stand in a Close frame.
    ///
    /// 1000 to 1003 and 1007 to 1014 (the last three registered with IANA since), and 3000 to 4999.
    public var canBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// The number in digits.
    public var description: String { String(rawValue) }
}
