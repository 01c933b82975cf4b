// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPRingService
import Testing
import URLPrefixes

/// An engine that does nothing but note what it was told, and refuses what it is told to refuse.
final class FakeEngine: EngineControl {
    var queues: [UInt64: QueueSettings] = [:]
    var groups: [UInt64: GroupSettings] = [:]
    var groupOfPrefix: [URLPrefix: UInt64] = [:]
    var reservations: Set<URLPrefix> = []
    var timeouts: [ServiceTimeout: UInt16] = [:]
    var listenAddresses: [IPAddressLiteral] = []
    var certificates: [CertificateBinding] = []
    var failure: ControlFailure?
    var waiting = 0
    var traffic: [PrefixTraffic] = []

    private func check() throws(ControlFailure) { if let failure { throw failure } }

    func openQueue(_ id: UInt64, _ settings: QueueSettings) { queues[id] = settings }

    func updateQueue(_ id: UInt64, _ settings: QueueSettings) { queues[id] = settings }

    func takeOffline(_ id: UInt64) { queues[id]?.isActive = false }

    func closeQueue(_ id: UInt64) { queues[id] = nil }

    func setGroup(_ id: UInt64, _ settings: GroupSettings) { groups[id] = settings }

    func closeGroup(_ id: UInt64) { groups[id] = nil }

    func register(_ prefix: URLPrefix, group: UInt64) throws(ControlFailure) -> URLPrefix {
        try check()
        groupOfPrefix[prefix] = group
        return prefix
    }

    func assign(_ prefix: URLPrefix, group: UInt64) { groupOfPrefix[prefix] = group }

    func unregister(_ prefix: URLPrefix) { groupOfPrefix[prefix] = nil }

    func startReservations(_ table: PrefixTable) {}

    func changeReservations(added: [ReservationRecord], removed: [URLPrefix]) {
        reservations.formUnion(added.map(\.prefix))
        reservations.subtract(removed)
    }

    func setTimeouts(_ timeouts: [ServiceTimeout: UInt16]) -> SettingEffect {
        self.timeouts = timeouts
        return .immediate
    }

    func setListenAddresses(_ addresses: [IPAddressLiteral]) throws(ControlFailure) -> SettingEffect {
        try check()
        listenAddresses = addresses
        return .newRegistrations
    }

    func setCacheParameters(_ parameters: [CacheParameter: UInt32]) throws(ControlFailure) -> SettingEffect {
        try check()
        return .nextStart
    }

    func setCertificates(_ bindings: [CertificateBinding]) throws(ControlFailure) -> SettingEffect {
        try check()
        certificates = bindings
        return .immediate
    }

    func reloadCertificates() throws(ControlFailure) -> Bool { false }
    func flushCache(url: String?, recursive: Bool) throws(ControlFailure) -> Int { 7 }
    func flushLogs() {}
    var statistics: EngineStatistics { EngineStatistics() }
    func waitingCount(ofQueue id: UInt64) -> Int { waiting }
    func prefixTraffic(resetsLongest: Bool) -> [PrefixTraffic] { traffic }
    func cachedResponses(url: String?) throws(ControlFailure) -> [ControlValue] { [] }
}

/// What hands requests to nobody, and notes who attached.
final class FakeAttacher: QueueAttacher {
    var attached: [ClientID] = []
    var detached: [ClientID] = []

    func attach(
        client: ClientID,
        queue: UInt64,
        identity: PeerIdentity,
        payload: [UInt8],
        descriptors: [PassedDescriptor]
    ) throws(ControlFailure) -> (payload: [UInt8], descriptors: [PassedDescriptor]) {
        attached.append(client)
        return (payload.reversed(), descriptors)
    }

    func detach(client: ClientID, queue: UInt64) { detached.append(client) }

    func drain(client: ClientID, queue: UInt64) {}

    var delegations: [ClientID: [UInt64: UInt64]] = [:]

    func setDelegation(client: ClientID, number: UInt64, queue: UInt64?) {
        delegations[client, default: [:]][number] = queue
    }

    func endDelegations(client: ClientID) { delegations[client] = nil }
}

/// What starts nothing, and notes what it was asked to.
final class FakeActivator: QueueActivator {
    var started: [String] = []

    func start(_ queue: QueueDefinition) throws(ControlFailure) { started.append(queue.name) }
}

/// A control plane over fakes, with clients of several users.
final class PlaneFixture {
    let engine = FakeEngine()
    let attacher = FakeAttacher()
    let activator = FakeActivator()
    let files: MemoryStateFiles
    let plane: ControlPlane
    var audit: [AuditRecord] = []
    var events: [(ClientID, ControlEvent)] = []
    var parted: [ClientID] = []

    init(_ state: ServiceState = ServiceState(), limits: ControlLimits = ControlLimits()) throws {
        files = MemoryStateFiles("/var/state", state.rendered())
        let store = StateStore(path: "/var/state", files: files)
        plane = ControlPlane(
            state: try store.load(),
            store: store,
            engine: engine,
            limits: limits,
            administratorsGroup: 500,
            attacher: attacher,
            activator: activator
        )
        plane.listeners.audit = { [unowned self] in audit.append($0) }
        plane.listeners.event = { [unowned self] client, event, _ in events.append((client, event)) }
        plane.listeners.disconnect = { [unowned self] client, _ in parted.append(client) }
        let failures = plane.start()
        precondition(failures.isEmpty, "The state of a test is right.")
    }

    /// Connects a user; 0 is root.
    func client(_ user: UInt32, groups: [UInt32] = []) throws -> ClientID {
        try plane.connected(PeerIdentity(processID: 100, userID: user, groupIDs: groups))
    }

    /// Asks; a refusal is the code of the failure.
    func ask(_ request: ControlRequest, _ client: ClientID) -> ControlFailure.Code? {
        if case .answer(.failed(let failure), _) = plane.handle(request, from: client) { return failure.code }
        return nil
    }

    /// Asks for an object and returns its number.
    func object(_ request: ControlRequest, _ client: ClientID) throws -> UInt64 {
        switch plane.handle(request, from: client) {
        case .answer(.object(let number), _): return number
        case .answer(.failed(let failure), _): throw failure
        default: throw ControlFailure(.badMessage, "no object")
        }
    }

    /// A group bound to a queue of the client's.
    func group(
        _ client: ClientID,
        queue name: String = "",
        _ mode: QueueOpeningMode = .create,
        access: [String] = []
    ) throws -> UInt64 {
        let opening = ControlRequest.openQueue(name: name, mode: mode, isController: false, access: access)
        let queue = try object(opening, client)
        let group = try object(.createGroup(session: try object(.createSession, client)), client)
        #expect(ask(.bind(group: group, queue: queue), client) == nil)
        return group
    }

    /// All records of a listing.
    func records(_ topic: ControlTopic, key: String? = nil, _ client: ClientID) -> [ControlValue] {
        guard case .listing(let next) = plane.handle(.show(topic, key: key), from: client) else { return [] }
        var records: [ControlValue] = []
        while let piece = next() { records += piece }
        return records
    }

    /// What a start would find now.
    func savedState() throws -> ServiceState {
        try ServiceState.parse(files.contents("/var/state") ?? [], file: "state")
    }
}

/// A reservation for subjects, each with the right to listen unless said otherwise.
func reserve(_ url: String, _ subjects: [String], _ rights: String = "listen") -> ControlRequest {
    .add(.reservation, key: url, values: subjects.map { NamedValue($0, rights) })
}
