// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

/// A client over memory, which takes part in handshakes by hand.
final class TestClient {
    /// What a client is to do differently.
    struct Options {
        var name: String?
        var minimumVersion = TLS1_2_VERSION
        var maximumVersion = TLS1_3_VERSION
        var protocols: [String] = []
        var certificate: TestCertificate?
        var session: OpaquePointer?
        var asksForStatus = false
        var signatureAlgorithms: String?
        var groups: String?
        var cipherList: String?
        var isTrusting = true
    }

    let context: OpaquePointer
    let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    private(set) var isEstablished = false
    /// The error of the handshake or of reading.
    private(set) var failure: String?
    private(set) var hasEnded = false

    init(_ options: Options = Options()) {
        context = SSL_CTX_new(TLS_client_method())
        hr_ssl_ctx_set_min_version(context, options.minimumVersion)
        hr_ssl_ctx_set_max_version(context, options.maximumVersion)
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), TestCertificate.authority.pointer)
        SSL_CTX_set_verify(context, options.isTrusting ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        hr_ssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
        SSL_CTX_sess_set_new_cb(context) { ssl, session in
            guard let store = SSL_get_ex_data(ssl, 0) else { return 0 }
            Unmanaged<TestClient>.fromOpaque(store).takeUnretainedValue().sessions.append(session)
            return 1
        }
        ssl = SSL_new(context)
        input = BIO_new(BIO_s_mem())
        output = BIO_new(BIO_s_mem())
        SSL_set_bio(ssl, input, output)
        SSL_set_connect_state(ssl)
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        apply(options)
    }

    private func apply(_ options: Options) {
        if let name = options.name {
            _ = hr_ssl_set_server_name(ssl, name)
        }
        if !options.protocols.isEmpty {
            let list = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
            SSL_set_alpn_protos(ssl, list, UInt32(list.count))
        }
        if let certificate = options.certificate {
            SSL_use_certificate(ssl, certificate.pointer)
            SSL_use_PrivateKey(ssl, certificate.key.pointer)
        }
        if let session = options.session {
            SSL_set_session(ssl, session)
        }
        if options.asksForStatus {
            _ = hr_ssl_set_status_request(ssl)
        }
        if let list = options.signatureAlgorithms {
            precondition(hr_ssl_set_signature_algorithms(ssl, list) == 1)
        }
        if let list = options.groups {
            precondition(hr_ssl_set_groups(ssl, list) == 1)
        }
        if let list = options.cipherList {
            precondition(SSL_set_cipher_list(ssl, list) == 1)
        }
    }

    deinit {
        for session in sessions {
            SSL_SESSION_free(session)
        }
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    /// The sessions that can be resumed; each is freed with the client.
    private(set) var sessions: [OpaquePointer?] = []

    /// A session to resume in another client, which must not outlive this one.
    var session: OpaquePointer? { (sessions.last ?? nil) ?? SSL_get_session(ssl) }

    /// Goes on with the handshake as far as it gets.
    func advance() {
        guard !isEstablished, failure == nil else { return }
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isEstablished = true
        } else if SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ {
            failure = takeError()
        }
    }

    /// What is for the server.
    func takeOutput() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: BIO_ctrl_pending(output))
        guard !bytes.isEmpty else { return [] }
        let count = BIO_read(output, &bytes, Int32(bytes.count))
        return Array(bytes.prefix(max(0, Int(count))))
    }

    /// Takes what came from the server.
    func receive(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        BIO_write(input, bytes, Int32(bytes.count))
    }

    func write(_ bytes: [UInt8]) {
        ERR_clear_error()
        #expect(SSL_write(ssl, bytes, Int32(bytes.count)) == Int32(bytes.count))
    }

    /// Decrypts all that has come.
    func read() -> [UInt8] {
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

    func closeNotify() {
        SSL_shutdown(ssl)
    }

    private func takeError() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard let text = ERR_reason_error_string(code) else { return "end of input" }
        return String(cString: text)
    }

    /// The common name of the server's certificate.
    var serverCommonName: String? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        var name = [CChar](repeating: 0, count: 128)
        let count = X509_NAME_get_text_by_NID(
            X509_get_subject_name(certificate),
            NID_commonName,
            &name,
            Int32(name.count)
        )
        return String(decoding: name.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether the server's key is an RSA key.
    var serverKeyIsRSA: Bool {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return false }
        defer { X509_free(certificate) }
        return EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA
    }

    var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &count)
        guard let start, count > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }
}
