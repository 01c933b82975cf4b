// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// How the records of a cipher suite are protected (RFC 5288, RFC 7905, RFC 8446 §B.4).
struct RecordAlgorithm {
    // SAFETY: fetched once, never freed, only read; so are the three below.
    let cipher: OpaquePointer
    let keyByteCount: Int
    /// Whether TLS 1.2 sends part of the nonce with each record: of AES-GCM, but not of ChaCha20.
    let hasExplicitNonce: Bool

    /// The tag at the end of each record.
    static let tagByteCount = 16

    /// The algorithm of a cipher suite; `nil` for one that this server does not offer.
    init?(_ suite: OpaquePointer) {
        let cipher: OpaquePointer?
        switch SSL_CIPHER_get_cipher_nid(suite) {
        case NID_aes_128_gcm: (cipher, keyByteCount, hasExplicitNonce) = (Self.aes128, 16, true)
        case NID_aes_256_gcm: (cipher, keyByteCount, hasExplicitNonce) = (Self.aes256, 32, true)
        case NID_chacha20_poly1305: (cipher, keyByteCount, hasExplicitNonce) = (Self.chaCha20, 32, false)
        default: return nil
        }
        guard let cipher else { return nil }
        self.cipher = cipher
    }

    private nonisolated(unsafe) static let aes128 = EVP_CIPHER_fetch(nil, "AES-128-GCM", nil)
    private nonisolated(unsafe) static let aes256 = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
    private nonisolated(unsafe) static let chaCha20 = EVP_CIPHER_fetch(nil, "ChaCha20-Poly1305", nil)
}
