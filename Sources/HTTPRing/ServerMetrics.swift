// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import Metrics

/// Tells the process's swift-metrics backend what the engine's counters say.
///
/// The loops' counters are read at an interval; nothing is added to the path of a request. Names are
/// `httpring.` and the counter's own; counters are told as increments, levels as gauges.
struct ServerMetrics {
    private let counters: [(counter: Counter, read: (EngineStatistics) -> UInt64)]
    private let levels: [(gauge: Gauge, read: (EngineStatistics) -> Int)]
    private var last = EngineStatistics()

    init() {
        counters = [
            (Counter(label: "httpring.connections.accepted"), { $0.connectionsAccepted }),
            (Counter(label: "httpring.requests"), { $0.requestsTotal }),
            (Counter(label: "httpring.requests.rejected"), { $0.requestsRejected }),
            (Counter(label: "httpring.refusals"), { $0.refusals }),
            (Counter(label: "httpring.cache.hits"), { $0.cacheHits }),
            (Counter(label: "httpring.bytes.received"), { $0.bytesReceived }),
            (Counter(label: "httpring.bytes.sent"), { $0.bytesSent }),
            (Counter(label: "httpring.accept.pauses"), { $0.acceptPauses }),
            (Counter(label: "httpring.timeouts"), { $0.timeouts }),
            (Counter(label: "httpring.log.dropped"), { $0.logRecordsDropped }),
        ]
        levels = [
            (Gauge(label: "httpring.connections.open"), { $0.connectionsOpen }),
            (Gauge(label: "httpring.requests.in_progress"), { $0.requestsInProgress }),
        ]
    }

    /// Tells what has changed since the last time.
    mutating func report(_ statistics: EngineStatistics) {
        for (counter, read) in counters {
            let (now, before) = (read(statistics), read(last))
            if now > before { counter.increment(by: Int64(clamping: now - before)) }
        }
        for (gauge, read) in levels { gauge.record(read(statistics)) }
        last = statistics
    }
}
