// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A certificate chain and its private key out of one PKCS#12 file, as `.p12` and `.pfx` files are (RFC 7292).
struct PKCS12 {
    let chain: CertificateChain
    let key: PrivateKey

    /// Reads a file's content.
    ///
    /// - Returns: `nil` where it is no PKCS#12 at all.
    static func parse(
        _ bytes: [UInt8],
        name: String,
        password: String?
    ) throws(TLSConfigurationError) -> PKCS12? {
        // PEM is text; what is DER begins with a SEQUENCE.
        guard bytes.first == 0x30, let store = decode(bytes) else { return nil }
        defer { PKCS12_free(store) }
        var (key, certificate, others): (OpaquePointer?, OpaquePointer?, OpaquePointer?)
        let isRead = PKCS12_parse(store, password, &key, &certificate, &others) == 1
        // Each is ours, whatever came of it.
        let ownKey = key.map { PrivateKey($0) }
        let leaf = certificate.map { CertificateChain([$0]) }
        let issuers = IssuerList(others)
        guard isRead else { throw failure(store, name, password) }
        ERR_clear_error()
        guard let ownKey, let leaf else {
            throw TLSConfigurationError(
                .malformedFile,
                name,
                problem: ownKey == nil ? "holds no private key" : "holds no certificate of its private key",
                advice: "Export it with both; 'openssl pkcs12 -info -noenc -in \(name)' shows what is in it"
            )
        }
        return PKCS12(chain: withExtendedLifetime(leaf) { issuers.chain(of: leaf.leaf) }, key: ownKey)
    }

    private static func decode(_ bytes: [UInt8]) -> OpaquePointer? {
        defer { ERR_clear_error() }
        return bytes.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_PKCS12(nil, &start, bytes.count)
        }
    }

    /// Why a file cannot be read that is PKCS#12.
    private static func failure(
        _ store: OpaquePointer,
        _ name: String,
        _ password: String?
    ) -> TLSConfigurationError {
        let reason = OpenSSLErrors.takeReason()
        defer { ERR_clear_error() }
        guard
            PKCS12_verify_mac(store, password, -1) == 1
                || password == nil && PKCS12_verify_mac(store, "", 0) == 1
        else {
            return TLSConfigurationError(
                .wrongPassword,
                name,
                problem: password == nil ? "it is encrypted" : "the password does not open it",
                advice: "Give the file's password, in a file of its own or the environment"
            )
        }
        return TLSConfigurationError(
            .malformedFile,
            name,
            problem: "OpenSSL cannot read what is in it: \(reason)",
            advice:
                "An old cipher is the usual reason: convert it with 'openssl pkcs12 -legacy -in \(name) -out OLD.pem' "
                + "and 'openssl pkcs12 -export -in OLD.pem -out NEW.p12'"
        )
    }
}

/// The other certificates of a PKCS#12 file, in whatever order they are there.
private struct IssuerList: ~Copyable {
    private let stack: OpaquePointer?

    /// Takes over a stack and the references in it.
    init(_ stack: OpaquePointer?) { self.stack = stack }

    deinit {
        if let stack { hr_certificates_free(stack) }
    }

    /// A certificate and those of the list that lead from it to a root, each issued by the next.
    func chain(of leaf: OpaquePointer) -> CertificateChain {
        var chain = [leaf]
        while let last = chain.last, let issuer = issuer(of: last, besides: chain) { chain.append(issuer) }
        for certificate in chain { X509_up_ref(certificate) }
        return CertificateChain(chain)
    }

    private func issuer(of certificate: OpaquePointer, besides chain: [OpaquePointer]) -> OpaquePointer? {
        guard let stack else { return nil }
        for index in 0..<hr_certificates_count(stack) {
            guard let candidate = hr_certificates_get(stack, index) else { continue }
            guard X509_check_issued(candidate, certificate) == X509_V_OK else { continue }
            // A root issues itself, and a file may hold a certificate twice.
            if !chain.contains(where: { X509_cmp($0, candidate) == 0 }) { return candidate }
        }
        return nil
    }
}
