// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Foundation
import HTTPSecure
import Testing

@Suite("Reload")
struct ReloadTests {
    private let directory = TestDirectory()

    private func write(_ commonName: String, to name: String = "site") {
        let certificate = TestCertificate.server(commonName)
        directory.write(name + ".pem", certificate.pem + certificate.key.pem())
    }

    private func served(_ context: TLSServerContext, name: String? = nil) throws -> String? {
        var options = TestClient.Options()
        options.name = name
        return try TestConnection(context, options).run().client.serverCommonName
    }

    @Test("New connections get the changed file, and those that exist go on")
    func changed() throws {
        write("first")
        let file = TLSIdentity(certificateFile: directory.path + "/site.pem")
        let context = try Fixture.context([file])
        let old = try TestConnection(context).run()
        let begun = try TestConnection(context)
        #expect(try !context.reload())
        write("second")
        #expect(try context.reload())
        #expect(try served(context) == "second")
        begun.run()
        #expect(begun.client.serverCommonName == "first")
        old.client.write([1, 2, 3])
        old.run()
        #expect(old.plaintext == [1, 2, 3])
    }

    @Test("A reload that fails keeps what was, and says why")
    func failed() throws {
        write("first")
        let context = try Fixture.context([TLSIdentity(certificateFile: directory.path + "/site.pem")])
        directory.write("site.pem", Array("half a file".utf8))
        let error = #expect(throws: TLSConfigurationError.self) { try context.reload() }
        #expect(error?.code == .malformedFile)
        #expect(try served(context) == "first")
        try FileManager.default.removeItem(atPath: directory.path + "/site.pem")
        #expect(throws: TLSConfigurationError.self) { try context.reload() }
        #expect(try served(context) == "first")
        write("again")
        #expect(try context.reload())
        #expect(try served(context) == "again")
    }

    @Test("A directory's new and removed files are noticed")
    func directories() throws {
        write("one", to: "one.test")
        let binding = TLSBinding(.anyName(port: nil), certificates: .directory(directory.path))
        let rest = TLSBinding(.anyAddress(port: nil), certificates: .identities([Fixture.ecdsa]))
        let context = try TLSServerContext(TLSServerConfiguration(bindings: [binding, rest]))
        #expect(try served(context, name: "two.test") == "www.example.com")
        write("two", to: "two.test")
        #expect(try context.reload())
        #expect(try served(context, name: "two.test") == "two")
        #expect(try served(context, name: "one.test") == "one")
        try FileManager.default.removeItem(atPath: directory.path + "/one.test.pem")
        #expect(try context.reload())
        #expect(try served(context, name: "one.test") == "www.example.com")
        #expect(try !context.reload())
    }

    @Test("A new configuration is taken as a whole or not at all")
    func reconfigured() throws {
        let context = try Fixture.context()
        var configuration = context.configuration
        configuration.applicationProtocols = ["http/1.1"]
        try context.reconfigure(configuration)
        var options = TestClient.Options()
        options.protocols = ["h2", "http/1.1"]
        #expect(try TestConnection(context, options).run().engine.applicationProtocol == "http/1.1")
        configuration.groups = ["nonsense"]
        #expect(throws: TLSConfigurationError.self) { try context.reconfigure(configuration) }
        #expect(context.configuration.groups == ["X25519", "P-256", "P-384"])
    }

    @Test("A session is resumed across a reload", arguments: VersionCase.all)
    func sessions(version: VersionCase) throws {
        write("first")
        let context = try Fixture.context([TLSIdentity(certificateFile: directory.path + "/site.pem")])
        let first = try TestConnection(context, version.clientOptions).run()
        _ = first.client.read()
        write("second")
        #expect(try context.reload())
        var options = version.clientOptions
        options.session = first.client.session
        #expect(try TestConnection(context, options).run().engine.isResumed)
    }
}
