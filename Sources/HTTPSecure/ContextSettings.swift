// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What all contexts of a configuration have in common.
struct ContextSettings: Hashable, Sendable {
    /// OpenSSL, started so that it does not take itself down while the process exits and threads still use it.
    ///
    /// Source: OPENSSL_init_ssl(3), `OPENSSL_INIT_NO_ATEXIT`.
    private static let library: Void = { OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) }()

    private let cipherSuitesTLS12: [String]
    private let cipherSuitesTLS13: [String]
    private let groups: [String]
    private let signatureAlgorithms: [String]
    private let ticketsPerHandshake: Int
    private let sessionSeconds: Int

    /// Takes the settings from a configuration and checks their ranges.
    init(_ configuration: TLSServerConfiguration) throws(TLSConfigurationError) {
        cipherSuitesTLS12 = configuration.cipherSuitesTLS12
        cipherSuitesTLS13 = configuration.cipherSuitesTLS13
        groups = configuration.groups
        signatureAlgorithms = configuration.signatureAlgorithms
        ticketsPerHandshake = configuration.ticketsPerHandshake
        let seconds = configuration.sessionLifetime.components.seconds
        sessionSeconds = Int(clamping: seconds)
        guard (0...8).contains(ticketsPerHandshake) else {
            throw .invalidSetting("ticketsPerHandshake", "is \(ticketsPerHandshake)", "Use 0 to 8")
        }
        guard seconds >= 1, seconds <= 7 * 86400 else {
            throw .invalidSetting("sessionLifetime", "is \(seconds) s", "Use 1 s to 7 days (RFC 8446 §4.6.1)")
        }
    }

    /// Makes a context with these settings and everything that no configuration changes.
    func makeContext() throws(TLSConfigurationError) -> SSLContext {
        _ = Self.library
        guard let pointer = SSL_CTX_new(TLS_server_method()) else { throw .library("SSL_CTX_new") }
        let context = SSLContext(pointer)
        let options =
            HR_SSL_OP_NO_COMPRESSION | HR_SSL_OP_NO_RENEGOTIATION | HR_SSL_OP_CIPHER_SERVER_PREFERENCE
            | HR_SSL_OP_PRIORITIZE_CHACHA
        SSL_CTX_set_options(pointer, options)
        // An idle connection gives its two record buffers of 17 KiB back. Without automatic chains nothing
        // but what the file holds is sent, so that the authorities for client certificates stay out of it.
        _ = hr_ssl_ctx_set_mode(pointer, Int(SSL_MODE_RELEASE_BUFFERS) | Int(SSL_MODE_NO_AUTO_CHAIN))
        _ = hr_ssl_ctx_set_min_version(pointer, TLSVersion.tls12.wireNumber)
        _ = hr_ssl_ctx_set_max_version(pointer, TLSVersion.tls13.wireNumber)
        // Sessions live in tickets, with the clients.
        _ = hr_ssl_ctx_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_timeout(pointer, sessionSeconds)
        SSL_CTX_set_num_tickets(pointer, ticketsPerHandshake)
        SSL_CTX_set_max_early_data(pointer, 0)
        SSL_CTX_set_default_passwd_cb(pointer, refusePassword)
        try apply("cipherSuitesTLS12", cipherSuitesTLS12) { SSL_CTX_set_cipher_list(pointer, $0) == 1 }
        try apply("cipherSuitesTLS13", cipherSuitesTLS13) { SSL_CTX_set_ciphersuites(pointer, $0) == 1 }
        try checkSuites(of: pointer)
        try apply("groups", groups) { hr_ssl_ctx_set_groups(pointer, $0) == 1 }
        try apply("signatureAlgorithms", signatureAlgorithms) {
            hr_ssl_ctx_set_signature_algorithms(pointer, $0) == 1
        }
        installCallbacks(on: pointer)
        return context
    }

    /// Checks that every suite is authenticated encryption with a fresh key exchange.
    private func checkSuites(of context: OpaquePointer) throws(TLSConfigurationError) {
        guard let suites = SSL_CTX_get_ciphers(context) else { throw .library("SSL_CTX_get_ciphers") }
        for index in 0..<hr_ciphers_count(suites) {
            guard let suite = hr_ciphers_get(suites, index) else { continue }
            let exchange = SSL_CIPHER_get_kx_nid(suite)
            let isForwardSecret = exchange == NID_kx_ecdhe || exchange == NID_kx_any
            guard isForwardSecret, SSL_CIPHER_is_aead(suite) == 1 else {
                let name = SSL_CIPHER_get_name(suite).map { String(cString: $0) } ?? ""
                throw .invalidSetting(
                    "cipherSuites",
                    "'\(name)' is not authenticated encryption with a fresh key exchange (ECDHE)",
                    "Take it out of the list"
                )
            }
        }
    }

    /// Sets a list, after a look at each of its names: of some lists OpenSSL skips what it does not know.
    private func apply(
        _ setting: String,
        _ names: [String],
        with set: (String) -> Bool
    ) throws(TLSConfigurationError) {
        defer { ERR_clear_error() }
        for name in names where name.utf8.contains(UInt8(ascii: ":")) || !set(name) {
            throw .invalidSetting(setting, "OpenSSL does not know '\(name)'", "Take it out of the list")
        }
        guard !names.isEmpty, set(names.joined(separator: ":")) else {
            throw .invalidSetting(setting, "has nothing that can be used", "Leave the default")
        }
    }
}

extension TLSConfigurationError {
    static func invalidSetting(_ setting: String, _ problem: String, _ advice: String) -> Self {
        TLSConfigurationError(.invalidSetting, setting, problem: problem, advice: advice)
    }

    /// The error of an OpenSSL function that fails for want of memory or worse.
    static func library(_ function: String) -> Self {
        TLSConfigurationError(
            .library,
            function,
            problem: OpenSSLErrors.takeReason(),
            advice: "Look whether the process is out of memory"
        )
    }
}

/// A reference to an `SSL_CTX`.
final class SSLContext: @unchecked Sendable {
    // SAFETY: the context is set up before it is shared, and only read by OpenSSL from then on, whose counts
    // of references are atomic. That is what makes the class Sendable.
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        SSL_CTX_free(pointer)
    }
}
