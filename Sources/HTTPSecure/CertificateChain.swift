// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The certificates of a PEM text, in their order; the first is the server's own.
final class CertificateChain {
    // SAFETY: each pointer is a reference that `deinit` gives back; nothing hands them out for longer.
    let certificates: [OpaquePointer]

    /// Takes over a reference to each certificate; there is at least one.
    init(_ certificates: [OpaquePointer]) {
        self.certificates = certificates
    }

    deinit {
        for certificate in certificates {
            X509_free(certificate)
        }
    }

    /// The server's own certificate.
    var leaf: OpaquePointer { certificates[0] }

    /// Reads all certificates of a text; at least one.
    static func parse(_ bytes: [UInt8], name: String) throws(TLSConfigurationError) -> CertificateChain {
        var found: [OpaquePointer] = []
        let reason = bytes.withUnsafeBytes { text -> UInt in
            guard let bio = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else { return 1 }
            defer { BIO_free(bio) }
            ERR_clear_error()
            while let certificate = PEM_read_bio_X509(bio, nil, refusePassword, nil) {
                found.append(certificate)
            }
            return OpenSSLErrors.take()
        }
        let chain = CertificateChain(found)
        let isAtEnd = ERR_GET_LIB(reason) == ERR_LIB_PEM && ERR_GET_REASON(reason) == PEM_R_NO_START_LINE
        guard isAtEnd else {
            throw TLSConfigurationError(
                .malformedFile,
                name,
                problem: "certificate \(found.count + 1) cannot be read",
                advice: "Check that it is complete; 'openssl x509 -in \(name) -text' shows the first"
            )
        }
        guard !found.isEmpty else {
            throw TLSConfigurationError(
                .malformedFile,
                name,
                problem: "holds no certificate",
                advice: "It must be PEM, with '-----BEGIN CERTIFICATE-----'; "
                    + "'openssl x509 -inform der -in FILE' converts from DER"
            )
        }
        return chain
    }

    /// Checks that each certificate's issuer comes next, and that the first may be a server's.
    func check(name: String) throws(TLSConfigurationError) {
        for index in certificates.indices.dropLast() {
            let outcome = X509_check_issued(certificates[index + 1], certificates[index])
            guard outcome == X509_V_OK else {
                throw TLSConfigurationError(
                    .chainOrder,
                    name,
                    problem: "certificate \(index + 2) (\(subject(index + 1))) is not the issuer of "
                        + "certificate \(index + 1) (\(subject(index)))",
                    advice: "Put the server's certificate first, then the one that issued it, and so on"
                )
            }
        }
        X509_check_purpose(leaf, -1, 0)
        let usage = X509_get_extended_key_usage(leaf)
        let serverUsage = UInt32(XKU_SSL_SERVER | XKU_ANYEKU)
        if X509_get_extension_flags(leaf) & UInt32(EXFLAG_XKUSAGE) != 0, usage & serverUsage == 0 {
            throw TLSConfigurationError(
                .unsuitableCertificate,
                name,
                problem: "the certificate is not for servers (extended key usage)",
                advice: "Get one with the usage serverAuth"
            )
        }
    }

    /// What is odd about the server's certificate, for use under `hostName`.
    func warnings(name: String, hostName: String?) -> [TLSConfigurationWarning] {
        var warnings: [TLSConfigurationWarning] = []
        func warn(_ problem: String) {
            warnings.append(TLSConfigurationWarning(subject: name, problem: problem))
        }
        if X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0 {
            warn("the certificate is not valid yet; check the clock")
        }
        var (days, seconds): (Int32, Int32) = (0, 0)
        if ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(leaf)) == 1 {
            if days < 0 || seconds < 0 {
                warn("the certificate has expired; clients will refuse it. Renew it")
            } else if days < 7 {
                warn("the certificate expires in \(days) days; renew it")
            }
        }
        if X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) < 0 {
            warn("the certificate has no subject alternative name; today's clients refuse it")
        } else if let hostName {
            let probe = hostName.hasPrefix("*.") ? "name" + hostName.dropFirst() : hostName
            if X509_check_host(leaf, probe, probe.utf8.count, 0, nil) != 1 {
                warn("the certificate is not for \(hostName), which it is bound to")
            }
        }
        return warnings
    }

    /// The subject of a certificate in one line.
    func subject(_ index: Int) -> String {
        DistinguishedName.text(X509_get_subject_name(certificates[index]))
    }
}

/// Names in certificates.
enum DistinguishedName {
    /// A name as RFC 2253 writes it, such as `CN=www.example.com,O=Example`.
    static func text(_ name: OpaquePointer?) -> String {
        guard let name, let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        let flags = HR_XN_FLAG_RFC2253 & ~UInt(ASN1_STRFLGS_ESC_MSB)
        guard X509_NAME_print_ex(bio, name, 0, flags) >= 0 else { return "" }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = hr_bio_get_bytes(bio, &bytes)
        guard let bytes, count > 0 else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
}

/// Answers OpenSSL's question for a password: there is none.
///
/// Without it OpenSSL asks on the terminal.
func refusePassword(
    _: UnsafeMutablePointer<CChar>?,
    _: Int32,
    _: Int32,
    _: UnsafeMutableRawPointer?
) -> Int32 { -1 }
