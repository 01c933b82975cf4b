// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Foundation
import HTTPSecure
import Testing

@Suite("OCSP stapling and revocation")
struct StaplingTests {
    private let directory = TestDirectory()

    /// A response of the test root about a certificate, DER.
    private func response(for certificate: TestCertificate, validFor seconds: Int) throws -> [UInt8] {
        let authority = TestCertificate.authority
        let basic = try #require(OCSP_BASICRESP_new())
        defer { OCSP_BASICRESP_free(basic) }
        let identifier = OCSP_cert_to_id(EVP_sha1(), certificate.pointer, authority.pointer)
        defer { OCSP_CERTID_free(identifier) }
        let (since, until) = (X509_gmtime_adj(nil, -7200), X509_gmtime_adj(nil, seconds))
        defer {
            ASN1_STRING_free(since)
            ASN1_STRING_free(until)
        }
        #expect(
            OCSP_basic_add1_status(basic, identifier, V_OCSP_CERTSTATUS_GOOD, 0, nil, since, until) != nil
        )
        #expect(OCSP_basic_sign(basic, authority.pointer, authority.key.pointer, EVP_sha256(), nil, 0) == 1)
        let whole = try #require(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic))
        defer { OCSP_RESPONSE_free(whole) }
        var bytes = [UInt8](repeating: 0, count: Int(i2d_OCSP_RESPONSE(whole, nil)))
        bytes.withUnsafeMutableBufferPointer { buffer in
            var start = buffer.baseAddress
            i2d_OCSP_RESPONSE(whole, &start)
        }
        return bytes
    }

    /// What a client gets stapled.
    private func stapled(_ context: TLSServerContext, _ version: VersionCase) throws -> [UInt8] {
        var options = version.clientOptions
        options.asksForStatus = true
        let connection = try TestConnection(context, options).run()
        #expect(connection.carriesData())
        var start: UnsafeMutablePointer<UInt8>?
        let count = hr_ssl_get_status_response(connection.client.ssl, &start)
        return count > 0 ? Array(UnsafeBufferPointer(start: start, count: count)) : []
    }

    @Test(
        "A response in a file is stapled to the certificate it is for (RFC 6066 §8)",
        arguments: VersionCase.all
    )
    func staple(version: VersionCase) throws {
        let certificate = TestCertificate.server("www.example.com")
        let bytes = try response(for: certificate, validFor: 3600)
        var identity = Fixture.identity(certificate)
        identity.ocspResponseFile = directory.write("www.ocsp", bytes)
        let context = try Fixture.context([identity])
        #expect(context.warnings.isEmpty)
        #expect(try stapled(context, version) == bytes)
        let fresh = try response(for: certificate, validFor: 7200)
        directory.write("www.ocsp", fresh)
        #expect(try context.reload())
        #expect(try stapled(context, version) == fresh)
    }

    @Test(
        "A response that is expired, for another certificate, broken or missing is a warning and not stapled"
    )
    func unusable() throws {
        let certificate = TestCertificate.server("www.example.com")
        var other = TestCertificate.Options()
        other.serial = 1
        let cases: [(bytes: [UInt8]?, words: String)] = [
            (try response(for: certificate, validFor: -60), "expired"),
            (try response(for: .server("a", options: other), validFor: 3600), "another certificate"),
            ([1, 2, 3], "no OCSP response"), (nil, "is not there"),
        ]
        for (bytes, words) in cases {
            var identity = Fixture.identity(certificate)
            identity.ocspResponseFile = directory.path + "/a.ocsp"
            try? FileManager.default.removeItem(atPath: directory.path + "/a.ocsp")
            if let bytes { directory.write("a.ocsp", bytes) }
            let context = try Fixture.context([identity])
            #expect(context.warnings.first?.problem.contains(words) == true, "\(words)")
            #expect(try stapled(context, VersionCase.all[1]).isEmpty)
        }
    }

    @Test("A client's certificate on a revocation list is refused")
    func revoked() throws {
        let authority = TestCertificate.authority
        var options = TestCertificate.Options()
        options.serial = 99
        let revoked = TestCertificate("eve", key: TestKey(.p256), issuer: authority, options: options)
        let good = TestCertificate("alice", key: TestKey(.p256), issuer: authority)
        let list = try #require(X509_CRL_new())
        defer { X509_CRL_free(list) }
        X509_CRL_set_version(list, 1)
        X509_CRL_set_issuer_name(list, X509_get_subject_name(authority.pointer))
        let (since, until) = (X509_gmtime_adj(nil, -60), X509_gmtime_adj(nil, 3600))
        defer {
            ASN1_STRING_free(since)
            ASN1_STRING_free(until)
        }
        X509_CRL_set1_lastUpdate(list, since)
        X509_CRL_set1_nextUpdate(list, until)
        let entry = X509_REVOKED_new()
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked.pointer))
        X509_REVOKED_set_revocationDate(entry, since)
        X509_CRL_add0_revoked(list, entry)
        #expect(X509_CRL_sign(list, authority.key.pointer, EVP_sha256()) > 0)
        let policy = TLSClientCertificatePolicy(
            .require,
            authoritiesFile: directory.write("ca.pem", authority.pem),
            revocationListsFile: directory.write("ca.crl", writtenPEM { PEM_write_bio_X509_CRL($0, list) })
        )
        let context = try Fixture.context { $0.clientCertificates = policy }
        for (certificate, isTaken) in [(good, true), (revoked, false)] {
            var options = TestClient.Options()
            options.certificate = certificate
            let connection = try TestConnection(context, options).run()
            #expect(connection.engine.isEstablished == isTaken)
            #expect(connection.failure?.code == (isTaken ? nil : .clientCertificateRefused))
        }
    }
}
