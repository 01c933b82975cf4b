// SPDX-License-Identifier: Apache-2.0

/// What a health check finds.
public enum HealthStatus: String, Sendable, Comparable {
    /// All is well.
    case healthy = "Healthy"
    /// It works, but not as it should; requests are still welcome.
    case degraded = "Degraded"
    /// It does not work.
    case unhealthy = "Unhealthy"

    /// Whether the left is better than the right.
    public static func < (left: HealthStatus, right: HealthStatus) -> Bool { left.severity < right.severity }

    private var severity: Int {
        switch self {
        case .healthy: 0
        case .degraded: 1
        case .unhealthy: 2
        }
    }
}

/// One thing that an application's health depends on.
public struct HealthCheck: Sendable {
    /// When a check is asked.
    public enum Kind: Sendable {
        /// Whether the process is to be restarted; keep to what a restart would mend.
        case live
        /// Whether requests are to be sent here; what the application needs from others belongs here.
        case ready
    }

    /// The check's name, as told in JSON.
    public let name: String
    /// When it is asked.
    public let kind: Kind
    /// How long it may take; over it the check is unhealthy.
    public let timeout: Duration
    let body: @Sendable () async throws -> HealthStatus

    /// Makes a check.
    ///
    /// - Parameters:
    ///   - name: a name.
    ///   - kind: when it is asked. Default `.ready`.
    ///   - timeout: how long it may take. Default 5 s.
    ///   - body: finds out; an error means unhealthy. Its task is cancelled at the time limit. One that goes on all the
    ///     same is not started a second time beside itself.
    public init(
        _ name: String,
        kind: Kind = .ready,
        timeout: Duration = .seconds(5),
        _ body: @escaping @Sendable () async throws -> HealthStatus
    ) {
        self.name = name
        self.kind = kind
        self.timeout = timeout
        self.body = body
    }
}
