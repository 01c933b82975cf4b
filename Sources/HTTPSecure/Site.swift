// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a site is made of: equal sources with unchanged files make equal sites.
struct SiteSource: Hashable, Sendable {
    /// The binding's key, or the directory and name.
    let label: String
    /// The name that the certificates should be for; `nil` where any will do.
    let hostName: String?
    let identities: [TLSIdentity]
    let applicationProtocols: [String]
    let minimumVersion: TLSVersion
    let maximumVersion: TLSVersion
    let clientCertificates: TLSClientCertificatePolicy
    let usesSessionTickets: Bool
    let isRejecting: Bool
    let offloadsSlowSigning: Bool
    let settings: ContextSettings
}

/// A binding ready for connections: its certificates in an OpenSSL context, and its rules.
///
/// Immutable and shared by all loops. Snapshots of a configuration share the sites whose files are unchanged.
final class Site: Sendable {
    let source: SiteSource
    let context: SSLContext
    /// The files it was made of, as they were when they were read.
    let files: [FileStamp]
    let warnings: [TLSConfigurationWarning]
    /// Tells sites apart whose connections were asked for different things; never 0.
    let policyNumber: UInt64
    /// What sessions must agree in to be resumed here: the binding and its policy.
    private let sessionContext: [UInt8]
    /// The application protocols, each after its length, as in the client's hello.
    let protocolList: [UInt8]
    /// The same without `h2`, for listeners that don't speak it.
    let protocolListWithoutHTTP2: [UInt8]
    /// The signatures its keys make that are short enough for the loop.
    let fastSignatures: Set<FastSignature>
    private let staples: [Staple]

    /// A certificate by its digest, and the response to staple when it is used.
    struct Staple: Sendable {
        let certificateDigest: [UInt8]
        let response: OCSPResponse
    }

    init(
        source: SiteSource,
        context: SSLContext,
        files: [FileStamp],
        warnings: [TLSConfigurationWarning],
        policy: SitePolicy,
        protocolList: [UInt8],
        fastSignatures: Set<FastSignature>,
        staples: [Staple]
    ) {
        self.source = source
        self.context = context
        self.files = files
        self.warnings = warnings
        policyNumber = policy.number
        sessionContext = policy.sessionContext
        self.protocolList = protocolList
        protocolListWithoutHTTP2 = ProtocolList.without("h2", protocolList)
        self.fastSignatures = fastSignatures
        self.staples = staples
        // SAFETY: the callbacks get the site unretained. A connection that uses the context retains the
        // snapshot that holds the site.
        let argument = Unmanaged.passUnretained(self).toOpaque()
        SSL_CTX_set_cert_cb(context.pointer, certificateNeeded, argument)
        if !protocolList.isEmpty {
            SSL_CTX_set_alpn_select_cb(context.pointer, selectProtocol, argument)
        }
        if !staples.isEmpty {
            _ = hr_ssl_ctx_set_status_callback(context.pointer, stapleResponse)
            _ = hr_ssl_ctx_set_status_argument(context.pointer, argument)
        }
    }

    /// Makes a connection one of this site's, before its session or version are looked at.
    func adopt(_ ssl: OpaquePointer) -> Bool {
        guard SSL_set_SSL_CTX(ssl, context.pointer) != nil,
            SSL_set_session_id_context(ssl, sessionContext, UInt32(sessionContext.count)) == 1
        else { return false }
        let policy = source.clientCertificates
        switch policy.mode {
        case .none:
            SSL_set_verify(ssl, SSL_VERIFY_NONE, nil)
        case .allow:
            SSL_set_verify(ssl, SSL_VERIFY_PEER, policy.acceptsUnverified ? acceptAny : nil)
        case .require:
            SSL_set_verify(
                ssl,
                SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                policy.acceptsUnverified ? acceptAny : nil
            )
        }
        SSL_set_verify_depth(ssl, Int32(clamping: policy.depthMax))
        if source.minimumVersion != .tls12 {
            guard hr_ssl_set_min_version(ssl, source.minimumVersion.wireNumber) == 1 else { return false }
        }
        if source.maximumVersion != .tls13 {
            guard hr_ssl_set_max_version(ssl, source.maximumVersion.wireNumber) == 1 else { return false }
        }
        if !source.usesSessionTickets {
            SSL_set_options(ssl, HR_SSL_OP_NO_TICKET)
            guard SSL_set_num_tickets(ssl, 0) == 1 else { return false }
        }
        return true
    }

    /// The response to staple for the certificate that a connection uses, unless it has expired by `second`.
    func staple(for certificate: OpaquePointer, at second: Int) -> OCSPResponse? {
        guard let digest = Digest.ofCertificate(certificate) else { return nil }
        return staples.first { $0.certificateDigest == digest && $0.response.expiry > second }?.response
    }
}

/// SHA-256 of things that are compared.
enum Digest {
    /// The digest of a certificate, the SHA-256 thumbprint.
    static func ofCertificate(_ certificate: OpaquePointer) -> [UInt8]? {
        var count: UInt32 = 0
        let digest = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, used in
            let isDone = X509_digest(certificate, EVP_sha256(), buffer.baseAddress, &count) == 1
            used = isDone ? Int(count) : 0
        }
        return digest.isEmpty ? nil : digest
    }

    /// The digest of bytes.
    static func of(_ bytes: [UInt8]) -> [UInt8]? {
        var count: UInt32 = 0
        let digest = [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, used in
            let start = buffer.baseAddress
            let isDone = EVP_Digest(bytes, bytes.count, start, &count, EVP_sha256(), nil) == 1
            used = isDone ? Int(count) : 0
        }
        return digest.isEmpty ? nil : digest
    }
}
