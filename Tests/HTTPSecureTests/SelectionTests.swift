// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Selection of certificates")
struct SelectionTests {
    /// Each binding has a certificate named for it, so that the client can tell which it got.
    private static func configuration(directories: (any: TestDirectory, scoped: TestDirectory))
        -> TLSServerConfiguration
    {
        func binding(_ key: TLSBindingKey?, _ commonName: String) -> TLSBinding {
            let identity = Fixture.identity(.server(commonName, "*.example.com"))
            return TLSBinding(key ?? .anyAddress(port: nil), certificates: .identities([identity]))
        }
        return TLSServerConfiguration(bindings: [
            binding(TLSBindingKey(hostNamePort: "www.example.com:443"), "exact-443"),
            binding(.hostName("WWW.example.com", port: nil), "exact-any-port"),
            binding(TLSBindingKey(hostNamePort: "*.example.com:443"), "wildcard-443"),
            binding(.hostName("*.sub.example.com", port: nil), "wildcard-sub"),
            TLSBinding(
                .hostName("*.scoped.test", port: nil),
                certificates: .directory(directories.scoped.path)
            ),
            TLSBinding(.anyName(port: 443), certificates: .directory(directories.any.path)),
            binding(TLSBindingKey(addressPort: "127.0.0.2:443"), "address"),
            binding(TLSBindingKey(addressPort: "[2001:db8::1]:443"), "address6"),
            binding(TLSBindingKey(addressPort: "0.0.0.0:443"), "any-address-443"),
            binding(.anyAddress(port: nil), "default"),
        ])
    }

    private static func directory(_ files: [(String, String)]) -> TestDirectory {
        let directory = TestDirectory()
        for (file, commonName) in files {
            let certificate = TestCertificate.server(commonName)
            directory.write(file + ".pem", certificate.pem)
            directory.write(file + ".key", certificate.key.pem())
        }
        return directory
    }

    /// A client's name, the address and port it reached, and the certificate it gets.
    struct Row: Sendable {
        let name: String?
        var address = "127.0.0.1"
        var port: UInt16 = 443
        let expected: String
    }

    private static let rows = [
        Row(name: "www.example.com", expected: "exact-443"),
        Row(name: "WWW.EXAMPLE.COM", expected: "exact-443"),
        Row(name: "www.example.com.", expected: "exact-443"),
        Row(name: "www.example.com", port: 8443, expected: "exact-any-port"),
        Row(name: "www.example.com", address: "127.0.0.2", expected: "exact-443"),
        Row(name: "other.example.com", expected: "wildcard-443"),
        Row(name: "a.b.example.com", expected: "wildcard-443"),
        Row(name: "a.sub.example.com", expected: "wildcard-sub"),
        Row(name: "a.b.sub.example.com", port: 1, expected: "wildcard-sub"),
        Row(name: "sub.example.com", expected: "wildcard-443"),
        Row(name: "example.com", expected: "any-address-443"),
        Row(name: "other.example.com", port: 8443, expected: "default"),
        Row(name: "a.scoped.test", expected: "scoped-a"),
        Row(name: "b.scoped.test", expected: "directory-b"),
        Row(name: "a.scoped.test", port: 8443, expected: "scoped-a"),
        Row(name: "www.stored.test", expected: "directory-www"),
        Row(name: "deep.down.stored.test", expected: "directory-wildcard"),
        Row(name: "www.stored.test", port: 8443, expected: "default"),
        Row(name: nil, address: "127.0.0.2", expected: "address"),
        Row(name: "unknown.test", address: "127.0.0.2", expected: "address"),
        Row(name: "unknown.test", address: "2001:db8::1", expected: "address6"),
        Row(name: nil, address: "127.0.0.2", port: 8443, expected: "default"),
        Row(name: nil, expected: "any-address-443"),
        Row(name: nil, port: 1, expected: "default"),
    ]

    @Test("Exact names go before wildcards, directories and addresses (http.sys, sslcert bindings)")
    func table() throws {
        let directories = (
            any: Self.directory([
                ("www.stored.test", "directory-www"), ("_.stored.test", "directory-wildcard"),
                ("b.scoped.test", "directory-b"), ("a.scoped.test", "directory-a"),
            ]),
            scoped: Self.directory([("a.scoped.test", "scoped-a")])
        )
        let context = try TLSServerContext(Self.configuration(directories: directories))
        for row in Self.rows {
            var options = TestClient.Options()
            options.name = row.name
            let connection = try TestConnection(
                context,
                options,
                address: TLSAddress(row.address),
                port: row.port
            )
            connection.run()
            #expect(connection.client.serverCommonName == row.expected, "\(row)")
        }
    }

    @Test("A name that nothing is bound to is refused with unrecognized_name (RFC 6066 §3)")
    func unknownName() throws {
        let context = try TLSServerContext(
            TLSServerConfiguration(bindings: [
                TLSBinding(hostName: "www.example.com", identities: [Fixture.ecdsa])
            ])
        )
        var options = TestClient.Options()
        options.name = "other.example.com"
        let connection = try TestConnection(context, options).run()
        #expect(connection.failure?.code == .noCertificate)
        #expect(connection.failure?.alertSent == 112)
        let unnamed = try TestConnection(context).run()
        #expect(unnamed.failure?.code == .noCertificate)
    }

    @Test("The order of the steps can be turned over")
    func order() throws {
        let identity = Fixture.identity(.server("address"))
        var configuration = TLSServerConfiguration(bindings: [
            TLSBinding(hostName: "www.example.com", identities: [Fixture.ecdsa]),
            TLSBinding(.anyAddress(port: nil), certificates: .identities([identity])),
        ])
        configuration.selectionOrder = [.anyAddress, .exactName]
        var options = TestClient.Options()
        options.name = "www.example.com"
        let connection = try TestConnection(TLSServerContext(configuration), options).run()
        #expect(connection.client.serverCommonName == "address")
    }

    @Test("A rejecting binding refuses its connections (netsh: reject=enable)")
    func rejecting() throws {
        var binding = TLSBinding(.hostName("closed.example.com", port: nil), certificates: .identities([]))
        binding.isRejecting = true
        let rest = TLSBinding(.anyAddress(port: nil), certificates: .identities([Fixture.ecdsa]))
        let context = try TLSServerContext(TLSServerConfiguration(bindings: [binding, rest]))
        var options = TestClient.Options()
        options.name = "closed.example.com"
        let connection = try TestConnection(context, options).run()
        #expect(connection.failure?.code == .noCertificate)
        #expect(connection.failure?.alertSent == 49)
    }

    @Test("Of two keys for a name the client's algorithms decide", arguments: VersionCase.all)
    func keyKinds(version: VersionCase) throws {
        let context = try Fixture.context([Fixture.rsa, Fixture.ecdsa])
        let modern = try TestConnection(context, version.clientOptions).run()
        #expect(!modern.client.serverKeyIsRSA)
        #expect(modern.offloadCount == 0)
        var options = version.clientOptions
        options.signatureAlgorithms = "RSA-PSS+SHA256:RSA+SHA256"
        options.isTrusting = false
        let old = try TestConnection(context, options).run()
        #expect(old.engine.isEstablished)
        #expect(old.client.serverKeyIsRSA)
        #expect(old.offloadCount == 1)
    }

    @Test("What a binding says goes before the configuration's rules")
    func overrides() throws {
        var binding = TLSBinding(hostName: "www.example.com", identities: [Fixture.ecdsa])
        binding.applicationProtocols = ["http/1.1"]
        binding.maximumVersion = .tls12
        binding.usesSessionTickets = false
        let context = try TLSServerContext(TLSServerConfiguration(bindings: [binding]))
        var options = TestClient.Options()
        options.name = "www.example.com"
        options.protocols = ["h2", "http/1.1"]
        let connection = try TestConnection(context, options).run()
        #expect(connection.engine.version == .tls12)
        #expect(connection.engine.applicationProtocol == "http/1.1")
        #expect(connection.client.sessions.isEmpty)
    }

    @Test(
        "Keys of bindings are read as netsh writes them",
        arguments: [
            ("www.example.com:443", "www.example.com:443"), ("*.Example.com:8443", "*.example.com:8443"),
            ("*:443", "*:443"), ("www.example.com", nil), ("www.example.com:0", nil), (":443", nil),
            ("a b:443", nil), ("a.*.com:443", nil), ("www.example.com:65536", nil), ("a..b:1", nil),
        ] as [(String, String?)]
    )
    func hostNamePort(text: String, expected: String?) {
        #expect(TLSBindingKey(hostNamePort: text)?.description == expected)
    }

    @Test(
        "Addresses of bindings are read as netsh writes them",
        arguments: [
            ("127.0.0.1:443", "127.0.0.1:443"), ("0.0.0.0:443", "0.0.0.0:443"), ("[::]:80", "0.0.0.0:80"),
            ("[::1]:443", "[0:0:0:0:0:0:0:1]:443"), ("::1:443", nil), ("[127.0.0.1]:443", nil),
            ("1.2.3.4", nil), ("1.2.3.4:+5", nil), ("[::1:443", nil), ("www.example.com:443", nil),
        ] as [(String, String?)]
    )
    func addressPort(text: String, expected: String?) {
        #expect(TLSBindingKey(addressPort: text)?.description == expected)
    }
}
