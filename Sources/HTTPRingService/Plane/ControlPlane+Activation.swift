// SPDX-License-Identifier: Apache-2.0

import HTTPEngine

// Starting the processes of defined queues.
extension ControlPlane {
    /// Starts of one queue within `rapidFailMilliseconds` after which it is taken offline.
    ///
    /// Source: IIS, rapid-fail protection.
    public static let rapidFailCount = 5
    /// Milliseconds in which starts are counted.
    public static let rapidFailMilliseconds: UInt64 = 300_000

    /// Looks which defined queues have requests and no process, and starts their units.
    ///
    /// Call it about once a second. A process that has not attached within the queue's start-up time counts as
    /// failed, and another is started; the fifth start in five minutes that comes to nothing is the last: the
    /// queue is offline, 503, until `httpring update queue name=… enabled=yes`.
    ///
    /// - Parameter now: monotonic milliseconds.
    public func tick(now: UInt64) {
        for id in queues.keys.sorted() { tick(id, now) }
    }

    private func tick(_ id: UInt64, _ now: UInt64) {
        tellControllers(id)
        guard let queue = queues[id], queue.isDefined, queue.settings.isActive, queue.attached.isEmpty,
            engine.counts(ofQueue: id).waiting > 0,
            let definition = state.queues.first(where: { $0.name == queue.settings.name }),
            definition.unit != nil
        else { return }
        let startupMilliseconds = UInt64(definition.startupSeconds) * 1000
        if let since = queue.startingSince, now < since + startupMilliseconds { return }
        let recent = queue.starts.filter { now < $0 + Self.rapidFailMilliseconds }
        guard recent.count < Self.rapidFailCount else {
            takeOffline(queue)
            return
        }
        queues[id]?.starts = recent + [now]
        queues[id]?.startingSince = now
        demandStart(queue: id)
    }

    /// Tells the controllers of a queue that nobody serves of the first request that waits, once.
    ///
    /// Source: HTTP Server API, HttpWaitForDemandStart.
    private func tellControllers(_ id: UInt64) {
        guard let queue = queues[id] else { return }
        let isWanted =
            queue.attached.isEmpty && queue.settings.isActive && engine.counts(ofQueue: id).waiting > 0
        guard isWanted != queue.hasDemanded else { return }
        queues[id]?.hasDemanded = isWanted
        guard isWanted else { return }
        for (client, role) in queue.openers where role == .controller {
            listeners.event(client, .demandStart, id)
        }
    }

    private func takeOffline(_ queue: LiveQueue) {
        var settings = queue.settings
        settings.isActive = false
        do throws(ControlFailure) {
            try engine.updateQueue(queue.id, settings)
            queues[queue.id]?.settings = settings
            audit(nil, "take offline", settings.name)
        } catch {
            listeners.audit(
                AuditRecord(
                    identity: nil,
                    action: "take offline",
                    object: settings.name,
                    outcome: "refused: \(error.words)"
                )
            )
        }
    }
}
