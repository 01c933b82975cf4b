// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import URLPrefixes

// Queues that outlive their processes.
extension ControlPlane {
    /// Opens a defined queue and registers its prefixes; returns what could not be done.
    func openDefined(_ definition: QueueDefinition) -> [ControlFailure] {
        guard queueOfName[definition.name] == nil else {
            return [ControlFailure(.conflict, "The queue '\(definition.name)' is open already.")]
        }
        let queue = nextID()
        let session = nextID()
        let group = nextID()
        var live = LiveQueue(
            id: queue,
            settings: definition.settings,
            ownerID: nil,
            access: definition.access,
            isDefined: true
        )
        live.group = group
        engine.openQueue(queue, live.settings)
        queues[queue] = live
        queueOfName[definition.name] = queue
        refreshDelegations(to: definition.name)
        sessions[session] = LiveSession(id: session, client: nil, groups: [group])
        groups[group] = LiveGroup(id: group, session: session, client: nil, queue: queue)
        var failures: [ControlFailure] = []
        refresh(group)
        for prefix in definition.prefixes {
            do throws(ControlFailure) {
                // The operator said so, whoever the reservation names.
                _ = try register(prefix, group, by: .embedded)
            } catch {
                failures.append(error)
            }
        }
        return failures
    }

    func addQueue(_ name: String, _ values: [NamedValue], _ client: LiveClient) throws(ControlFailure)
        -> String?
    {
        try requireAdministrator(client, "define queues")
        guard QueueDefinition.isName(name) else { throw Self.badName(name) }
        guard queueOfName[name] == nil else {
            throw ControlFailure(.conflict, "There is a queue '\(name)'. 'httpring show queue' lists them.")
        }
        guard state.queues.count < 10_000 else {
            throw ControlFailure(.limitReached, "There are 10000 queues, the limit.")
        }
        var definition = QueueDefinition(name: name)
        try Self.apply(values, to: &definition)
        var next = state
        next.queues.append(definition)
        let note = try keep(next)
        audit(client, "add queue", definition.words.dropFirst().joined(separator: " "))
        return Self.note(openDefined(definition), note)
    }

    func updateQueue(_ name: String, _ values: [NamedValue], _ client: LiveClient) throws(ControlFailure)
        -> String?
    {
        try requireAdministrator(client, "change queues")
        var next = state
        guard let index = next.queues.firstIndex(where: { $0.name == name }), let id = queueOfName[name],
            let group = queues[id]?.group
        else { throw Self.noQueue(name) }
        let old = next.queues[index].prefixes
        // Lists that are given replace the old ones.
        if values.contains(where: { $0.name == "allow" }) { next.queues[index].access = [] }
        if values.contains(where: { $0.name == "url" }) { next.queues[index].prefixes = [] }
        try Self.apply(values, to: &next.queues[index])
        let definition = next.queues[index]
        let note = try keep(next)
        engine.updateQueue(id, definition.settings)
        queues[id]?.settings = definition.settings
        queues[id]?.access = definition.access
        refreshDelegations(to: name)
        // Whoever changes it means to try again.
        queues[id]?.life.forgive()
        var failures: [ControlFailure] = []
        for prefix in old where !definition.prefixes.contains(prefix) { drop(prefix, group) }
        for prefix in definition.prefixes where groupOfPrefix[prefix] != group {
            do throws(ControlFailure) {
                _ = try register(prefix, group, by: .embedded)
            } catch {
                failures.append(error)
            }
        }
        audit(client, "update queue", definition.words.dropFirst().joined(separator: " "))
        return Self.note(failures, note)
    }

    func deleteQueue(_ name: String, _ client: LiveClient) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "delete queues")
        var next = state
        guard let index = next.queues.firstIndex(where: { $0.name == name }), let id = queueOfName[name]
        else {
            throw Self.noQueue(name)
        }
        next.queues.remove(at: index)
        let note = try keep(next)
        if let group = queues[id]?.group, let session = groups[group]?.session { closeSession(session) }
        queues[id]?.isDefined = false
        queues[id]?.group = nil
        for opener in queues[id]?.openers.keys.sorted() ?? [] { listeners.event(opener, .queueClosed, id) }
        closeIfUnused(id)
        audit(client, "delete queue", name)
        return note
    }

    /// Starts a process of a queue's; when it has attached, those there are now are told to drain.
    func recycle(_ name: String, _ client: LiveClient) throws(ControlFailure) -> String? {
        guard let id = queueOfName[name], let queue = queues[id] else { throw Self.noQueue(name) }
        guard client.principal.isAdministrator || queue.ownerID == client.identity.userID else {
            throw ControlFailure(.accessDenied, "The queue '\(name)' is not yours to recycle. Do it as root.")
        }
        guard let definition = state.queues.first(where: { $0.name == name }), let unit = definition.unit,
            let activator
        else {
            throw ControlFailure(
                .unsupported,
                "Nothing is known that starts a process of '\(name)'. Name its unit with 'httpring update queue "
                    + "name=\(name) unit=\(name).service', or start the new process yourself and stop the old one "
                    + "when it is ready."
            )
        }
        try activator.start(definition)
        queues[id]?.leaving = queue.attached
        audit(client, "recycle", name)
        let processes = CountedNoun(queue.attached.count, "process", plural: "processes")
        return "\(unit) starts; \(processes) \(processes.isOne ? "drains" : "drain") when it is ready."
    }

    private static func apply(
        _ values: [NamedValue],
        to definition: inout QueueDefinition
    ) throws(ControlFailure) {
        for value in values {
            if value.value.isEmpty && ["allow", "url", "unit"].contains(value.name) {
                if value.name == "unit" { definition.unit = nil }
                continue
            }
            if value.name == "url" {
                let prefix = try prefix(value.value)
                guard definition.prefixes.count < QueueDefinition.prefixesMax else {
                    throw ControlFailure(
                        .limitReached,
                        "A queue has at most \(QueueDefinition.prefixesMax) prefixes."
                    )
                }
                definition.prefixes.append(prefix)
                continue
            }
            guard definition.set(value.name, value.value) else {
                throw ControlFailure(
                    .badValue,
                    "'\(value.name)=\(value.value)' is no property of a queue. Properties are length (1 to 65535), "
                        + "verbosity (basic, limited, full), enabled (yes, no), unit (shop.service), startup, idle "
                        + "and ping (0 to 86400 seconds), allow (user:NUMBER, group:NUMBER, everyone) and url."
                )
            }
        }
    }

    private static func note(_ failures: [ControlFailure], _ note: String?) -> String? {
        let words = failures.map(\.words) + [note].compactMap { $0 }
        return words.isEmpty ? nil : words.joined(separator: " ")
    }

    static func noQueue(_ name: String) -> ControlFailure {
        ControlFailure(.notFound, "There is no queue '\(name)'. 'httpring show queue' lists those there are.")
    }

    static func badName(_ name: String) -> ControlFailure {
        ControlFailure(
            .badValue,
            "'\(name.prefix(80))' is no name for a queue. Give 1 to 64 letters, digits, '.', '_', '-' or '@'."
        )
    }
}

extension QueueDefinition {
    /// What the engine is told of the queue.
    var settings: QueueSettings {
        var settings = QueueSettings(name: name)
        settings.lengthMax = lengthMax
        settings.verbosity = verbosity
        settings.isActive = isEnabled
        return settings
    }
}
