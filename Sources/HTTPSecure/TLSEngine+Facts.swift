// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension TLSEngine {
    /// The version, such as `TLSv1.3`; once established.
    public var protocolVersion: String { SSL_get_version(ssl).map { String(cString: $0) } ?? "" }

    /// The version as a value; once established.
    public var version: TLSVersion { SSL_version(ssl) == TLS1_3_VERSION ? .tls13 : .tls12 }

    /// The cipher suite's standard name, such as `TLS_AES_128_GCM_SHA256`; empty before it is chosen.
    public var cipherSuite: String {
        guard let cipher = SSL_get_current_cipher(ssl), let name = SSL_CIPHER_standard_name(cipher) else {
            return ""
        }
        return String(cString: name)
    }

    /// The bits of the key that records are encrypted with; 0 before it is chosen.
    public var cipherKeyBits: Int {
        guard let cipher = SSL_get_current_cipher(ssl) else { return 0 }
        return Int(SSL_CIPHER_get_bits(cipher, nil))
    }

    /// The name of the server as the client sent it; `nil` when it sent none.
    public var serverName: String? {
        SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    /// The application protocol that was chosen, such as `h2`; `nil` when none was negotiated.
    public var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &count)
        guard let start, count > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    /// Whether an earlier session was resumed.
    public var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// The client's certificate; `nil` when it sent none.
    ///
    /// Reads and copies: ask once.
    public var clientCertificate: TLSClientCertificate? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        return TLSClientCertificate(
            certificate,
            chain: SSL_get_peer_cert_chain(ssl),
            verification: SSL_get_verify_result(ssl)
        )
    }
}
