// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("lifecycle: upgrades")
    struct Upgrades {
        private static let fields = ["Connection: Upgrade", "Upgrade: echo"]

        private static let echo: TestEngine.Handler = { context in
            let upgrade = try context.feature((any HTTPUpgradeFeature).self)
            guard upgrade.isUpgradableRequest else { return try await context.response.write("plain") }
            try context.response.headers.append(name: "Upgrade", value: "echo")
            let stream = try await upgrade.upgrade()
            while true {
                let bytes = try await stream.read(upTo: 4096)
                if bytes.isEmpty { break }
                try await stream.write(bytes)
            }
            await stream.close()
        }

        private static func request(_ server: TestEngine) -> String {
            server.get("/", fields[0], fields[1])
        }

        @Test(
            "101 hands the connection over; bytes go both ways until the client's end (RFC 9110 §7.8)",
            arguments: Setup.allCases
        )
        func stream(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Upgrades.echo) { (server) async throws in
                let client = try server.client()
                try client.send(Upgrades.request(server) + "early")
                let response = try client.readResponse()
                #expect(response.status == 101)
                #expect(response["Upgrade"] == "echo")
                #expect(response["Connection"]?.lowercased() == "upgrade")
                #expect(response["Content-Length"] == nil)
                #expect(try client.fill(5))
                #expect(client.take(5) == Array("early".utf8))
                for count in [1, 1000, 100_000] {
                    try client.send(pattern(count))
                    #expect(try client.fill(count))
                    #expect(client.take(count) == pattern(count))
                }
                client.finishSending()
                #expect(try client.readToEnd().end == .orderly)
            }
        }

        @Test("A stream the handler leaves is closed with the handler", arguments: Setup.allCases)
        func handlerReturns(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let stream = try await context.feature((any HTTPUpgradeFeature).self).upgrade()
                    try await stream.write(Array("bye".utf8))
                },
                { (server) async throws in
                    let client = try server.client()
                    #expect(try client.exchange(Upgrades.request(server)).status == 101)
                    let (bytes, end) = try client.readToEnd()
                    #expect(bytes == Array("bye".utf8))
                    #expect(end == .orderly)
                }
            )
        }

        @Test(
            "Requests without Upgrade, of version 1.0 or with content can't be upgraded",
            arguments: Setup.allCases
        )
        func notUpgradable(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Upgrades.echo) { (server) async throws in
                let client = try server.client()
                #expect(try client.exchange(server.get()).text == "plain")
                #expect(
                    try client.exchange(server.get("/", "Upgrade: echo")).text == "plain",
                    "no Connection: Upgrade"
                )
                #expect(
                    try client.exchange(server.post("/", "Connection: Upgrade", "Upgrade: echo", body: "a"))
                        .text == "plain"
                )
                let old =
                    "GET / HTTP/1.0\r\nHost: localhost:\(server.port)\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
                #expect(try server.client().exchange(old).text == "plain")
            }
        }

        @Test(
            "A client that resets an upgraded connection ends the handler's read",
            arguments: Setup.allCases
        )
        func reset(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Upgrades.echo) { (server) async throws in
                let client = try server.client()
                #expect(try client.exchange(Upgrades.request(server)).status == 101)
                #expect(server.statistics.requestsInProgress == 1)
                client.reset()
                #expect(eventually { server.statistics.requestsInProgress == 0 })
            }
        }

        @Test(
            "A stream kept after its handler is at its end, and no other request's",
            arguments: Setup.allCases
        )
        func leakedStream(setup: Setup) async throws {
            let gate = Gate()
            let notes = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    guard context.target == "/" else { return try await context.response.write("other") }
                    nonisolated(unsafe) let stream = try await context.feature((any HTTPUpgradeFeature).self)
                        .upgrade()
                    Task {
                        try await gate.wait()
                        let bytes = try? await stream.read(upTo: 10)
                        try? await stream.write([1, 2, 3])
                        notes.add("\(bytes?.count ?? -1)")
                    }
                },
                { (server) async throws in
                    let client = try server.client()
                    #expect(try client.exchange(Upgrades.request(server)).status == 101)
                    #expect(try client.readToEnd().end == .orderly)
                    client.close()
                    let other = try server.client()
                    #expect(try other.exchange(server.get("/other")).text == "other")
                    gate.open()
                    #expect(eventually { notes.all.count == 1 })
                    #expect(try other.exchange(server.get("/other")).text == "other")
                }
            )
        }
    }
}
