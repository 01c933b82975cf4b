// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("limits: connections")
    struct ConnectionLimits {
        @Test(
            "At the limit the rest wait in the backlog, and each gets a place that comes free",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func exact(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.options.limits.maxConnections = 3
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                var clients = try (0..<10).map { _ in try server.client() }
                for client in clients { try client.send(server.get()) }
                #expect(eventually { server.statistics.connectionsOpen == 3 }, "\(server.statistics)")
                var servedCount = 0
                while !clients.isEmpty {
                    #expect(server.statistics.connectionsOpen <= 3)
                    var index: Int?
                    #expect(
                        eventually {
                            index = clients.firstIndex { client in
                                var item = pollfd(fd: client.socket, events: Int16(POLLIN), revents: 0)
                                return poll(&item, 1, 0) == 1
                            }
                            return index != nil
                        },
                        "\(servedCount) of 10 were served"
                    )
                    guard let index else { return }
                    let client = clients.remove(at: index)
                    #expect(try client.readResponse().status == 200)
                    servedCount += 1
                    client.close()
                }
                #expect(eventually { server.statistics.connectionsOpen == 0 })
            }
        }

        @Test(
            "A limit of one serves one after another, whichever loop and address they reach",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func one(setup: Setup) async throws {
            var settings = TestSettings(setup)
            settings.options.limits.maxConnections = 1
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                for index in 0..<20 {
                    let client =
                        index.isMultiple(of: 2) ? try server.client() : try Client(ipv6Port: server.port)
                    #expect(try client.exchange(server.get("/\(index)")).text == "GET /\(index)")
                    client.close()
                }
            }
        }

        @Test(
            "Out of descriptors: accepting rests, those present are served, and it recovers by itself (EMFILE)"
        )
        func descriptors() async throws {
            await #expect(processExitsWith: .success) {
                // The kernel reads the limit when an accept is armed, so it is lowered first.
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                limit.rlim_cur = 256
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                    let present = try server.client()
                    #expect(try present.exchange(server.get()).status == 200)
                    var fillers: [Int32] = []
                    var waiting: [Client] = []
                    // Once, but for a descriptor that the runtime closes meanwhile.
                    while waiting.count < 20, !server.events.contains("acceptPaused: \(EMFILE)") {
                        while case let filler = open("/dev/null", O_RDONLY), filler >= 0 {
                            fillers.append(filler)
                        }
                        if let last = fillers.popLast() { close(last) }
                        // The one descriptor left is the client's; none is left to accept it with.
                        let client = try server.client()
                        try client.send(server.get("/late"))
                        waiting.append(client)
                        _ = eventually(in: .milliseconds(200)) {
                            server.events.contains("acceptPaused: \(EMFILE)")
                        }
                    }
                    #expect(server.events.contains("acceptPaused: \(EMFILE)"))
                    #expect(try present.exchange(server.get("/present")).text == "GET /present")
                    #expect(server.statistics.acceptPauses > 0)
                    for filler in fillers { close(filler) }
                    for client in waiting { #expect(try client.readResponse().text == "GET /late") }
                }
            }
        }

        @Test("A client with as many connections as an address may have gets a reset for the next")
        func perAddress() async throws {
            var settings = TestSettings(.twoLoops)
            settings.options.limits.maxConnectionsPerAddress = 2
            try await TestEngine.run(settings, handler: Handlers.describe) { (server) async throws in
                let clients = try (0..<2).map { _ in try server.client() }
                for client in clients { #expect(try client.exchange(server.get()).status == 200) }
                let refused = try server.client()
                #expect(try refused.readToEnd().bytes.isEmpty)
                #expect(server.statistics.refusals == 1)
                clients[0].close()
                #expect(eventually { server.statistics.connectionsOpen == 1 })
                #expect(try server.client().exchange(server.get()).status == 200)
            }
        }

        @Test("A connection ends in order after as many requests as it may have, cached ones counted")
        func requestsPerConnection() async throws {
            var settings = TestSettings()
            settings.options.limits.maxRequestsPerConnection = 3
            let handler: TestEngine.Handler = { context in
                try context.response.headers.set(id: .cacheControl, value: "public, max-age=60")
                try await context.response.write("Hello")
            }
            try await TestEngine.run(settings, handler: handler) { (server) async throws in
                for _ in 0..<3 {
                    let client = try server.client()
                    for number in 1...3 {
                        try client.send(server.get())
                        let response = try client.readResponse()
                        #expect(response.text == "Hello")
                        #expect(response.closes == (number == 3))
                    }
                    #expect(try client.readToEnd().bytes.isEmpty)
                }
            }
        }

        @Test("An upgrade over the limit of upgraded connections is 503, until one has ended")
        func upgraded() async throws {
            var settings = TestSettings()
            settings.options.limits.maxConcurrentUpgradedConnections = 1
            let handler: TestEngine.Handler = { context in
                guard let upgrade = context.features[(any HTTPUpgradeFeature).self] else { return }
                try context.response.headers.set(id: .upgrade, value: "echo")
                let stream = try await upgrade.upgrade()
                _ = try await stream.read(upTo: 100)
            }
            try await TestEngine.run(settings, handler: handler) { (server) async throws in
                let request = server.get("/", "Connection: Upgrade", "Upgrade: echo")
                let first = try server.client()
                #expect(try first.exchange(request).status == 101)
                #expect(try server.status(of: request) == 503)
                first.close()
                #expect(eventually { server.statistics.requestsInProgress == 0 })
                #expect(try server.status(of: request) == 101)
            }
        }
    }
}
