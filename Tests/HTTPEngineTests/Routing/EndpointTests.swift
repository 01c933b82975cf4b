// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTPFeatures
import HTTPWire
import IORing
import Testing
import URLPrefixes

@testable import HTTPEngine

extension EngineSuites {
    @Suite("routing: endpoints")
    struct Endpoints {
        private static let addresses: TestEngine.Handler = { context in
            let connection = context.connection
            try await context.response.write(
                "\(connection.localAddress) \(connection.localPort) \(connection.remoteAddress) \(connection.remotePort)"
            )
        }

        @Test(
            "localhost listens on 127.0.0.1 and ::1 at the same port, and connections know their addresses",
            arguments: Setup.allCases
        )
        func loopback(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Endpoints.addresses) {
                (server) async throws in
                let four = try server.client().exchange(server.get()).text.split(separator: " ")
                #expect(four.count == 4)
                #expect(four.first == "127.0.0.1")
                #expect(four[1] == "\(server.port)")
                #expect(four[2] == "127.0.0.1")
                let six = try Client(ipv6Port: server.port).exchange(server.get()).text.split(separator: " ")
                #expect(six.first == "::1")
                #expect(six[2] == "::1")
            }
        }

        @Test("An IPv6 literal prefix is reached by its literal in brackets")
        func ipv6() async throws {
            var settings = TestSettings()
            settings.prefixes = ["http://[::1]:0/"]
            try await TestEngine.run(settings, handler: Endpoints.addresses) { (server) async throws in
                let client = try Client(ipv6Port: server.port)
                #expect(
                    try client.exchange("GET / HTTP/1.1\r\nHost: [::1]:\(server.port)\r\n\r\n").status == 200
                )
                #expect(throws: ClientError.self) { try server.client() }
            }
        }

        @Test("The same name on two ports is two prefixes")
        func ports() async throws {
            try await TestEngine.run(
                handler: { context in
                    try await context.response.write(
                        try context.feature((any HTTPRequestInfoFeature).self).urlPrefix
                    )
                },
                { (server) async throws in
                    let other = try await server.register(
                        URLPrefix("http://localhost:0/other/", allowingPortZero: true)
                    )
                    #expect(other.port != server.port && other.port != 0)
                    let client = try Client(port: other.port)
                    let request = "GET /other/ HTTP/1.1\r\nHost: localhost:\(other.port)\r\n\r\n"
                    #expect(try client.exchange(request).text == "http://localhost:\(other.port)/other/")
                    #expect(
                        try server.client().exchange(server.get("/other/")).text
                            == "http://localhost:\(server.port)/"
                    )
                    #expect(await server.engine.unregister(other))
                    #expect(throws: ClientError.self) { try Client(port: other.port) }
                    #expect(try server.client().exchange(server.get()).status == 200)
                }
            )
        }

        @Test("A port that another server listens on is refused with its errno, and nothing is changed")
        func portTaken() async throws {
            try await TestEngine.run(handler: Endpoints.addresses) { (server) async throws in
                let taken = try Listener.open(.loopback(port: 0))[0]
                let prefix = try URLPrefix("http://127.0.0.1:\(taken.address.port)/")
                do {
                    try await server.register(prefix)
                    Issue.record("registered on a port in use")
                } catch let error as IORingError {
                    #expect(error.code == EADDRINUSE)
                }
                #expect(server.engine.registeredPrefixes.count == 1)
                taken.close()
            }
        }

        @Test("A Unix socket is routed by the port it stands for", arguments: Setup.allCases)
        func unixSocket(setup: Setup) async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path + "/socket"
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await context.response.write(
                        "[\(context.connection.remoteAddress)] \(context.target)"
                    )
                },
                { (server) async throws in
                    try server.engine.listen(unixSocket: path, scheme: .http, port: server.port)
                    for index in 0..<10 {
                        let client = try Client(unixSocket: path)
                        #expect(try client.exchange(server.get("/\(index)")).text == "[] /\(index)")
                        #expect(try client.exchange(server.get("/again")).text == "[] /again")
                    }
                }
            )
            #expect(access(path, F_OK) != 0, "the socket's file goes with the engine")
        }

        @Test("An inherited listener is served (LISTEN_FDS)")
        func inherited() async throws {
            try await TestEngine.run(handler: Endpoints.addresses) { (server) async throws in
                let opened = try Listener.open(.loopback(port: 0))[0]
                let adopted = try Listener.adopt(dup(opened.descriptor))
                server.engine.listen(adopted, scheme: .http, port: server.port)
                let client = try Client(port: opened.address.port)
                #expect(try client.exchange(server.get()).status == 200)
                opened.close()
            }
        }
    }
}
