// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A configuration ready for connections: all sites, by what they are for.
///
/// Immutable. A connection keeps the snapshot it began with; a reload makes another.
final class Snapshot: Sendable {
    /// A name or address with its port; 0 stands for every port.
    struct Key<Value: Hashable & Sendable>: Hashable, Sendable {
        let value: Value
        let port: UInt16
    }

    /// A directory of certificates and what it is for.
    struct Directory: Sendable {
        /// `nil` for any name.
        let scope: String?
        let port: UInt16
        var names: [String: Site] = [:]
        var wildcards: [String: Site] = [:]
    }

    /// The tables that a builder fills.
    struct Tables: Sendable {
        var names: [Key<String>: Site] = [:]
        /// By what follows `*.`.
        var wildcards: [Key<String>: Site] = [:]
        var directories: [Directory] = []
        var addresses: [Key<TLSAddress>: Site] = [:]
        var ports: [UInt16: Site] = [:]
        /// Each site once, as it was made.
        var sites: [SiteSource: Site] = [:]
        var warnings: [TLSConfigurationWarning] = []
    }

    /// The context that connections begin with, which has no certificate.
    let entry: SSLContext
    let ticketKeys: TLSTicketKeys
    let tables: Tables
    /// The policy number that all sites have; 0 where they differ, or there is none.
    let sharedPolicyNumber: UInt64
    private let order: [TLSSelectionStep]

    init(entry: SSLContext, ticketKeys: TLSTicketKeys, order: [TLSSelectionStep], tables: Tables) {
        self.entry = entry
        self.ticketKeys = ticketKeys
        self.order = order
        self.tables = tables
        let first = tables.sites.values.first?.policyNumber ?? 0
        sharedPolicyNumber = tables.sites.values.allSatisfy { $0.policyNumber == first } ? first : 0
    }

    /// The site of a connection, or `nil` when nothing is bound to it.
    ///
    /// - Parameters:
    ///   - name: The name in the client's hello, in canonical form.
    ///   - address: The address that the client reached.
    ///   - port: The port that it reached.
    /// - Returns: The site that the first step of the order finds.
    func site(name: String?, address: TLSAddress?, port: UInt16) -> Site? {
        for step in order {
            if let site = site(step, name, address, port) { return site }
        }
        return nil
    }

    private func site(
        _ step: TLSSelectionStep,
        _ name: String?,
        _ address: TLSAddress?,
        _ port: UInt16
    ) -> Site? {
        switch step {
        case .exactName:
            guard let name else { return nil }
            return tables.names[Key(value: name, port: port)] ?? tables.names[Key(value: name, port: 0)]
        case .wildcardName:
            guard let name, !tables.wildcards.isEmpty else { return nil }
            return Self.firstParent(of: name) { parent in
                tables.wildcards[Key(value: parent, port: port)]
                    ?? tables.wildcards[Key(value: parent, port: 0)]
            }
        case .scopedDirectory:
            guard let name else { return nil }
            return inDirectories(name, port) { Self.matches(name, $0.scope) }
        case .directory:
            guard let name else { return nil }
            return inDirectories(name, port) { $0.scope == nil }
        case .exactAddress:
            guard let address else { return nil }
            return tables.addresses[Key(value: address, port: port)]
        case .anyAddress:
            return tables.ports[port] ?? tables.ports[0]
        }
    }

    /// Directories that name the port come first in the table.
    private func inDirectories(_ name: String, _ port: UInt16, where isFor: (Directory) -> Bool) -> Site? {
        for directory in tables.directories where directory.port == port || directory.port == 0 {
            guard isFor(directory) else { continue }
            if let site = directory.names[name] { return site }
            if directory.wildcards.isEmpty { continue }
            if let site = Self.firstParent(of: name, { directory.wildcards[$0] }) { return site }
        }
        return nil
    }

    private static func matches(_ name: String, _ scope: String?) -> Bool {
        guard let scope else { return false }
        return scope.hasPrefix("*.") ? name.hasSuffix(scope.dropFirst()) : name == scope
    }

    /// What is found for the longest name that `name` lies below.
    private static func firstParent(of name: String, _ find: (String) -> Site?) -> Site? {
        var rest = name[...]
        while let parent = ServerName.parent(of: rest) {
            if let site = find(String(parent)) { return site }
            rest = parent
        }
        return nil
    }
}
