// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Tickets")
struct TicketTests {
    private func connect(
        _ context: TLSServerContext,
        _ version: VersionCase,
        session: OpaquePointer? = nil
    ) throws -> TestConnection {
        var options = version.clientOptions
        options.session = session
        let connection = try TestConnection(context, options).run()
        _ = connection.client.read()
        #expect(connection.engine.isEstablished)
        return connection
    }

    @Test("A ticket of one context resumes at another with the same keys", arguments: VersionCase.all)
    func sharedKeys(version: VersionCase) throws {
        let keys = try TLSTicketKeys()
        let first = try connect(Fixture.context(ticketKeys: keys), version)
        let second = try connect(Fixture.context(ticketKeys: keys), version, session: first.client.session)
        #expect(second.engine.isResumed)
        let stranger = try connect(Fixture.context(), version, session: first.client.session)
        #expect(!stranger.engine.isResumed)
    }

    @Test("A ticket outlives one change of keys and not two", arguments: VersionCase.all)
    func rotation(version: VersionCase) throws {
        let keys = try TLSTicketKeys()
        let context = try Fixture.context(ticketKeys: keys)
        let first = try connect(context, version)
        try keys.rotate()
        let second = try connect(context, version, session: first.client.session)
        #expect(second.engine.isResumed)
        // It was given a ticket under the new key, which the next change keeps.
        try keys.rotate()
        #expect(try connect(context, version, session: second.client.session).engine.isResumed)
        #expect(try !connect(context, version, session: first.client.session).engine.isResumed)
    }

    @Test("Keys change when their time has come, on the clock they are told")
    func schedule() throws {
        let keys = try TLSTicketKeys(rotationInterval: .seconds(100))
        #expect(try !keys.rotateIfDue(now: .seconds(1000)))
        #expect(try !keys.rotateIfDue(now: .seconds(1099)))
        #expect(try keys.rotateIfDue(now: .seconds(1100)))
        #expect(try !keys.rotateIfDue(now: .seconds(1150)))
        #expect(try keys.rotateIfDue(now: .seconds(5000)))
        #expect(throws: TLSConfigurationError.self) { try TLSTicketKeys(previousKeyCount: 17) }
    }

    @Test("A session of one binding is not resumed at another", arguments: VersionCase.all)
    func bindings(version: VersionCase) throws {
        var guarded = TLSBinding(hostName: "guarded.example.com", identities: [Fixture.ecdsa])
        guarded.clientCertificates = TLSClientCertificatePolicy(.require, acceptsUnverified: true)
        let open = TLSBinding(hostName: "www.example.com", identities: [Fixture.ecdsa])
        let context = try TLSServerContext(TLSServerConfiguration(bindings: [guarded, open]))
        let first = try connect(context, version)
        var options = version.clientOptions
        options.name = "guarded.example.com"
        options.session = first.client.session
        let second = try TestConnection(context, options).run()
        #expect(!second.engine.isEstablished)
        #expect(second.failure?.code == .clientCertificateMissing)
    }

    @Test("A broken ticket leads to a full handshake", arguments: VersionCase.all)
    func brokenTicket(version: VersionCase) throws {
        let context = try Fixture.context()
        let first = try connect(context, version)
        var bytes: UnsafePointer<UInt8>?
        var count = 0
        SSL_SESSION_get0_ticket(first.client.session, &bytes, &count)
        let ticket = UnsafeMutablePointer(mutating: bytes)
        ticket?[count - 1] ^= 1
        let second = try connect(context, version, session: first.client.session)
        #expect(!second.engine.isResumed)
    }
}
