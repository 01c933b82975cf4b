// SPDX-License-Identifier: Apache-2.0

/// The four forms of a request-target, RFC 9112 §3.2.
public enum TargetForm: UInt8, CaseIterable, Sendable {
    /// `/path?query`.
    case origin
    /// `http://host/path?query`.
    case absolute
    /// `host:port`, for CONNECT only.
    case authority
    /// `*`, for OPTIONS only.
    case asterisk
}
