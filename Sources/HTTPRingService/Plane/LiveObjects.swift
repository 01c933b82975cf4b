// SPDX-License-Identifier: Apache-2.0

public import HTTPEngine
import URLPrefixes

/// The number of a control connection.
public typealias ClientID = UInt64

/// A time-out or rate that a session or URL group may set, in seconds or bytes a second.
///
/// Source: HTTP Server API, `HTTP_TIMEOUT_LIMIT_INFO`.
public enum GroupTimer: String, Sendable, CaseIterable {
    /// No byte of content for so long.
    case entityBody = "entitybody"
    /// The rest of unread content.
    case drainEntityBody = "drainentitybody"
    /// In the queue.
    case requestQueue = "requestqueue"
    /// Between requests.
    case idleConnection = "idleconnection"
    /// Until the head is whole.
    case headerWait = "headerwait"
    /// The slowest sending.
    case minSendRate = "minsendrate"

    /// Its label in listings.
    public var label: String {
        switch self {
        case .entityBody: "Entity body timeout (secs)"
        case .drainEntityBody: "Drain entity body timeout (secs)"
        case .requestQueue: "Request queue timeout (secs)"
        case .idleConnection: "Idle connection timeout (secs)"
        case .headerWait: "Header wait timeout (secs)"
        case .minSendRate: "Minimum send rate (bytes/sec)"
        }
    }

    /// The value that switches it off.
    public var offValue: UInt32 { self == .minSendRate ? .max : 65535 }
}

/// What the engine is told of a request queue.
public struct QueueSettings: Sendable, Hashable {
    /// Its name; empty for one that nobody else can open.
    public var name: String
    /// Requests that may wait in it.
    public var lengthMax = 1000
    /// What a client sees of a refused request.
    public var verbosity = Verbosity503.limited
    /// Whether it takes requests; off, they get 503.
    public var isActive = true

    /// Makes settings with the defaults.
    public init(name: String) { self.name = name }
}

/// What the engine is told of a URL group.
public struct GroupSettings: Sendable, Hashable {
    /// The queue its requests go to; `nil` gives them 503.
    public var queue: UInt64?
    /// Time-outs of its own or its session's; those left out are the service's.
    public var timers: [GroupTimer: UInt32] = [:]

    /// Makes settings of a group without a queue.
    public init() {}
}

/// A configuration root of one client.
struct LiveSession {
    let id: UInt64
    /// `nil` for the service's own, which holds the groups of defined queues.
    let client: ClientID?
    var timers: [GroupTimer: UInt32] = [:]
    var isActive = true
    var groups: [UInt64] = []
}

/// A set of registered prefixes of one client.
struct LiveGroup {
    let id: UInt64
    let session: UInt64
    let client: ClientID?
    var queue: UInt64?
    var timers: [GroupTimer: UInt32] = [:]
    var isActive = true
    var prefixes: [URLPrefix] = []
}

/// A request queue with those who have it open.
struct LiveQueue {
    /// What a client may do with a queue.
    enum Role: Sendable { case creator, worker, controller }

    let id: UInt64
    var settings: QueueSettings
    /// The user who made it; `nil` for a defined queue.
    let ownerID: UInt32?
    var access: [AccessControlList.Subject]
    var openers: [ClientID: Role] = [:]
    /// Those who take requests.
    var attached: Set<ClientID> = []
    /// Those who drain once somebody else is attached.
    var leaving: Set<ClientID> = []
    var isDefined: Bool
    /// Whether its controllers have been told that a request waits for a process.
    var hasDemanded = false
    /// How its processes fare, where it is defined.
    var life = WorkerLife()
    /// The service's own group with the defined queue's prefixes.
    var group: UInt64?

    /// Whether somebody takes requests, and goes on taking them.
    var hasWorker: Bool { !attached.isSubset(of: life.retired) }
}

/// A control connection with who it is.
struct LiveClient {
    let id: ClientID
    let identity: PeerIdentity
    let principal: Principal
}
