// SPDX-License-Identifier: Apache-2.0

/// All registrations and reservations of one engine, as a value.
///
/// A registration is a live claim of a prefix by an application; a reservation is the standing right of users
/// to make such claims. Both obey the HTTP Server API's rules: one scheme a port, name spaces that never
/// mix (`URLPrefix.Bucket`), and access decided by the longest covering reservation. The roots of all hosts
/// and ports belong to administrators unless reserved.
///
/// The table is the control plane's; requests are routed by the immutable snapshot that `compile()` makes.
/// Limits: `entriesMax` prefixes. Source: HTTP Server API, "Namespace Reservations, Registrations, and Routing".
public struct PrefixTable: Sendable {
    /// The number by which the caller knows a registration: dense, 0 or more, called "target" here.
    public typealias RegistrationID = Int32

    /// A live claim of a prefix.
    public struct Registration: Hashable, Sendable {
        /// The prefix as it was registered.
        public let prefix: URLPrefix
        /// The caller's number for it.
        public let target: RegistrationID
    }

    /// A standing right on a prefix and what is below it.
    public struct Reservation: Hashable, Sendable {
        /// The prefix as it was reserved.
        public let prefix: URLPrefix
        /// Who may do what there.
        public let acl: AccessControlList
    }

    /// The most different prefixes a table holds.
    public static let entriesMax = 1_000_000

    /// What the table knows of one prefix; at least one of the two is there.
    struct Entry {
        var registration: Registration?
        var reservation: Reservation?
    }

    private struct PortUse {
        let scheme: URLPrefix.Scheme
        var entryCount: Int
    }

    /// The entries by `URLPrefix.key`.
    private(set) var entries: [[UInt8]: Entry] = [:]
    private var ports: [UInt16: PortUse] = [:]

    /// Makes an empty table: only administrators may register, apart from `http://localhost` above port 1024.
    public init() {}

    /// Registers `prefix` for the application of `principal`; its requests will carry `target`.
    ///
    /// Throws `schemeConflict`, `alreadyExists`, `accessDenied`, `portZero` or `tableFull`. Where a reservation
    /// covers the prefix, its rules alone decide, for administrators too; where none does, administrators may
    /// register, and anyone may register plain HTTP on the host `localhost` at a port over 1024.
    /// Cost: one hash of the prefix for each of its path segments.
    public mutating func register(
        _ prefix: URLPrefix,
        target: RegistrationID,
        by principal: Principal
    ) throws(PrefixTableError) {
        precondition(target >= 0, "A target is a number of the caller's, 0 or more.")
        try checkPort(of: prefix)
        var entry = entries[prefix.key] ?? Entry()
        guard entry.registration == nil else {
            throw PrefixTableError(.alreadyExists, prefix, "The prefix '\(prefix)' is already registered.")
        }
        guard mayRegister(prefix, by: principal) else {
            throw PrefixTableError(
                .accessDenied,
                prefix,
                "User \(principal.userID) may not listen on '\(prefix)'. An administrator can allow it: "
                    + "httpring add urlacl url=\(prefix) user=\(principal.userID)"
            )
        }
        entry.registration = Registration(prefix: prefix, target: target)
        try insert(entry, for: prefix)
    }

    /// Removes the registration of `prefix`; returns false if there is none.
    ///
    /// No access rule applies.
    public mutating func unregister(_ prefix: URLPrefix) -> Bool {
        guard var entry = entries[prefix.key], entry.registration != nil else { return false }
        entry.registration = nil
        update(entry, for: prefix)
        return true
    }

    /// Reserves `prefix` for those whom `acl` names.
    ///
    /// The reservation above it lends it no rule.
    ///
    /// Throws `schemeConflict`, `alreadyExists`, `accessDenied`, `portZero` or `tableFull`. The caller needs the
    /// right to delegate on the longest reservation strictly above the prefix, or is an administrator.
    /// Registrations that exist stay. To change a reservation, remove it and add it again.
    public mutating func reserve(
        _ prefix: URLPrefix,
        acl: AccessControlList,
        by principal: Principal
    ) throws(PrefixTableError) {
        try checkPort(of: prefix)
        try checkDelegation(principal, of: prefix)
        var entry = entries[prefix.key] ?? Entry()
        guard entry.reservation == nil else {
            throw PrefixTableError(
                .alreadyExists,
                prefix,
                "The prefix '\(prefix)' is already reserved. To change it, delete the reservation first: "
                    + "httpring delete urlacl url=\(prefix)"
            )
        }
        entry.reservation = Reservation(prefix: prefix, acl: acl)
        try insert(entry, for: prefix)
    }

    /// Removes the reservation of `prefix`.
    ///
    /// Registrations made under it stay.
    ///
    /// Throws `notFound` or `accessDenied`; the right is the same as for adding it, and its own rules are not
    /// consulted.
    public mutating func unreserve(_ prefix: URLPrefix, by principal: Principal) throws(PrefixTableError) {
        guard var entry = entries[prefix.key], entry.reservation != nil else {
            throw PrefixTableError(.notFound, prefix, "The prefix '\(prefix)' is not reserved.")
        }
        try checkDelegation(principal, of: prefix)
        entry.reservation = nil
        update(entry, for: prefix)
    }

    /// All reservations, sorted by their prefixes.
    ///
    /// Cost: sorts and allocates.
    public var reservations: [Reservation] {
        entries.values.compactMap(\.reservation).sorted { $0.prefix.precedes($1.prefix) }
    }

    /// All registrations, sorted by their prefixes.
    ///
    /// Cost: sorts and allocates.
    public var registrations: [Registration] {
        entries.values.compactMap(\.registration).sorted { $0.prefix.precedes($1.prefix) }
    }

    /// Returns the immutable form by which requests are routed.
    ///
    /// Cost: proportional to the table, some hundred nanoseconds a prefix; make many changes, then compile once.
    public func compile() -> RoutingSnapshot {
        RoutingSnapshot(compiling: self, seed: HashSeed.random())
    }
}

extension PrefixTable {
    private func checkPort(of prefix: URLPrefix) throws(PrefixTableError) {
        guard prefix.port != 0 else {
            throw PrefixTableError(.portZero, prefix, "Choose a port for '\(prefix)' first; 0 is none.")
        }
        guard let use = ports[prefix.port], use.scheme != prefix.scheme else { return }
        throw PrefixTableError(
            .schemeConflict,
            prefix,
            "Port \(prefix.port) carries \(use.scheme) and cannot carry \(prefix.scheme) too; "
                + "choose another port for '\(prefix)'."
        )
    }

    /// Whether access rules let `principal` register `prefix`, whether or not somebody has.
    public func mayRegister(_ prefix: URLPrefix, by principal: Principal) -> Bool {
        if principal.ownsTable { return true }
        if let reservation = longestReservation(covering: prefix, includingEqual: true) {
            return reservation.acl.grants(.listen, to: principal)
        }
        return principal.isAdministrator || prefix.isFreeForAll
    }

    private func checkDelegation(_ principal: Principal, of prefix: URLPrefix) throws(PrefixTableError) {
        if principal.isAdministrator { return }
        let parent = longestReservation(covering: prefix, includingEqual: false)
        if let parent, parent.acl.grants(.delegate, to: principal) { return }
        let owner =
            parent.map { "the reservation of '\($0.prefix)' does not let user \(principal.userID) delegate" }
            ?? "no reservation is above it, so that it is the administrators'"
        throw PrefixTableError(.accessDenied, prefix, "Reservation of '\(prefix)' denied: \(owner).")
    }

    /// Finds the reservation with the same scheme, host and port and the longest path that covers the prefix.
    private func longestReservation(covering prefix: URLPrefix, includingEqual: Bool) -> Reservation? {
        var path = prefix.key[...]
        if !includingEqual { path = parentPath(of: path, in: prefix) }
        while path.count > prefix.keyPathOffset {
            if let reservation = entries[Array(path)]?.reservation { return reservation }
            path = parentPath(of: path, in: prefix)
        }
        return nil
    }

    /// Cuts the last segment off: `…/a/b/` becomes `…/a/`, and the root the empty path.
    private func parentPath(of key: ArraySlice<UInt8>, in prefix: URLPrefix) -> ArraySlice<UInt8> {
        var end = key.endIndex - 1
        while end > prefix.keyPathOffset && key[end - 1] != UInt8(ascii: "/") { end -= 1 }
        return key[..<end]
    }

    private mutating func insert(_ entry: Entry, for prefix: URLPrefix) throws(PrefixTableError) {
        if entries[prefix.key] == nil {
            guard entries.count < Self.entriesMax else {
                throw PrefixTableError(
                    .tableFull,
                    prefix,
                    "The table holds \(Self.entriesMax) prefixes, its limit."
                )
            }
            ports[prefix.port, default: PortUse(scheme: prefix.scheme, entryCount: 0)].entryCount += 1
        }
        entries[prefix.key] = entry
    }

    private mutating func update(_ entry: Entry, for prefix: URLPrefix) {
        if entry.registration != nil || entry.reservation != nil {
            entries[prefix.key] = entry
            return
        }
        entries[prefix.key] = nil
        // A port that nothing uses any more may carry the other scheme next.
        if let use = ports[prefix.port], use.entryCount > 1 {
            ports[prefix.port]?.entryCount -= 1
        } else {
            ports[prefix.port] = nil
        }
    }
}

extension URLPrefix {
    /// Whether anyone may register it without a reservation.
    ///
    /// Source: HttpAddUrlToUrlGroup, remarks.
    fileprivate var isFreeForAll: Bool {
        scheme == .http && host == .name("localhost") && port > 1024
    }

    /// The order of listings: by the bytes of the folded full form.
    fileprivate func precedes(_ other: URLPrefix) -> Bool {
        key.lexicographicallyPrecedes(other.key)
    }
}
