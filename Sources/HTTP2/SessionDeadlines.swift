// SPDX-License-Identifier: Apache-2.0

/// What a session waits for, and until when, in nanoseconds; `never` where it does not.
struct SessionDeadlines {
    static let never = Int64.max

    private let pingDelay: Int64
    private let pingTimeout: Int64
    private let headTimeout: Int64
    private let shutdownTimeout: Int64
    /// How often streams are looked at for stalled ones.
    private let sweepInterval: Int64

    /// For the client's preface and the acknowledgement of our settings.
    private(set) var settings: Int64
    /// For the end of the head that is coming.
    private(set) var head = never
    /// For a PING of ours to keep the connection alive, or for its answer.
    private(set) var keepAlive: Int64
    private(set) var isPingOutstanding = false
    /// For the last GOAWAY of a graceful shutdown.
    private(set) var shutdown = never
    private var isNoticeSent = false
    /// For the next look at streams.
    private(set) var sweep = never

    init(_ limits: HTTP2Limits, now: Int64) {
        pingDelay = limits.keepAlivePingDelay?.nanoseconds ?? Self.never
        pingTimeout = limits.keepAlivePingTimeout.nanoseconds
        headTimeout = limits.headTimeout.nanoseconds
        shutdownTimeout = limits.shutdownNoticeTimeout.nanoseconds
        sweepInterval = limits.stalledStreamTimeout.map { max(1, $0.nanoseconds / 4) } ?? Self.never
        settings = Self.sum(now, limits.settingsTimeout.nanoseconds)
        keepAlive = Self.sum(now, pingDelay)
    }

    /// The first of them.
    func first(hasStreams: Bool) -> Int64 {
        min(min(settings, head), min(min(keepAlive, shutdown), hasStreams ? sweep : Self.never))
    }

    mutating func settingsAcknowledged() {
        settings = Self.never
    }

    mutating func blockBegan(now: Int64) {
        head = Self.sum(now, headTimeout)
    }

    mutating func blockEnded() {
        head = Self.never
    }

    /// Any frame is a sign of life.
    @inline(__always)
    mutating func frameReceived(now: Int64) {
        guard pingDelay != Self.never else { return }
        isPingOutstanding = false
        keepAlive = Self.sum(now, pingDelay)
    }

    mutating func pingSent(now: Int64) {
        isPingOutstanding = true
        keepAlive = Self.sum(now, pingTimeout)
    }

    mutating func shutdownBegan(now: Int64) {
        shutdown = Self.sum(now, shutdownTimeout)
    }

    /// Whether the GOAWAY that was sent announces a shutdown, and is to be followed by a PING.
    mutating func shutdownNoticeSent() -> Bool {
        guard shutdown != Self.never, !isNoticeSent else { return false }
        isNoticeSent = true
        return true
    }

    /// Whether the answer to a PING ends the wait of a graceful shutdown.
    func pingAnswered() -> Bool {
        shutdown != Self.never && isNoticeSent
    }

    /// Whether a shutdown was announced whose last GOAWAY has not been submitted.
    var isShutdownAnnounced: Bool { shutdown != Self.never }

    mutating func shutdownFinished() {
        shutdown = Self.never
    }

    mutating func swept(now: Int64) {
        sweep = Self.sum(now, sweepInterval)
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? never : sum
    }
}

extension Duration {
    /// The whole nanoseconds, at most what fits.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflows else { return seconds < 0 ? 0 : Int64.max }
        let (sum, isTooLarge) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return isTooLarge ? Int64.max : max(0, sum)
    }
}
