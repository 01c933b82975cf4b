// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Hosts that a connection may serve (RFC 6066 §11.1, RFC 9110 §7.4)")
struct HostPolicyTests {
    private let directory = TestDirectory()

    private func binding(
        _ name: String,
        _ change: (inout TLSBinding) -> Void = { _ in }
    ) -> TLSBinding {
        var binding = TLSBinding(hostName: name, identities: [Fixture.ecdsa])
        change(&binding)
        return binding
    }

    private func connect(_ context: TLSServerContext, _ name: String?) throws -> TLSEngine {
        var options = TestClient.Options()
        options.name = name
        let engine = try TestConnection(context, options).run().engine
        #expect(engine.isEstablished)
        return engine
    }

    private func serves(_ engine: TLSEngine, _ host: String) -> Bool {
        var host = host
        return host.withUTF8 { engine.mayServe(host: UnsafeRawBufferPointer($0)) }
    }

    /// What another binding may ask of its connections, and whether that makes a difference.
    struct Difference: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let isOther: Bool
        let change: @Sendable (inout TLSBinding, String) -> Void
    }

    private static let differences = [
        Difference(testDescription: "nothing", isOther: false) { _, _ in },
        Difference(testDescription: "another certificate", isOther: false) { binding, _ in
            binding.certificates = .identities([Fixture.rsa])
        },
        Difference(testDescription: "no tickets", isOther: false) { binding, _ in
            binding.usesSessionTickets = false
        },
        Difference(testDescription: "the same protocols in another order", isOther: false) { binding, _ in
            binding.applicationProtocols = ["http/1.1", "h2"]
        },
        Difference(testDescription: "no HTTP/2", isOther: true) { binding, _ in
            binding.applicationProtocols = ["http/1.1"]
        },
        Difference(testDescription: "rejects", isOther: true) { binding, _ in binding.isRejecting = true },
        Difference(testDescription: "1.3 alone", isOther: true) { binding, _ in
            binding.minimumVersion = .tls13
        },
        Difference(testDescription: "1.2 alone", isOther: true) { binding, _ in
            binding.maximumVersion = .tls12
        },
        Difference(testDescription: "allows client certificates", isOther: true) { binding, authorities in
            binding.clientCertificates = TLSClientCertificatePolicy(.allow, authoritiesFile: authorities)
        },
        Difference(testDescription: "requires client certificates", isOther: true) { binding, authorities in
            binding.clientCertificates = TLSClientCertificatePolicy(.require, authoritiesFile: authorities)
        },
        Difference(testDescription: "requires client certificates of any authority", isOther: true) {
            binding,
            _ in
            binding.clientCertificates = TLSClientCertificatePolicy(.require, acceptsUnverified: true)
        },
    ]

    @Test("A host is served where its binding would have asked the same", arguments: differences)
    func policies(difference: Difference) throws {
        let authorities = directory.write("authorities.pem", TestCertificate.authority.pem)
        let other = binding("other.test") { difference.change(&$0, authorities) }
        let context = try TLSServerContext(
            TLSServerConfiguration(bindings: [binding("www.example.com"), other])
        )
        let engine = try connect(context, "www.example.com")
        #expect(engine.mayServeEveryHost == !difference.isOther)
        #expect(serves(engine, "www.example.com"))
        for host in ["other.test", "OTHER.Test", "other.test."] {
            #expect(serves(engine, host) == !difference.isOther, "\(host)")
        }
        // The host that was asked for last does not decide about the next.
        #expect(serves(engine, "WWW.example.com."))
        #expect(serves(engine, "other.test") == !difference.isOther)
        #expect(serves(engine, "www.example.com"))
        #expect(!engine.isOutdated)
    }

    @Test("Other authorities are another policy, the same ones in another file are not")
    func authorities() throws {
        let first = directory.write("first.pem", TestCertificate.authority.pem)
        let copy = directory.write("copy.pem", TestCertificate.authority.pem)
        var options = TestCertificate.Options()
        options.isAuthority = true
        let second = directory.write(
            "second.pem",
            TestCertificate("Other root", key: TestKey(.p256), options: options).pem
        )
        func asks(_ name: String, _ file: String) -> TLSBinding {
            binding(name) {
                $0.clientCertificates = TLSClientCertificatePolicy(.allow, authoritiesFile: file)
            }
        }
        let context = try TLSServerContext(
            TLSServerConfiguration(bindings: [
                asks("www.example.com", first), asks("copy.test", copy), asks("second.test", second),
            ])
        )
        let engine = try connect(context, "www.example.com")
        #expect(serves(engine, "copy.test"))
        #expect(!serves(engine, "second.test"))
    }

    @Test("A host has the binding that it would have selected, by name, wildcard, address and port")
    func selection() throws {
        func requires(_ binding: inout TLSBinding) {
            binding.clientCertificates = TLSClientCertificatePolicy(.require, acceptsUnverified: true)
        }
        var fallback = TLSBinding(.anyAddress(port: nil), certificates: .identities([Fixture.ecdsa]))
        requires(&fallback)
        let bindings = [
            binding("www.example.com"), binding("*.example.com"), binding("admin.example.com", requires),
            fallback,
        ]
        let context = try TLSServerContext(TLSServerConfiguration(bindings: bindings))
        let engine = try connect(context, "www.example.com")
        #expect(serves(engine, "img.example.com"))
        #expect(serves(engine, "a.b.example.com"))
        for host in ["admin.example.com", "unknown.test", "127.0.0.1", "[::1]", ""] {
            #expect(!serves(engine, host), "\(host)")
        }
        // Without the fallback, a host that nothing is bound to is not served, but a request without a host is.
        let strict = try TLSServerContext(TLSServerConfiguration(bindings: Array(bindings.dropLast())))
        let other = try connect(strict, "www.example.com")
        #expect(!serves(other, "unknown.test"))
        #expect(serves(other, ""))
    }

    @Test("A change of the bindings holds for connections that exist")
    func reload() throws {
        let open = [binding("www.example.com"), binding("other.test")]
        let context = try TLSServerContext(TLSServerConfiguration(bindings: open))
        let engine = try connect(context, "www.example.com")
        #expect(engine.mayServeEveryHost)
        #expect(serves(engine, "other.test"))
        let rejecting = [binding("www.example.com"), binding("other.test") { $0.isRejecting = true }]
        try context.reconfigure(TLSServerConfiguration(bindings: rejecting))
        #expect(!engine.mayServeEveryHost)
        #expect(!serves(engine, "other.test"))
        #expect(serves(engine, "www.example.com"))
        #expect(!engine.isOutdated)
        try context.reconfigure(TLSServerConfiguration(bindings: open))
        #expect(engine.mayServeEveryHost)
        #expect(serves(engine, "other.test"))
        // All names alike, but not like the connection.
        var guarded = TLSServerConfiguration(bindings: open)
        guarded.clientCertificates = TLSClientCertificatePolicy(.require, acceptsUnverified: true)
        try context.reconfigure(guarded)
        #expect(!engine.mayServeEveryHost)
        #expect(!serves(engine, "other.test"))
        #expect(engine.isOutdated)
    }
}
