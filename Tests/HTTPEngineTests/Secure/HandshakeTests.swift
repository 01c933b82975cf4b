// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("secure: handshakes")
    struct Handshakes {
        @Test(
            "The protocol is the one that ALPN chooses, HTTP/1.1 without it (RFC 7301)",
            arguments: [["h2", "http/1.1"], ["http/1.1"], []]
        )
        func protocols(offered: [String]) async throws {
            let handler: TestEngine.Handler = { context in
                let request = try context.feature((any HTTPRequestFeature).self)
                let tls = try context.feature((any TLSConnectionFeature).self)
                try await context.response.write("\(request.protocolVersion) \(tls.applicationProtocol)")
            }
            try await TestEngine.run(try .secure(), handler: handler) { (server) async throws in
                let client = try server.client()
                var options = ClientTLS.Options()
                options.protocols = offered
                let tls = try client.startTLS(options)
                #expect(tls.applicationProtocol == offered.first)
                if offered.first == "h2" {
                    let response = try HTTP2Client(client, port: server.port).get("/")
                    #expect(response.text == "HTTP/2 h2")
                } else {
                    #expect(
                        try client.exchange(server.get()).text == "HTTP/1.1 \(offered.first ?? "")"
                    )
                }
                #expect(server.statistics.tlsHandshakes == 1)
            }
        }

        @Test("A handler sees what the handshake came to", arguments: Setup.allCases)
        func facts(setup: Setup) async throws {
            let handler: TestEngine.Handler = { context in
                let tls = try context.feature((any TLSConnectionFeature).self)
                try await context.response.write(
                    "\(tls.tlsVersion) \(tls.cipherSuite) \(tls.serverName) \(tls.clientCertificateChain.count) "
                        + context.request.scheme
                )
            }
            try await TestEngine.run(try .secure(setup), handler: handler) { (server) async throws in
                let newer = try server.secureClient(version: TLS1_3_VERSION).exchange(server.get()).text
                #expect(newer.hasPrefix("TLSv1.3 TLS_AES_"))
                #expect(newer.hasSuffix(" localhost 0 https"))
                let older = try server.secureClient(version: TLS1_2_VERSION).exchange(server.get()).text
                #expect(older.hasPrefix("TLSv1.2 TLS_ECDHE_ECDSA_WITH_"))
                let multiplexed = try server.secureHTTP2Client().get("/").text
                #expect(multiplexed == newer)
            }
        }

        @Test("Signatures of RSA keys are made beside the loop", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
        func slowKeys(version: Int32) async throws {
            try await TestEngine.run(try .secure(rsa: true), handler: Handlers.describe) {
                (server) async throws in
                for _ in 0..<3 {
                    let client = try server.secureClient(version: version)
                    #expect(try client.exchange(server.get()).status == 200)
                }
                // Clients that go away at any time of the handshake, with the signature under way.
                for index in 0..<20 {
                    let client = try server.client()
                    let tls = ClientTLS(ClientTLS.Options())
                    try tls.advance()
                    try client.send(tls.takeOutput())
                    if index % 2 == 0 { client.reset() } else { client.close() }
                }
                #expect(try server.secureClient().exchange(server.get()).status == 200)
                #expect(eventually { server.statistics.connectionsOpen <= 1 })
            }
        }

        @Test("The engine stops with signatures under way")
        func stopsWhileSigning() async throws {
            try await TestEngine.run(try .secure(rsa: true), handler: Handlers.describe) {
                (server) async throws in
                for _ in 0..<8 {
                    let client = try server.client()
                    let tls = ClientTLS(ClientTLS.Options())
                    try tls.advance()
                    try client.send(tls.takeOutput())
                }
                await server.engine.stop(within: .milliseconds(100))
            }
        }

        @Test("A handshake and a request may come in pieces, cut at any byte")
        func pieces() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                let tls = ClientTLS(ClientTLS.Options())
                try tls.advance()
                // Each byte of the hello in a segment of its own.
                for byte in tls.takeOutput() { try client.send([byte]) }
                #expect(try client.fill(100))
                let whole = try server.secureClient()
                let request = Array(server.get("/cut").utf8)
                for cut in 1..<request.count {
                    // Two records, cut in the plaintext; the second may come with the first.
                    try whole.send(Array(request[..<cut]))
                    try whole.send(Array(request[cut...]))
                    #expect(try whole.readResponse().text == "GET /cut")
                }
                guard let encryption = whole.tls else { return }
                encryption.write(request)
                let count = encryption.takeOutput()
                try whole.sendPlain(count)
                #expect(try whole.readResponse().status == 200)
                for cut in 1..<count.count {
                    encryption.write(request)
                    let record = encryption.takeOutput()
                    try whole.sendPlain(Array(record[..<cut]))
                    try whole.sendPlain(Array(record[cut...]))
                    #expect(try whole.readResponse().text == "GET /cut", "cut at \(cut)")
                }
            }
        }

        @Test("HTTP without TLS on such a port gets 400 (PlainHTTPOnTLSPort)")
        func plainHTTP() async throws {
            let lines = LineCollector()
            var settings = try TestSettings.secure()
            settings.options.errorLog = .lines { lines.append($0) }
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                let response = try client.exchange(server.get())
                #expect(response.status == 400)
                #expect(response.closes)
                #expect(try client.readToEnd().end == .orderly)
                #expect(server.statistics.tlsHandshakeFailures == 1)
                server.engine.flushLogs()
                #expect(eventually { lines.all.count == 1 })
            }
        }

        @Test("What is no hello ends the connection with an alert")
        func garbage() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                try client.send([0x16, 3, 1, 0, 4, 9, 9, 9, 9, 0, 0, 0])
                client.finishSending()
                let (bytes, _) = try client.readToEnd()
                #expect(bytes.first == 0x15)
                #expect(eventually { server.statistics.connectionsOpen == 0 })
            }
        }

        @Test("A handshake must be done in time; then the connection is reset")
        func timeout() async throws {
            var settings = try TestSettings.secure()
            settings.options.timeouts.tlsHandshake = .milliseconds(150)
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let silent = try server.client()
                let slow = try server.client()
                try slow.send([0x16, 3, 1])
                let done = try server.secureClient()
                #expect(try silent.readToEnd() == ([], .reset))
                #expect(try slow.readToEnd() == ([], .reset))
                #expect(server.statistics.timeouts == 2)
                #expect(try done.exchange(server.get()).status == 200)
            }
        }

        @Test("Hundreds of handshakes that are never finished leave nothing behind")
        func halfOpen() async throws {
            var settings = try TestSettings.secure()
            settings.options.timeouts.tlsHandshake = .milliseconds(300)
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                var clients: [Client] = []
                for index in 0..<300 {
                    let client = try server.client()
                    let tls = ClientTLS(ClientTLS.Options())
                    try tls.advance()
                    let hello = tls.takeOutput()
                    try client.send(Array(hello.prefix(index % 3 == 0 ? hello.count : index)))
                    clients.append(client)
                }
                #expect(eventually { server.statistics.connectionsOpen == 0 })
                #expect(try server.secureClient().exchange(server.get()).status == 200)
            }
        }

        @Test("A stop ends handshakes at once", .timeLimit(.minutes(1)))
        func stop() async throws {
            try await TestEngine.run(try .secure(), handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                try client.send([0x16, 3])
                #expect(eventually { server.statistics.connectionsOpen == 1 })
                let start = ContinuousClock.now
                await server.engine.stop(within: .seconds(20))
                #expect(ContinuousClock.now - start < .seconds(5))
                #expect(try client.readToEnd().bytes.isEmpty)
            }
        }
    }
}
