// SPDX-License-Identifier: Apache-2.0

/// The peer broke a rule of the protocol, or the socket can no longer be used as it was.
public struct WebSocketError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What happened; more may be added.
    public struct Code: Sendable, Hashable {
        let rawValue: String
        /// The peer sent what RFC 6455 or RFC 7692 forbids; it was told 1002.
        public static let protocolError = Code(rawValue: "the peer broke the protocol")
        /// A text was not UTF-8, or compressed data was damaged; the peer was told 1007.
        public static let invalidData = Code(rawValue: "the peer sent invalid data")
        /// A message or frame was over its limit; the peer was told 1009.
        public static let messageTooBig = Code(rawValue: "the peer sent too much")
        /// The peer did not answer a ping in time.
        public static let keepAliveTimeout = Code(rawValue: "the peer did not answer a ping in time")
        /// This side or the peer has closed, so nothing more can be sent.
        public static let closed = Code(rawValue: "the socket is closed")
        /// Another task is receiving already.
        public static let alreadyReceiving = Code(rawValue: "another task is receiving")
        /// An argument is outside what a frame can hold.
        public static let invalidArgument = Code(rawValue: "a frame cannot hold this")
    }

    /// What happened.
    public let code: Code
    /// More about it.
    public let detail: String

    /// Makes an error.
    public init(_ code: Code, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// The code the peer is told in a Close frame.
    public var closeCode: WebSocketCloseCode {
        switch code {
        case .protocolError: .protocolError
        case .invalidData: .invalidData
        case .messageTooBig: .messageTooBig
        case .keepAliveTimeout: .policyViolation
        default: .internalError
        }
    }

    /// The code in words, with the detail.
    public var description: String { detail.isEmpty ? code.rawValue : "\(code.rawValue): \(detail)" }
}
