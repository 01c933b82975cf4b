// SPDX-License-Identifier: Apache-2.0

// Requests that go from one queue to another.
extension ControlPlane {
    /// The most queues one client hands requests on to.
    static let delegationsMax = 64

    /// Lets a client hand requests on to a queue of a name; the right is that to open it.
    ///
    /// The queue need not be there yet, and may be made again: who looks it up is the service, each time.
    ///
    /// - Returns: the number by which the transport names it.
    func delegation(_ name: String, _ client: LiveClient) throws(ControlFailure) -> UInt64 {
        guard QueueDefinition.isName(name) else { throw Self.badName(name) }
        if let id = queueOfName[name], let queue = queues[id] {
            try checkAccess(to: queue, isController: false, client)
        }
        if let known = delegations[client.id]?[name] { return known }
        let count = delegations[client.id]?.count ?? 0
        guard count < Self.delegationsMax else {
            throw ControlFailure(
                .limitReached,
                "This connection hands requests on to \(count) queues, the limit. Use one for each set of targets."
            )
        }
        let number = nextID()
        delegations[client.id, default: [:]][name] = number
        attacher?.setDelegation(client: client.id, number: number, queue: queueOfName[name])
        audit(client, "delegate to", name)
        return number
    }

    /// A queue of this name has come, gone, or lets others in than before.
    func refreshDelegations(to name: String) {
        for (id, numbers) in delegations {
            guard let number = numbers[name], let client = clients[id] else { continue }
            attacher?.setDelegation(client: id, number: number, queue: queueOpen(name, to: client))
        }
    }

    private func queueOpen(_ name: String, to client: LiveClient) -> UInt64? {
        guard let id = queueOfName[name], let queue = queues[id] else { return nil }
        do throws(ControlFailure) {
            try checkAccess(to: queue, isController: false, client)
            return id
        } catch {
            return nil
        }
    }
}
