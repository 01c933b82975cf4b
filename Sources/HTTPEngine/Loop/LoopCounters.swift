// SPDX-License-Identifier: Apache-2.0

import HTTPWire
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
    let tlsHandshakesBegun = Atomic<UInt64>(0)
    let http2Connections = Atomic<UInt64>(0)
    let http2ConnectionsClosed = Atomic<UInt64>(0)
    let http2Streams = Atomic<UInt64>(0)
    let http2StreamsClosed = Atomic<UInt64>(0)
    /// By the raw value of `ErrorLogReason`.
    let reasons: InlineArray<40, Atomic<UInt64>> = InlineArray { _ in Atomic(0) }
    let connectionDurations = LoopHistogram(.long)
    let tls13HandshakeDurations = LoopHistogram(.short)
    let tls12HandshakeDurations = LoopHistogram(.short)

    /// Counts what the error log tells, whether there is one or not.
    func count(_ reason: ErrorLogReason) { reasons[Int(reason.rawValue)].count() }
}

extension Atomic where Value == UInt64 {
    /// Adds to a counter that only the calling thread writes.
    @inline(__always)
    func count(_ amount: UInt64 = 1) {
        store(load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }
}
