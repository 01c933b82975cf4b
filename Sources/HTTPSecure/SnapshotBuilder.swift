// SPDX-License-Identifier: Apache-2.0

/// Makes a snapshot of a configuration and its files.
///
/// Blocking: never on a loop.
struct SnapshotBuilder {
    private let configuration: TLSServerConfiguration
    private let settings: ContextSettings
    private let previous: Snapshot?
    private var tables = Snapshot.Tables()
    private(set) var hasChanges = false

    /// Begins with a configuration; sites of `previous` whose files are unchanged are used again.
    init(_ configuration: TLSServerConfiguration, previous: Snapshot?) throws(TLSConfigurationError) {
        self.configuration = configuration
        self.previous = previous
        settings = try ContextSettings(configuration)
        guard !configuration.bindings.isEmpty else {
            throw .invalidSetting("bindings", "there is none", "Name at least one certificate")
        }
    }

    /// Reads what has to be read and makes the snapshot.
    mutating func build(ticketKeys: TLSTicketKeys) throws(TLSConfigurationError) -> Snapshot {
        for binding in configuration.bindings {
            try add(binding)
        }
        tables.directories.sort { $0.port > $1.port }
        if tables.sites.count != previous?.tables.sites.count {
            hasChanges = true
        }
        return Snapshot(
            entry: try settings.makeContext(),
            ticketKeys: ticketKeys,
            order: configuration.selectionOrder,
            tables: tables
        )
    }

    private mutating func add(_ binding: TLSBinding) throws(TLSConfigurationError) {
        switch (binding.key, binding.certificates) {
        case (.hostName(let name, let port), .identities(let identities)):
            try addName(try canonical(name), port ?? 0, binding, identities)
        case (.hostName(let name, let port), .directory(let path)):
            try addDirectory(path, scope: try canonical(name), port ?? 0, binding)
        case (.anyName(let port), .directory(let path)):
            try addDirectory(path, scope: nil, port ?? 0, binding)
        case (.address(let address, let port), .identities(let identities)):
            let site = try site(binding, identities, label: binding.key.description, hostName: nil)
            let key = Snapshot.Key(value: address, port: port)
            guard tables.addresses.updateValue(site, forKey: key) == nil else { throw duplicate(binding) }
        case (.anyAddress(let port), .identities(let identities)):
            let site = try site(binding, identities, label: binding.key.description, hostName: nil)
            guard tables.ports.updateValue(site, forKey: port ?? 0) == nil else { throw duplicate(binding) }
        case (.anyName, .identities):
            throw .invalidSetting(
                binding.key.description,
                "any name needs a directory to look in",
                "Bind single certificates to a name, an address, or every address"
            )
        case (.address, .directory), (.anyAddress, .directory):
            throw .invalidSetting(
                binding.key.description,
                "a directory is looked in by name, not by address",
                "Bind the directory to any name of the port"
            )
        }
    }

    private func canonical(_ name: String) throws(TLSConfigurationError) -> String {
        guard let canonical = ServerName.canonicalPattern(name) else {
            throw .invalidSetting(
                name,
                "is no host name",
                "Use a name as www.example.com or *.example.com, in ASCII (punycode)"
            )
        }
        return canonical
    }

    private func duplicate(_ binding: TLSBinding) -> TLSConfigurationError {
        TLSConfigurationError(
            .duplicateBinding,
            binding.key.description,
            problem: "is bound twice",
            advice: "Delete one of the bindings"
        )
    }

    private mutating func addName(
        _ name: String,
        _ port: UInt16,
        _ binding: TLSBinding,
        _ identities: [TLSIdentity]
    ) throws(TLSConfigurationError) {
        let site = try site(binding, identities, label: binding.key.description, hostName: name)
        let isNew: Bool
        if name.hasPrefix("*.") {
            let key = Snapshot.Key(value: String(name.dropFirst(2)), port: port)
            isNew = tables.wildcards.updateValue(site, forKey: key) == nil
        } else {
            isNew = tables.names.updateValue(site, forKey: Snapshot.Key(value: name, port: port)) == nil
        }
        guard isNew else { throw duplicate(binding) }
    }

    private mutating func addDirectory(
        _ path: String,
        scope: String?,
        _ port: UInt16,
        _ binding: TLSBinding
    ) throws(TLSConfigurationError) {
        let isTaken = tables.directories.contains { $0.scope == scope && $0.port == port }
        guard !isTaken else { throw duplicate(binding) }
        var directory = Snapshot.Directory(scope: scope, port: port)
        for (name, identities) in try CertificateDirectory.identities(in: path) {
            let label = binding.key.description + " " + name
            let site = try site(binding, identities, label: label, hostName: name)
            if name.hasPrefix("*.") {
                directory.wildcards[String(name.dropFirst(2))] = site
            } else {
                directory.names[name] = site
            }
        }
        tables.directories.append(directory)
    }

    /// The site of a binding: one that is there already, or else a new one.
    private mutating func site(
        _ binding: TLSBinding,
        _ identities: [TLSIdentity],
        label: String,
        hostName: String?
    ) throws(TLSConfigurationError) -> Site {
        let source = SiteSource(
            label: label,
            hostName: hostName,
            identities: identities,
            applicationProtocols: binding.applicationProtocols ?? configuration.applicationProtocols,
            minimumVersion: binding.minimumVersion ?? configuration.minimumVersion,
            maximumVersion: binding.maximumVersion ?? configuration.maximumVersion,
            clientCertificates: binding.clientCertificates ?? configuration.clientCertificates,
            usesSessionTickets: binding.usesSessionTickets ?? configuration.usesSessionTickets,
            isRejecting: binding.isRejecting,
            offloadsSlowSigning: configuration.offloadsSlowSigning,
            settings: settings
        )
        if let site = tables.sites[source] { return site }
        let site: Site
        if let old = previous?.tables.sites[source], old.files.allSatisfy(\.isCurrent) {
            site = old
        } else {
            site = try SiteBuilder.build(source)
            hasChanges = true
        }
        tables.sites[source] = site
        tables.warnings += site.warnings
        return site
    }
}
