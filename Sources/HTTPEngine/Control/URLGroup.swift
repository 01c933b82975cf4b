// SPDX-License-Identifier: Apache-2.0

import Synchronization
import URLPrefixes

/// The root of a configuration: what its URL groups inherit.
public final class ServerSession: Sendable {
    /// A number unique in this process.
    public let id: UInt64
    /// Time-outs of groups that set none.
    public let timeouts: TimeoutManager

    /// Makes a session.
    public init(timeouts: TimeoutManager = TimeoutManager()) {
        self.id = Identifiers.next()
        self.timeouts = timeouts
    }
}

/// A set of registered URL prefixes with properties, bound to a request queue.
public final class URLGroup: Sendable {
    /// A number unique in this process; the site id of the logs.
    public let id: UInt64
    /// The session it inherits from.
    public let session: ServerSession
    /// Where its requests go; without one they get 503.
    public let queue: RequestQueue?
    /// Time-outs of its requests.
    public let timeouts: TimeoutManager
    /// The cap on request content, unless a request changes its own.
    public let maxRequestBodySize: Int64?
    /// The group's own count of connections handed over to another protocol; `nil` counts with the server's.
    let upgradePlaces: ConnectionPlaces?

    /// Makes a group.
    ///
    /// - Parameters:
    ///   - session: what it inherits from.
    ///   - queue: where its requests go; without one they get 503.
    ///   - timeouts: `nil` inherits the session's.
    ///   - maxRequestBodySize: the cap on content in bytes, `nil` for none.
    ///   - maxConcurrentUpgradedConnections: how many of its connections and streams may be handed over to another
    ///     protocol at once; `nil` counts them with the server's.
    public init(
        session: ServerSession,
        queue: RequestQueue?,
        timeouts: TimeoutManager? = nil,
        maxRequestBodySize: Int64?,
        maxConcurrentUpgradedConnections: Int? = nil
    ) {
        self.id = Identifiers.next()
        self.session = session
        self.queue = queue
        self.timeouts = timeouts ?? session.timeouts
        self.maxRequestBodySize = maxRequestBodySize
        upgradePlaces = maxConcurrentUpgradedConnections.map { ConnectionPlaces(limit: $0) {} }
    }
}

/// Numbers for sessions, groups and connections.
enum Identifiers {
    private static let last = Atomic<UInt64>(0)

    static func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}

/// What a loop routes by: the compiled table and what its targets stand for.
///
/// Immutable; swapped on change.
final class Routes: Sendable {
    let snapshot: RoutingSnapshot
    let targets: [RouteTarget?]

    init(snapshot: RoutingSnapshot, targets: [RouteTarget?]) {
        self.snapshot = snapshot
        self.targets = targets
    }
}

/// A registered prefix, its group and the application that answers for it at the moment.
final class RouteTarget: Sendable {
    let index: Int32
    /// Counts registrations: another prefix at the same index has another number.
    let registrationCount: UInt32
    let prefix: URLPrefix
    /// The number by which other processes know the prefix.
    let registration: UInt64
    /// The prefix's full form, for logs and the request's information.
    let text: String
    let group: URLGroup
    let queue: RequestQueue?
    let consumer: (any RequestConsumer)?
    /// The same, where it is a queue to other processes.
    let remote: QueueConsumer?
    // What every request of the prefix is given, here so that it costs a load.
    let minSendBytesPerSecond: Int
    let minContentBytesPerSecond: Int
    let contentLimit: Int64
    let limitsConcurrency: Bool

    convenience init(index: Int32, registrationCount: UInt32 = 0, prefix: URLPrefix, group: URLGroup) {
        self.init(
            index: index,
            registrationCount: registrationCount,
            prefix: prefix,
            registration: QueueRegistration.number(of: prefix),
            text: prefix.description,
            group: group
        )
    }

    /// The same registration as it is now: of this group, with the application that its queue has now.
    convenience init(_ old: RouteTarget, group: URLGroup) {
        self.init(
            index: old.index,
            registrationCount: old.registrationCount,
            prefix: old.prefix,
            registration: old.registration,
            text: old.text,
            group: group
        )
    }

    private init(
        index: Int32,
        registrationCount: UInt32,
        prefix: URLPrefix,
        registration: UInt64,
        text: String,
        group: URLGroup
    ) {
        self.index = index
        self.registrationCount = registrationCount
        self.prefix = prefix
        self.registration = registration
        self.text = text
        self.group = group
        self.queue = group.queue
        let consumer = group.queue?.consumer
        self.consumer = consumer
        self.remote = consumer as? QueueConsumer
        minSendBytesPerSecond = group.timeouts.minSendBytesPerSecond
        minContentBytesPerSecond = group.timeouts.minRequestBodyBytesPerSecond
        contentLimit = group.maxRequestBodySize ?? -1
        limitsConcurrency = group.queue?.concurrencyMax != nil
    }
}
