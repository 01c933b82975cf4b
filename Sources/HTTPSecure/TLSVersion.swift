// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A version of TLS that the server speaks; older ones are never offered (RFC 8996).
public enum TLSVersion: Comparable, Hashable, Sendable, CaseIterable {
    /// TLS 1.2, RFC 5246.
    case tls12
    /// TLS 1.3, RFC 8446.
    case tls13

    /// The version's number in OpenSSL and on the wire.
    var wireNumber: Int32 {
        switch self {
        case .tls12: TLS1_2_VERSION
        case .tls13: TLS1_3_VERSION
        }
    }
}
