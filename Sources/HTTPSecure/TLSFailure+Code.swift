// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension TLSFailure {
    /// What kind of failure a verdict of our own, or else an error of OpenSSL, is.
    static func code(verdict: EngineState.Verdict, libraryCode: UInt, isFirstRecord: Bool) -> Code {
        switch verdict {
        case .none: break
        case .noCertificate: return .noCertificate
        case .renegotiation: return .renegotiation
        case .keyUpdateFlood: return .keyUpdateFlood
        case .outOfMemory: return .library
        }
        guard ERR_GET_LIB(libraryCode) == ERR_LIB_SSL else {
            return libraryCode == 0 ? .library : .protocolViolation
        }
        return code(reason: ERR_GET_REASON(libraryCode), isFirstRecord: isFirstRecord)
    }

    private static func code(reason: Int32, isFirstRecord: Bool) -> Code {
        switch reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
            return .plainHTTP
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH,
            SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_INAPPROPRIATE_FALLBACK, SSL_R_UNSUPPORTED_SSL_VERSION:
            return .noSharedVersion
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_CIPHERS_SPECIFIED, SSL_R_NO_SUITABLE_KEY_SHARE,
            SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_GROUPS, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
            return .noSharedCipher
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return .noSharedApplicationProtocol
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return .clientCertificateMissing
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            return .clientCertificateRefused
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
            return .badRecord
        case SSL_R_WRONG_VERSION_NUMBER where isFirstRecord:
            return .notTLS
        case Int32(ERR_R_MALLOC_FAILURE), Int32(ERR_R_INTERNAL_ERROR):
            return .library
        default:
            return reason >= SSL_AD_REASON_OFFSET ? .peerAlert : .protocolViolation
        }
    }
}
