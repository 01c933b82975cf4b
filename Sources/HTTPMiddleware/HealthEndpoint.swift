// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPTypes
import HTTPWire

/// Answers whether the application lives and whether it is ready for requests.
///
/// `GET /health/live` runs the checks of kind `.live`, `GET /health/ready` all of them; without checks the answer
/// is that the process answers. Status 200 for healthy and degraded, 503 for unhealthy. The content is the word, or,
/// where `Accept` names `application/json`, each check's result; never stored. Checks run side by side, each
/// under its own time limit, and each at most once at a time.
///
/// Put it before middleware that redirects or authenticates, and tell your proxy not to pass the paths on.
public struct HealthEndpoint: RequestMiddleware {
    /// The path that answers for life.
    public let livePath: String
    /// The path that answers for readiness.
    public let readyPath: String
    private let runs: [HealthCheckRun]

    /// Makes the endpoint.
    ///
    /// - Parameters:
    ///   - checks: what health depends on.
    ///   - livePath: compared with the request's path below its URL prefix.
    ///   - readyPath: the same.
    public init(
        checks: [HealthCheck] = [],
        livePath: String = "/health/live",
        readyPath: String = "/health/ready"
    ) {
        self.init(checks: checks, livePath: livePath, readyPath: readyPath) { try await Task.sleep(for: $0) }
    }

    /// Makes the endpoint with a clock of the caller's.
    init(
        checks: [HealthCheck],
        livePath: String = "/health/live",
        readyPath: String = "/health/ready",
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.livePath = livePath
        self.readyPath = readyPath
        runs = checks.map { HealthCheckRun($0, sleep: sleep) }
    }

    /// Answers the two paths, lets other requests through.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        let path = context.request.path
        guard path == livePath || path == readyPath else { return try await next(context) }
        let method = context.request.method
        guard method == .get || method == .head else {
            context.response.statusCode = 405
            context.response.headers[.allow] = "GET, HEAD"
            return
        }
        let results = await results(liveOnly: path == livePath)
        let status = results.map(\.1.status).max() ?? .healthy
        context.response.statusCode = status == .unhealthy ? 503 : 200
        context.response.headers[.cacheControl] = "no-store"
        if Self.wantsJSON(context) {
            context.response.headers[.contentType] = "application/json"
            try await context.response.write(Self.json(status, results))
        } else {
            context.response.headers[.contentType] = "text/plain"
            try await context.response.write(status.rawValue)
        }
    }

    private func results(liveOnly: Bool) async -> [(HealthCheck, HealthResult)] {
        let asked = runs.filter { !liveOnly || $0.check.kind == .live }
        if asked.isEmpty { return [] }
        return await withTaskGroup(of: (Int, HealthResult).self) { group in
            for (index, run) in asked.enumerated() { group.addTask { (index, await run.result()) } }
            var results: [(HealthCheck, HealthResult)] = asked.map {
                ($0.check, HealthResult(status: .unhealthy))
            }
            for await (index, result) in group { results[index].1 = result }
            return results
        }
    }

    private static func wantsJSON(_ context: HTTPContext) -> Bool {
        guard let accept = context.features.request?.value(of: .accept) else { return false }
        return MediaRanges.names("application", "json", in: accept)
    }

    private static func json(_ status: HealthStatus, _ results: [(HealthCheck, HealthResult)]) -> String {
        let checks = results.map { check, result in
            let reason = result.reason.map { ",\"reason\":\(quoted($0))" } ?? ""
            return "{\"name\":\(quoted(check.name)),\"status\":\"\(result.status.rawValue)\"\(reason)}"
        }
        return "{\"status\":\"\(status.rawValue)\",\"checks\":[\(checks.joined(separator: ","))]}"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
