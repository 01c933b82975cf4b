// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The certificates and rules that a server's TLS connections are made with; one for all loops and listeners.
///
/// Any thread. A change makes a new snapshot and swaps it in at once: connections that exist, and handshakes that
/// have begun, go on with what they began with. Making and changing it reads files and blocks; for a connection
/// it costs one lock, held for a retain.
public final class TLSServerContext: Sendable {
    /// The keys of session tickets, shared by whoever was given the same object.
    public let ticketKeys: TLSTicketKeys
    /// Held while a change is being made, so that changes come one after the other.
    private let configurationLock: Mutex<TLSServerConfiguration>
    private let current: Mutex<Snapshot>
    /// `Snapshot.sharedPolicyNumber` of the current one, to be read for each request without the lock.
    private let sharedPolicy: Atomic<UInt64>
    /// How many snapshots there have been; it counts after the swap, so that who sees the number finds the snapshot.
    private let snapshotCount = Atomic<UInt64>(1)

    /// Reads all files and makes everything ready for connections.
    ///
    /// Blocking.
    ///
    /// - Parameters:
    ///   - configuration: The certificates and rules.
    ///   - ticketKeys: Keys shared with other contexts; `nil` for keys of its own.
    /// - Throws: `TLSConfigurationError` with the file or setting that is wrong.
    public init(
        _ configuration: TLSServerConfiguration,
        ticketKeys: TLSTicketKeys? = nil
    ) throws(TLSConfigurationError) {
        let ticketKeys = if let ticketKeys { ticketKeys } else { try TLSTicketKeys() }
        var builder = try SnapshotBuilder(configuration, previous: nil)
        self.ticketKeys = ticketKeys
        let first = try builder.build(ticketKeys: ticketKeys)
        sharedPolicy = Atomic(first.sharedPolicyNumber)
        current = Mutex(first)
        configurationLock = Mutex(configuration)
    }

    /// What it was last made of.
    public var configuration: TLSServerConfiguration { configurationLock.withLock { $0 } }

    /// What works but should not stay so: certificates that expire, names they are not for.
    public var warnings: [TLSConfigurationWarning] { snapshot.tables.warnings }

    /// Reads changed files again, and directories for new ones.
    ///
    /// Blocking.
    ///
    /// - Returns: Whether anything had changed.
    /// - Throws: `TLSConfigurationError`; everything then stays as it was.
    @discardableResult
    public func reload() throws(TLSConfigurationError) -> Bool {
        try configurationLock.withLock { configuration throws(TLSConfigurationError) in
            try apply(configuration)
        }
    }

    /// Replaces the configuration; sites that stay the same are kept.
    ///
    /// Blocking.
    ///
    /// - Parameter configuration: The new certificates and rules.
    /// - Throws: `TLSConfigurationError`; everything then stays as it was.
    public func reconfigure(_ configuration: TLSServerConfiguration) throws(TLSConfigurationError) {
        try configurationLock.withLock { current throws(TLSConfigurationError) in
            _ = try apply(configuration)
            current = configuration
        }
    }

    private func apply(_ configuration: TLSServerConfiguration) throws(TLSConfigurationError) -> Bool {
        var builder = try SnapshotBuilder(configuration, previous: snapshot)
        let next = try builder.build(ticketKeys: ticketKeys)
        current.withLock { $0 = next }
        sharedPolicy.store(next.sharedPolicyNumber, ordering: .releasing)
        snapshotCount.add(1, ordering: .releasing)
        return builder.hasChanges
    }

    /// What new connections are made with.
    var snapshot: Snapshot { current.withLock { $0 } }

    /// The policy number that all bindings have now; 0 where they differ.
    var sharedPolicyNumber: UInt64 { sharedPolicy.load(ordering: .relaxed) }

    /// The number of the current snapshot, from 1; ask for it before the snapshot.
    var snapshotNumber: UInt64 { snapshotCount.load(ordering: .acquiring) }
}
