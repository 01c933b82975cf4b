// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPTestServer
import Synchronization
import Testing

@testable import HTTPMiddleware

@Suite("Health endpoints")
struct HealthTests {
    struct Broken: Error {}

    /// A clock that never comes to the time limit, until the task is cancelled.
    private static let never: @Sendable (Duration) async throws -> Void = { _ in
        try await Task.sleep(for: .seconds(3600))
    }

    private func ask(_ path: String, accept: String? = nil, method: String = "GET", _ checks: [HealthCheck])
        async throws
        -> TestResponse
    {
        let request = TestRequest(path, method: method, headers: accept.map { [("Accept", $0)] } ?? [])
        return try await answer(request, HealthEndpoint(checks: checks, sleep: Self.never)) { context in
            try await context.response.write("the application")
        }
    }

    @Test("Without checks both paths are healthy, and others are the application's")
    func noChecks() async throws {
        for path in ["/health/live", "/health/ready"] {
            let response = try await ask(path, [])
            #expect(response.statusCode == 200)
            #expect(response.text == "Healthy")
            #expect(response["Cache-Control"] == "no-store")
        }
        for path in ["/", "/health", "/health/live/", "/Health/live"] {
            #expect(try await ask(path, []).text == "the application")
        }
        #expect(try await ask("/health/live", method: "POST", []).statusCode == 405)
        #expect(try await ask("/health/live", method: "HEAD", []).body.isEmpty)
    }

    @Test("The worst result counts: 503 for unhealthy, 200 for degraded")
    func statuses() async throws {
        let good = HealthCheck("good") { .healthy }
        let slow = HealthCheck("slow") { .degraded }
        let bad = HealthCheck("bad") { throw Broken() }
        #expect(try await ask("/health/ready", [good, slow]).text == "Degraded")
        #expect(try await ask("/health/ready", [good, slow]).statusCode == 200)
        #expect(try await ask("/health/ready", [good, bad, slow]).text == "Unhealthy")
        #expect(try await ask("/health/ready", [good, bad, slow]).statusCode == 503)
        #expect(
            try await ask("/health/live", [good, bad, slow]).statusCode == 200,
            "readiness does not restart"
        )
        let stuck = HealthCheck("stuck", kind: .live) { .unhealthy }
        #expect(try await ask("/health/live", [stuck]).statusCode == 503)
        #expect(try await ask("/health/ready", [stuck]).statusCode == 503, "what does not live is not ready")
    }

    @Test("JSON tells each check, in order, for those who ask for it, and no error's text")
    func json() async throws {
        let checks = [HealthCheck("data\"base\n") { throw Broken() }, HealthCheck("disk") { .healthy }]
        let response = try await ask("/health/ready", accept: "text/html;q=0.5, application/json", checks)
        #expect(response["Content-Type"] == "application/json")
        #expect(
            response.text == """
                {"status":"Unhealthy","checks":[{"name":"data\\"base\\u000a","status":"Unhealthy","reason":"failed"},\
                {"name":"disk","status":"Healthy"}]}
                """
        )
        #expect(try await ask("/health/ready", accept: "application/json;q=0", checks).text == "Unhealthy")
        #expect(try await ask("/health/ready", accept: "*/*", checks).text == "Unhealthy")
    }

    @Test("A check over its time limit is unhealthy, is cancelled, and is not started beside itself")
    func timeLimit() async throws {
        let runs = Atomic<Int>(0)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let (cancelled, cancel) = AsyncStream.makeStream(of: Void.self)
        let check = HealthCheck("stuck", timeout: .seconds(7)) {
            runs.wrappingAdd(1, ordering: .relaxed)
            await withTaskCancellationHandler {
                // Goes on after it was cancelled.
                await Task.detached { for await _ in ended { break } }.value
            } onCancel: {
                cancel.yield()
            }
            return .healthy
        }
        let limits = Mutex<[Duration]>([])
        let run = HealthCheckRun(check) { limit in limits.withLock { $0.append(limit) } }
        let first = await run.result()
        #expect(first.status == .unhealthy && first.reason == "timed out")
        for await _ in cancelled { break }
        #expect(await run.result().reason == "timed out")
        #expect(runs.load(ordering: .relaxed) == 1)
        #expect(limits.withLock { $0 } == [.seconds(7)])
        end.yield()
        end.finish()
    }

    @Test("Those who ask while a check runs get the same result")
    func together() async throws {
        let runs = Atomic<Int>(0)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let check = HealthCheck("slow") {
            runs.wrappingAdd(1, ordering: .relaxed)
            for await _ in gate { break }
            return .degraded
        }
        let run = HealthCheckRun(check, sleep: Self.never)
        async let first = run.result()
        async let second = run.result()
        open.yield()
        open.finish()
        let results = await [first.status, second.status]
        #expect(results == [.degraded, .degraded])
        #expect((1...2).contains(runs.load(ordering: .relaxed)))
    }
}
