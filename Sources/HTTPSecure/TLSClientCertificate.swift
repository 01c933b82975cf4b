// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A certificate that a client proved to have the key of.
public struct TLSClientCertificate: Hashable, Sendable {
    /// The certificate, DER.
    public let certificate: [UInt8]
    /// The others that the client sent after it, DER; empty on a resumed connection, whose ticket has only one.
    public let issuers: [[UInt8]]
    /// The subject, such as `CN=alice,O=Example`.
    public let subject: String
    /// The issuer, in the same form.
    public let issuer: String
    /// The serial number in hexadecimal, upper case.
    public let serialNumber: String
    /// The SHA-256 digest of the certificate, 32 bytes.
    public let thumbprint: [UInt8]
    /// What came of the verification.
    public let verification: Verification

    /// What came of a verification.
    public struct Verification: Hashable, Sendable {
        /// OpenSSL's number: 0 for a certificate that is in order.
        public let code: Int
        /// The result in words.
        public let reason: String

        /// Whether the certificate comes from an authority of the server's and is valid.
        public var isTrusted: Bool { code == Int(X509_V_OK) }
    }

    init(_ certificate: OpaquePointer, chain: OpaquePointer?, verification code: Int) {
        self.certificate = Self.encoded(certificate)
        subject = DistinguishedName.text(X509_get_subject_name(certificate))
        issuer = DistinguishedName.text(X509_get_issuer_name(certificate))
        serialNumber = Self.serialNumber(certificate)
        thumbprint = Digest.ofCertificate(certificate) ?? []
        let reason = X509_verify_cert_error_string(code).map { String(cString: $0) } ?? ""
        verification = Verification(code: code, reason: reason)
        // A server's view of the chain leaves out the client's own certificate.
        var issuers: [[UInt8]] = []
        if let chain {
            for index in 0..<hr_certificates_count(chain) {
                if let certificate = hr_certificates_get(chain, index) {
                    issuers.append(Self.encoded(certificate))
                }
            }
        }
        self.issuers = issuers
    }

    private static func encoded(_ certificate: OpaquePointer) -> [UInt8] {
        let count = Int(i2d_X509(certificate, nil))
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            var start = buffer.baseAddress
            used = max(0, Int(i2d_X509(certificate, &start)))
        }
    }

    private static func serialNumber(_ certificate: OpaquePointer) -> String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) else { return "" }
        defer { BN_free(number) }
        guard let text = BN_bn2hex(number) else { return "" }
        defer { hr_openssl_free(text) }
        return String(cString: text)
    }
}
