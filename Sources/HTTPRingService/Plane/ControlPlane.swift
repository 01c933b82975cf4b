// SPDX-License-Identifier: Apache-2.0

public import HTTPEngine
import URLPrefixes

/// What the plane answers: one message, or a listing in pieces.
public enum ControlReply {
    /// One answer, with descriptors that go along.
    case answer(ControlAnswer, [PassedDescriptor] = [])
    /// A listing: called for the next records until it returns `nil`.
    case listing(next: () -> [ControlValue]?)
}

/// A change that was made, for the audit log.
public struct AuditRecord: Sendable, Hashable, CustomStringConvertible {
    /// Who made it; `nil` for the service itself.
    public let identity: PeerIdentity?
    /// What was done, as `add urlacl`.
    public let action: String
    /// To what.
    public let object: String
    /// What came of it: `ok`, or why it was refused.
    public let outcome: String

    /// The record as one line; what clients wrote stands in quotation marks and cannot end it.
    public var description: String {
        let user = identity.map { "\($0.userID)" } ?? "-"
        let process = identity.map { "\($0.processID)" } ?? "-"
        return
            "audit: uid=\(user) pid=\(process) action=\(Self.quoted(action)) object=\(Self.quoted(object)) "
            + "outcome=\(Self.quoted(outcome))"
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _
            where scalar.properties.generalCategory == .control || scalar.value == 0x2028
                || scalar.value == 0x2029:
                quoted += "\\u{\(String(scalar.value, radix: 16))}"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// The rules of the service: who may reserve, register, open and change what, and what becomes of it.
///
/// Control thread only. No clock, no sockets: clients come and go by calls, the engine is behind a protocol, and
/// what happens is told by calls.
public final class ControlPlane {
    /// What is told to clients unasked, and to the log.
    public struct Listeners {
        /// A line for the audit log.
        public var audit: (AuditRecord) -> Void = { _ in }
        /// An event for a client.
        public var event: (ClientID, ControlEvent, UInt64) -> Void = { _, _, _ in }
        /// A client is to be parted from, with the reason.
        public var disconnect: (ClientID, ControlFailure) -> Void = { _, _ in }

        /// Makes listeners that do nothing.
        public init() {}
    }

    let engine: any EngineControl
    let attacher: (any QueueAttacher)?
    let activator: (any QueueActivator)?
    let store: StateStore
    var limits: ControlLimits
    var administratorsGroup: UInt32?
    /// The configuration's time-outs, shown where none is set.
    public var standardTimeouts = TimeoutManager()
    /// Where audit lines and events go.
    public var listeners = Listeners()

    /// What operators set.
    public internal(set) var state: ServiceState
    var table = PrefixTable()
    /// The group of each registered prefix.
    var groupOfPrefix: [URLPrefix: UInt64] = [:]
    /// Groups of other processes of the same queue that have registered a prefix too, in that order.
    var sharers: [URLPrefix: [UInt64]] = [:]
    /// The queues that clients hand requests on to, by name, with the numbers they know them by.
    var delegations: [ClientID: [String: UInt64]] = [:]
    var clients: [ClientID: LiveClient] = [:]
    var sessions: [UInt64: LiveSession] = [:]
    var groups: [UInt64: LiveGroup] = [:]
    var queues: [UInt64: LiveQueue] = [:]
    var queueOfName: [String: UInt64] = [:]
    /// Monotonic milliseconds, as of the last tick.
    var now: UInt64 = 0
    private var lastID: UInt64 = 0

    /// Makes a plane.
    ///
    /// - Parameters:
    ///   - state: the state as it was loaded from `store`.
    ///   - store: where changes are kept.
    ///   - engine: what carries them out.
    ///   - limits: what clients may hold.
    ///   - administratorsGroup: the group whose members may do what root may.
    ///   - attacher: what hands requests to applications; without one nobody can attach.
    ///   - activator: what starts applications; without one they start themselves.
    public init(
        state: ServiceState,
        store: StateStore,
        engine: any EngineControl,
        limits: ControlLimits = ControlLimits(),
        administratorsGroup: UInt32? = nil,
        attacher: (any QueueAttacher)? = nil,
        activator: (any QueueActivator)? = nil
    ) {
        self.state = state
        self.store = store
        self.engine = engine
        self.limits = limits
        self.administratorsGroup = administratorsGroup
        self.attacher = attacher
        self.activator = activator
    }

    /// Hands the state to the engine and opens the defined queues.
    ///
    /// - Returns: what could not be done, each with what to do; the service runs without it.
    public func start() -> [ControlFailure] {
        var failures: [ControlFailure] = []
        if let table = store.takeTable() {
            self.table = table
        } else {
            for record in state.reservations {
                do throws(PrefixTableError) {
                    try table.reserve(record.prefix, acl: record.acl, by: .administrator)
                } catch {
                    failures.append(ControlFailure(error))
                }
            }
        }
        engine.startReservations(table)
        _ = engine.setTimeouts(state.timeouts)
        do throws(ControlFailure) { _ = try engine.setListenAddresses(state.listenAddresses) } catch {
            failures.append(error)
        }
        do throws(ControlFailure) { _ = try engine.setCacheParameters(state.cacheParameters) } catch {
            failures.append(error)
        }
        do throws(ControlFailure) { _ = try engine.setCertificates(state.certificates) } catch {
            failures.append(error)
        }
        for definition in state.queues { failures += openDefined(definition) }
        return failures
    }

    /// A number that no object had before.
    func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }

    // MARK: Clients

    /// A client connected.
    ///
    /// - Throws: when its user, or everybody, has as many connections as allowed; it is to be turned away.
    public func connected(_ identity: PeerIdentity) throws(ControlFailure) -> ClientID {
        let principal = identity.principal(administratorsGroup: administratorsGroup)
        let sameUser = clients.values.count { $0.identity.userID == identity.userID }
        // Whoever floods the socket does not keep administrators out.
        let connectionsMax = limits.connectionsMax - (principal.isAdministrator ? 0 : 8)
        guard sameUser < limits.connectionsPerUser, clients.count < connectionsMax else {
            throw ControlFailure(
                .limitReached,
                "User \(identity.userID) has \(sameUser) of \(limits.connectionsPerUser) control connections, all "
                    + "users have \(clients.count) of \(limits.connectionsMax). Close some, or raise "
                    + "connections-per-user or connections in [control]."
            )
        }
        let id = nextID()
        clients[id] = LiveClient(id: id, identity: identity, principal: principal)
        return id
    }

    /// A client is gone: everything it had is closed.
    public func disconnected(_ client: ClientID) {
        for session in sessions.values.filter({ $0.client == client }) { closeSession(session.id) }
        for queue in queues.values.filter({ $0.openers[client] != nil }) { leave(queue.id, client) }
        if delegations.removeValue(forKey: client) != nil { attacher?.endDelegations(client: client) }
        clients[client] = nil
    }

    // MARK: Requests

    /// Does what a client asks.
    ///
    /// - Parameters:
    ///   - request: the request.
    ///   - client: who asks.
    ///   - descriptors: what came along.
    /// - Returns: what to answer.
    public func handle(
        _ request: ControlRequest,
        from client: ClientID,
        descriptors: [PassedDescriptor] = []
    ) -> ControlReply {
        guard let client = clients[client] else {
            preconditionFailure("A request comes from a client that has connected.")
        }
        do throws(ControlFailure) {
            return try perform(request, client, descriptors)
        } catch {
            if let (action, object) = request.audited {
                let outcome = "refused: \(error.words)"
                listeners.audit(
                    AuditRecord(identity: client.identity, action: action, object: object, outcome: outcome)
                )
            }
            return .answer(.failed(error))
        }
    }

    private func perform(
        _ request: ControlRequest,
        _ client: LiveClient,
        _ descriptors: [PassedDescriptor]
    ) throws(ControlFailure) -> ControlReply {
        switch request {
        case .add(let topic, let key, let values): .answer(.done(try add(topic, key, values, client)))
        case .update(let topic, let key, let values): .answer(.done(try update(topic, key, values, client)))
        case .delete(let topic, let key): .answer(.done(try delete(topic, key, client)))
        case .show(let topic, let key): try show(topic, key, client)
        case .flushCache(let url, let recursive): .answer(.done(try flushCache(url, recursive, client)))
        case .flushLogs: .answer(.done(try flushLogs(client)))
        case .recycle(let queue): .answer(.done(try recycle(queue, client)))
        case .createSession: .answer(.object(createSession(client)))
        case .createGroup(let session): .answer(.object(try createGroup(session, client)))
        case .openQueue(let name, let mode, let isController, let access):
            .answer(.object(try openQueue(name, mode, isController, access, client)))
        case .close(let object): .answer(.done(try close(object, client)))
        case .bind(let group, let queue): .answer(.done(try bind(group, queue, client)))
        case .register(let group, let url): .answer(.registered(try register(url, group, client)))
        case .unregister(let group, let url): .answer(.done(try unregister(url, group, client)))
        case .setProperties(let object, let values):
            .answer(.done(try setProperties(object, values, client)))
        case .attach(let queue, let payload): try attach(queue, payload, descriptors, client)
        case .drain(let queue): .answer(.done(try drain(queue, client)))
        case .pong(let queue): .answer(.done(try pong(queue, client)))
        case .delegation(let target): .answer(.object(try delegation(target, client)))
        }
    }

    func audit(_ client: LiveClient?, _ action: String, _ object: String) {
        listeners.audit(
            AuditRecord(identity: client?.identity, action: action, object: object, outcome: "ok")
        )
    }

    func requireAdministrator(_ client: LiveClient, _ what: String) throws(ControlFailure) {
        guard client.principal.isAdministrator else {
            throw ControlFailure(
                .accessDenied,
                "User \(client.identity.userID) may not \(what). Do it as root"
                    + (administratorsGroup.map { ", or as a member of group \($0)." } ?? ".")
            )
        }
    }

    /// Keeps a changed state.
    ///
    /// - Returns: what the operator should know, if anything.
    func keep(_ next: ServiceState) throws(ControlFailure) -> String? {
        do throws(StateStoreError) {
            try store.save(next)
        } catch {
            guard error.isApplied else { throw ControlFailure(.stateNotSaved, error.description) }
            state = next
            return error.description
        }
        state = next
        return nil
    }
}

extension ControlFailure {
    init(_ error: PrefixTableError) {
        let code: Code =
            switch error.code {
            case .alreadyExists, .schemeConflict: .conflict
            case .accessDenied: .accessDenied
            case .notFound: .notFound
            case .portZero: .badPrefix
            default: .limitReached
            }
        self.init(code, error.description)
    }
}

extension ControlRequest {
    /// Under what name the request is written to the audit log when it is refused; `nil` for those that only read.
    var audited: (action: String, object: String)? {
        switch self {
        case .add(let topic, let key, _): ("add \(topic.word)", key)
        case .update(let topic, let key, _): ("update \(topic.word)", key)
        case .delete(let topic, let key): ("delete \(topic.word)", key)
        case .flushCache(let url, _): ("delete cache", url ?? "all")
        case .recycle(let queue): ("recycle", queue)
        case .register(_, let url): ("register", url)
        case .openQueue(let name, _, _, _): ("open queue", name)
        case .attach(let queue, _): ("attach", "\(queue)")
        case .delegation(let target): ("delegate to", target)
        case .show, .flushLogs, .createSession, .createGroup, .close, .bind, .unregister, .setProperties,
            .drain, .pong:
            nil
        }
    }
}

extension ControlTopic {
    /// The topic's word on the command line.
    public var word: String {
        switch self {
        case .reservation: "urlacl"
        case .certificate: "sslcert"
        case .listenAddress: "iplisten"
        case .timeout: "timeout"
        case .cacheParameter: "cacheparam"
        case .queue: "queue"
        case .serviceState: "servicestate"
        case .cacheState: "cachestate"
        case .statistics: "statistics"
        }
    }
}
