// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import IORing

/// Keeps the sockets of prefixes with systemd, so that clients wait and are not refused while the service restarts,
/// however it ended.
///
/// Control thread only. Each socket is handed over under a name made of its address; what comes back at the next
/// start (`LISTEN_FDS`) waits for the prefixes that will listen there.
///
/// Source: sd_notify(3), `FDSTORE=1`; sd_pid_notify_with_fds(3).
final class ListenerStore {
    /// Milliseconds after which sockets that no prefix has come for are closed.
    static let keptMilliseconds: UInt64 = 60_000
    private static let namePrefix = "kept-"

    private let engine: Engine
    private let notifier: SystemdNotifier
    /// The opening that is stored under each name.
    private var stored: [String: UInt32] = [:]
    private var revision: UInt64?
    private var closesKeptAt: UInt64?

    /// Makes a store that gives the engine what was kept for it.
    ///
    /// - Parameters:
    ///   - engine: whose sockets are kept.
    ///   - notifier: who keeps them.
    ///   - kept: those that came back; see `isKept(_:)`.
    init(engine: Engine, notifier: SystemdNotifier, kept: [Listener]) {
        self.engine = engine
        self.notifier = notifier
        for listener in kept { if let name = listener.name { stored[name] = 0 } }
        engine.keep(kept)
    }

    /// Whether an inherited socket is one that a store handed over.
    static func isKept(_ listener: Listener) -> Bool { listener.name?.hasPrefix(namePrefix) == true }

    /// The name of an address: letters, digits and dots, for a name must not have a colon.
    static func name(of address: SocketAddress) -> String {
        namePrefix
            + String(address.description.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "." })
    }

    /// Hands over what is new and takes back what is gone; costs a lock where nothing has changed.
    ///
    /// - Parameter now: monotonic milliseconds.
    func update(now: UInt64) {
        closeForgotten(now)
        let revision = engine.listenerRevision
        guard notifier.isConnected, revision != self.revision else { return }
        var isDone = true
        let sockets = engine.prefixSockets
        var names: Set<String> = []
        for socket in sockets {
            let name = Self.name(of: socket.address)
            names.insert(name)
            guard stored[name] != socket.opening else { continue }
            // Sockets of this name that nobody accepts from any more must go before, or they would take clients.
            if stored.removeValue(forKey: name) != nil { notifier.remove(name: name) }
            if socket.listeners.allSatisfy({ notifier.store($0.descriptor, name: name) }) {
                stored[name] = socket.opening
            } else {
                isDone = false
            }
        }
        for name in stored.keys where !names.contains(name) {
            if notifier.remove(name: name) { stored[name] = nil } else { isDone = false }
        }
        // What could not be sent is sent at the next turn.
        self.revision = isDone ? revision : nil
    }

    private func closeForgotten(_ now: UInt64) {
        guard let at = closesKeptAt else {
            closesKeptAt = now + Self.keptMilliseconds
            return
        }
        guard now >= at, at != .max else { return }
        closesKeptAt = .max
        engine.closeKept()
    }
}
