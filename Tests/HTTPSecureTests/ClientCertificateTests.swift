// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Client certificates")
struct ClientCertificateTests {
    private static let directory = TestDirectory()
    private static let authorities = directory.write("authorities.pem", TestCertificate.authority.pem)
    private static let trusted = TestCertificate("alice", key: TestKey(.p256), issuer: .authority)
    private static let stranger = TestCertificate("mallory", key: TestKey(.p256))

    private func connect(
        _ policy: TLSClientCertificatePolicy,
        _ version: VersionCase,
        _ certificate: TestCertificate?,
        session: OpaquePointer? = nil
    ) throws -> TestConnection {
        let context = try Fixture.context(ticketKeys: Self.ticketKeys) { $0.clientCertificates = policy }
        var options = version.clientOptions
        options.certificate = certificate
        options.session = session
        let connection = try TestConnection(context, options).run()
        _ = connection.client.read()
        return connection
    }

    private static let ticketKeys = try? TLSTicketKeys()

    @Test("none: a client is not asked", arguments: VersionCase.all)
    func none(version: VersionCase) throws {
        let connection = try connect(.none, version, Self.trusted)
        #expect(connection.engine.isEstablished)
        #expect(connection.engine.clientCertificate == nil)
    }

    @Test("allow: with, and without a certificate", arguments: VersionCase.all)
    func allow(version: VersionCase) throws {
        let policy = TLSClientCertificatePolicy(.allow, authoritiesFile: Self.authorities)
        let without = try connect(policy, version, nil)
        #expect(without.engine.isEstablished)
        #expect(without.engine.clientCertificate == nil)
        let with = try connect(policy, version, Self.trusted)
        let certificate = try #require(with.engine.clientCertificate)
        #expect(certificate.certificate == Self.trusted.der)
        #expect(certificate.subject == "CN=alice")
        #expect(certificate.issuer == "CN=Test root")
        #expect(certificate.serialNumber == "1267")
        #expect(certificate.thumbprint.count == 32)
        #expect(certificate.verification.isTrusted)
        #expect(certificate.verification.reason == "ok")
    }

    @Test("allow: a certificate of nobody we trust is refused", arguments: VersionCase.all)
    func allowStranger(version: VersionCase) throws {
        let policy = TLSClientCertificatePolicy(.allow, authoritiesFile: Self.authorities)
        let connection = try connect(policy, version, Self.stranger)
        #expect(!connection.engine.isEstablished)
        #expect(connection.failure?.code == .clientCertificateRefused)
    }

    @Test("require: no certificate, no connection", arguments: VersionCase.all)
    func require(version: VersionCase) throws {
        let policy = TLSClientCertificatePolicy(.require, authoritiesFile: Self.authorities)
        let without = try connect(policy, version, nil)
        #expect(without.failure?.code == .clientCertificateMissing)
        #expect(without.failure?.alertSent == (version.number == TLS1_3_VERSION ? 116 : 40))
        #expect(try connect(policy, version, Self.trusted).engine.isEstablished)
    }

    @Test(
        "Unverified certificates are the application's to judge, where it says so",
        arguments: VersionCase.all
    )
    func unverified(version: VersionCase) throws {
        let policy = TLSClientCertificatePolicy(.require, acceptsUnverified: true)
        let connection = try connect(policy, version, Self.stranger)
        let certificate = try #require(connection.engine.clientCertificate)
        #expect(certificate.subject == "CN=mallory")
        #expect(!certificate.verification.isTrusted)
        #expect(!certificate.verification.reason.isEmpty)
    }

    @Test("A resumed connection has the certificate of its session", arguments: VersionCase.all)
    func resumed(version: VersionCase) throws {
        let policy = TLSClientCertificatePolicy(.require, authoritiesFile: Self.authorities)
        let first = try connect(policy, version, Self.trusted)
        let second = try connect(policy, version, nil, session: first.client.session)
        #expect(second.engine.isResumed)
        #expect(second.engine.clientCertificate?.certificate == Self.trusted.der)
        #expect(second.engine.clientCertificate?.verification.isTrusted == true)
    }

    @Test("Asking for certificates without a way to judge them is refused")
    func nothingToVerifyWith() {
        let error = #expect(throws: TLSConfigurationError.self) {
            try Fixture.context { $0.clientCertificates = TLSClientCertificatePolicy(.require) }
        }
        #expect(error?.code == .invalidSetting)
    }
}
