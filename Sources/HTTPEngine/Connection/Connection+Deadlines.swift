// SPDX-License-Identifier: Apache-2.0

import HTTPWire
import IORing

extension Connection {
    /// Sets the one deadline of the driver's phase; 0 clears it.
    ///
    /// A store unless it is earlier than before.
    @inline(__always)
    func setPhaseDeadline(_ at: Int64) {
        // Negative: the sum of now and a time-out without end.
        let at = at < 0 ? .max : at
        phaseDeadline = at
        if at != 0 { schedule(at) }
    }

    @inline(__always)
    func schedule(_ at: Int64) {
        guard wheelDeadline == 0 || at < wheelDeadline else { return }
        wheelDeadline = at
        loop.ring.timers.schedule(timerIndex, at: MonotonicTime(nanoseconds: at))
    }

    /// The wheel's entry came due; deadlines moved later meanwhile are scheduled again.
    func timerExpired() {
        wheelDeadline = 0
        let now = loop.ring.now.nanoseconds
        if sendDeadline != 0, sendDeadline <= now { checkSendRate(now) }
        if phaseDeadline != 0, phaseDeadline <= now {
            phaseDeadline = 0
            if state == .lingering {
                close(reset: false)
            } else if state == .open {
                driver?.deadlineReached()
            }
        }
        guard state != .closing, state != .free else { return }
        if phaseDeadline != 0 { schedule(phaseDeadline) }
        if sendDeadline != 0 { schedule(sendDeadline) }
    }

    /// Whether the peer took enough of what is being sent in the last window.
    func checkSendRate(_ now: Int64) {
        guard inFlight != nil, minSendBytesPerSecond > 0 else {
            sendDeadline = 0
            return
        }
        guard let acknowledged = SocketProgress.acknowledgedByteCount(socket) else {
            sendDeadline = 0
            return
        }
        let needed = Connection.byteCount(at: minSendBytesPerSecond, over: loop.rateWindow)
        if acknowledgedAtWindowStart >= 0, acknowledged - acknowledgedAtWindowStart < needed {
            loop.counters.timeouts.count()
            loop.logConnectionError(self, .minimumSendRate)
            close(reset: true)
            return
        }
        acknowledgedAtWindowStart = acknowledged
        sendDeadline = now &+ loop.rateWindow
    }

    /// How many bytes a rate comes to in a time, at most what an `Int64` holds.
    static func byteCount(at bytesPerSecond: Int, over nanoseconds: Int64) -> Int64 {
        let whole = Int64(bytesPerSecond).multipliedReportingOverflow(by: nanoseconds)
        return whole.overflow ? .max : whole.partialValue / 1_000_000_000
    }
}
