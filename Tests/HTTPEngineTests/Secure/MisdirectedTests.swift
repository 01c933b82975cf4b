// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPSecure
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("secure: requests for another name than the connection's")
    struct Misdirected {
        private static func binding(
            _ name: String,
            _ change: (inout TLSBinding) -> Void = { _ in }
        ) -> TLSBinding {
            var binding = TLSBinding(hostName: name, identities: [TestCertificates.ecdsa])
            change(&binding)
            return binding
        }

        private static func requires(_ binding: inout TLSBinding) {
            binding.clientCertificates = TLSClientCertificatePolicy(.require, acceptsUnverified: true)
        }

        private static func rejects(_ binding: inout TLSBinding) { binding.isRejecting = true }

        /// Two names with a wildcard's policy, and one with another.
        private static func settings(
            _ setup: Setup = .oneLoop,
            _ change: (inout TLSBinding) -> Void
        ) throws -> TestSettings {
            var settings = try TestSettings.secure(setup)
            settings.prefixes = ["https://127.0.0.1:0/"]
            settings.options.tls = try TLSServerContext(configuration(change))
            return settings
        }

        private static func configuration(_ change: (inout TLSBinding) -> Void) -> TLSServerConfiguration {
            TLSServerConfiguration(bindings: [
                binding("pub.test"), binding("*.wild.test"), binding("admin.test", change),
            ])
        }

        private static let handler: TestEngine.Handler = { context in
            try await context.response.write("I am \(context.request.authority)")
        }

        private static let cachedHandler: TestEngine.Handler = { context in
            try context.response.headers.append(name: "Cache-Control", value: "public, max-age=60")
            try context.response.headers.append(name: "Content-Type", value: "text/plain")
            try await context.response.write("I am \(context.request.authority)")
        }

        private static func client(_ server: TestEngine, _ name: String, _ protocols: String...) throws
            -> Client
        {
            let client = try server.client()
            var options = ClientTLS.Options()
            options.name = name
            options.protocols = protocols
            try client.startTLS(options)
            return client
        }

        private static func http2(_ server: TestEngine, _ name: String) throws -> HTTP2Client {
            HTTP2Client(try client(server, name, "h2"), port: server.port)
        }

        private static func get(_ host: String) -> String { "GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n" }

        @Test(
            "A host that rejects or wants a certificate gets 421 over another's connection (RFC 6066 §11.1)",
            arguments: [true, false],
            [Setup.oneLoop, .queue]
        )
        func otherPolicy(isRejecting: Bool, setup: Setup) async throws {
            let settings = try Misdirected.settings(
                setup,
                isRejecting ? Misdirected.rejects : Misdirected.requires
            )
            try await TestEngine.run(settings, handler: Misdirected.handler) { (server) async throws in
                let first = try Misdirected.client(server, "pub.test")
                #expect(try first.exchange(Misdirected.get("pub.test")).text == "I am pub.test")
                #expect(try first.exchange(Misdirected.get("a.wild.test")).status == 200)
                let refused = try first.exchange(Misdirected.get("Admin.test.:\(server.port)"))
                #expect(refused.status == 421)
                #expect(refused.closes)
                let absolute = try Misdirected.client(server, "a.wild.test")
                let target = "GET https://admin.test/ HTTP/1.1\r\nHost: admin.test\r\n\r\n"
                #expect(try absolute.exchange(target).status == 421)

                let second = try Misdirected.http2(server, "pub.test")
                second.authority = "pub.test"
                #expect(try second.get("/").text == "I am pub.test")
                second.authority = "admin.test"
                #expect(try second.get("/").status == 421)
                #expect(try second.get("/", method: "HEAD").status == 421)
                // The connection goes on for the hosts it is good for.
                second.authority = "b.wild.test"
                #expect(try second.get("/").status == 200)
                #expect(second.goAways.isEmpty)
            }
        }

        @Test("Names with equal rules share a connection, as a wildcard certificate's do (RFC 9113 §9.1.1)")
        func equalPolicy() async throws {
            let settings = try Misdirected.settings { _ in }
            try await TestEngine.run(settings, handler: Misdirected.handler) { (server) async throws in
                let client = try Misdirected.http2(server, "a.wild.test")
                for host in ["a.wild.test", "b.wild.test", "pub.test", "admin.test"] {
                    client.authority = host
                    #expect(try client.get("/").text == "I am \(host)")
                }
            }
        }

        @Test("What is stored for a host is not served over another's connection, not even to the same bytes")
        func cache() async throws {
            let settings = try Misdirected.settings { $0.minimumVersion = .tls13 }
            try await TestEngine.run(settings, handler: Misdirected.cachedHandler) { (server) async throws in
                // Often enough for the answer to be remembered by the bytes of the head.
                let own = try Misdirected.client(server, "admin.test")
                for _ in 0..<5 { #expect(try own.exchange(Misdirected.get("admin.test")).status == 200) }
                #expect(server.statistics.cacheHits >= 4)
                let other = try Misdirected.client(server, "pub.test")
                #expect(try other.exchange(Misdirected.get("admin.test")).status == 421)
                let second = try Misdirected.http2(server, "pub.test")
                second.authority = "admin.test"
                #expect(try second.get("/").status == 421)
            }
        }

        @Test("Rules that change hold for connections that exist, with answers remembered")
        func reload() async throws {
            let settings = try Misdirected.settings { _ in }
            try await TestEngine.run(settings, handler: Misdirected.cachedHandler) { (server) async throws in
                let context = try #require(server.engine.options.tls)
                let first = try Misdirected.client(server, "pub.test")
                let idle = try Misdirected.client(server, "pub.test")
                let own = try Misdirected.http2(server, "admin.test")
                own.authority = "admin.test"
                for _ in 0..<5 { #expect(try first.exchange(Misdirected.get("admin.test")).status == 200) }
                #expect(try own.get("/").status == 200)
                #expect(server.statistics.cacheHits >= 5)
                try context.reconfigure(Misdirected.configuration(Misdirected.requires))
                #expect(try first.exchange(Misdirected.get("admin.test")).status == 421)
                #expect(try idle.exchange(Misdirected.get("pub.test")).status == 200)
                // Its own name's rules are others now: it is told to come again.
                #expect(try own.get("/").status == 421)
                try own.run { !own.goAways.isEmpty }
                #expect(own.goAways == [0])
                try context.reconfigure(Misdirected.configuration { _ in })
                #expect(try idle.exchange(Misdirected.get("admin.test")).status == 200)
            }
        }

        @Test("A misdirected request is one line of the error log, with its own method and target")
        func log() async throws {
            let lines = LineCollector()
            var settings = try Misdirected.settings(.oneLoop, Misdirected.requires)
            settings.options.errorLog = .lines { lines.append($0) }
            try await TestEngine.run(settings, handler: Misdirected.handler) { (server) async throws in
                let first = try Misdirected.client(server, "pub.test")
                #expect(try first.exchange(Misdirected.get("admin.test")).status == 421)
                let second = try Misdirected.http2(server, "pub.test")
                second.authority = "admin.test"
                #expect(try second.get("/secret").status == 421)
                server.engine.flushLogs()
                let written = lines.all.filter { !$0.hasPrefix("#") }
                #expect(written.count == 2)
                #expect(written.first?.contains(" HTTP/1.1 GET / 421 ") == true, "\(written)")
                #expect(written.last?.contains(" HTTP/2.0 GET /secret 421 ") == true, "\(written)")
                #expect(written.allSatisfy { $0.contains(" Hostname ") })
            }
        }
    }
}
