// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

/// A request's version and Connection field, and what becomes of the connection.
struct PersistenceCase: Sendable, CustomTestStringConvertible {
    let version: String
    let connection: String?
    let keeps: Bool
    /// The Connection field of the response.
    let answer: String?

    var testDescription: String { "\(version) \(connection ?? "-")" }

    static let all = [
        PersistenceCase(version: "1.1", connection: nil, keeps: true, answer: nil),
        PersistenceCase(version: "1.1", connection: "keep-alive", keeps: true, answer: nil),
        PersistenceCase(version: "1.1", connection: "close", keeps: false, answer: "close"),
        PersistenceCase(version: "1.1", connection: "CLOSE", keeps: false, answer: "close"),
        PersistenceCase(version: "1.1", connection: "x, close , y", keeps: false, answer: "close"),
        PersistenceCase(version: "1.1", connection: "keep-alive, close", keeps: false, answer: "close"),
        PersistenceCase(version: "1.1", connection: "x-close", keeps: true, answer: nil),
        PersistenceCase(version: "1.0", connection: nil, keeps: false, answer: "close"),
        PersistenceCase(version: "1.0", connection: "keep-alive", keeps: true, answer: "keep-alive"),
        PersistenceCase(version: "1.0", connection: "Keep-Alive, x", keeps: true, answer: "keep-alive"),
        PersistenceCase(version: "1.0", connection: "close", keeps: false, answer: "close"),
    ]
}

extension EngineSuites {
    @Suite("message framing: persistence")
    struct Persistence {
        @Test(
            "A connection persists by version and Connection options (RFC 9112 §9.3)",
            arguments: PersistenceCase.all
        )
        func requests(item: PersistenceCase) async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                let client = try server.client()
                let field = item.connection.map { "Connection: \($0)\r\n" } ?? ""
                let request = "GET /1 HTTP/\(item.version)\r\nHost: localhost:\(server.port)\r\n\(field)\r\n"
                let first = try client.exchange(request + server.get("/2"))
                #expect(first.text == "GET /1")
                #expect(first.version == "HTTP/1.1")
                #expect(first["Connection"]?.lowercased() == item.answer)
                if item.keeps {
                    #expect(try client.readResponse().text == "GET /2")
                } else {
                    #expect(try client.readResponseIfAny() == nil, "a request after the last is not answered")
                    #expect(server.statistics.requestsTotal == 1)
                }
            }
        }

        @Test("A handler's Connection: close ends the connection after the response")
        func handlerCloses() async throws {
            try await TestEngine.run(
                handler: { context in
                    try context.response.headers.append(name: "Connection", value: "close")
                    try await context.response.write("bye")
                },
                { (server) async throws in
                    let client = try server.client()
                    let response = try client.exchange(server.get() + server.get())
                    #expect(response.text == "bye")
                    #expect(response["Connection"] == "close")
                    #expect(try client.readResponseIfAny() == nil)
                }
            )
        }

        @Test("requestClose() ends the connection after the response (ConnectionLifetimeNotification)")
        func requestClose() async throws {
            try await TestEngine.run(
                handler: { context in
                    try context.feature((any ConnectionLifetimeNotificationFeature).self).requestClose()
                    try await context.response.write("bye")
                },
                { (server) async throws in
                    let client = try server.client()
                    #expect(try client.exchange(server.get()).closes)
                    #expect(try client.readToEnd().end == .orderly)
                }
            )
        }

        @Test(
            "Upgrade goes with its option (RFC 9110 §7.8), over HTTP/2 neither goes (RFC 9113 §8.2.2)",
            arguments: Setup.allCases
        )
        func upgradeOption(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try context.response.headers.append(name: "Upgrade", value: "h2c")
                    try context.response.headers.append(name: "Content-Length", value: "2")
                    if context.target != "/" {
                        let options = String(context.target.dropFirst())
                        try context.response.headers.append(name: "Connection", value: options)
                    }
                    try await context.response.write("ok")
                },
                { (server) async throws in
                    for (target, version, connection, answer) in [
                        ("/", "1.1", "x", "Upgrade"), ("/", "1.1", "close", "Upgrade, close"),
                        ("/", "1.0", "keep-alive", "Upgrade, keep-alive"),
                        ("/", "1.0", "x", "Upgrade, close"),
                        ("/upgrade", "1.1", "x", "Upgrade"), ("/close", "1.1", "x", "Upgrade, close"),
                        ("/UPGRADE,Close", "1.1", "x", "Upgrade, close"),
                        ("/upgrade,x-own", "1.1", "x", "x-own, Upgrade"),
                    ] {
                        let fields = "Host: localhost:\(server.port)\r\nConnection: \(connection)\r\n\r\n"
                        let client = try server.client()
                        let response = try client.exchange("GET \(target) HTTP/\(version)\r\n" + fields)
                        #expect(response["Upgrade"] == "h2c", "\(target) \(version)")
                        #expect(response["Connection"] == answer, "\(target) \(version)")
                        if answer.hasSuffix("close") { #expect(try client.readToEnd().end == .orderly) }
                    }
                    let stream = try server.http2Client().get("/upgrade")
                    #expect(stream.status == 200)
                    #expect(stream["upgrade"] == nil && stream["connection"] == nil)
                }
            )
        }

        @Test("A 1.0 client gets content of unknown length up to the connection's end (RFC 9112 §6.3)")
        func closeDelimited() async throws {
            try await TestEngine.run(
                handler: { context in
                    try await context.response.write("one ")
                    try await context.response.flush()
                    try await context.response.write("two")
                },
                { (server) async throws in
                    let client = try server.client()
                    let response = try client.exchange(
                        "GET / HTTP/1.0\r\nHost: localhost:\(server.port)\r\nConnection: keep-alive\r\n\r\n"
                    )
                    #expect(response["Transfer-Encoding"] == nil)
                    #expect(response["Content-Length"] == nil)
                    #expect(response["Connection"] == "close")
                    #expect(response.text == "one two")
                }
            )
        }

        @Test(
            "A client that shuts its sending side still gets every response (RFC 9112 §9.6)",
            arguments: Setup.allCases
        )
        func halfClose(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    for try await _ in context.request.body {}
                    if context.target == "/cached" {
                        try context.response.headers.append(
                            name: "Cache-Control",
                            value: "public, max-age=60"
                        )
                        try context.response.headers.append(name: "Content-Type", value: "text/plain")
                    }
                    try await context.response.write(context.target)
                },
                { (server) async throws in
                    for targets in [
                        ["/1"], ["/1", "/2", "/3"], ["/cached"], ["/cached", "/cached", "/2", "/cached"],
                    ] {
                        for _ in 0..<20 {
                            let client = try server.client()
                            try client.send(targets.map { server.get($0) }.joined())
                            client.finishSending()
                            for target in targets { #expect(try client.readResponse().text == target) }
                            #expect(try client.readToEnd().end == .orderly)
                        }
                    }
                }
            )
        }

        @Test("Half a request and then the end closes the connection at once")
        func partialHead() async throws {
            try await TestEngine.run(handler: Handlers.describe) { (server) async throws in
                for request in ["GET", "GET / HTTP/1.1\r\n", "\r\n", ""] {
                    let client = try server.client()
                    client.patience = .seconds(2)
                    try client.send(server.get("/1") + request)
                    client.finishSending()
                    #expect(try client.readResponse().text == "GET /1")
                    #expect(try client.readToEnd().bytes.isEmpty)
                }
            }
        }
    }
}
