// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    private let directory = TestDirectory()

    private func error(_ identities: [TLSIdentity]) -> TLSConfigurationError? {
        #expect(throws: TLSConfigurationError.self) { try Fixture.context(identities) }
    }

    @Test("A file that is missing is named, with what to do")
    func missing() {
        let found = error([TLSIdentity(certificateFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem")])
        #expect(found?.code == .missingFile)
        #expect(found?.subject == "/nowhere/cert.pem")
        #expect(found?.description.hasPrefix("/nowhere/cert.pem: is not there. Check the path") == true)
    }

    @Test("A directory, an empty file and junk are no certificates")
    func malformed() {
        #expect(error([TLSIdentity(certificateFile: directory.path)])?.code == .unreadableFile)
        let empty = directory.write("empty.pem", [])
        #expect(error([TLSIdentity(certificateFile: empty)])?.code == .malformedFile)
        let junk = directory.write("junk.pem", Array("-----BEGIN CERTIFICATE-----\nAAAA\n".utf8))
        #expect(error([TLSIdentity(certificateFile: junk)])?.code == .malformedFile)
        let lone = directory.write("lone.pem", TestCertificate.server("a").pem)
        let found = error([TLSIdentity(certificateFile: lone)])
        #expect(found?.code == .malformedFile)
        #expect(found?.problem == "holds no private key")
    }

    @Test("A key that is another certificate's is found")
    func mismatch() {
        let certificate = directory.write("cert.pem", TestCertificate.server("a").pem)
        let key = directory.write("other.key", TestKey(.p256).pem())
        let found = error([TLSIdentity(certificateFile: certificate, keyFile: key)])
        #expect(found?.code == .keyMismatch)
        #expect(found?.subject == key)
        #expect(found?.problem.contains(certificate) == true)
    }

    @Test("A chain out of order is found, and a whole one taken")
    func chain() throws {
        let middle = TestCertificate(
            "Middle",
            key: TestKey(.p256),
            issuer: .authority,
            options: TestCertificate.Options(isAuthority: true)
        )
        let leaf = TestCertificate("leaf", key: TestKey(.p256), issuer: middle)
        let key = directory.write("leaf.key", leaf.key.pem())
        let root = TestCertificate.authority
        func context(_ certificates: [TestCertificate]) throws -> TLSServerContext {
            let file = directory.write("chain.pem", certificates.flatMap(\.pem))
            return try Fixture.context([TLSIdentity(certificateFile: file, keyFile: key)])
        }
        for order in [[middle, leaf], [leaf, root, middle], [leaf, root]] {
            let error = #expect(throws: TLSConfigurationError.self) { try context(order) }
            #expect(error?.code == .chainOrder)
        }
        let connection = try TestConnection(context([leaf, middle])).run()
        #expect(connection.client.isEstablished, "the client builds the chain from what was sent")
        _ = try context([leaf, middle, root])
    }

    @Test("An encrypted key needs its password, and nobody is asked at the terminal")
    func passwords() throws {
        let certificate = TestCertificate.server("a")
        let file = directory.write("a.pem", certificate.pem + certificate.key.pem(password: "secret"))
        #expect(error([TLSIdentity(certificateFile: file)])?.code == .wrongPassword)
        #expect(error([TLSIdentity(certificateFile: file, keyPassword: "guess")])?.code == .wrongPassword)
        _ = try Fixture.context([TLSIdentity(certificateFile: file, keyPassword: "secret")])
    }

    @Test("A certificate for clients only, and a second of the same kind, are refused")
    func unsuitable() {
        let client = TestCertificate.server("a", options: TestCertificate.Options(usage: "clientAuth"))
        #expect(error([Fixture.identity(client)])?.code == .unsuitableCertificate)
        #expect(error([Fixture.ecdsa, Fixture.ecdsa])?.code == .duplicateBinding)
    }

    @Test("What should not stay so is a warning: expiry, names, permissions")
    func warnings() throws {
        func warnings(_ certificate: TestCertificate, name: String = "www.example.com") throws -> [String] {
            let binding = TLSBinding(hostName: name, identities: [Fixture.identity(certificate)])
            return try TLSServerContext(TLSServerConfiguration(bindings: [binding])).warnings.map(\.problem)
        }
        #expect(try warnings(.server("www.example.com")).isEmpty)
        var options = TestCertificate.Options()
        options.validFor = -60
        #expect(try warnings(.server("www.example.com", options: options)).first?.contains("expired") == true)
        options.validFor = 3 * 86400 + 60
        #expect(try warnings(.server("www.example.com", options: options)).first?.contains("3 days") == true)
        options = TestCertificate.Options()
        options.validFrom = 3600
        #expect(
            try warnings(.server("www.example.com", options: options)).first?.contains("not valid yet")
                == true
        )
        #expect(try warnings(.server("other.test")).first?.contains("not for www.example.com") == true)
        #expect(try warnings(.server("*.example.com"), name: "*.example.com").isEmpty)
        let certificate = TestCertificate.server("a")
        let file = directory.write("open.pem", certificate.pem + certificate.key.pem(), mode: 0o644)
        let context = try Fixture.context([TLSIdentity(certificateFile: file)])
        #expect(context.warnings.first?.description.contains("chmod 600") == true)
    }

    /// A change to a configuration that makes it impossible.
    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout TLSServerConfiguration) -> Void
    }

    @Test(
        "Settings that are not possible are refused by name",
        arguments: [
            Fault(testDescription: "unknown suite") { $0.cipherSuitesTLS12.append("ECDHE-NONSENSE") },
            Fault(testDescription: "no suite") { $0.cipherSuitesTLS13 = [] },
            Fault(testDescription: "two in one") { $0.groups = ["X25519:P-256"] },
            Fault(testDescription: "unknown group") { $0.groups = ["P-1"] },
            Fault(testDescription: "unknown signature") { $0.signatureAlgorithms = ["RSA+MD7"] },
            Fault(testDescription: "suite without authentication") { $0.cipherSuitesTLS12 = ["AES128-SHA"] },
            Fault(testDescription: "tickets") { $0.ticketsPerHandshake = 9 },
            Fault(testDescription: "lifetime") { $0.sessionLifetime = .seconds(8 * 86400) },
            Fault(testDescription: "versions") {
                $0.maximumVersion = .tls12; $0.minimumVersion = .tls13
            },
            Fault(testDescription: "protocol") { $0.applicationProtocols = [""] },
            Fault(testDescription: "nothing bound") { $0.bindings = [] },
            Fault(testDescription: "no name") { $0.bindings[0].key = .hostName("a b", port: nil) },
            Fault(testDescription: "no directory") { $0.bindings[0].key = .anyName(port: 443) },
        ]
    )
    func faults(fault: Fault) {
        let error = #expect(throws: TLSConfigurationError.self) { try Fixture.context(change: fault.change) }
        #expect(error?.code == .invalidSetting)
    }

    @Test("The same binding twice is refused")
    func duplicates() {
        let binding = TLSBinding(hostName: "www.example.com", identities: [Fixture.ecdsa])
        let same = TLSBinding(hostName: "WWW.example.com", identities: [Fixture.ecdsa])
        let error = #expect(throws: TLSConfigurationError.self) {
            try TLSServerContext(TLSServerConfiguration(bindings: [binding, same]))
        }
        #expect(error?.code == .duplicateBinding)
    }
}
