// SPDX-License-Identifier: Apache-2.0

/// Why a session is over, and with what code that was said or would have been.
public struct HTTP2SessionEnd: Error, Equatable, Sendable {
    /// The reasons.
    public enum Reason: UInt8, CaseIterable, Sendable {
        /// Both sides are done: a shutdown ended, or the client said GOAWAY and its streams ended.
        case done
        /// The engine ended it with `terminate`.
        case terminated
        /// The first bytes are not those of an HTTP/2 client.
        case prefaceMalformed
        /// The client violated the protocol; the code says how.
        case protocolViolated
        /// Too many streams were reset, by the client or because of it.
        case tooManyResets
        /// Too many control frames came.
        case tooManyControlFrames
        /// A head came in too many CONTINUATION frames.
        case tooManyContinuations
        /// A head was more than twice as large as is allowed.
        case headFarTooLarge
        /// More acknowledgements wait to be sent than is reasonable.
        case tooManyAcknowledgements
        /// The client's preface or the acknowledgement of our settings did not come in time.
        case settingsTimeout
        /// A head did not become whole in time.
        case headTimeout
        /// The client gave no sign of life.
        case keepAliveTimeout
        /// The session failed, for want of memory or for a fault of its own.
        case failed
    }

    /// Why.
    public var reason: Reason
    /// The code of the GOAWAY frame.
    public var code: HTTP2ErrorCode

    /// Makes an end.
    public init(_ reason: Reason, _ code: HTTP2ErrorCode) {
        self.reason = reason
        self.code = code
    }
}
