// SPDX-License-Identifier: Apache-2.0

/// What becomes of a connection after an exchange on it ended.
public enum ConnectionFate: UInt8, CaseIterable, Sendable {
    /// The connection serves the next request.
    case keep
    /// The connection is closed once the response is sent.
    case close
    /// Sending ends after the response; reading goes on for a while, so that the peer sees the response.
    ///
    /// Source: RFC 9112 §9.6.
    case lingerAndClose
    /// The connection is reset at once.
    case reset
}
