// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Foundation

/// A key made for a test.
final class TestKey: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ kind: Kind) {
        let context: OpaquePointer
        switch kind {
        case .p256, .p384:
            context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
            EVP_PKEY_keygen_init(context)
            EVP_PKEY_CTX_set_group_name(context, kind == .p256 ? "P-256" : "P-384")
        case .rsa:
            context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)
            EVP_PKEY_keygen_init(context)
            EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048)
        case .ed25519:
            context = EVP_PKEY_CTX_new_from_name(nil, "ED25519", nil)
            EVP_PKEY_keygen_init(context)
        }
        var key: OpaquePointer?
        precondition(EVP_PKEY_generate(context, &key) == 1, "no key could be made")
        EVP_PKEY_CTX_free(context)
        guard let key else { preconditionFailure("no key was made") }
        pointer = key
    }

    deinit { EVP_PKEY_free(pointer) }

    enum Kind: CaseIterable { case p256, p384, rsa, ed25519 }

    /// One RSA key for all tests: making one takes 100 ms and more.
    static let sharedRSA = TestKey(.rsa)

    func pem(password: String? = nil) -> [UInt8] {
        writtenPEM { bio in
            let cipher = password == nil ? nil : EVP_aes_256_cbc()
            let bytes = Array((password ?? "").utf8)
            return PEM_write_bio_PKCS8PrivateKey(
                bio,
                pointer,
                cipher,
                bytes.map { CChar($0) },
                Int32(bytes.count),
                nil,
                nil
            )
        }
    }
}

/// A certificate made for a test.
final class TestCertificate: @unchecked Sendable {
    let pointer: OpaquePointer
    let key: TestKey

    /// What is special about a certificate.
    struct Options {
        var names: [String] = []
        var isAuthority = false
        var usage: String?
        var validFrom = -3600
        var validFor = 90 * 86400
        var serial = 4711
    }

    init(_ subject: String, key: TestKey, issuer: TestCertificate? = nil, options: Options = Options()) {
        guard let certificate = X509_new() else { preconditionFailure("no certificate could be made") }
        pointer = certificate
        self.key = key
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), options.serial)
        X509_gmtime_adj(X509_getm_notBefore(certificate), options.validFrom)
        X509_gmtime_adj(X509_getm_notAfter(certificate), options.validFor)
        let name = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, subject, -1, -1, 0)
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer?.pointer ?? certificate))
        X509_set_pubkey(certificate, key.pointer)
        var extensions = [(NID_basic_constraints, options.isAuthority ? "critical,CA:TRUE" : "CA:FALSE")]
        if !options.names.isEmpty {
            extensions.append(
                (NID_subject_alt_name, options.names.map { "DNS:" + $0 }.joined(separator: ","))
            )
        }
        if let usage = options.usage {
            extensions.append((NID_ext_key_usage, usage))
        }
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer?.pointer ?? certificate, certificate, nil, nil, 0)
        for (identifier, value) in extensions {
            let item = X509V3_EXT_conf_nid(nil, &context, identifier, value)
            X509_add_ext(certificate, item, -1)
            X509_EXTENSION_free(item)
        }
        let signer = issuer?.key ?? key
        let digest = EVP_PKEY_get_base_id(signer.pointer) == EVP_PKEY_ED25519 ? nil : EVP_sha256()
        precondition(X509_sign(certificate, signer.pointer, digest) > 0, "a certificate could not be signed")
    }

    deinit { X509_free(pointer) }

    var pem: [UInt8] { writtenPEM { PEM_write_bio_X509($0, pointer) } }

    var der: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(i2d_X509(pointer, nil)))
        bytes.withUnsafeMutableBufferPointer { buffer in
            var start = buffer.baseAddress
            i2d_X509(pointer, &start)
        }
        return bytes
    }

    /// The root that tests trust.
    static let authority = TestCertificate(
        "Test root",
        key: TestKey(.p256),
        options: Options(isAuthority: true)
    )

    /// A certificate of the test root for names.
    static func server(_ names: String..., key: TestKey? = nil, options: Options = Options())
        -> TestCertificate
    {
        var options = options
        options.names = names
        return TestCertificate(
            names.first ?? "nobody",
            key: key ?? TestKey(.p256),
            issuer: .authority,
            options: options
        )
    }
}

/// What a function of OpenSSL writes, as bytes.
func writtenPEM(_ write: (OpaquePointer) -> Int32) -> [UInt8] {
    guard let bio = BIO_new(BIO_s_mem()) else { return [] }
    defer { BIO_free(bio) }
    precondition(write(bio) == 1, "PEM could not be written")
    var start: UnsafeMutablePointer<CChar>?
    let count = hr_bio_get_bytes(bio, &start)
    return Array(UnsafeRawBufferPointer(start: start, count: count))
}

/// A directory of a test's own, removed with it.
final class TestDirectory: @unchecked Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "/secure-" + UUID().uuidString
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            preconditionFailure("no directory for a test: \(error)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file that only this user can read, and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8], mode: Int = 0o600) -> String {
        let file = path + "/" + name
        let isWritten = FileManager.default.createFile(
            atPath: file,
            contents: Data(bytes),
            attributes: [.posixPermissions: mode]
        )
        precondition(isWritten, "a test's file could not be written")
        return file
    }
}
