// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import URLPrefixes

// Request queues as clients open, attach to and leave them.
extension ControlPlane {
    func openQueue(
        _ name: String,
        _ mode: QueueOpeningMode,
        _ isController: Bool,
        _ access: [String],
        _ client: LiveClient
    ) throws(ControlFailure) -> UInt64 {
        guard name.isEmpty ? mode == .create && !isController : QueueDefinition.isName(name) else {
            throw Self.badName(name)
        }
        if let id = queueOfName[name], let queue = queues[id] {
            guard mode != .create else {
                throw ControlFailure(
                    .conflict,
                    "There is a queue '\(name)'. Attach to it, or choose another name."
                )
            }
            try checkAccess(to: queue, isController: isController, client)
            // Opened again by the same connection, it is the same.
            if queue.openers[client.id] == nil {
                queues[id]?.openers[client.id] = isController ? .controller : .worker
            }
            return id
        }
        guard mode != .attach else { throw Self.noQueue(name) }
        return try makeQueue(name, isController, access, client)
    }

    func checkAccess(
        to queue: LiveQueue,
        isController: Bool,
        _ client: LiveClient
    ) throws(ControlFailure) {
        if client.principal.isAdministrator { return }
        if let owner = queue.ownerID, owner != 65534, owner == client.identity.userID { return }
        let rules = queue.access.map { AccessControlList.Entry(subject: $0, rights: .listen) }
        guard AccessControlList(rules).grants(.listen, to: client.principal) else {
            throw ControlFailure(
                .accessDenied,
                "User \(client.identity.userID) may not open the queue '\(queue.settings.name)'. Its owner names who "
                    + "may when it is made; for a defined queue root does: httpring update queue "
                    + "name=\(queue.settings.name) allow=user:\(client.identity.userID)"
            )
        }
        guard !isController else {
            throw ControlFailure(.accessDenied, "Only the owner of a queue and root may control it.")
        }
    }

    private func makeQueue(
        _ name: String,
        _ isController: Bool,
        _ access: [String],
        _ client: LiveClient
    ) throws(ControlFailure) -> UInt64 {
        var subjects: [AccessControlList.Subject] = []
        for text in access {
            guard subjects.count < 256, let subject = AccessControlList.Subject(text: text[...]) else {
                throw ControlFailure(
                    .badValue,
                    "'\(text)' names nobody. Give at most 256 of user:NUMBER, group:NUMBER, everyone."
                )
            }
            subjects.append(subject)
        }
        let count = queues.values.count { $0.ownerID == client.identity.userID }
        guard count < limits.queuesPerUser else {
            throw Self.limit("request queues", count, "queues-per-user", client)
        }
        let id = nextID()
        var queue = LiveQueue(
            id: id,
            settings: QueueSettings(name: name),
            ownerID: client.identity.userID,
            access: subjects,
            isDefined: false
        )
        queue.openers[client.id] = isController ? .controller : .creator
        engine.openQueue(id, queue.settings)
        queues[id] = queue
        if !name.isEmpty {
            queueOfName[name] = id
            refreshDelegations(to: name)
        }
        audit(client, "create queue", name)
        return id
    }

    static func limit(_ what: String, _ count: Int, _ key: String, _ client: LiveClient) -> ControlFailure {
        ControlFailure(
            .limitReached,
            "User \(client.identity.userID) has \(count) \(what), the limit. Close some, or raise \(key) in [control]."
        )
    }

    /// A queue that the client has open.
    func openedQueue(_ id: UInt64, _ client: LiveClient) throws(ControlFailure) -> (LiveQueue, LiveQueue.Role)
    {
        guard let queue = queues[id], let role = queue.openers[client.id] else {
            throw ControlFailure(.notFound, "This connection has no queue \(id) open.")
        }
        return (queue, role)
    }

    func attach(
        _ id: UInt64,
        _ payload: [UInt8],
        _ descriptors: [PassedDescriptor],
        _ client: LiveClient
    ) throws(ControlFailure) -> ControlReply {
        let (queue, role) = try openedQueue(id, client)
        guard role != .controller else {
            throw ControlFailure(.accessDenied, "A controller takes no requests; open the queue as a worker.")
        }
        guard !queue.attached.contains(client.id) else {
            throw ControlFailure(.conflict, "This connection is attached to queue \(id) already.")
        }
        guard let attacher else {
            throw ControlFailure(.unsupported, "This service hands no requests to other processes.")
        }
        let answer = try attacher.attach(
            client: client.id,
            queue: id,
            identity: client.identity,
            payload: payload,
            descriptors: descriptors
        )
        queues[id]?.attached.insert(client.id)
        queues[id]?.life.attached(client.id, now: now)
        // The successor is there: its predecessors finish what they have.
        retire(queue.leaving, of: id)
        queues[id]?.leaving = []
        audit(client, "attach", queue.settings.name)
        return .answer(.attached(answer.payload), answer.descriptors)
    }

    /// An attached client takes no more requests.
    func drain(_ id: UInt64, _ client: LiveClient) throws(ControlFailure) -> String? {
        _ = try openedQueue(id, client)
        guard queues[id]?.attached.contains(client.id) == true else {
            throw ControlFailure(.notFound, "This connection is not attached to queue \(id).")
        }
        attacher?.drain(client: client.id, queue: id)
        queues[id]?.life.retired.insert(client.id)
        return nil
    }

    /// An attached client is alive.
    func pong(_ id: UInt64, _ client: LiveClient) throws(ControlFailure) -> String? {
        _ = try openedQueue(id, client)
        queues[id]?.life.answered(client.id)
        return nil
    }

    /// A client has the queue no longer.
    func leave(_ id: UInt64, _ client: ClientID) {
        if queues[id]?.attached.remove(client) != nil {
            attacher?.detach(client: client, queue: id)
            queues[id]?.life.left(client, now: now)
        }
        queues[id]?.leaving.remove(client)
        queues[id]?.openers[client] = nil
        closeIfUnused(id)
    }

    /// Closes a queue that nobody has open, unless it outlives its processes.
    func closeIfUnused(_ id: UInt64) {
        guard let queue = queues[id], queue.openers.isEmpty, !queue.isDefined else { return }
        for group in groups.values where group.queue == id {
            groups[group.id]?.queue = nil
            refresh(group.id)
        }
        engine.closeQueue(id)
        queues[id] = nil
        guard queueOfName[queue.settings.name] == id else { return }
        queueOfName[queue.settings.name] = nil
        refreshDelegations(to: queue.settings.name)
    }

    /// Tells what starts a queue's processes that a request waits for one.
    public func demandStart(queue id: UInt64) {
        guard let queue = queues[id] else { return }
        guard let definition = state.queues.first(where: { $0.name == queue.settings.name }),
            definition.unit != nil, activator != nil, !queue.hasWorker
        else { return }
        startUnit(definition)
    }

    /// Starts a process of a defined queue.
    func startUnit(_ definition: QueueDefinition) {
        guard let activator else { return }
        do throws(ControlFailure) {
            try activator.start(definition)
            audit(nil, "start", definition.name)
        } catch {
            listeners.audit(
                AuditRecord(
                    identity: nil,
                    action: "start",
                    object: definition.name,
                    outcome: "refused: \(error.words)"
                )
            )
        }
    }
}
