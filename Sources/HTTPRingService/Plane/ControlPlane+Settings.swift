// SPDX-License-Identifier: Apache-2.0

import URLPrefixes

// What operators add, update and delete.
extension ControlPlane {
    func add(
        _ topic: ControlTopic,
        _ key: String,
        _ values: [NamedValue],
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        switch topic {
        case .reservation: return try addReservation(key, values, client)
        case .certificate: return try addCertificate(key, values, client)
        case .listenAddress: return try addListenAddress(key, client)
        case .timeout: return try setTimeout(key, try Self.value(values), client)
        case .cacheParameter: return try setCacheParameter(key, try Self.value(values), client)
        case .queue: return try addQueue(key, values, client)
        case .serviceState, .cacheState, .statistics: throw Self.cannot("add", topic)
        }
    }

    func update(
        _ topic: ControlTopic,
        _ key: String,
        _ values: [NamedValue],
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        switch topic {
        case .certificate: return try updateCertificate(key, values, client)
        case .queue: return try updateQueue(key, values, client)
        case .timeout: return try setTimeout(key, try Self.value(values), client)
        case .cacheParameter: return try setCacheParameter(key, try Self.value(values), client)
        default: throw Self.cannot("update", topic)
        }
    }

    func delete(_ topic: ControlTopic, _ key: String, _ client: LiveClient) throws(ControlFailure) -> String?
    {
        switch topic {
        case .reservation: return try deleteReservation(key, client)
        case .certificate: return try deleteCertificate(key, client)
        case .listenAddress: return try deleteListenAddress(key, client)
        case .timeout: return try deleteTimeout(key, client)
        case .cacheParameter: return try deleteCacheParameter(key, client)
        case .queue: return try deleteQueue(key, client)
        case .serviceState, .cacheState, .statistics: throw Self.cannot("delete", topic)
        }
    }

    private static func cannot(_ verb: String, _ topic: ControlTopic) -> ControlFailure {
        ControlFailure(.badMessage, "There is no '\(verb) \(topic.word)'.")
    }

    /// The number of a setting that has one value.
    private static func value(_ values: [NamedValue]) throws(ControlFailure) -> UInt32 {
        guard values.count == 1, values[0].name == "value",
            values[0].value.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let value = UInt32(values[0].value)
        else { throw ControlFailure(.badValue, "Give one value, a number from 0 to \(UInt32.max).") }
        return value
    }

    static func prefix(_ text: String) throws(ControlFailure) -> URLPrefix {
        do throws(URLPrefixError) {
            return try URLPrefix(text)
        } catch {
            throw ControlFailure(.badPrefix, error.description)
        }
    }

    /// What to tell the operator about when a change counts.
    static func note(_ effect: SettingEffect, and note: String?) -> String? {
        let words: String? =
            switch effect {
            case .immediate: nil
            case .newRegistrations: "It takes effect for prefixes that are registered from now on."
            case .nextStart: "It takes effect when the service starts the next time."
            }
        let both = [words, note].compactMap { $0 }
        return both.isEmpty ? nil : both.joined(separator: " ")
    }

    // MARK: Reservations

    private func addReservation(
        _ url: String,
        _ values: [NamedValue],
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        let prefix = try Self.prefix(url)
        guard (1...256).contains(values.count) else {
            throw ControlFailure(
                .badValue,
                "Name 1 to 256 users or groups who get a right, as in user=alice."
            )
        }
        var entries: [AccessControlList.Entry] = []
        for value in values {
            guard let entry = AccessControlList.Entry(text: "\(value.name)=\(value.value)"),
                !entry.rights.isEmpty
            else {
                throw ControlFailure(
                    .badValue,
                    "'\(value.name)=\(value.value)' gives nobody a right. Name user:NUMBER, group:NUMBER or "
                        + "everyone, and listen, delegate or both."
                )
            }
            entries.append(entry)
        }
        // Whoever may delegate does not use up what administrators need.
        let keptFree = client.principal.isAdministrator ? 0 : limits.reservationsMax / 10
        guard state.reservations.count < limits.reservationsMax - keptFree else {
            throw ControlFailure(
                .limitReached,
                "The service has \(CountedNoun(state.reservations.count, "reservation")), the limit. Delete some, or raise reservations "
                    + "in [control]."
            )
        }
        let acl = AccessControlList(entries)
        do throws(PrefixTableError) {
            try table.reserve(prefix, acl: acl, by: client.principal)
        } catch {
            throw ControlFailure(error)
        }
        let record = ReservationRecord(prefix: prefix, acl: acl)
        var next = state
        next.reservations.append(record)
        let note: String?
        do throws(ControlFailure) {
            note = try keep(next)
        } catch {
            try? table.unreserve(prefix, by: .administrator)
            throw error
        }
        engine.changeReservations(added: [record], removed: [])
        audit(client, "add urlacl", ([prefix.description] + entries.map(\.text)).joined(separator: " "))
        return note
    }

    private func deleteReservation(_ url: String, _ client: LiveClient) throws(ControlFailure) -> String? {
        let prefix = try Self.prefix(url)
        do throws(PrefixTableError) {
            try table.unreserve(prefix, by: client.principal)
        } catch {
            throw ControlFailure(error)
        }
        var next = state
        guard let index = next.reservations.firstIndex(where: { $0.prefix == prefix }) else {
            preconditionFailure("The table and the state hold the same reservations.")
        }
        let record = next.reservations.remove(at: index)
        let note: String?
        do throws(ControlFailure) {
            note = try keep(next)
        } catch {
            try? table.reserve(record.prefix, acl: record.acl, by: .administrator)
            throw error
        }
        engine.changeReservations(added: [], removed: [prefix])
        audit(client, "delete urlacl", prefix.description)
        return note
    }

    // MARK: Addresses, time-outs, cache parameters

    private static func address(_ text: String) throws(ControlFailure) -> IPAddressLiteral {
        guard let address = IPAddressLiteral(text) else {
            throw ControlFailure(
                .badValue,
                "'\(text)' is no address. Give an IPv4 or IPv6 address without a port, as in 10.0.0.4 or ::1."
            )
        }
        return address
    }

    private func addListenAddress(_ text: String, _ client: LiveClient) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change the listen list")
        let address = try Self.address(text)
        guard !state.listenAddresses.contains(address) else {
            throw ControlFailure(.conflict, "\(address) is in the listen list already.")
        }
        guard state.listenAddresses.count < 256 else {
            throw ControlFailure(.limitReached, "The listen list has 256 addresses, its limit. Delete some.")
        }
        var next = state
        next.listenAddresses.append(address)
        return try keepListenAddresses(next, "add iplisten", address, client)
    }

    private func deleteListenAddress(_ text: String, _ client: LiveClient) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change the listen list")
        let address = try Self.address(text)
        var next = state
        guard let index = next.listenAddresses.firstIndex(of: address) else {
            throw ControlFailure(
                .notFound,
                "\(address) is not in the listen list. 'httpring show iplisten' lists it."
            )
        }
        next.listenAddresses.remove(at: index)
        return try keepListenAddresses(next, "delete iplisten", address, client)
    }

    private func keepListenAddresses(
        _ next: ServiceState,
        _ action: String,
        _ address: IPAddressLiteral,
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        let effect = try engine.setListenAddresses(next.listenAddresses)
        let note: String?
        do throws(ControlFailure) {
            note = try keep(next)
        } catch {
            _ = try? engine.setListenAddresses(state.listenAddresses)
            throw error
        }
        audit(client, action, address.description)
        return Self.note(effect, and: note)
    }

    private static func timeout(_ name: String) throws(ControlFailure) -> ServiceTimeout {
        guard let timeout = ServiceTimeout(rawValue: name) else {
            let names = ServiceTimeout.allCases.map(\.rawValue).joined(separator: " or ")
            throw ControlFailure(.badValue, "There is no time-out '\(name)'. Give \(names).")
        }
        return timeout
    }

    private func setTimeout(
        _ name: String,
        _ value: UInt32,
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change time-outs")
        let timeout = try Self.timeout(name)
        guard let seconds = UInt16(exactly: value), seconds > 0 else {
            throw ControlFailure(.badValue, "\(value) is no time-out. Give 1 to 65535 seconds.")
        }
        var next = state
        next.timeouts[timeout] = seconds
        return try keepTimeouts(next, "add timeout", "\(name) \(seconds)", client)
    }

    private func deleteTimeout(_ name: String, _ client: LiveClient) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change time-outs")
        var next = state
        guard next.timeouts.removeValue(forKey: try Self.timeout(name)) != nil else {
            throw ControlFailure(.notFound, "\(name) is not set; it has the configuration file's value.")
        }
        return try keepTimeouts(next, "delete timeout", name, client)
    }

    private func keepTimeouts(
        _ next: ServiceState,
        _ action: String,
        _ object: String,
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        let note = try keep(next)
        let effect = engine.setTimeouts(next.timeouts)
        audit(client, action, object)
        return Self.note(effect, and: note)
    }

    private static func parameter(_ name: String) throws(ControlFailure) -> CacheParameter {
        guard let parameter = CacheParameter(rawValue: name) else {
            let names = CacheParameter.allCases.map(\.rawValue).joined(separator: " or ")
            throw ControlFailure(.badValue, "There is no cache parameter '\(name)'. Give \(names).")
        }
        return parameter
    }

    private func setCacheParameter(
        _ name: String,
        _ value: UInt32,
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change cache parameters")
        var next = state
        next.cacheParameters[try Self.parameter(name)] = value
        return try keepCacheParameters(next, "add cacheparam", "\(name) \(value)", client)
    }

    private func deleteCacheParameter(_ name: String, _ client: LiveClient) throws(ControlFailure) -> String?
    {
        try requireAdministrator(client, "change cache parameters")
        var next = state
        guard next.cacheParameters.removeValue(forKey: try Self.parameter(name)) != nil else {
            throw ControlFailure(.notFound, "\(name) is not set; it has its default.")
        }
        return try keepCacheParameters(next, "delete cacheparam", name, client)
    }

    private func keepCacheParameters(
        _ next: ServiceState,
        _ action: String,
        _ object: String,
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        let effect = try engine.setCacheParameters(next.cacheParameters)
        let note: String?
        do throws(ControlFailure) {
            note = try keep(next)
        } catch {
            _ = try? engine.setCacheParameters(state.cacheParameters)
            throw error
        }
        audit(client, action, object)
        return Self.note(effect, and: note)
    }

    // MARK: Cache and logs

    func flushCache(_ url: String?, _ recursive: Bool, _ client: LiveClient) throws(ControlFailure) -> String?
    {
        try requireAdministrator(client, "delete stored responses")
        let count = try engine.flushCache(url: url, recursive: recursive)
        audit(client, "delete cache", url ?? "all")
        return "\(CountedNoun(count, "response")) removed."
    }

    func flushLogs(_ client: LiveClient) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "flush logs")
        engine.flushLogs()
        return nil
    }
}
