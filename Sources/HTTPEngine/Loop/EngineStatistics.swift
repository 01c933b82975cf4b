// SPDX-License-Identifier: Apache-2.0

import HTTPWire
public import ResponseCache
import Synchronization

/// Sums of all loops' counters at one moment.
///
/// Counts since the start unless named otherwise.
public struct EngineStatistics: Sendable {
    /// Connections open now.
    public var connectionsOpen = 0
    /// Connections accepted.
    public var connectionsAccepted: UInt64 = 0
    /// Requests whose head was complete, cache hits included.
    public var requestsTotal: UInt64 = 0
    /// Requests an application has or waits for now.
    public var requestsInProgress = 0
    /// Requests answered from the response cache.
    public var cacheHits: UInt64 = 0
    /// Messages refused by the engine, with an error status or a reset.
    public var refusals: UInt64 = 0
    /// Requests turned away by a queue: full, too late, or shut down.
    public var requestsRejected: UInt64 = 0
    /// Bytes received from clients.
    public var bytesReceived: UInt64 = 0
    /// Bytes sent to clients.
    public var bytesSent: UInt64 = 0
    /// Times that accepting paused for lack of descriptors or over the connection limit.
    public var acceptPauses: UInt64 = 0
    /// Connections or requests ended by a time-out or a minimum rate.
    public var timeouts: UInt64 = 0
    /// TLS handshakes that were completed, resumptions included.
    public var tlsHandshakes: UInt64 = 0
    /// TLS handshakes that resumed a session.
    public var tlsResumptions: UInt64 = 0
    /// TLS handshakes that came to nothing: refused by either side, out of time, or broken off.
    public var tlsHandshakeFailures: UInt64 = 0
    /// TLS handshakes under way now.
    public var tlsHandshakesInProgress = 0
    /// Connections that spoke HTTP/2.
    public var http2Connections: UInt64 = 0
    /// Connections that speak HTTP/2 now.
    public var http2ConnectionsOpen = 0
    /// Streams of HTTP/2 that carried a request.
    public var http2Streams: UInt64 = 0
    /// Streams of HTTP/2 that are open now.
    public var http2StreamsOpen = 0
    /// Connections and streams handed over to another protocol, such as WebSocket, that are open now.
    public var upgradesOpen = 0
    /// How often each reason of the error log came up, by its raw value, whether a log is written or not.
    public var reasons = [UInt64](repeating: 0, count: ErrorLogReason.allCases.count)
    /// How long connections that have ended lasted.
    public var connectionDurations = DurationCounts(.long)
    /// How long handshakes of TLS 1.3 took that were completed.
    public var tls13HandshakeDurations = DurationCounts(.short)
    /// How long handshakes of TLS 1.2 took that were completed.
    public var tls12HandshakeDurations = DurationCounts(.short)
    /// What the response cache holds and has done.
    public var cache = CacheStatistics()
    /// The request queues of registered URL groups, by name.
    public var queues: [RequestQueueStatistics] = []
    /// Log records dropped because a ring was full.
    public var logRecordsDropped: UInt64 = 0

    /// Makes a statistic of zeros.
    public init() {}

    mutating func add(_ counters: LoopCounters) {
        func read(_ counter: borrowing Atomic<UInt64>) -> UInt64 { counter.load(ordering: .relaxed) }
        // Read what ends before what begins, so that a difference is never negative.
        let closed = read(counters.connectionsClosed)
        let accepted = read(counters.connectionsAccepted)
        let ended = read(counters.exchangesEnded)
        let begun = read(counters.exchangesBegun)
        connectionsOpen += Int(accepted &- closed)
        connectionsAccepted += accepted
        requestsTotal += read(counters.requests)
        requestsInProgress += Int(begun &- ended)
        cacheHits += read(counters.cacheHits)
        refusals += read(counters.refusals)
        requestsRejected += read(counters.requestsRejected)
        bytesReceived += read(counters.bytesReceived)
        bytesSent += read(counters.bytesSent)
        acceptPauses += read(counters.acceptPauses)
        timeouts += read(counters.timeouts)
        addSecure(counters)
        for reason in reasons.indices { reasons[reason] &+= read(counters.reasons[reason]) }
        connectionDurations.add(counters.connectionDurations)
    }

    private mutating func addSecure(_ counters: LoopCounters) {
        func read(_ counter: borrowing Atomic<UInt64>) -> UInt64 { counter.load(ordering: .relaxed) }
        let (made, failed) = (read(counters.tlsHandshakes), read(counters.tlsHandshakeFailures))
        tlsHandshakesInProgress += Int(read(counters.tlsHandshakesBegun) &- made &- failed)
        tlsHandshakes += made
        tlsHandshakeFailures += failed
        tlsResumptions += read(counters.tlsResumptions)
        tls13HandshakeDurations.add(counters.tls13HandshakeDurations)
        tls12HandshakeDurations.add(counters.tls12HandshakeDurations)
        let (connectionsClosed, streamsClosed) = (
            read(counters.http2ConnectionsClosed), read(counters.http2StreamsClosed)
        )
        let (connections, streams) = (read(counters.http2Connections), read(counters.http2Streams))
        http2Connections += connections
        http2ConnectionsOpen += Int(connections &- connectionsClosed)
        http2Streams += streams
        http2StreamsOpen += Int(streams &- streamsClosed)
    }
}

/// A request queue at one moment: HTTP.sys's counters of request queues.
public struct RequestQueueStatistics: Sendable {
    /// The queue's name.
    public var name: String
    /// Requests that wait.
    public var waitingCount: Int
    /// Requests an application works on, where the queue limits them; else 0.
    public var inProgressCount: Int

    /// Makes the statistics of a queue.
    public init(name: String, waitingCount: Int, inProgressCount: Int) {
        self.name = name
        self.waitingCount = waitingCount
        self.inProgressCount = inProgressCount
    }
}
