// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Foundation
import Testing

@testable import HTTPSecure

@Suite("Certificates from PKCS#12 files (RFC 7292)")
struct PKCS12Tests {
    private let directory = TestDirectory()
    private let root = TestCertificate.authority
    private let middle = TestCertificate(
        "Middle",
        key: TestKey(.p256),
        issuer: .authority,
        options: TestCertificate.Options(isAuthority: true)
    )

    private func leaf() -> TestCertificate {
        var options = TestCertificate.Options()
        options.names = ["www.example.com"]
        return TestCertificate("www.example.com", key: TestKey(.p256), issuer: middle, options: options)
    }

    /// What 'openssl pkcs12 -export' makes.
    private func store(
        _ certificate: TestCertificate?,
        key: TestKey?,
        others: [TestCertificate] = [],
        password: String?
    ) -> [UInt8] {
        let stack = hr_certificates_new()
        defer { hr_certificates_free(stack) }
        for other in others {
            X509_up_ref(other.pointer)
            _ = hr_certificates_push(stack, other.pointer)
        }
        // A few rounds of key derivation, so that tests are fast.
        let store = PKCS12_create(
            password,
            "test",
            key?.pointer,
            certificate?.pointer,
            stack,
            0,
            0,
            10,
            10,
            0
        )
        defer { PKCS12_free(store) }
        return writtenPEM { i2d_PKCS12_bio($0, store) }
    }

    private func error(_ identity: TLSIdentity) -> TLSConfigurationError? {
        #expect(throws: TLSConfigurationError.self) { try Fixture.context([identity]) }
    }

    @Test("Chain and key come out of the one file, the issuers in any order", arguments: [false, true])
    func handshake(isReversed: Bool) throws {
        let others = isReversed ? [root, middle] : [middle, root]
        let leaf = leaf()
        let file = directory.write("a.p12", store(leaf, key: leaf.key, others: others, password: "secret"))
        let context = try Fixture.context([TLSIdentity(certificateFile: file, keyPassword: "secret")])
        #expect(context.warnings.isEmpty)
        let connection = try TestConnection(context).run()
        #expect(connection.client.isEstablished, "the client builds the chain from what was sent")
    }

    @Test("A certificate without its issuers, and one that is not encrypted, do as well")
    func plain() throws {
        let leaf = TestCertificate.server("www.example.com")
        let file = directory.write("a.pfx", store(leaf, key: leaf.key, password: ""))
        for password in [nil, ""] as [TLSPassword?] {
            let context = try Fixture.context([TLSIdentity(certificateFile: file, keyPassword: password)])
            #expect(try TestConnection(context).run().client.isEstablished)
        }
    }

    @Test(
        "The password is a file's first line or an environment variable's value, and is read again at a reload"
    )
    func passwords() throws {
        let leaf = TestCertificate.server("www.example.com")
        let file = directory.write("a.p12", store(leaf, key: leaf.key, password: "sécret 1"))
        let password = directory.write("a.password", Array("sécret 1\r\nmore".utf8))
        let context = try Fixture.context([TLSIdentity(certificateFile: file, keyPassword: .file(password))])
        #expect(context.warnings.isEmpty)
        setenv("HTTPRING_TEST_PASSWORD", "sécret 1", 1)
        defer { unsetenv("HTTPRING_TEST_PASSWORD") }
        _ = try Fixture.context([
            TLSIdentity(certificateFile: file, keyPassword: .environment("HTTPRING_TEST_PASSWORD"))
        ])
        let next = TestCertificate.server("www.example.com")
        directory.write("a.password", Array("other".utf8))
        directory.write("a.p12", store(next, key: next.key, password: "other"))
        #expect(try context.reload())
        #expect(try TestConnection(context).run().client.isEstablished)
    }

    @Test("What is wrong is said, with what to do: the password, the file, what is missing in it")
    func faults() throws {
        let leaf = TestCertificate.server("www.example.com")
        let file = directory.write("a.p12", store(leaf, key: leaf.key, password: "secret"))
        #expect(error(TLSIdentity(certificateFile: file))?.code == .wrongPassword)
        #expect(error(TLSIdentity(certificateFile: file, keyPassword: "guess"))?.code == .wrongPassword)
        let unset = error(TLSIdentity(certificateFile: file, keyPassword: .environment("HTTPRING_NOT_SET")))
        #expect(unset?.code == .wrongPassword)
        let missing = error(TLSIdentity(certificateFile: file, keyPassword: .file(directory.path + "/none")))
        #expect(missing?.code == .missingFile)
        let bare = directory.write("bare.p12", store(nil, key: leaf.key, password: "secret"))
        #expect(error(TLSIdentity(certificateFile: bare, keyPassword: "secret"))?.code == .malformedFile)
        let keyless = directory.write("keyless.p12", store(leaf, key: nil, password: "secret"))
        #expect(error(TLSIdentity(certificateFile: keyless, keyPassword: "secret"))?.code == .malformedFile)
        let certificate = directory.write("a.der", leaf.der)
        #expect(error(TLSIdentity(certificateFile: certificate))?.code == .malformedFile)
    }

    @Test("A file cut at any byte, or changed at any, is refused in words")
    func hostile() throws {
        let leaf = TestCertificate.server("www.example.com")
        let bytes = store(leaf, key: leaf.key, password: "secret")
        for cut in stride(from: 0, to: bytes.count, by: 7) {
            let source = TLSIdentity.Source.text(Array(bytes[..<cut]), name: "cut")
            #expect(error(TLSIdentity(chain: source, key: source, keyPassword: "secret")) != nil, "\(cut)")
        }
        for place in stride(from: 0, to: bytes.count, by: 11) {
            var changed = bytes
            changed[place] ^= 0x55
            let source = TLSIdentity.Source.text(changed, name: "changed")
            do {
                _ = try Fixture.context([TLSIdentity(chain: source, key: source, keyPassword: "secret")])
            } catch {
                #expect(error is TLSConfigurationError)
            }
        }
    }

    @Test("A key of its own goes before the one in the file; a directory has NAME.p12 with NAME.password")
    func places() throws {
        let leaf = TestCertificate.server("www.example.com")
        let bytes = store(leaf, key: leaf.key, password: "secret")
        let file = directory.write("www.example.com.p12", bytes)
        let other = directory.write("other.key", TestKey(.p256).pem())
        let mismatch = error(TLSIdentity(certificateFile: file, keyFile: other, keyPassword: "secret"))
        #expect(mismatch?.code == .keyMismatch)
        directory.write("www.example.com.password", Array("secret\n".utf8))
        let context = try TLSServerContext(
            TLSServerConfiguration(bindings: [
                TLSBinding(.anyName(port: nil), certificates: .directory(directory.path))
            ])
        )
        var options = TestClient.Options()
        options.name = "www.example.com"
        #expect(try TestConnection(context, options).run().client.isEstablished)
    }
}
