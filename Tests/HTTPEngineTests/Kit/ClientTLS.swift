// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import HTTPEngine
import HTTPSecure

/// A client's side of TLS, over memory.
final class ClientTLS {
    /// What a client asks for.
    struct Options {
        var name: String? = "localhost"
        var protocols: [String] = []
        var version: Int32?
    }

    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    private(set) var isEstablished = false
    /// Whether the server has announced the end of what it sends.
    private(set) var hasEnded = false
    /// The error of reading.
    private(set) var failure: String?

    init(_ options: Options) {
        context = SSL_CTX_new(TLS_client_method())
        if let version = options.version {
            hr_ssl_ctx_set_min_version(context, version)
            hr_ssl_ctx_set_max_version(context, version)
        }
        ssl = SSL_new(context)
        input = BIO_new(BIO_s_mem())
        output = BIO_new(BIO_s_mem())
        SSL_set_bio(ssl, input, output)
        SSL_set_connect_state(ssl)
        if let name = options.name { _ = hr_ssl_set_server_name(ssl, name) }
        if !options.protocols.isEmpty {
            let list = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
            SSL_set_alpn_protos(ssl, list, UInt32(list.count))
        }
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    /// Goes on with the handshake as far as it gets.
    func advance() throws {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isEstablished = true
        } else if SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ {
            throw ClientError.malformed("handshake: \(takeError())")
        }
    }

    func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        ERR_clear_error()
        SSL_write(ssl, bytes, Int32(bytes.count))
    }

    func closeNotify() { SSL_shutdown(ssl) }

    /// What is for the server.
    func takeOutput() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: BIO_ctrl_pending(output))
        guard !bytes.isEmpty else { return [] }
        let count = BIO_read(output, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(max(0, Int(count))))
    }

    /// Takes what came from the server, and returns what it says.
    func decrypt(_ bytes: [UInt8]) -> [UInt8] {
        BIO_write(input, bytes, Int32(bytes.count))
        guard isEstablished else { return [] }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            ERR_clear_error()
            let count = SSL_read(ssl, &buffer, Int32(buffer.count))
            guard count <= 0 else {
                all += buffer[..<Int(count)]
                continue
            }
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_WANT_READ: break
            case SSL_ERROR_ZERO_RETURN: hasEnded = true
            default: failure = takeError()
            }
            return all
        }
    }

    var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &count)
        guard let start, count > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    private func takeError() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard let text = ERR_reason_error_string(code) else { return "end of input" }
        return String(cString: text)
    }
}

/// Certificates for localhost, made once.
enum TestCertificates {
    static let ecdsa = identity(isRSA: false)
    static let rsa = identity(isRSA: true)

    static func context(rsa isRSA: Bool = false) throws -> TLSServerContext {
        try TLSServerContext(TLSServerConfiguration(identities: [isRSA ? rsa : ecdsa]))
    }

    private static func identity(isRSA: Bool) -> TLSIdentity {
        let key = makeKey(isRSA: isRSA)
        let certificate = X509_new()
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1)
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600)
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86400)
        let name = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, "localhost", -1, -1, 0)
        X509_set_issuer_name(certificate, name)
        X509_set_pubkey(certificate, key)
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, certificate, certificate, nil, nil, 0)
        let names = X509V3_EXT_conf_nid(nil, &context, NID_subject_alt_name, "DNS:localhost")
        X509_add_ext(certificate, names, -1)
        X509_EXTENSION_free(names)
        X509_sign(certificate, key, EVP_sha256())
        defer {
            X509_free(certificate)
            EVP_PKEY_free(key)
        }
        return TLSIdentity(
            chain: .text(written { PEM_write_bio_X509($0, certificate) }, name: "chain.pem"),
            key: .text(
                written { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) },
                name: "key.pem"
            )
        )
    }

    private static func makeKey(isRSA: Bool) -> OpaquePointer? {
        let context = EVP_PKEY_CTX_new_from_name(nil, isRSA ? "RSA" : "EC", nil)
        defer { EVP_PKEY_CTX_free(context) }
        EVP_PKEY_keygen_init(context)
        if isRSA {
            EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048)
        } else {
            EVP_PKEY_CTX_set_group_name(context, "P-256")
        }
        var key: OpaquePointer?
        EVP_PKEY_generate(context, &key)
        return key
    }

    private static func written(_ write: (OpaquePointer?) -> Int32) -> [UInt8] {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        precondition(write(bio) == 1, "PEM could not be written")
        var start: UnsafeMutablePointer<CChar>?
        let count = hr_bio_get_bytes(bio, &start)
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}

extension TestSettings {
    /// Settings of an engine that speaks TLS alone.
    static func secure(_ setup: Setup = .oneLoop, rsa: Bool = false) throws -> TestSettings {
        var settings = TestSettings(setup)
        settings.prefixes = ["https://localhost:0/"]
        settings.options.tls = try TestCertificates.context(rsa: rsa)
        return settings
    }
}

extension TestEngine {
    /// A client whose handshake is done.
    func secureClient(_ protocols: String..., version: Int32? = nil) throws -> Client {
        let client = try client()
        var options = ClientTLS.Options()
        options.protocols = protocols
        options.version = version
        try client.startTLS(options)
        return client
    }
}
