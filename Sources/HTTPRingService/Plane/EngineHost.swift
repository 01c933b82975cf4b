// SPDX-License-Identifier: Apache-2.0

public import HTTPEngine
import HTTPSecure
import IORing
import ResponseCache
public import URLPrefixes

/// The engine in the service's own process, as the control plane sees it.
///
/// Control thread only. Rights were checked by the plane, so that to the engine everything is its owner's.
public final class EngineHost: EngineControl {
    private struct Group {
        var settings: GroupSettings
        var live: URLGroup
        var prefixes: [URLPrefix] = []
    }

    let engine: Engine
    private let session: ServerSession
    let waiter: EngineWaiter
    private var queues: [UInt64: RequestQueue] = [:]
    private var groups: [UInt64: Group] = [:]
    /// The configuration's time-outs with those that were set over them.
    private var timeouts: TimeoutManager
    private let standardCachedResponseBytesMax: Int

    /// Makes the host of an engine.
    ///
    /// - Parameter engine: the engine, started, with the configuration's time-outs in its options.
    /// - Throws: where there are no descriptors left.
    public init(engine: Engine) throws(ControlFailure) {
        self.engine = engine
        timeouts = engine.options.timeouts
        standardCachedResponseBytesMax = engine.cachedResponseBytesMax
        session = ServerSession(timeouts: engine.options.timeouts)
        waiter = try EngineWaiter()
    }

    /// The engine's queue of a number; `nil` where there is none.
    ///
    /// What hands requests to other processes attaches its consumer there, then calls `consumerChanged()`.
    public func requestQueue(_ id: UInt64) -> RequestQueue? { queues[id] }

    /// Has the loops deliver to the consumers that queues have now.
    public func consumerChanged() {
        let engine = engine
        waiter.wait { await engine.publishRoutes() }
    }

    // MARK: Queues and groups

    /// Makes a request queue.
    public func openQueue(_ id: UInt64, _ settings: QueueSettings) {
        let queue = RequestQueue(name: settings.name)
        queues[id] = queue
        updateQueue(id, settings)
    }

    /// Changes a request queue; what waits in it stays there.
    public func updateQueue(_ id: UInt64, _ settings: QueueSettings) {
        guard let queue = queues[id] else { return }
        queue.lengthMax = settings.lengthMax
        queue.verbosity = settings.verbosity
        queue.isActive = settings.isActive
    }

    /// Refuses the requests of a queue, those that wait too.
    public func takeOffline(_ id: UInt64) {
        guard let queue = queues[id] else { return }
        let engine = engine
        waiter.wait { await engine.takeOffline(queue) }
    }

    /// Closes a request queue.
    public func closeQueue(_ id: UInt64) { queues.removeValue(forKey: id)?.shutDown() }

    /// Makes a URL group, or puts another with the same prefixes in its place; no request meets a gap.
    public func setGroup(_ id: UInt64, _ settings: GroupSettings) {
        let new = live(settings)
        guard let old = groups[id] else {
            groups[id] = Group(settings: settings, live: new)
            return
        }
        groups[id] = Group(settings: settings, live: new, prefixes: old.prefixes)
        if !old.prefixes.isEmpty { replace([(old.live, new)]) }
    }

    private func live(_ settings: GroupSettings) -> URLGroup {
        URLGroup(
            session: session,
            queue: settings.queue.flatMap { queues[$0] },
            timeouts: timeouts(settings),
            maxRequestBodySize: engine.options.limits.maxRequestBodySize
        )
    }

    /// Makes all groups anew, after what they are made of has changed.
    private func renewGroups() {
        var changes: [(old: URLGroup, new: URLGroup)] = []
        for (id, group) in groups {
            let new = live(group.settings)
            changes.append((group.live, new))
            groups[id]?.live = new
        }
        replace(changes)
    }

    private func replace(_ changes: [(old: URLGroup, new: URLGroup)]) {
        let engine = engine
        waiter.wait { await engine.replace(changes) }
    }

    private func timeouts(_ settings: GroupSettings) -> TimeoutManager {
        var timeouts = timeouts
        for (timer, value) in settings.timers {
            let isOff = value == timer.offValue
            // A day is as good as never; the wheel needs a time.
            let duration = isOff ? Duration.seconds(86_400) : .seconds(Int64(value))
            switch timer {
            case .entityBody: timeouts.entityBody = duration
            case .drainEntityBody: timeouts.drainEntityBody = duration
            case .requestQueue: timeouts.requestQueue = duration
            case .idleConnection: timeouts.idleConnection = duration
            case .headerWait: timeouts.headerWait = duration
            case .minSendRate: timeouts.minSendBytesPerSecond = isOff ? 0 : Int(value)
            }
        }
        return timeouts
    }

    /// Forgets a group.
    public func closeGroup(_ id: UInt64) {
        for prefix in groups[id]?.prefixes ?? [] { unregister(prefix) }
        groups[id] = nil
    }

    // MARK: Prefixes

    /// Routes a prefix to a group and listens for it.
    public func register(_ prefix: URLPrefix, group id: UInt64) throws(ControlFailure) -> URLPrefix {
        guard let group = groups[id] else {
            preconditionFailure("The plane registers for groups that it has made.")
        }
        let engine = engine
        let live = group.live
        let result = waiter.wait { await Self.register(prefix, live, engine) }
        if let failure = result.failure { throw failure }
        groups[id]?.prefixes.append(result.prefix)
        return result.prefix
    }

    private static func register(
        _ prefix: URLPrefix,
        _ group: URLGroup,
        _ engine: Engine
    ) async -> (prefix: URLPrefix, failure: ControlFailure?) {
        do {
            return (try await engine.register(prefix, group: group), nil)
        } catch let error as PrefixTableError {
            return (prefix, ControlFailure(error))
        } catch {
            return (prefix, ControlFailure(.machine, "\(error)"))
        }
    }

    /// Routes a registered prefix to another group from now on.
    public func assign(_ prefix: URLPrefix, group id: UInt64) {
        guard let live = groups[id]?.live else {
            preconditionFailure("The plane assigns to groups that it has made.")
        }
        for id in groups.keys { groups[id]?.prefixes.removeAll { $0 == prefix } }
        groups[id]?.prefixes.append(prefix)
        let engine = engine
        waiter.wait { await engine.assign(prefix, to: live) }
    }

    /// Takes a registration back.
    public func unregister(_ prefix: URLPrefix) {
        for id in groups.keys { groups[id]?.prefixes.removeAll { $0 == prefix } }
        let engine = engine
        _ = waiter.wait { await engine.unregister(prefix) }
    }

    // MARK: Settings

    /// Has the engine answer 503 below what is reserved at the start.
    public func startReservations(_ table: PrefixTable) {
        let engine = engine
        waiter.wait { await engine.adoptReservations(of: table) }
    }

    /// Has the engine answer 503 below what is reserved and not registered.
    public func changeReservations(added: [ReservationRecord], removed: [URLPrefix]) {
        guard !added.isEmpty || !removed.isEmpty else { return }
        let engine = engine
        waiter.wait {
            await engine.changeReservations(added: added.map { ($0.prefix, $0.acl) }, removed: removed)
        }
    }

    /// Has waits that begin from now on end by these time-outs; those left out are the configuration's.
    public func setTimeouts(_ set: [ServiceTimeout: UInt16]) -> SettingEffect {
        timeouts = engine.options.timeouts
        timeouts.apply(set)
        let (engine, timeouts) = (engine, timeouts)
        waiter.wait { await engine.setTimeouts(timeouts) }
        renewGroups()
        return .immediate
    }

    /// Has wildcards and names listen on these addresses only, from now on; none is all.
    public func setListenAddresses(_ addresses: [IPAddressLiteral]) throws(ControlFailure) -> SettingEffect {
        let engine = engine
        let failure = waiter.wait { () -> ControlFailure? in
            do {
                try await engine.setListenAddresses(addresses)
                return nil
            } catch {
                return ControlFailure(.machine, "\(error)")
            }
        }
        if let failure { throw failure }
        return .immediate
    }

    /// Stores responses of up to so many bytes from now on.
    ///
    /// - Throws: for the size of pieces: ranges are cut from whole responses here.
    public func setCacheParameters(_ parameters: [CacheParameter: UInt32]) throws(ControlFailure)
        -> SettingEffect
    {
        guard parameters[.cacheRangeChunkSize] == nil else {
            throw ControlFailure(
                .unsupported,
                "This service stores whole responses and cuts ranges from them; there are no pieces to give a size."
            )
        }
        let bytes = parameters[.maxCacheResponseSize].map { Int(clamping: $0) }
        engine.cachedResponseBytesMax = bytes ?? standardCachedResponseBytesMax
        return .immediate
    }

    /// Makes the engine's TLS of the bindings; handshakes that have begun go on with what they began with.
    public func setCertificates(_ bindings: [CertificateBinding]) throws(ControlFailure) -> SettingEffect {
        guard let tls = engine.options.tls else { return .nextStart }
        do throws(TLSConfigurationError) {
            try tls.reconfigure(.serving(bindings))
        } catch {
            throw ControlFailure(.machine, error.description)
        }
        return .immediate
    }

    /// Reads changed certificate files again.
    public func reloadCertificates() throws(ControlFailure) -> Bool {
        do throws(TLSConfigurationError) {
            return try engine.options.tls?.reload() ?? false
        } catch {
            throw ControlFailure(.machine, error.description)
        }
    }

    // MARK: Cache, logs, numbers

    /// Removes stored responses.
    public func flushCache(url: String?, recursive: Bool) throws(ControlFailure) -> Int {
        do {
            return try engine.flushCache(url: url, recursive: recursive)
        } catch {
            throw ControlFailure(
                .badPrefix,
                "'\(url ?? "")' is no URL to flush (\(error)). Valid: 'http://+:80/shop/', with recursive=yes for all "
                    + "below it; a query only without."
            )
        }
    }

    /// Writes out what the logs hold.
    public func flushLogs() { engine.flushLogs() }

    /// Sums of all counters.
    public var statistics: EngineStatistics { engine.statistics }

    /// Requests that wait in a queue.
    public func waitingCount(ofQueue id: UInt64) -> Int { queues[id]?.waitingCount ?? 0 }

    /// What the requests of each registered prefix came to.
    public func prefixTraffic(resetsLongest: Bool) -> [PrefixTraffic] {
        let engine = engine
        return waiter.wait { await engine.prefixTraffic(resetsLongest: resetsLongest) }
    }

    /// What the cache holds below a URL, or all.
    public func cachedResponses(url: String?) throws(ControlFailure) -> [ControlValue] {
        do {
            return try engine.cachedResponses(url: url).map { record(of: $0) }
        } catch {
            throw ControlFailure(
                .badPrefix,
                "'\(url ?? "")' is no URL (\(error)). Valid: 'http://+:80/shop/'."
            )
        }
    }

    private func record(of entry: CacheEntry) -> ControlValue {
        let queue = queues.values.first { $0.id == entry.owner.queueID }
        return .record([
            "url": .text(entry.key.url),
            "statusCode": .number(UInt64(entry.status)),
            "verb": .text("GET"),
            "policy": .text("\(entry.policy.text)"),
            "creationTime": .number(UInt64(max(0, entry.createdAt))),
            "queueName": .optional(queue?.name),
            "contentType": .text(entry.contentType),
            "contentEncoding": .optional(entry.contentEncoding),
            "headersLength": .count(entry.headByteCount),
            "contentLength": .count(entry.bodyByteCount),
            "hitCount": .number(entry.hitCount),
            "forceDisconnect": .flag(entry.closesConnection),
        ])
    }
}
