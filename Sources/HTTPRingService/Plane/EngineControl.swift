// SPDX-License-Identifier: Apache-2.0

public import HTTPEngine
public import URLPrefixes

/// When a change of a service-wide setting takes effect.
public enum SettingEffect: Sendable, Hashable {
    /// At once.
    case immediate
    /// For what is registered from now on.
    case newRegistrations
    /// When the service starts the next time.
    case nextStart
}

/// What the control plane asks of the engine.
///
/// Control thread only; calls may block it for some milliseconds. The plane has checked rights and names before,
/// and gives every session, group and queue its number.
public protocol EngineControl: AnyObject {
    /// Makes a request queue.
    func openQueue(_ id: UInt64, _ settings: QueueSettings)
    /// Changes a request queue; what waits in it stays there.
    func updateQueue(_ id: UInt64, _ settings: QueueSettings)
    /// Refuses the requests of a queue, those that wait too, until it is changed.
    func takeOffline(_ id: UInt64)
    /// Closes a request queue; what waits in it gets 503.
    func closeQueue(_ id: UInt64)
    /// Makes a URL group, or changes it without a gap for its prefixes.
    func setGroup(_ id: UInt64, _ settings: GroupSettings)
    /// Forgets a group that has no prefix left.
    func closeGroup(_ id: UInt64)
    /// Routes a prefix to a group and listens for it.
    ///
    /// - Returns: the prefix with the port it got.
    func register(_ prefix: URLPrefix, group: UInt64) throws(ControlFailure) -> URLPrefix
    /// Routes a registered prefix to another group from now on, without a gap.
    func assign(_ prefix: URLPrefix, group: UInt64)
    /// Takes a registration back.
    func unregister(_ prefix: URLPrefix)
    /// The reservations there are at the start, in a table that holds nothing else.
    func startReservations(_ table: PrefixTable)
    /// Reservations came or went.
    func changeReservations(added: [ReservationRecord], removed: [URLPrefix])
    /// Sets the service-wide time-outs, in seconds; those left out are the configuration's.
    func setTimeouts(_ timeouts: [ServiceTimeout: UInt16]) -> SettingEffect
    /// Sets the addresses that wildcards and names listen on; none is all.
    func setListenAddresses(_ addresses: [IPAddressLiteral]) throws(ControlFailure) -> SettingEffect
    /// Sets the cache's parameters.
    func setCacheParameters(_ parameters: [CacheParameter: UInt32]) throws(ControlFailure) -> SettingEffect
    /// Sets the certificate bindings.
    ///
    /// - Throws: for a certificate that cannot be used; those before stay in use then.
    func setCertificates(_ bindings: [CertificateBinding]) throws(ControlFailure) -> SettingEffect
    /// Reads changed certificate files again; returns whether there were any.
    func reloadCertificates() throws(ControlFailure) -> Bool
    /// Removes stored responses and returns how many.
    func flushCache(url: String?, recursive: Bool) throws(ControlFailure) -> Int
    /// Writes out what the logs hold.
    func flushLogs()
    /// Sums of all counters.
    var statistics: EngineStatistics { get }
    /// Requests that wait in a queue.
    func waitingCount(ofQueue id: UInt64) -> Int
    /// What the requests of each registered prefix came to; with `resetsLongest` the longest times begin anew.
    func prefixTraffic(resetsLongest: Bool) -> [PrefixTraffic]
    /// The stored responses of a URL, or all, as records for `show cachestate`.
    func cachedResponses(url: String?) throws(ControlFailure) -> [ControlValue]
}

/// What hands requests to attached applications: the other end of the queue transport.
///
/// Control thread only.
public protocol QueueAttacher: AnyObject {
    /// Joins a client's process to a queue.
    ///
    /// - Parameters:
    ///   - client: the connection; detached when it ends.
    ///   - queue: the queue's number in `EngineControl`.
    ///   - identity: who the client is.
    ///   - payload: the transport's own bytes, not checked.
    ///   - descriptors: what the client sent along; the attacher keeps or closes them.
    /// - Returns: bytes and descriptors for the client; the descriptors are closed once they are sent.
    /// - Throws: why it cannot be joined; the client is told.
    func attach(
        client: ClientID,
        queue: UInt64,
        identity: PeerIdentity,
        payload: [UInt8],
        descriptors: [PassedDescriptor]
    ) throws(ControlFailure) -> (payload: [UInt8], descriptors: [PassedDescriptor])
    /// Parts a client from a queue; requests it has not taken go to others.
    func detach(client: ClientID, queue: UInt64)
    /// Hands a client no more requests of a queue; returns when none is on its way.
    func drain(client: ClientID, queue: UInt64)
    /// Lets a client hand requests on to a queue under a number; `nil` to none.
    func setDelegation(client: ClientID, number: UInt64, queue: UInt64?)
    /// A client has gone, which handed requests on.
    func endDelegations(client: ClientID)
}

/// What starts the processes of defined queues.
///
/// Control thread only.
public protocol QueueActivator: AnyObject {
    /// Starts a process of a queue; returns before it is ready.
    func start(_ queue: QueueDefinition) throws(ControlFailure)
}
