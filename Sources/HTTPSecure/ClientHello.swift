// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What is looked up in a client's hello before OpenSSL works on it.
enum ClientHello {
    /// The name of the server that the client wants, in canonical form; `nil` for none or one that is no name.
    ///
    /// **Shape**: RFC 6066 §3: a list with its length, of entries with a type (0 is a host name) and a length.
    static func serverName(_ ssl: OpaquePointer) -> String? {
        var start: UnsafePointer<UInt8>?
        var count = 0
        guard SSL_client_hello_get0_ext(ssl, UInt32(TLSEXT_TYPE_server_name), &start, &count) == 1 else {
            return nil
        }
        return serverName(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// The first host name in the content of a `server_name` extension.
    static func serverName(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count >= 5, word(bytes, 0) == bytes.count - 2, bytes[2] == 0 else { return nil }
        let count = word(bytes, 3)
        guard count <= bytes.count - 5 else { return nil }
        return ServerName.canonical(UnsafeRawBufferPointer(rebasing: bytes[5..<5 + count]))
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int {
        Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
    }

    /// Whether a signature with one of these keys is what the client will get.
    ///
    /// OpenSSL takes the first of the server's algorithms that the client knows too, and those of fast keys
    /// come first. Up to TLS 1.2 there must be a cipher suite for it as well.
    static func canUse(_ signatures: Set<FastSignature>, _ ssl: OpaquePointer) -> Bool {
        guard !signatures.isEmpty else { return false }
        let isTLS13 = SSL_version(ssl) >= TLS1_3_VERSION
        if !isTLS13, !offersECDSASuite(ssl) { return false }
        let count = SSL_get_sigalgs(ssl, -1, nil, nil, nil, nil, nil)
        guard count > 0 else { return false }
        for index in 0..<count {
            var (signature, hash): (UInt8, UInt8) = (0, 0)
            _ = SSL_get_sigalgs(ssl, index, nil, nil, nil, &signature, &hash)
            switch (hash, signature) {
            case (8, 7):
                if signatures.contains(.ed25519) { return true }
            case (4, 3), (5, 3), (6, 3):
                // TLS 1.3 ties the curve to the hash: 0x0403 is P-256 with SHA-256 (RFC 8446 §4.2.3).
                if signatures.contains(.ecdsaP256), hash == 4 || !isTLS13 { return true }
            default: break
            }
        }
        return false
    }

    private static func offersECDSASuite(_ ssl: OpaquePointer) -> Bool {
        guard let ciphers = SSL_get_client_ciphers(ssl) else { return false }
        for index in 0..<hr_ciphers_count(ciphers) {
            let cipher = hr_ciphers_get(ciphers, index)
            if SSL_CIPHER_get_auth_nid(cipher) == NID_auth_ecdsa { return true }
        }
        return false
    }
}
