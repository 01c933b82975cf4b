// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPTestServer
import HTTPWire
import Synchronization
import Testing

/// What happened, in order, from wherever it happened.
final class Recorder: Sendable {
    private let entries = Mutex<[String]>([])

    func add(_ entry: String) { entries.withLock { $0.append(entry) } }

    var all: [String] { entries.withLock { $0 } }
}

@Suite("Lifetime of requests and of the in-memory server")
struct LifetimeTests {
    @Test("A client that goes away cancels the handler, runs onAborted and fails its reads")
    func disconnect() async throws {
        let order = Recorder()
        let server = try await makeServer { context in
            context.features.lifetime?.onAborted { order.add("aborted") }
            do {
                _ = try await context.request.body.read()
            } catch {
                order.add("\(type(of: error)) \(context.isAborted) \(Task.isCancelled)")
            }
            try await context.response.write("vanishes")
            context.features.lifetime?.onAborted { order.add("at once") }
        }
        let exchange = try await server.open(TestRequest("/", method: "POST", content: .open))
        await exchange.send([])
        await Task.yield()
        await exchange.disconnect()
        let response = await exchange.response()
        #expect(response.isAborted)
        #expect(order.all.first == "aborted" || order.all.first?.contains("Error true true") == true)
        #expect(order.all.last == "at once")
        #expect(await exchange.isOver)
        #expect(server.requestsInProgress == 0)
    }

    @Test("abort() ends the connection; what was flushed before is seen, and later writes vanish")
    func abort() async throws {
        let response = try await answer { context in
            try await context.response.write("seen")
            try await context.response.flush()
            context.abort()
            #expect(context.isAborted)
            try await context.response.write("not seen")
        }
        #expect(response.isAborted && response.text == "seen" && !response.keepsConnection)
    }

    @Test("A write waits while the client leaves more than the limit unread")
    func backPressure() async throws {
        let order = Recorder()
        let server = try await makeServer { context in
            for index in 0..<4 {
                try await context.response.write([UInt8](repeating: 1, count: 70_000))
                order.add("\(index)")
            }
        }
        let exchange = try await server.open(TestRequest())
        guard case .head? = await exchange.next() else { return #expect(Bool(false), "no head") }
        #expect(order.all.isEmpty, "the first write waits for its bytes to be taken")
        #expect(await exchange.content(atLeast: 70_000).count == 70_000)
        #expect(await exchange.content(atLeast: 1).count == 70_000)
        #expect(order.all.count <= 2)
        #expect(await exchange.response().body.count == 140_000)
        #expect(order.all == ["0", "1", "2", "3"])
    }

    @Test("What a handler wrote has left when it waits")
    func leavesWhenWaiting() async throws {
        let server = try await makeServer { context in
            try await context.response.write("before")
            _ = try await context.request.body.read()
            try await context.response.write("after")
        }
        let exchange = try await server.open(TestRequest("/", method: "POST", content: .open))
        #expect(await exchange.content(atLeast: 6) == Array("before".utf8))
        await exchange.finish()
        #expect(await exchange.response().text == "after")
    }

    @Test("An upgrade sends 101 with Connection: Upgrade and carries bytes both ways (RFC 9110 §7.8)")
    func upgrade() async throws {
        let server = try await makeServer { context in
            let feature = try #require(context.features[(any HTTPUpgradeFeature).self])
            #expect(feature.isUpgradableRequest)
            try context.response.headers.set(name: "Upgrade", value: "echo")
            let stream = try await feature.upgrade()
            await #expect(throws: HTTPResponseError.self) { _ = try await feature.upgrade() }
            await #expect(throws: HTTPResponseError.self) { try await context.response.write("no") }
            while case let bytes = try await stream.read(upTo: 100), !bytes.isEmpty {
                try await stream.write(bytes)
            }
            await stream.close()
        }
        let exchange = try await server.open(
            TestRequest("/", headers: [("Connection", "Upgrade"), ("Upgrade", "echo")])
        )
        guard case .head(let head)? = await exchange.next() else { return #expect(Bool(false), "no head") }
        #expect(head.statusCode == 101 && head.reasonPhrase == "Switching Protocols")
        #expect(head.headers["Connection"] == "Upgrade" && head.headers["Upgrade"] == "echo")
        #expect(head.headers["Content-Length"] == nil && head.headers["Transfer-Encoding"] == nil)
        await exchange.send("ping")
        #expect(await exchange.content(atLeast: 4) == Array("ping".utf8))
        await exchange.finish()
        let response = await exchange.response()
        #expect(!response.isAborted && !response.keepsConnection)
    }

    @Test("A request without Connection: upgrade, of HTTP/1.0 or with content can't be upgraded")
    func notUpgradable() async throws {
        let fields = [(name: "Connection", value: "Upgrade"), (name: "Upgrade", value: "x")]
        var old = TestRequest("/", headers: fields)
        old.version = "HTTP/1.0"
        for request in [TestRequest(), old, TestRequest("/", method: "POST", headers: fields, body: [1])] {
            _ = try await answer(request) { context in
                let feature = try #require(context.features[(any HTTPUpgradeFeature).self])
                #expect(!feature.isUpgradableRequest)
                let error = await #expect(throws: HTTPResponseError.self) { _ = try await feature.upgrade() }
                #expect(error?.code == .notUpgradable)
            }
        }
    }

    @Test("An application's three functions are called in order, dispose with the error (HTTP.sys §9)")
    func application() async throws {
        let order = Recorder()
        let server = TestServer()
        try await server.start(application: RecordingApplication(order: order))
        _ = try await server.send(TestRequest("/a"))
        _ = try await server.send(TestRequest("/throw"))
        #expect(
            order.all == [
                "create", "process /a", "dispose nil", "create", "process /throw", "completed",
                "dispose Failure()",
            ]
        )
    }

    @Test("stop() lets requests in progress finish and answers new ones with 503")
    func stop() async throws {
        let server = try await makeServer { context in
            _ = try await context.request.body.read()
            try await context.response.write("done")
        }
        await #expect(throws: TestServerError.notStarted) { try await TestServer().send(TestRequest()) }
        let exchange = try await server.open(TestRequest("/", method: "POST", content: .open))
        async let stopped: Void = server.stop(within: .seconds(60))
        while try await server.send(TestRequest()).statusCode != 503 { await Task.yield() }
        await exchange.finish()
        #expect(await exchange.response().text == "done")
        await stopped
        await #expect(throws: TestServerError.notStarted) { try await server.send(TestRequest()) }
    }

    @Test("stop() aborts what is left at its deadline")
    func stopDeadline() async throws {
        let server = try await makeServer { _ = try await $0.request.body.read() }
        let exchange = try await server.open(TestRequest("/", method: "POST", content: .open))
        await server.stop(within: .zero)
        #expect(await exchange.response().isAborted)
    }

    @Test("A test that gives up waiting is a client that goes away")
    func cancelledClient() async throws {
        let server = try await makeServer { _ = try await $0.request.body.read() }
        let task = Task { try await server.send(TestRequest("/", method: "POST", content: .open)) }
        while server.requestsInProgress == 0 { await Task.yield() }
        task.cancel()
        #expect(try await task.value.isAborted)
    }

    @Test("Requests run beside each other")
    func parallel() async throws {
        let server = try await makeServer { try await $0.response.write($0.request.path) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<100 {
                group.addTask {
                    let response = try await server.send(TestRequest("/\(index)"))
                    #expect(response.text == "/\(index)")
                }
            }
            try await group.waitForAll()
        }
        #expect(server.requestCount == 100)
    }
}

/// Records the calls of a server.
private struct RecordingApplication: HTTPApplication {
    let order: Recorder

    func createContext(features: FeatureCollection) -> FeatureCollection {
        order.add("create")
        return features
    }

    func process(_ features: FeatureCollection) async throws {
        let path = features.request?.path ?? ""
        order.add("process \(path)")
        guard path == "/throw" else { return }
        features.response?.onCompleted { [order] in order.add("completed") }
        throw Failure()
    }

    func dispose(_ context: FeatureCollection, error: (any Error)?) {
        order.add("dispose \(error.map { "\($0)" } ?? "nil")")
    }
}
