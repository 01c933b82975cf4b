// SPDX-License-Identifier: Apache-2.0

public import URLPrefixes

/// A standing right as the state keeps it.
public struct ReservationRecord: Hashable, Sendable {
    /// The prefix.
    public let prefix: URLPrefix
    /// Who may do what there.
    public let acl: AccessControlList
    /// The record's line in the state file, without its end; kept since all lines are written at each change.
    let line: [UInt8]

    /// Makes a record.
    public init(prefix: URLPrefix, acl: AccessControlList) {
        self.prefix = prefix
        self.acl = acl
        var line = Array("reservation ".utf8)
        StateWord.append(prefix.description, to: &line)
        for entry in acl.entries {
            line.append(UInt8(ascii: " "))
            line += entry.text.utf8
        }
        self.line = line
    }

    init(prefix: URLPrefix, acl: AccessControlList, line: [UInt8]) {
        self.prefix = prefix
        self.acl = acl
        self.line = line
    }
}

/// A time-out of the whole service that `add timeout` sets.
public enum ServiceTimeout: String, Sendable, CaseIterable {
    /// Between requests on a connection.
    case idleConnection = "idleconnectiontimeout"
    /// Until a head is whole.
    case headerWait = "headerwaittimeout"

    /// Its label in listings.
    public var label: String {
        switch self {
        case .idleConnection: "Idle connection timeout (secs)"
        case .headerWait: "Header wait timeout (secs)"
        }
    }
}

/// A parameter of the response cache that `add cacheparam` sets, in bytes.
public enum CacheParameter: String, Sendable, CaseIterable {
    /// The largest response that is stored.
    case maxCacheResponseSize = "maxcacheresponsesize"
    /// The bytes of one piece of a stored response that is served in ranges.
    case cacheRangeChunkSize = "cacherangechunksize"

    /// Its label in listings.
    public var label: String {
        switch self {
        case .maxCacheResponseSize: "Maximum cacheable response size (bytes)"
        case .cacheRangeChunkSize: "Cache range chunk size (bytes)"
        }
    }
}

/// All that operators set with `httpring` and that survives a restart.
public struct ServiceState: Hashable, Sendable {
    /// The reservations in the order in which they were made.
    public var reservations: [ReservationRecord] = []
    /// The certificate bindings.
    public var certificates: [CertificateBinding] = []
    /// The addresses wildcards and names listen on; empty for all.
    public var listenAddresses: [IPAddressLiteral] = []
    /// Seconds of the time-outs that were set; the configuration file has the others.
    public var timeouts: [ServiceTimeout: UInt16] = [:]
    /// Values of the cache parameters that were set.
    public var cacheParameters: [CacheParameter: UInt32] = [:]
    /// The queues that outlive their processes.
    public var queues: [QueueDefinition] = []

    /// Makes an empty state.
    public init() {}
}
