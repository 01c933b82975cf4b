// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// Why a TLS connection failed.
///
/// The peer is wrong, or went away: nothing here is the operator's fault but, perhaps, a server that offers
/// nothing the client can do. A trivial value.
public struct TLSFailure: Error, Hashable, Sendable {
    /// The kind of failure, for programs and counters.
    public struct Code: Hashable, Sendable {
        private let rawValue: UInt8

        /// The first bytes are those of an HTTP request without TLS; nothing was answered.
        public static let plainHTTP = Code(rawValue: 0)
        /// The first bytes are neither TLS nor HTTP.
        public static let notTLS = Code(rawValue: 1)
        /// Client and server have no version in common.
        public static let noSharedVersion = Code(rawValue: 2)
        /// Client and server have no cipher suite, group or signature algorithm in common.
        public static let noSharedCipher = Code(rawValue: 3)
        /// Client and server have no application protocol in common.
        public static let noSharedApplicationProtocol = Code(rawValue: 4)
        /// There is no certificate for the name and address, or connections to it are refused.
        public static let noCertificate = Code(rawValue: 5)
        /// The client sent no certificate where one is required.
        public static let clientCertificateMissing = Code(rawValue: 6)
        /// The client's certificate could not be verified.
        public static let clientCertificateRefused = Code(rawValue: 7)
        /// The client tried to renegotiate.
        public static let renegotiation = Code(rawValue: 8)
        /// The client changes keys so often that it can only mean harm.
        public static let keyUpdateFlood = Code(rawValue: 9)
        /// A record was not encrypted with the connection's keys.
        public static let badRecord = Code(rawValue: 10)
        /// The client sent an alert that ends the connection.
        public static let peerAlert = Code(rawValue: 11)
        /// The client broke the protocol in another way.
        public static let protocolViolation = Code(rawValue: 12)
        /// OpenSSL failed for a reason of its own, such as memory.
        public static let library = Code(rawValue: 13)
    }

    /// The kind of failure.
    public let code: Code
    /// The alert that was sent to the peer, as in RFC 8446 §6; `nil` for none.
    public let alertSent: UInt8?
    /// The alert that the peer sent, for `peerAlert`.
    public let alertReceived: UInt8?
    /// OpenSSL's number of the error, 0 for none.
    let libraryCode: UInt

    /// The reason in words, such as `no shared cipher` or `http request`, for logs.
    public var reason: String {
        switch code {
        case .plainHTTP: return "http request"
        case .renegotiation: return "renegotiation"
        case .keyUpdateFlood: return "too many key updates"
        case .noCertificate: return "no certificate for this name"
        default: break
        }
        if let alertReceived, let text = SSL_alert_desc_string_long(Int32(alertReceived)) {
            return "alert " + String(cString: text)
        }
        guard libraryCode != 0, let text = ERR_reason_error_string(libraryCode) else { return "unknown" }
        return String(cString: text)
    }
}

extension TLSFailure: CustomStringConvertible {
    /// The reason and the alert that was sent, for logs.
    public var description: String {
        guard let alertSent, let text = SSL_alert_desc_string_long(Int32(alertSent)) else { return reason }
        return reason + " (sent alert " + String(cString: text) + ")"
    }
}
