// SPDX-License-Identifier: Apache-2.0

/// An error code of a RST_STREAM or GOAWAY frame.
///
/// Source: RFC 9113 §7.
public struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable {
    /// The code as it is sent.
    public var rawValue: UInt32

    /// Makes a code, a registered one or not.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// NO_ERROR: nothing went wrong.
    public static let noError = HTTP2ErrorCode(rawValue: 0)
    /// PROTOCOL_ERROR: the protocol was violated.
    public static let protocolError = HTTP2ErrorCode(rawValue: 1)
    /// INTERNAL_ERROR: the sender failed.
    public static let internalError = HTTP2ErrorCode(rawValue: 2)
    /// FLOW_CONTROL_ERROR: a window was overrun.
    public static let flowControlError = HTTP2ErrorCode(rawValue: 3)
    /// SETTINGS_TIMEOUT: settings were not acknowledged in time.
    public static let settingsTimeout = HTTP2ErrorCode(rawValue: 4)
    /// STREAM_CLOSED: a frame came for a stream that had ended.
    public static let streamClosed = HTTP2ErrorCode(rawValue: 5)
    /// FRAME_SIZE_ERROR: a frame has a wrong size.
    public static let frameSizeError = HTTP2ErrorCode(rawValue: 6)
    /// REFUSED_STREAM: the stream was refused before anything was done for it.
    public static let refusedStream = HTTP2ErrorCode(rawValue: 7)
    /// CANCEL: the stream is not needed any more.
    public static let cancel = HTTP2ErrorCode(rawValue: 8)
    /// COMPRESSION_ERROR: a head could not be decompressed.
    public static let compressionError = HTTP2ErrorCode(rawValue: 9)
    /// CONNECT_ERROR: the connection made by CONNECT ended.
    public static let connectError = HTTP2ErrorCode(rawValue: 10)
    /// ENHANCE_YOUR_CALM: the peer asks for too much.
    public static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)
    /// INADEQUATE_SECURITY: TLS is too weak.
    public static let inadequateSecurity = HTTP2ErrorCode(rawValue: 12)
    /// HTTP_1_1_REQUIRED: the request is to be made by HTTP/1.1.
    public static let http11Required = HTTP2ErrorCode(rawValue: 13)
}
