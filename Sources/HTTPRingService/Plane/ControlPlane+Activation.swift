// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import URLPrefixes

// Starting the processes of defined queues, and ending those that are idle or dead.
extension ControlPlane {
    /// Looks how the processes of defined queues fare.
    ///
    /// Call it about once a second. A request that waits for a process starts the queue's unit. A process that has not
    /// attached within the start-up time counts as failed, one that does not say that it is alive within the ping
    /// limit is parted from and replaced, one without requests for the idle time is told to end. After five failures
    /// in five minutes the queue is offline, 503, until `httpring update queue name=… enabled=yes`.
    ///
    /// - Parameter now: monotonic milliseconds.
    public func tick(now: UInt64) {
        self.now = now
        let isIdleOfInterest = state.queues.contains { $0.unit != nil && $0.idleSeconds > 0 }
        let traffic = isIdleOfInterest ? trafficOfQueues() : [:]
        for id in queues.keys.sorted() { tellControllers(id) }
        for definition in state.queues where definition.unit != nil {
            guard let id = queueOfName[definition.name], queues[id]?.isDefined == true else { continue }
            ping(id, definition)
            if definition.idleSeconds > 0 { stopIdle(id, definition, traffic[id] ?? QueueTraffic()) }
            startIfWanted(id, definition)
        }
    }

    /// What the requests of each queue came to.
    func trafficOfQueues(_ all: [PrefixTraffic]? = nil) -> [UInt64: QueueTraffic] {
        var sums: [UInt64: QueueTraffic] = [:]
        for traffic in all ?? engine.prefixTraffic(resetsLongest: false) {
            guard let group = groupOfPrefix[traffic.prefix], let queue = groups[group]?.queue else {
                continue
            }
            sums[queue, default: QueueTraffic()].add(traffic)
        }
        return sums
    }

    private func ping(_ id: UInt64, _ definition: QueueDefinition) {
        guard definition.pingSeconds > 0, let attached = queues[id]?.attached, !attached.isEmpty else {
            return
        }
        let limit = UInt64(definition.pingSeconds) * 1000
        guard let (silent, asked) = queues[id]?.life.ping(attached, now: now, limit: limit) else { return }
        for client in asked { listeners.event(client, .ping, id) }
        for client in silent {
            let process = clients[client]?.identity.processID ?? 0
            audit(nil, "part from a silent process", "\(definition.name) pid=\(process)")
            listeners.disconnect(
                client,
                ControlFailure(
                    .limitReached,
                    "The process did not answer within "
                        + "\(CountedNoun(definition.pingSeconds, "second")); another takes its place. Do not "
                        + "block the loops of an application, or give it more time with 'httpring update queue "
                        + "name=\(definition.name) ping=SECONDS'."
                )
            )
        }
    }

    private func stopIdle(_ id: UInt64, _ definition: QueueDefinition, _ traffic: QueueTraffic) {
        guard let queue = queues[id], queue.hasWorker else { return }
        let isIdle = queues[id]?.life.isIdle(
            requests: traffic.requests,
            isBusy: traffic.inProgress > 0,
            now: now,
            limit: UInt64(definition.idleSeconds) * 1000
        )
        guard isIdle == true else { return }
        retire(queue.attached, of: id)
        audit(nil, "stop idle", definition.name)
    }

    /// Tells processes to take no more requests, finish, and end.
    func retire(_ processes: Set<ClientID>, of id: UInt64) {
        for client in processes.sorted() where queues[id]?.life.retired.insert(client).inserted == true {
            listeners.event(client, .drain, id)
        }
    }

    private func startIfWanted(_ id: UInt64, _ definition: QueueDefinition) {
        guard let queue = queues[id], queue.settings.isActive, !queue.hasWorker,
            engine.waitingCount(ofQueue: id) > 0
        else { return }
        let limit = UInt64(definition.startupSeconds) * 1000
        guard queues[id]?.life.mayStart(now: now, startupLimit: limit) == true else { return }
        guard queues[id]?.life.hasFailedRapidly(now: now) == false else {
            takeOffline(queue)
            return
        }
        queues[id]?.life.started(now: now)
        demandStart(queue: id)
    }

    /// Tells the controllers of a queue that nobody serves of the first request that waits, once.
    ///
    /// Source: HTTP Server API, HttpWaitForDemandStart.
    private func tellControllers(_ id: UInt64) {
        guard let queue = queues[id] else { return }
        let isWanted =
            !queue.hasWorker && queue.settings.isActive && engine.waitingCount(ofQueue: id) > 0
        guard isWanted != queue.hasDemanded else { return }
        queues[id]?.hasDemanded = isWanted
        guard isWanted else { return }
        for (client, role) in queue.openers where role == .controller {
            listeners.event(client, .demandStart, id)
        }
    }

    private func takeOffline(_ queue: LiveQueue) {
        engine.takeOffline(queue.id)
        queues[queue.id]?.settings.isActive = false
        audit(nil, "take offline", queue.settings.name)
    }
}

/// What the requests of all prefixes of a queue came to.
struct QueueTraffic {
    /// Requests that reached it.
    var requests: UInt64 = 0
    /// Those that wait, or that applications have.
    var inProgress = 0

    mutating func add(_ traffic: PrefixTraffic) {
        requests &+= traffic.requests
        inProgress += traffic.inProgress
    }
}
