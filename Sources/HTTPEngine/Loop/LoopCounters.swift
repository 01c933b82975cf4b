// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counters of one loop: words only its thread writes, read by anyone.
///
/// A relaxed load and store each, not an atomic addition: there is one writer.
final class LoopCounters: Sendable {
    let connectionsAccepted = Atomic<UInt64>(0)
    let connectionsClosed = Atomic<UInt64>(0)
    let requests = Atomic<UInt64>(0)
    let exchangesBegun = Atomic<UInt64>(0)
    let exchangesEnded = Atomic<UInt64>(0)
    let cacheHits = Atomic<UInt64>(0)
    let refusals = Atomic<UInt64>(0)
    let requestsRejected = Atomic<UInt64>(0)
    let bytesReceived = Atomic<UInt64>(0)
    let bytesSent = Atomic<UInt64>(0)
    let acceptPauses = Atomic<UInt64>(0)
    let timeouts = Atomic<UInt64>(0)
    let tlsHandshakes = Atomic<UInt64>(0)
    let tlsResumptions = Atomic<UInt64>(0)
    let tlsHandshakeFailures = Atomic<UInt64>(0)
    let http2Connections = Atomic<UInt64>(0)
    let http2Streams = Atomic<UInt64>(0)
}

extension Atomic where Value == UInt64 {
    /// Adds to a counter that only the calling thread writes.
    @inline(__always)
    func count(_ amount: UInt64 = 1) {
        store(load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }
}

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
    /// TLS handshakes that failed.
    public var tlsHandshakeFailures: UInt64 = 0
    /// Connections that spoke HTTP/2.
    public var http2Connections: UInt64 = 0
    /// Streams of HTTP/2 that carried a request.
    public var http2Streams: UInt64 = 0
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
        tlsHandshakes += read(counters.tlsHandshakes)
        tlsResumptions += read(counters.tlsResumptions)
        tlsHandshakeFailures += read(counters.tlsHandshakeFailures)
        http2Connections += read(counters.http2Connections)
        http2Streams += read(counters.http2Streams)
    }
}
