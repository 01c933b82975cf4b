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

    @Test("Each resumption of TLS 1.3 brings a ticket for the next (RFC 8446 §C.4)")
    func renewal() throws {
        let context = try Fixture.context()
        // Each owns its session.
        var connections = [try connect(context, VersionCase.all[1])]
        for number in 0..<3 {
            let next = try connect(context, VersionCase.all[1], session: connections[number].client.session)
            #expect(next.engine.isResumed)
            connections.append(next)
        }
        let tickets = connections.map { connection in
            var ticket: UnsafePointer<UInt8>?
            var count = 0
            if let session = connection.client.session { SSL_SESSION_get0_ticket(session, &ticket, &count) }
            return Array(UnsafeBufferPointer(start: ticket, count: count))
        }
        #expect(Set(tickets).count == 4)
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

    /// A context with one binding for all names below `example.com`.
    private func wildcard(
        _ policy: TLSClientCertificatePolicy? = nil,
        ticketKeys: TLSTicketKeys? = nil
    ) throws -> TLSServerContext {
        var binding = TLSBinding(hostName: "*.example.com", identities: [Fixture.ecdsa])
        binding.clientCertificates = policy
        return try TLSServerContext(TLSServerConfiguration(bindings: [binding]), ticketKeys: ticketKeys)
    }

    @Test(
        "TLS 1.2 resumes a session under its own name alone, 1.3 at its binding (RFC 6066 §3, RFC 8446 §4.6.1)",
        arguments: VersionCase.all
    )
    func names(version: VersionCase) throws {
        let context = try wildcard()
        var options = version.clientOptions
        options.name = "a.example.com"
        options.isTrusting = false
        let first = try TestConnection(context, options).run()
        _ = first.client.read()
        options.session = first.client.session
        options.name = "b.example.com"
        let other = try TestConnection(context, options).run()
        _ = other.client.read()
        #expect(other.engine.isEstablished)
        #expect(other.engine.isResumed == (version.number == TLS1_3_VERSION))
        #expect(other.engine.serverName == "b.example.com")
        #expect(other.carriesData())
        // In whatever case. The full handshake of 1.2 came with a ticket for the other name; clients use those of 1.3
        // once, and the first connection has a second one.
        options.session = other.client.sessions.last ?? first.client.sessions.first ?? nil
        options.name = "B.Example.com"
        #expect(try TestConnection(context, options).run().engine.isResumed)
    }

    @Test("TLS 1.2 resumes no session with a name without one, nor the other way round (RFC 6066 §3)")
    func namelessSessions() throws {
        let context = try Fixture.context()
        var options = VersionCase.all[0].clientOptions
        options.isTrusting = false
        let named = try TestConnection(context, options).run()
        options.session = named.client.session
        options.name = nil
        let nameless = try TestConnection(context, options).run()
        #expect(nameless.engine.isEstablished)
        #expect(!nameless.engine.isResumed)
        options.session = nameless.client.session
        #expect(try TestConnection(context, options).run().engine.isResumed)
        options.name = "www.example.com"
        #expect(try !TestConnection(context, options).run().engine.isResumed)
    }

    @Test("A ticket made under one policy does not carry over to another", arguments: VersionCase.all)
    func policies(version: VersionCase) throws {
        let keys = try TLSTicketKeys()
        let plain = try wildcard(ticketKeys: keys)
        let allowed = TLSClientCertificatePolicy(.allow, acceptsUnverified: true)
        let asking = try wildcard(allowed, ticketKeys: keys)
        var options = version.clientOptions
        options.name = "a.example.com"
        options.isTrusting = false
        for (from, to) in [(plain, asking), (asking, plain)] {
            let first = try TestConnection(from, options).run()
            _ = first.client.read()
            var again = options
            again.session = first.client.session
            let other = try TestConnection(to, again).run()
            #expect(other.engine.isEstablished)
            #expect(!other.engine.isResumed)
            // It was as good as any where it came from.
            #expect(try TestConnection(from, again).run().engine.isResumed)
        }
        // Of one context whose binding changes.
        let first = try TestConnection(plain, options).run()
        _ = first.client.read()
        try plain.reconfigure(asking.configuration)
        options.session = first.client.session
        let later = try TestConnection(plain, options).run()
        #expect(later.engine.isEstablished)
        #expect(!later.engine.isResumed)
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
