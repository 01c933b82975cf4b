// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import URLPrefixes

// What `show` lists: records, made as they are asked for, in pieces.
extension ControlPlane {
    /// Records in one piece of a listing.
    private static let pieceCount = 200

    func show(_ topic: ControlTopic, _ key: String?, _ client: LiveClient) throws(ControlFailure)
        -> ControlReply
    {
        switch topic {
        case .reservation: return try showReservations(key)
        case .certificate:
            try requireAdministrator(client, "see certificate bindings")
            return try showCertificates(key)
        case .listenAddress:
            return Self.pieces(of: state.listenAddresses) { .record(["address": .text($0.description)]) }
        case .timeout:
            return Self.pieces(of: ServiceTimeout.allCases) { [self] in record(of: $0) }
        case .cacheParameter:
            return Self.pieces(of: CacheParameter.allCases) { [state] parameter in
                .record([
                    "name": .text(parameter.rawValue), "label": .text(parameter.label),
                    "value": state.cacheParameters[parameter].map { .number(UInt64($0)) } ?? .none,
                ])
            }
        case .queue: return try showQueues(key, client)
        case .serviceState: return try showServiceState(key, client)
        case .cacheState:
            try requireAdministrator(client, "see stored responses")
            return Self.pieces(of: try engine.cachedResponses(url: key)) { $0 }
        case .statistics:
            try requireAdministrator(client, "see the service's counters")
            return Self.pieces(of: [engine.statistics]) { [self] in record(of: $0) }
        }
    }

    private static func pieces<Element>(
        of elements: [Element],
        _ record: @escaping (Element) -> ControlValue?
    ) -> ControlReply {
        var position = 0
        return .listing {
            guard position < elements.count else { return nil }
            let end = min(position + pieceCount, elements.count)
            defer { position = end }
            return elements[position..<end].compactMap(record)
        }
    }

    // MARK: What operators set

    private func showReservations(_ url: String?) throws(ControlFailure) -> ControlReply {
        guard let url else { return Self.pieces(of: state.reservations) { Self.record(of: $0) } }
        let prefix = try Self.prefix(url)
        guard let record = state.reservations.first(where: { $0.prefix == prefix }) else {
            throw ControlFailure(
                .notFound,
                "The prefix '\(prefix)' is not reserved. 'httpring show urlacl' lists all reservations."
            )
        }
        return Self.pieces(of: [record]) { Self.record(of: $0) }
    }

    private static func record(of reservation: ReservationRecord) -> ControlValue {
        let rules = reservation.acl.entries.map { entry -> ControlValue in
            .record([
                "subject": .text(entry.subject.text),
                "listen": .flag(entry.rights.contains(.listen)),
                "delegate": .flag(entry.rights.contains(.delegate)),
            ])
        }
        return .record(["url": .text(reservation.prefix.description), "users": .list(rules)])
    }

    private func showCertificates(_ key: String?) throws(ControlFailure) -> ControlReply {
        var bindings = state.certificates
        if let key {
            bindings = bindings.filter { $0.key == CertificateKey(key) }
            guard !bindings.isEmpty else {
                throw ControlFailure(
                    .notFound,
                    "There is no binding for '\(key)'. 'httpring show sslcert' lists those there are."
                )
            }
        }
        return Self.pieces(of: bindings) { binding in
            var members = [
                ControlValue.Member("kind", .text(binding.key.kind)),
                ControlValue.Member("key", .text(binding.key.value)),
            ]
            for option in CertificateSwitch.all {
                let value = binding.value(of: option)
                members.append(ControlValue.Member(option.name, value.isEmpty ? .none : .text(value)))
            }
            members.append(
                ControlValue.Member("given", .list(binding.values.keys.sorted().map { .text($0) }))
            )
            return .record(members)
        }
    }

    private func record(of timeout: ServiceTimeout) -> ControlValue {
        let standard: Duration =
            switch timeout {
            case .idleConnection: standardTimeouts.idleConnection
            case .headerWait: standardTimeouts.headerWait
            }
        let set = state.timeouts[timeout]
        return .record([
            "name": .text(timeout.rawValue), "label": .text(timeout.label),
            "seconds": .number(set.map { UInt64($0) } ?? UInt64(max(0, standard.components.seconds))),
            "isSet": .flag(set != nil),
        ])
    }

    // MARK: What is alive

    /// Whether a client may see a queue: it is open to it, or everything is.
    private func maySee(_ queue: LiveQueue, _ client: LiveClient) -> Bool {
        client.principal.isAdministrator || queue.ownerID == client.identity.userID
            || queue.openers[client.id] != nil
    }

    private func showQueues(_ name: String?, _ client: LiveClient) throws(ControlFailure) -> ControlReply {
        var visible = queues.values.filter { maySee($0, client) }.sorted { $0.id < $1.id }
        if let name {
            visible = visible.filter { $0.settings.name == name }
            guard !visible.isEmpty else { throw Self.noQueue(name) }
        }
        let traffic = trafficOfQueues()
        return Self.pieces(of: visible.map(\.id)) { [self] id in
            queues[id].map { record(of: $0, traffic[id]) }
        }
    }

    private func showServiceState(_ view: String?, _ client: LiveClient) throws(ControlFailure)
        -> ControlReply
    {
        guard ["session", "requestq", nil].contains(view) else {
            throw ControlFailure(.badValue, "There is no view '\(view ?? "")'. Give session or requestq.")
        }
        let uid = client.identity.userID
        let visible = sessions.values.filter { session in
            client.principal.isAdministrator
                || session.client.flatMap { clients[$0]?.identity.userID } == uid
        }
        let queueIDs = queues.values.filter { maySee($0, client) }.map(\.id).sorted()
        let objects = visible.map(\.id).sorted().map { ($0, true) } + queueIDs.map { ($0, false) }
        let traffic = trafficOfQueues()
        return Self.pieces(of: objects) { [self] id, isSession in
            isSession ? sessions[id].map { record(of: $0) } : queues[id].map { record(of: $0, traffic[id]) }
        }
    }

    private func record(of session: LiveSession) -> ControlValue {
        let identity = session.client.flatMap { clients[$0]?.identity }
        return .record([
            "kind": .text("session"),
            "sessionId": .number(session.id),
            "version": .text("2.0"),
            "state": .text(session.isActive ? "Active" : "Inactive"),
            "processId": identity.map { .count(Int($0.processID)) } ?? .none,
            "userId": identity.map { .number(UInt64($0.userID)) } ?? .none,
            "timeouts": Self.record(of: session.timers, standardTimeouts),
            "urlGroups": .list(session.groups.compactMap { groups[$0].map { record(of: $0) } }),
        ])
    }

    private func record(of group: LiveGroup) -> ControlValue {
        let queue = group.queue.flatMap { queues[$0] }
        return .record([
            "groupId": .number(group.id),
            "sessionId": .number(group.session),
            "state": .text(group.isActive ? "Active" : "Inactive"),
            "queueId": queue.map { .number($0.id) } ?? .none,
            "queueName": .optional(queue?.settings.name),
            "timeouts": group.timers.isEmpty ? .none : Self.record(of: group.timers, nil),
            "urls": .list(group.prefixes.map { .text($0.description) }),
        ])
    }

    /// Six time-outs: those set, else the standard's, else 0 for those that are inherited.
    private static func record(
        of timers: [GroupTimer: UInt32],
        _ standard: TimeoutManager?
    ) -> ControlValue {
        .record(
            GroupTimer.allCases.map { timer in
                let value = timers[timer].map { UInt64($0) } ?? standard?.value(of: timer) ?? 0
                return ControlValue.Member(timer.rawValue, .number(value))
            }
        )
    }

    private func record(of queue: LiveQueue, _ traffic: QueueTraffic?) -> ControlValue {
        let waiting = engine.waitingCount(ofQueue: queue.id)
        let definition = queue.isDefined ? state.queues.first { $0.name == queue.settings.name } : nil
        let processes = queue.attached.sorted().compactMap { clients[$0]?.identity }
        return .record([
            "kind": .text("queue"),
            "queueId": .number(queue.id),
            "name": .text(queue.settings.name),
            "version": .text("2.0"),
            "state": .text(queue.settings.isActive ? "Active" : "Inactive"),
            "verbosity": .text(queue.settings.verbosity.text),
            "maxRequests": .count(queue.settings.lengthMax),
            "waiting": .count(waiting),
            "inProgress": .count(max(0, (traffic?.inProgress ?? 0) - waiting)),
            "requests": .number(traffic?.requests ?? 0),
            "ownerId": queue.ownerID.map { .number(UInt64($0)) } ?? .none,
            "isDefined": .flag(queue.isDefined),
            "unit": .optional(definition?.unit),
            "startupSeconds": definition.map { .count($0.startupSeconds) } ?? .none,
            "idleSeconds": definition.map { .count($0.idleSeconds) } ?? .none,
            "pingSeconds": definition.map { .count($0.pingSeconds) } ?? .none,
            "access": .list(queue.access.map { .text($0.text) }),
            "urls": .list((definition?.prefixes ?? []).map { .text($0.description) }),
            "processIds": .list(processes.map { .count(Int($0.processID)) }),
            "urlGroups": .list(
                groups.values.filter { $0.queue == queue.id }.sorted { $0.id < $1.id }.map { record(of: $0) }
            ),
        ])
    }

    /// Queues and prefixes that `show statistics` lists at most, those with the most requests.
    private static let listedCountMax = 1000

    private func record(of statistics: EngineStatistics) -> ControlValue {
        let traffic = engine.prefixTraffic(resetsLongest: true)
        let byQueue = trafficOfQueues(traffic)
        let busiest = traffic.sorted { $0.requests > $1.requests }.prefix(Self.listedCountMax)
        return .record([
            "connectionsOpen": .count(statistics.connectionsOpen),
            "connectionsAccepted": .number(statistics.connectionsAccepted),
            "requests": .number(statistics.requestsTotal),
            "requestsInProgress": .count(statistics.requestsInProgress),
            "cacheHits": .number(statistics.cacheHits),
            "refusals": .number(statistics.refusals),
            "rejections": .number(statistics.requestsRejected),
            "bytesReceived": .number(statistics.bytesReceived),
            "bytesSent": .number(statistics.bytesSent),
            "timeouts": .number(statistics.timeouts),
            "logRecordsDropped": .number(statistics.logRecordsDropped),
            "controlConnections": .count(clients.count),
            "registrations": .count(groupOfPrefix.count),
            "reservations": .count(state.reservations.count),
            "queues": .list(
                queues.values.sorted { $0.id < $1.id }.prefix(Self.listedCountMax).map { queue in
                    let waiting = engine.waitingCount(ofQueue: queue.id)
                    let inProgress = (byQueue[queue.id]?.inProgress ?? 0) - waiting
                    return .record([
                        "name": .text(queue.settings.name), "queueId": .number(queue.id),
                        "waiting": .count(waiting), "inProgress": .count(max(0, inProgress)),
                        "maxRequests": .count(queue.settings.lengthMax),
                        "processes": .count(queue.attached.count),
                    ])
                }
            ),
            "prefixes": .list(
                busiest.map { prefix in
                    .record([
                        "url": .text(prefix.prefix.description),
                        "requests": .number(prefix.requests),
                        "inProgress": .count(prefix.inProgress),
                        "microseconds": .number(prefix.nanoseconds / 1000),
                        "microsecondsMax": .number(prefix.nanosecondsMax / 1000),
                    ])
                }
            ),
        ])
    }
}

extension TimeoutManager {
    /// The value of one time-out or rate, in whole seconds or bytes a second.
    func value(of timer: GroupTimer) -> UInt64 {
        let duration: Duration
        switch timer {
        case .entityBody: duration = entityBody
        case .drainEntityBody: duration = drainEntityBody
        case .requestQueue: duration = requestQueue
        case .idleConnection: duration = idleConnection
        case .headerWait: duration = headerWait
        case .minSendRate: return UInt64(max(0, minSendBytesPerSecond))
        }
        return UInt64(max(0, duration.components.seconds))
    }
}
