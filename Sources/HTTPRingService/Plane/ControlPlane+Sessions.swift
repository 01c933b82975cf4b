// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import URLPrefixes

// Sessions, URL groups and registrations of clients.
extension ControlPlane {
    func createSession(_ client: LiveClient) -> UInt64 {
        // A client has few sessions; a second one it does not need is the first.
        let own = sessions.values.filter { $0.client == client.id }
        if own.count >= 16, let last = own.map(\.id).max() { return last }
        let id = nextID()
        sessions[id] = LiveSession(id: id, client: client.id)
        return id
    }

    func createGroup(_ session: UInt64, _ client: LiveClient) throws(ControlFailure) -> UInt64 {
        guard sessions[session]?.client == client.id else {
            throw ControlFailure(.notFound, "This connection has no session \(session).")
        }
        let count = groups.values.count { user(of: $0) == client.identity.userID }
        guard count < limits.groupsPerUser else {
            throw Self.limit("URL groups", count, "groups-per-user", client)
        }
        let id = nextID()
        groups[id] = LiveGroup(id: id, session: session, client: client.id)
        sessions[session]?.groups.append(id)
        refresh(id)
        return id
    }

    /// The user of a group's client.
    private func user(of group: LiveGroup) -> UInt32? {
        group.client.flatMap { clients[$0]?.identity.userID }
    }

    private func ownGroup(_ id: UInt64, _ client: LiveClient) throws(ControlFailure) -> LiveGroup {
        guard let group = groups[id], group.client == client.id else {
            throw ControlFailure(.notFound, "This connection has no URL group \(id).")
        }
        return group
    }

    /// Tells the engine what a group is now.
    func refresh(_ id: UInt64) {
        guard let group = groups[id], let session = sessions[group.session] else { return }
        var settings = GroupSettings()
        settings.queue = group.isActive && session.isActive ? group.queue : nil
        settings.timers = session.timers.merging(group.timers) { _, own in own }
        engine.setGroup(id, settings)
    }

    func close(_ id: UInt64, _ client: LiveClient) throws(ControlFailure) -> String? {
        if sessions[id]?.client == client.id {
            closeSession(id)
        } else if groups[id]?.client == client.id {
            closeGroup(id)
        } else if queues[id]?.openers[client.id] != nil {
            leave(id, client.id)
        } else {
            throw ControlFailure(.notFound, "This connection has no object \(id).")
        }
        return nil
    }

    func closeSession(_ id: UInt64) {
        for group in sessions[id]?.groups ?? [] { closeGroup(group) }
        sessions[id] = nil
    }

    func closeGroup(_ id: UInt64) {
        guard let group = groups[id] else { return }
        for prefix in group.prefixes { drop(prefix, id) }
        engine.closeGroup(id)
        groups[id] = nil
        sessions[group.session]?.groups.removeAll { $0 == id }
    }

    func bind(_ id: UInt64, _ queue: UInt64, _ client: LiveClient) throws(ControlFailure) -> String? {
        let old = try ownGroup(id, client)
        if queue != 0 { _ = try openedQueue(queue, client) }
        groups[id]?.queue = queue == 0 ? nil : queue
        refresh(id)
        guard old.queue != groups[id]?.queue else { return nil }
        // What it shared with others of the old queue is theirs.
        for prefix in old.prefixes where groupOfPrefix[prefix] != id || sharers[prefix] != nil {
            drop(prefix, id)
        }
        return nil
    }

    // MARK: Registrations

    func register(_ url: String, _ id: UInt64, _ client: LiveClient) throws(ControlFailure) -> String {
        let prefix = try Self.prefix(url)
        let group = try ownGroup(id, client)
        if try isServed(prefix, by: group, client) { return prefix.description }
        try checkRegistrations(client)
        let bound = try register(prefix, id, by: client.principal)
        audit(client, "register", bound.description)
        return bound.description
    }

    private func checkRegistrations(_ client: LiveClient) throws(ControlFailure) {
        let count = groups.values.reduce(0) { sum, group in
            sum + (user(of: group) == client.identity.userID ? group.prefixes.count : 0)
        }
        guard count < limits.registrationsPerUser else {
            throw Self.limit("registrations", count, "registrations-per-user", client)
        }
    }

    /// Whether the queue of a client's group has the prefix already.
    ///
    /// A defined queue's prefixes are registered while the service runs. One that another process of the same queue
    /// has registered is this one's, too, and lives until the last of them leaves; a process whose user has no right
    /// to it serves it for as long as one that has is there.
    private func isServed(_ prefix: URLPrefix, by group: LiveGroup, _ client: LiveClient)
        throws(ControlFailure) -> Bool
    {
        guard let holder = groupOfPrefix[prefix], let queue = group.queue else { return false }
        if queues[queue]?.group == holder { return true }
        guard let first = groups[holder], first.queue == queue, first.client != client.id else {
            return false
        }
        guard !group.prefixes.contains(prefix), table.mayRegister(prefix, by: client.principal) else {
            return true
        }
        try checkRegistrations(client)
        sharers[prefix, default: []].append(group.id)
        groups[group.id]?.prefixes.append(prefix)
        audit(client, "register", prefix.description)
        return true
    }

    /// Registers by the rules of the table, then has the engine listen.
    func register(
        _ prefix: URLPrefix,
        _ group: UInt64,
        by principal: Principal
    ) throws(ControlFailure) -> URLPrefix {
        do throws(PrefixTableError) {
            try table.register(prefix, target: 0, by: principal)
        } catch {
            throw ControlFailure(error)
        }
        let bound: URLPrefix
        do throws(ControlFailure) {
            bound = try engine.register(prefix, group: group)
        } catch {
            _ = table.unregister(prefix)
            throw error
        }
        groupOfPrefix[bound] = group
        groups[group]?.prefixes.append(bound)
        return bound
    }

    func unregister(_ url: String, _ id: UInt64, _ client: LiveClient) throws(ControlFailure) -> String? {
        let prefix = try Self.prefix(url)
        let group = try ownGroup(id, client)
        guard group.prefixes.contains(prefix) else {
            // Of those the queue has without this client, it takes nothing back.
            if let holder = groupOfPrefix[prefix], let queue = group.queue, groups[holder]?.queue == queue {
                return nil
            }
            throw ControlFailure(.notFound, "URL group \(id) has not registered '\(prefix)'.")
        }
        drop(prefix, id)
        audit(client, "unregister", prefix.description)
        return nil
    }

    /// Takes a registration of a group back; another process of its queue that has made it too keeps it.
    func drop(_ prefix: URLPrefix, _ group: UInt64) {
        groups[group]?.prefixes.removeAll { $0 == prefix }
        guard groupOfPrefix[prefix] == group else { return forgetShare(prefix, group) }
        if let next = sharers[prefix]?.first {
            forgetShare(prefix, next)
            groupOfPrefix[prefix] = next
            engine.assign(prefix, group: next)
            return
        }
        groupOfPrefix[prefix] = nil
        _ = table.unregister(prefix)
        engine.unregister(prefix)
    }

    private func forgetShare(_ prefix: URLPrefix, _ group: UInt64) {
        sharers[prefix]?.removeAll { $0 == group }
        if sharers[prefix]?.isEmpty == true { sharers[prefix] = nil }
    }

    // MARK: Properties

    func setProperties(
        _ id: UInt64,
        _ values: [NamedValue],
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        if let session = sessions[id], session.client == client.id {
            try setSession(session, values)
        } else if let old = groups[id], old.client == client.id {
            var group = old
            for value in values { try Self.set(value, &group.timers, &group.isActive) }
            groups[id] = group
            refresh(id)
        } else {
            let (queue, role) = try openedQueue(id, client)
            guard role != .worker else {
                throw ControlFailure(
                    .accessDenied,
                    "Only who made a queue and its controllers may change it."
                )
            }
            try setQueue(queue, values)
        }
        return nil
    }

    private func setSession(_ old: LiveSession, _ values: [NamedValue]) throws(ControlFailure) {
        var session = old
        for value in values { try Self.set(value, &session.timers, &session.isActive) }
        sessions[old.id] = session
        for group in session.groups { refresh(group) }
    }

    private static func set(
        _ value: NamedValue,
        _ timers: inout [GroupTimer: UInt32],
        _ isActive: inout Bool
    ) throws(ControlFailure) {
        if value.name == "state" {
            isActive = try isOn(value)
            return
        }
        guard let timer = GroupTimer(rawValue: value.name) else {
            let names = GroupTimer.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControlFailure(
                .badValue,
                "There is no property '\(value.name)'. There are state, \(names)."
            )
        }
        guard value.value.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt32(value.value),
            timer == .minSendRate || number <= 65535
        else {
            throw ControlFailure(.badValue, "'\(value.value)' is no value for \(value.name).")
        }
        // 0 takes it back: the session's, or the service's, counts again.
        timers[timer] = number == 0 ? nil : number
    }

    private static func isOn(_ value: NamedValue) throws(ControlFailure) -> Bool {
        switch value.value {
        case "active": true
        case "inactive": false
        default: throw ControlFailure(.badValue, "The state is active or inactive, not '\(value.value)'.")
        }
    }

    private func setQueue(_ queue: LiveQueue, _ values: [NamedValue]) throws(ControlFailure) {
        guard !queue.isDefined else {
            throw ControlFailure(
                .unsupported,
                "The queue '\(queue.settings.name)' is defined by root, who changes it with 'httpring update queue'."
            )
        }
        var settings = queue.settings
        for value in values {
            switch value.name {
            case "state": settings.isActive = try Self.isOn(value)
            case "length":
                guard let length = Int(value.value), QueueDefinition.lengths.contains(length) else {
                    throw ControlFailure(.badValue, "A queue's length is 1 to 65535, not '\(value.value)'.")
                }
                settings.lengthMax = length
            case "verbosity":
                guard let verbosity = Verbosity503(text: value.value) else {
                    throw ControlFailure(.badValue, "The verbosity is basic, limited or full.")
                }
                settings.verbosity = verbosity
            default:
                throw ControlFailure(
                    .badValue,
                    "A queue has no property '\(value.name)'. It has state, length, verbosity."
                )
            }
        }
        engine.updateQueue(queue.id, settings)
        queues[queue.id]?.settings = settings
    }
}
