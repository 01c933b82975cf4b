// SPDX-License-Identifier: Apache-2.0

import HTTPSecure

/// Keeps certificates and the keys of session tickets fresh: reads files that have changed, and makes new keys.
///
/// Control thread only; looking at files blocks it for some milliseconds.
final class CertificateCare {
    /// What came of a tick.
    struct Outcome: Equatable {
        /// Whether certificates were read again.
        var isReloaded = false
        /// Whether there is a new key.
        var isRotated = false
    }

    private let tls: TLSServerContext
    private let reloadInterval: Duration?
    private let log: @Sendable (String) -> Void
    private var reloadedAt: Duration?
    /// The words of the last failure, told once.
    private var failure = ""

    /// Makes the care of a server's TLS.
    ///
    /// - Parameters:
    ///   - tls: the certificates and keys.
    ///   - reloadInterval: how often files are looked at; `nil` never.
    ///   - log: told what has changed and what failed.
    init(_ tls: TLSServerContext, reloadInterval: Duration?, log: @escaping @Sendable (String) -> Void) {
        self.tls = tls
        self.reloadInterval = reloadInterval
        self.log = log
    }

    /// Does what is due.
    ///
    /// - Parameter now: the time on a clock that never steps; the first call only notes it.
    /// - Returns: what was done.
    @discardableResult
    func tick(now: Duration) -> Outcome {
        var outcome = Outcome()
        outcome.isRotated = rotate(now)
        guard let reloadInterval else { return outcome }
        let last = reloadedAt ?? now
        guard now - last >= reloadInterval else {
            reloadedAt = last
            return outcome
        }
        reloadedAt = now
        outcome.isReloaded = reload()
        return outcome
    }

    private func rotate(_ now: Duration) -> Bool {
        do throws(TLSConfigurationError) {
            return try tls.ticketKeys.rotateIfDue(now: now)
        } catch {
            log("error: the keys of session tickets stay as they are: \(error)")
            return false
        }
    }

    private func reload() -> Bool {
        do throws(TLSConfigurationError) {
            let isReloaded = try tls.reload()
            failure = ""
            if isReloaded { log("certificates were read again") }
            return isReloaded
        } catch {
            // Said once, not each minute.
            if failure != error.description { log("error: certificates stay as they are: \(error)") }
            failure = error.description
            return false
        }
    }
}
