// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("lifecycle: handlers")
    struct HandlerLifecycle {
        @Test(
            "A handler that throws before the start: 500, its fields forgotten, the connection kept",
            arguments: Setup.allCases
        )
        func throwsEarly(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.target == "/good" { return try await context.response.write("good") }
                    try context.response.headers.append(name: "X-Secret", value: "1")
                    context.response.statusCode = 201
                    throw HandlerFailure()
                },
                { (server) async throws in
                    let client = try server.client()
                    let response = try client.exchange(server.get("/bad"))
                    #expect(response.status == 500)
                    #expect(response["X-Secret"] == nil)
                    #expect(!response.text.contains("HandlerFailure"), "errors are not told to clients")
                    #expect(try client.exchange(server.get("/good")).text == "good")
                    #expect(eventually { server.events.all.count == 1 })
                }
            )
        }

        @Test(
            "A handler that throws after the start: the client sees that the response is not whole (RFC 9112 §8)",
            arguments: Setup.allCases
        )
        func throwsLate(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await context.response.write("part")
                    try await context.response.flush()
                    throw HandlerFailure()
                },
                { (server) async throws in
                    let client = try server.client()
                    #expect(throws: ClientError.ended(.reset)) { try client.exchange(server.get()) }
                    #expect(eventually { server.events.all.count == 1 })
                }
            )
        }

        @Test("A handler's BadHTTPRequestError is its status", arguments: [400, 403, 413, 431])
        func badRequest(status: Int) async throws {
            try await TestEngine.run(
                handler: { _ in throw BadHTTPRequestError(statusCode: status, "secret") },
                { (server) async throws in
                    let response = try server.client().exchange(server.get())
                    #expect(response.status == status)
                    #expect(!response.text.contains("secret"))
                }
            )
        }

        @Test("abort() resets the connection, whatever was written", arguments: Setup.allCases)
        func abort(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.target == "/late" {
                        try await context.response.write("part")
                        try await context.response.flush()
                    }
                    context.abort()
                },
                { (server) async throws in
                    for target in ["/early", "/late"] {
                        let client = try server.client()
                        #expect(throws: ClientError.ended(.reset)) { try client.exchange(server.get(target)) }
                    }
                }
            )
        }

        @Test(
            "onStarting runs before the head, last registered first; onCompleted after the end, likewise",
            arguments: Setup.allCases
        )
        func actions(setup: Setup) async throws {
            let notes = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let response = context.response
                    try response.onStarting {
                        notes.add("starting 1")
                        try response.headers.append(name: "X-Late", value: "set")
                    }
                    try response.onStarting { notes.add("starting 2") }
                    response.onCompleted { notes.add("completed 1") }
                    response.onCompleted { notes.add("completed 2") }
                    notes.add("handler")
                    try await response.write("x")
                    notes.add("written")
                    do { try response.onStarting {} } catch { notes.add("too late") }
                },
                { (server) async throws in
                    let response = try server.client().exchange(server.get())
                    #expect(response["X-Late"] == "set")
                    #expect(eventually { notes.all.count == 7 })
                    #expect(
                        notes.all == [
                            "handler", "starting 2", "starting 1", "written", "too late", "completed 2",
                            "completed 1",
                        ]
                    )
                }
            )
        }

        @Test("An onStarting action that throws makes the response 500")
        func startingThrows() async throws {
            try await TestEngine.run(
                handler: { context in
                    try context.response.onStarting { throw HandlerFailure() }
                    try await context.response.write("x")
                },
                { (server) async throws in
                    let client = try server.client()
                    #expect(try client.exchange(server.get()).status == 500)
                    #expect(try client.exchange(server.get()).status == 500)
                }
            )
        }

        @Test(
            "onCompleted runs when the handler throws and when the client has gone",
            arguments: Setup.allCases
        )
        func completedAlways(setup: Setup) async throws {
            let notes = Notes()
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    context.response.onCompleted { notes.add("completed") }
                    if context.target == "/throw" { throw HandlerFailure() }
                    try await gate.wait()
                },
                { (server) async throws in
                    #expect(try server.client().exchange(server.get("/throw")).status == 500)
                    #expect(eventually { notes.all.count == 1 })
                    let client = try server.client()
                    try client.send(server.get("/wait"))
                    #expect(eventually { gate.waitingCount == 1 })
                    client.reset()
                    #expect(eventually { notes.all.count == 2 })
                }
            )
        }

        @Test("Status and fields are fixed once the response has started")
        func fixed() async throws {
            try await TestEngine.run(
                handler: { context in
                    try await context.response.write("x")
                    context.response.statusCode = 404
                    try context.response.headers.append(name: "X-Late", value: "1")
                    try await context.response.write(context.response.hasStarted ? "started" : "not started")
                },
                { (server) async throws in
                    let response = try server.client().exchange(server.get())
                    #expect(response.status == 200)
                    #expect(response["X-Late"] == nil)
                    #expect(response.text == "xstarted")
                }
            )
        }

        @Test(
            "A context kept by a task that outlives its handler never touches a later request",
            arguments: Setup.allCases
        )
        func leakedContext(setup: Setup) async throws {
            let gate = Gate()
            let done = Tally()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.target == "/leak" {
                        nonisolated(unsafe) let leaked = context
                        Task {
                            try await gate.wait()
                            leaked.response.statusCode = 500
                            try? await leaked.response.write("corrupt")
                            leaked.abort()
                            done.add()
                        }
                        return try await context.response.write("leak")
                    }
                    try await gate.wait()
                    try await context.response.write(context.target)
                },
                { (server) async throws in
                    let leaker = try server.client()
                    #expect(try leaker.exchange(server.get("/leak")).text == "leak")
                    let clients = try (0..<8).map { _ in try server.client() }
                    for (index, client) in clients.enumerated() { try client.send(server.get("/\(index)")) }
                    #expect(eventually { gate.waitingCount == 9 })
                    gate.open()
                    for (index, client) in clients.enumerated() {
                        #expect(try client.readResponse().text == "/\(index)")
                    }
                    #expect(eventually { done.count == 1 })
                    #expect(try leaker.exchange(server.get("/after")).text == "/after")
                }
            )
        }

        @Test(
            "Items, features and identifiers of one request do not show in the next on its connection",
            arguments: Setup.allCases
        )
        func fresh(setup: Setup) async throws {
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let identifier = context.traceIdentifier
                    let isFresh =
                        context.items.isEmpty && context.features.revision == 0
                        && context.request.path == context.target
                    context.items["a"] = "b"
                    context.features[(any HTTPUpgradeFeature).self] = nil
                    context.features.request?.path = "/rewritten"
                    context.features.request?.method = "BREW"
                    try await context.response.write("\(isFresh) \(context.request.path) \(identifier)")
                },
                { (server) async throws in
                    let client = try server.client()
                    var identifiers: Set<String> = []
                    for index in 1...3 {
                        let words = try client.exchange(server.get("/x")).text.split(separator: " ")
                        #expect(words.prefix(2) == ["true", "/rewritten"])
                        #expect(words.last?.hasSuffix(":0000000\(index)") == true)
                        identifiers.insert(String(words.last ?? ""))
                    }
                    #expect(identifiers.count == 3)
                }
            )
        }

        @Test(
            "The fields of a BadHTTPRequestError go with its status, but for those that frame",
            arguments: Setup.allCases
        )
        func errorFields(setup: Setup) async throws {
            let handler: TestEngine.Handler = { context in
                try context.response.headers.set(name: "X-Own", value: "gone")
                var fields = FieldSection()
                try fields.append(name: "Upgrade", value: "websocket")
                try fields.append(name: "Sec-WebSocket-Version", value: "13")
                try fields.append(name: "Content-Length", value: "7")
                try fields.append(name: "Content-Type", value: "text/html")
                throw BadHTTPRequestError(statusCode: 426, "no", fields: fields)
            }
            try await TestEngine.run(TestSettings(setup), handler: handler) { (server) async throws in
                let client = try server.client()
                for _ in 0..<2 {
                    let response = try client.exchange(server.get())
                    #expect(response.status == 426)
                    #expect(response["Upgrade"] == "websocket")
                    #expect(response["Connection"] == "Upgrade", "RFC 9110 §7.8")
                    #expect(response["Sec-WebSocket-Version"] == "13")
                    #expect(response["Content-Type"] == "text/plain")
                    #expect(response["X-Own"] == nil)
                    #expect(response.text == "Upgrade Required\n")
                }
                let stream = try server.http2Client().get("/")
                #expect(stream.status == 426)
                #expect(stream["sec-websocket-version"] == "13")
                #expect(stream["upgrade"] == nil && stream["connection"] == nil, "RFC 9113 §8.2.2")
                #expect(stream["content-length"] == "17")
            }
        }
    }
}
