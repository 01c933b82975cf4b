// SPDX-License-Identifier: Apache-2.0

/// How long the application lets a response be kept; it sets one for each response.
///
/// `HTTP_CACHE_POLICY` of the HTTP Server API, with a case for the rules of the server above it.
/// Whatever the policy, an entry that nobody asks for during one scavenger period goes.
public enum CachePolicy: Sendable, Equatable {
    /// The response's own `Cache-Control` and `Expires` decide.
    case automatic
    /// The response is not kept.
    case disabled
    /// The response is kept until the application flushes it.
    case userInvalidates
    /// The response is kept for whole seconds of this duration, rounded down; under one second, it is not.
    case timeToLive(Duration)

    /// The words that `show cachestate` prints for the policy.
    public var text: StaticString {
        switch self {
        case .automatic: "Automatic"
        case .disabled: "No cache"
        case .userInvalidates: "User invalidates"
        case .timeToLive: "Time to live"
        }
    }
}

/// How long a response that may be stored stays fresh.
public enum CacheLifetime: Sendable, Equatable {
    /// Fresh until it is flushed.
    case untilFlushed
    /// Fresh for this many seconds, 1 to `Int32.max`.
    case seconds(Int32)

    /// The instant at which the lifetime ends, in monotonic nanoseconds; `Int64.max` means never.
    ///
    /// - Parameter now: The instant at which it begins, in monotonic nanoseconds.
    /// - Returns: The first instant at which it is over.
    public func end(startingAt now: Int64) -> Int64 {
        switch self {
        case .untilFlushed:
            return .max
        case .seconds(let seconds):
            let (sum, overflow) = now.addingReportingOverflow(Int64(seconds) &* 1_000_000_000)
            return overflow ? .max : sum
        }
    }
}
