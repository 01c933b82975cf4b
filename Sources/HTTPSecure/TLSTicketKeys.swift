// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Synchronization

/// The keys that session tickets are sealed with; one object for all loops and listeners of a server.
///
/// Whoever holds a ticket's key can read TLS 1.2 sessions resumed with it, so keys are made here at random, live
/// in memory only, and are wiped when they have been replaced often enough. TLS 1.3 adds a fresh key exchange
/// to each resumption. Any thread.
///
/// **Source**: RFC 5077 §4 and §5.5, RFC 8446 §4.6.1; AES-256-CBC, then HMAC-SHA-256.
public final class TLSTicketKeys: Sendable {
    /// How long a key seals new tickets.
    public let rotationInterval: Duration
    /// How many earlier keys still open tickets.
    public let previousKeyCount: Int

    private struct State {
        /// The newest first, which seals.
        var keys: [TicketKey]
        var rotated: Duration?
    }

    private let state: Mutex<State>

    /// Makes the first key.
    ///
    /// - Parameters:
    ///   - rotationInterval: How long a key seals new tickets, 6 hours unless said otherwise. With one earlier
    ///     key, a ticket can be opened for one to two intervals.
    ///   - previousKeyCount: How many earlier keys still open tickets, from 0 to 16.
    /// - Throws: `TLSConfigurationError` when there is no randomness or the count is out of range.
    public init(
        rotationInterval: Duration = .seconds(6 * 3600),
        previousKeyCount: Int = 1
    ) throws(TLSConfigurationError) {
        guard (0...16).contains(previousKeyCount) else {
            throw .invalidSetting("previousKeyCount", "is \(previousKeyCount)", "Use 0 to 16")
        }
        self.rotationInterval = rotationInterval
        self.previousKeyCount = previousKeyCount
        state = Mutex(State(keys: [try TicketKey()], rotated: nil))
    }

    /// Makes a new key when the newest has been in use for `rotationInterval`.
    ///
    /// - Parameter now: The time on any clock that never steps, always the same one. The first call only notes it.
    /// - Returns: Whether there is a new key.
    /// - Throws: `TLSConfigurationError` when there is no randomness; the old keys stay.
    @discardableResult
    public func rotateIfDue(now: Duration) throws(TLSConfigurationError) -> Bool {
        let isDue = state.withLock { state in
            guard let rotated = state.rotated else {
                state.rotated = now
                return false
            }
            guard now - rotated >= rotationInterval else { return false }
            state.rotated = now
            return true
        }
        if isDue {
            try rotate()
        }
        return isDue
    }

    /// Makes a new key now, whatever the time; the oldest beyond `previousKeyCount` is wiped.
    public func rotate() throws(TLSConfigurationError) {
        let key = try TicketKey()
        state.withLock { state in
            state.keys.insert(key, at: 0)
            if state.keys.count > previousKeyCount + 1 {
                state.keys.removeLast()
            }
        }
    }

    /// The key that seals.
    var newest: TicketKey { state.withLock { $0.keys[0] } }

    /// The key with a name, and whether it is the newest.
    func key(named name: UnsafeRawBufferPointer) -> (key: TicketKey, isNewest: Bool)? {
        state.withLock { state in
            guard let index = state.keys.firstIndex(where: { $0.hasName(name) }) else { return nil }
            return (state.keys[index], index == 0)
        }
    }
}

/// One key for tickets: its name, which is public, and two secrets.
final class TicketKey: @unchecked Sendable {
    static let nameByteCount = 16
    private static let secretByteCount = 32
    private static let byteCount = nameByteCount + 2 * secretByteCount

    // SAFETY: written by `init`, only read from then on, wiped by `deinit`. That makes the class Sendable.
    private let bytes: UnsafeMutableRawPointer

    /// Makes a key at random.
    init() throws(TLSConfigurationError) {
        bytes = .allocate(byteCount: Self.byteCount, alignment: 16)
        let secrets = bytes.assumingMemoryBound(to: UInt8.self)
        guard RAND_priv_bytes(secrets, Int32(Self.byteCount)) == 1 else { throw .library("RAND_priv_bytes") }
    }

    deinit {
        OPENSSL_cleanse(bytes, Self.byteCount)
        bytes.deallocate()
    }

    var name: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes, count: Self.nameByteCount) }

    func hasName(_ other: UnsafeRawBufferPointer) -> Bool { name.elementsEqual(other) }

    /// Sets up the cipher for sealing or opening a ticket.
    func setUp(_ cipher: OpaquePointer, vector: UnsafePointer<UInt8>, seals: Bool) -> Bool {
        let secret = (bytes + Self.nameByteCount).assumingMemoryBound(to: UInt8.self)
        guard let algorithm = Self.algorithm else { return false }
        return seals
            ? EVP_EncryptInit_ex2(cipher, algorithm, secret, vector, nil) == 1
            : EVP_DecryptInit_ex2(cipher, algorithm, secret, vector, nil) == 1
    }

    /// Sets up the authentication of a ticket.
    func setUp(authentication: OpaquePointer) -> Bool {
        let secret = bytes + Self.nameByteCount + Self.secretByteCount
        return hr_hmac_sha256_set_key(authentication, secret, Self.secretByteCount) == 1
    }

    // SAFETY: fetched once, never freed, only read. An implicit fetch for each ticket costs a microsecond.
    private nonisolated(unsafe) static let algorithm = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)
}
