// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Handshakes")
struct HandshakeTests {
    @Test("A full handshake is followed by data both ways", arguments: VersionCase.all)
    func full(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions).run()
        #expect(connection.failure == nil)
        #expect(connection.client.failure == nil)
        #expect(connection.engine.isEstablished)
        #expect(connection.client.isEstablished)
        #expect(connection.engine.protocolVersion == version.name)
        #expect(connection.engine.serverName == "www.example.com")
        #expect(connection.engine.cipherKeyBits == 128)
        #expect(!connection.engine.isResumed)
        connection.client.write(Array("ping".utf8))
        connection.run()
        #expect(connection.plaintext == Array("ping".utf8))
        #expect(connection.write(Array("pong".utf8)))
        connection.run()
        #expect(connection.client.read() == Array("pong".utf8))
        #expect(connection.failure == nil)
    }

    @Test(
        "A session's ticket resumes it without a signature (RFC 5077, RFC 8446 §2.2)",
        arguments: VersionCase.all
    )
    func resumed(version: VersionCase) throws {
        let context = try Fixture.context([Fixture.rsa])
        let first = try TestConnection(context, version.clientOptions).run()
        _ = first.client.read()
        #expect(first.offloadCount == 1)
        var options = version.clientOptions
        options.session = first.client.session
        let second = try TestConnection(context, options).run()
        #expect(second.engine.isEstablished)
        #expect(second.engine.isResumed)
        #expect(second.client.isResumed)
        #expect(second.engine.serverName == "www.example.com")
        #expect(second.offloadCount == 0)
        #expect(second.carriesData())
    }

    @Test("Without tickets nothing is resumed", arguments: VersionCase.all)
    func noTickets(version: VersionCase) throws {
        let context = try Fixture.context { $0.usesSessionTickets = false }
        let first = try TestConnection(context, version.clientOptions).run()
        _ = first.client.read()
        var options = version.clientOptions
        options.session = SSL_get_session(first.client.ssl)
        let second = try TestConnection(context, options).run()
        #expect(second.engine.isEstablished)
        #expect(!second.engine.isResumed)
    }

    @Test("A handshake whose bytes arrive one by one comes to the same", arguments: VersionCase.all)
    func byteByByte(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions)
        connection.pieceByteCount = 1
        connection.run()
        connection.client.write(Array("ping".utf8))
        connection.run()
        #expect(connection.engine.isEstablished)
        #expect(connection.plaintext == Array("ping".utf8))
    }

    @Test("A hello that is cut anywhere comes to the same")
    func helloCutAnywhere() throws {
        let context = try Fixture.context()
        let hello = TestClient()
        hello.advance()
        let bytes = hello.takeOutput()
        for cut in 1..<bytes.count {
            let connection = try TestConnection(context)
            connection.deliver(Array(bytes[..<cut]))
            #expect(connection.output.bytes.isEmpty)
            connection.deliver(Array(bytes[cut...]))
            #expect(!connection.output.bytes.isEmpty)
            #expect(connection.failure == nil)
        }
    }

    @Test("A group that the client sent no share for is asked for again (RFC 8446 §4.1.4)")
    func helloRetry() throws {
        var options = TestClient.Options()
        options.name = "www.example.com"
        options.groups = "P-521:P-384"
        let connection = try TestConnection(Fixture.context(), options).run()
        #expect(connection.engine.isEstablished)
        #expect(connection.engine.serverName == "www.example.com")
        #expect(connection.carriesData())
    }

    @Test("Data that arrives with the end of the handshake is read at once", arguments: VersionCase.all)
    func dataWithFinished(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions)
        while !connection.client.isEstablished {
            connection.client.advance()
            if connection.client.isEstablished { break }
            connection.deliver(connection.client.takeOutput())
            connection.client.receive(connection.output.bytes)
            connection.output.bytes = []
        }
        connection.client.write(Array("early".utf8))
        connection.client.write(Array(" bird".utf8))
        connection.run()
        #expect(connection.plaintext == Array("early bird".utf8))
        #expect(connection.carriesData())
    }

    @Test("As many tickets as configured go before the data", arguments: 0...8)
    func tickets(count: Int) throws {
        let connection = try TestConnection(Fixture.context { $0.ticketsPerHandshake = count }).run()
        #expect(connection.carriesData())
        #expect(connection.client.sessions.count == count)
    }

    /// What a client offers and what is chosen; `nil` for a refusal.
    struct ALPNCase: Sendable {
        let offered: [String]
        let configured: [String]
        let chosen: String?
        let isEstablished: Bool
    }

    @Test(
        "The server's best application protocol is chosen, and none in common refused (RFC 7301 §3.2)",
        arguments: [
            ALPNCase(
                offered: ["http/1.1", "h2"],
                configured: ["h2", "http/1.1"],
                chosen: "h2",
                isEstablished: true
            ),
            ALPNCase(
                offered: ["http/1.1"],
                configured: ["h2", "http/1.1"],
                chosen: "http/1.1",
                isEstablished: true
            ),
            ALPNCase(
                offered: ["h3", "h2"],
                configured: ["http/1.1", "h2"],
                chosen: "h2",
                isEstablished: true
            ),
            ALPNCase(offered: [], configured: ["h2"], chosen: nil, isEstablished: true),
            ALPNCase(offered: ["h2"], configured: [], chosen: nil, isEstablished: true),
            ALPNCase(offered: ["spdy/3"], configured: ["h2", "http/1.1"], chosen: nil, isEstablished: false),
            ALPNCase(offered: ["h"], configured: ["h2"], chosen: nil, isEstablished: false),
        ]
    )
    func applicationProtocols(row: ALPNCase) throws {
        let context = try Fixture.context { $0.applicationProtocols = row.configured }
        var options = TestClient.Options()
        options.protocols = row.offered
        let connection = try TestConnection(context, options).run()
        #expect(connection.engine.isEstablished == row.isEstablished)
        #expect(connection.client.applicationProtocol == row.chosen)
        guard row.isEstablished else {
            #expect(connection.failure?.code == .noSharedApplicationProtocol)
            #expect(connection.failure?.alertSent == 120)
            return
        }
        #expect(connection.engine.applicationProtocol == row.chosen)
    }

    @Test("Renegotiation is refused and ends the connection")
    func renegotiation() throws {
        var options = TestClient.Options()
        options.maximumVersion = TLS1_2_VERSION
        let connection = try TestConnection(Fixture.context(), options).run()
        #expect(SSL_renegotiate(connection.client.ssl) == 1)
        _ = SSL_do_handshake(connection.client.ssl)
        connection.deliver(connection.client.takeOutput())
        #expect(connection.failure?.code == .renegotiation)
    }

    @Test("A client that knows no version of the server's is refused (RFC 8446 §4.1.3)")
    func versions() throws {
        let context = try Fixture.context { $0.minimumVersion = .tls13 }
        var options = TestClient.Options()
        options.maximumVersion = TLS1_2_VERSION
        let connection = try TestConnection(context, options).run()
        #expect(connection.failure?.code == .noSharedVersion)
        #expect(connection.failure?.alertSent == 70)
        #expect(connection.failure?.reason == "unsupported protocol")
    }

    @Test("A client that knows no cipher suite of the server's is refused")
    func ciphers() throws {
        var options = TestClient.Options()
        options.maximumVersion = TLS1_2_VERSION
        options.cipherList = "ECDHE-ECDSA-AES128-SHA"
        let connection = try TestConnection(Fixture.context(), options).run()
        #expect(connection.failure?.code == .noSharedCipher)
        #expect(connection.failure?.alertSent == 40)
        #expect(connection.failure?.description == "no shared cipher (sent alert handshake failure)")
    }
}
