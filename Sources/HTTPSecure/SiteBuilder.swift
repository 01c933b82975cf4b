// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

/// Reads the files of a site and makes it.
///
/// Blocking: never on a loop.
struct SiteBuilder {
    private let source: SiteSource
    private let context: SSLContext
    private var files: [FileStamp] = []
    private var warnings: [TLSConfigurationWarning] = []
    private var keyKinds: [Int32: String] = [:]
    private var fastSignatures: Set<FastSignature> = []
    private var staples: [Site.Staple] = []

    /// Makes the site that a source describes.
    static func build(_ source: SiteSource) throws(TLSConfigurationError) -> Site {
        var builder = try SiteBuilder(source)
        guard !source.identities.isEmpty || source.isRejecting else {
            throw .invalidSetting(source.label, "the binding has no certificate", "Name one")
        }
        guard source.minimumVersion <= source.maximumVersion else {
            throw .invalidSetting(
                source.label,
                "the oldest version is newer than the newest",
                "Set minimumVersion to maximumVersion or an older one"
            )
        }
        for identity in source.identities {
            try builder.add(identity)
        }
        let authorities = try builder.addClientCertificates()
        return Site(
            source: source,
            context: builder.context,
            files: builder.files,
            warnings: builder.warnings,
            policy: try SitePolicy(of: source, authorities: authorities),
            protocolList: try builder.protocolList(),
            fastSignatures: builder.fastSignatures,
            staples: builder.staples
        )
    }

    private init(_ source: SiteSource) throws(TLSConfigurationError) {
        self.source = source
        context = try source.settings.makeContext()
    }

    private mutating func add(_ identity: TLSIdentity) throws(TLSConfigurationError) {
        let (chainName, keyName) = (identity.chain.name, identity.key.name)
        let (chain, key) = try parse(identity)
        try checkMatch(of: key, keyName, and: chain, chainName)
        try chain.check(name: chainName)
        if let other = keyKinds.updateValue(chainName, forKey: key.kind) {
            throw TLSConfigurationError(
                .duplicateBinding,
                chainName,
                problem:
                    "is a second certificate with an \(key.kindName) key for \(source.label), after \(other)",
                advice: "Bind one certificate for each kind of key"
            )
        }
        try use(chain, key, chainName)
        if let fast = key.fastSignature {
            fastSignatures.insert(fast)
        }
        warnings += chain.warnings(name: chainName, hostName: source.hostName)
        if case .file(let path) = identity.key, FileReader.isReadableByAll(path) {
            warnings.append(
                TLSConfigurationWarning(
                    subject: path,
                    problem: "every user of this machine can read the private key; use 'chmod 600'"
                )
            )
        }
        if let path = identity.ocspResponseFile {
            addStaple(path, chain)
        }
    }

    /// Reads chain and key, from PEM or one PKCS#12 file.
    private mutating func parse(
        _ identity: TLSIdentity
    ) throws(TLSConfigurationError) -> (CertificateChain, PrivateKey) {
        let password = try password(of: identity)
        let bytes = try read(identity.chain)
        let store = try PKCS12.parse(bytes, name: identity.chain.name, password: password)
        if let store, identity.key == identity.chain { return (store.chain, store.key) }
        let chain: CertificateChain
        if let store {
            chain = store.chain
        } else {
            chain = try CertificateChain.parse(bytes, name: identity.chain.name)
        }
        let keyBytes = identity.key == identity.chain ? bytes : try read(identity.key)
        return (chain, try PrivateKey.parse(keyBytes, name: identity.key.name, password: password))
    }

    private mutating func password(of identity: TLSIdentity) throws(TLSConfigurationError) -> String? {
        switch identity.keyPassword {
        case nil: return nil
        case .text(let text): return text
        case .file(let path):
            if FileReader.isReadableByAll(path) {
                warnings.append(
                    TLSConfigurationWarning(
                        subject: path,
                        problem: "every user of this machine can read the password; use 'chmod 600'"
                    )
                )
            }
            let line = try read(path).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            return String(decoding: line, as: UTF8.self)
        case .environment(let name):
            guard let value = getenv(name) else {
                throw TLSConfigurationError(
                    .wrongPassword,
                    identity.key.name,
                    problem: "the environment has no variable \(name) with its password",
                    advice: "Set it for the server, as with 'Environment' or 'LoadCredential' of systemd"
                )
            }
            return String(cString: value)
        }
    }

    private mutating func read(_ source: TLSIdentity.Source) throws(TLSConfigurationError) -> [UInt8] {
        switch source {
        case .file(let path): return try read(path)
        case .text(let bytes, _): return bytes
        }
    }

    /// Reads a file and notes how it is; looks at it first, so that a change meanwhile shows at the next reload.
    private mutating func read(_ path: String) throws(TLSConfigurationError) -> [UInt8] {
        files.append(FileStamp(path: path))
        return try FileReader.read(path)
    }

    private func checkMatch(
        of key: PrivateKey,
        _ keyName: String,
        and chain: CertificateChain,
        _ chainName: String
    ) throws(TLSConfigurationError) {
        let position = chain.certificates.firstIndex { X509_check_private_key($0, key.pointer) == 1 }
        ERR_clear_error()
        guard let position else {
            throw TLSConfigurationError(
                .keyMismatch,
                keyName,
                problem: "does not belong to the certificate in \(chainName)",
                advice: "Install the key that the certificate was requested with, or renew the certificate"
            )
        }
        guard position == 0 else {
            throw TLSConfigurationError(
                .chainOrder,
                chainName,
                problem: "the server's certificate is number \(position + 1) of the chain",
                advice: "Put it first, then the one that issued it, and so on"
            )
        }
    }

    private func use(
        _ chain: CertificateChain,
        _ key: PrivateKey,
        _ name: String
    ) throws(TLSConfigurationError) {
        guard let issuers = hr_certificates_new() else { throw .library("sk_X509_new_null") }
        defer { hr_certificates_free(issuers) }
        for certificate in chain.certificates.dropFirst() {
            X509_up_ref(certificate)
            guard hr_certificates_push(issuers, certificate) > 0 else {
                X509_free(certificate)
                throw .library("sk_X509_push")
            }
        }
        ERR_clear_error()
        guard SSL_CTX_use_cert_and_key(context.pointer, chain.leaf, key.pointer, issuers, 0) == 1 else {
            throw TLSConfigurationError(
                .unsuitableCertificate,
                name,
                problem: "OpenSSL does not take the certificate: \(OpenSSLErrors.takeReason())",
                advice: "Use ECDSA P-256, or RSA with 2048 bits or more, signed with SHA-256"
            )
        }
    }

    /// Reads the response to staple; a server without it still works, so that what is wrong is a warning.
    private mutating func addStaple(_ path: String, _ chain: CertificateChain) {
        let reason: String
        do {
            switch OCSPResponse.parse(try read(path), for: chain.leaf) {
            case .success(let response):
                guard let digest = Digest.ofCertificate(chain.leaf) else { return }
                staples.append(Site.Staple(certificateDigest: digest, response: response))
                return
            case .failure(let unusable): reason = unusable.reason
            }
        } catch {
            reason = error.problem
        }
        warnings.append(
            TLSConfigurationWarning(subject: path, problem: "the OCSP response is not stapled: \(reason)")
        )
    }

    private func protocolList() throws(TLSConfigurationError) -> [UInt8] {
        var list: [UInt8] = []
        for name in source.applicationProtocols {
            let bytes = Array(name.utf8)
            guard let count = UInt8(exactly: bytes.count), count > 0 else {
                throw .invalidSetting(
                    source.label,
                    "the application protocol '\(name)' has \(bytes.count) bytes",
                    "Use 1 to 255"
                )
            }
            list.append(count)
            list += bytes
        }
        return list
    }

    /// Sets up the verification of client certificates; returns the digests of the files it is made with.
    private mutating func addClientCertificates() throws(TLSConfigurationError) -> [UInt8] {
        let policy = source.clientCertificates
        var digests: [UInt8] = []
        if policy.mode != .none {
            guard policy.authoritiesFile != nil || policy.acceptsUnverified else {
                throw .invalidSetting(
                    source.label,
                    "client certificates are asked for, but there is nothing to verify them with",
                    "Name a file of authorities, or accept unverified ones and judge them in the application"
                )
            }
            if let path = policy.authoritiesFile {
                let bytes = try read(path)
                try addAuthorities(try CertificateChain.parse(bytes, name: path))
                digests += try digest(of: bytes, as: "authorities")
            }
            if let path = policy.revocationListsFile {
                let bytes = try read(path)
                try addRevocationLists(bytes, name: path)
                digests += try digest(of: bytes, as: "revocations")
            }
        }
        return digests
    }

    private func digest(of bytes: [UInt8], as kind: String) throws(TLSConfigurationError) -> [UInt8] {
        guard let digest = Digest.of(bytes) else { throw .library("EVP_Digest") }
        return Array(kind.utf8) + digest
    }

    private func addAuthorities(_ authorities: CertificateChain) throws(TLSConfigurationError) {
        guard let names = hr_names_new() else { throw .library("sk_X509_NAME_new_null") }
        // Takes the list over, whatever follows.
        SSL_CTX_set_client_CA_list(context.pointer, names)
        let store = SSL_CTX_get_cert_store(context.pointer)
        for authority in authorities.certificates {
            guard X509_STORE_add_cert(store, authority) == 1,
                let name = X509_NAME_dup(X509_get_subject_name(authority))
            else { throw .library("X509_STORE_add_cert") }
            guard hr_names_push(names, name) > 0 else {
                X509_NAME_free(name)
                throw .library("sk_X509_NAME_push")
            }
        }
    }

    private func addRevocationLists(_ bytes: [UInt8], name: String) throws(TLSConfigurationError) {
        let store = SSL_CTX_get_cert_store(context.pointer)
        var count = 0
        bytes.withUnsafeBytes { text in
            guard let bio = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else { return }
            defer { BIO_free(bio) }
            while let list = PEM_read_bio_X509_CRL(bio, nil, refusePassword, nil) {
                count += X509_STORE_add_crl(store, list) == 1 ? 1 : 0
                X509_CRL_free(list)
            }
        }
        ERR_clear_error()
        guard count > 0 else {
            throw TLSConfigurationError(
                .malformedFile,
                name,
                problem: "holds no revocation list",
                advice: "It must be PEM, with '-----BEGIN X509 CRL-----'"
            )
        }
        let flags = UInt(X509_V_FLAG_CRL_CHECK) | UInt(X509_V_FLAG_CRL_CHECK_ALL)
        guard X509_STORE_set_flags(store, flags) == 1 else { throw .library("X509_STORE_set_flags") }
    }
}
