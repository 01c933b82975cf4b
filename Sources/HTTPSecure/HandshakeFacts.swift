// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a handshake came to, kept when OpenSSL's connection is freed.
///
/// Texts are made when they are asked for, but for those that the peer chose.
struct HandshakeFacts {
    // SAFETY: OpenSSL's table of cipher suites is constant.
    let suite: OpaquePointer?
    let version: TLSVersion
    let isResumed: Bool
    let serverName: String?
    let applicationProtocol: String?
    let peer: Peer?

    init(_ ssl: OpaquePointer) {
        suite = SSL_get_current_cipher(ssl)
        version = SSL_version(ssl) == TLS1_3_VERSION ? .tls13 : .tls12
        isResumed = SSL_session_reused(ssl) == 1
        serverName = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &count)
        applicationProtocol = start.map { start in
            String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
        }
        peer = Peer(ssl)
    }

    /// The certificates that a client sent.
    final class Peer {
        // SAFETY: references of our own, given back by `deinit`.
        private let certificate: OpaquePointer
        private let chain: OpaquePointer?
        private let verification: Int

        /// Takes the certificates from a connection; `nil` when there are none.
        init?(_ ssl: OpaquePointer) {
            guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
            self.certificate = certificate
            chain = SSL_get_peer_cert_chain(ssl).flatMap { X509_chain_up_ref($0) }
            verification = SSL_get_verify_result(ssl)
        }

        deinit {
            X509_free(certificate)
            if let chain {
                hr_certificates_free(chain)
            }
        }

        /// The certificates as a value.
        var value: TLSClientCertificate {
            TLSClientCertificate(certificate, chain: chain, verification: verification)
        }
    }
}
