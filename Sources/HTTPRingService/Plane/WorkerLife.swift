// SPDX-License-Identifier: Apache-2.0

/// How the processes of a defined queue fare: which start, which are asked for a sign of life, which have failed.
///
/// Pure: times are monotonic milliseconds, and whoever has it does what it says. Source: IIS, worker process
/// management (start-up limit, ping, idle time-out, rapid-fail protection).
struct WorkerLife {
    /// Failures within `failureWindow`, or starts that failed in a row, after which the queue is taken offline.
    static let failureCountMax = 5
    /// Milliseconds in which failures are counted.
    static let failureWindow: UInt64 = 300_000

    /// When a process was started that has not attached yet.
    private(set) var startingSince: UInt64?
    /// Those who take no more requests: they were told to end, or said that they do.
    var retired: Set<ClientID> = []
    private var failures: [UInt64] = []
    private var failedStartCount = 0
    /// When a client was last asked, or attached; and whether it still has to answer.
    private var pings: [ClientID: (at: UInt64, isOpen: Bool)] = [:]
    private var requestCount: UInt64 = 0
    private var activeAt: UInt64 = 0

    // MARK: What happens

    /// A process was started.
    mutating func started(now: UInt64) { startingSince = now }

    /// A process attached.
    mutating func attached(_ client: ClientID, now: UInt64) {
        startingSince = nil
        failedStartCount = 0
        activeAt = now
        pings[client] = (now, false)
        retired.remove(client)
    }

    /// A process is gone; one that nobody told to go has failed.
    mutating func left(_ client: ClientID, now: UInt64) {
        pings[client] = nil
        if retired.remove(client) == nil { failures.append(now) }
    }

    /// A process answered.
    mutating func answered(_ client: ClientID) { pings[client]?.isOpen = false }

    /// Begins anew, as if nothing had ever failed.
    mutating func forgive() {
        failures = []
        failedStartCount = 0
        startingSince = nil
    }

    // MARK: What is to be done

    /// Whether a process can be started now: none is starting that still has time.
    mutating func mayStart(now: UInt64, startupLimit: UInt64) -> Bool {
        guard let since = startingSince else { return true }
        guard now >= since &+ startupLimit else { return false }
        startingSince = nil
        failures.append(now)
        failedStartCount += 1
        return true
    }

    /// Whether processes have failed too often, too fast.
    mutating func hasFailedRapidly(now: UInt64) -> Bool {
        failures.removeAll { now >= $0 &+ Self.failureWindow }
        return failures.count >= Self.failureCountMax || failedStartCount >= Self.failureCountMax
    }

    /// Who has not answered within `limit`, and who is to be asked now; each is asked three times a limit.
    mutating func ping(_ clients: Set<ClientID>, now: UInt64, limit: UInt64) -> (
        silent: [ClientID], asked: [ClientID]
    ) {
        var silent: [ClientID] = []
        var asked: [ClientID] = []
        for client in clients.subtracting(retired).sorted() {
            guard let ping = pings[client] else { continue }
            if ping.isOpen {
                if now >= ping.at &+ limit { silent.append(client) }
            } else if now >= ping.at &+ limit / 3 {
                pings[client] = (now, true)
                asked.append(client)
            }
        }
        return (silent, asked)
    }

    /// Whether no request came, and none was in progress, for `limit`.
    ///
    /// - Parameters:
    ///   - requests: all requests the queue ever had.
    ///   - isBusy: whether there are some now.
    ///   - now: the time.
    ///   - limit: milliseconds.
    /// - Returns: whether that is so.
    mutating func isIdle(requests: UInt64, isBusy: Bool, now: UInt64, limit: UInt64) -> Bool {
        if isBusy || requests != requestCount { activeAt = now }
        requestCount = requests
        return now >= activeAt &+ limit
    }
}
