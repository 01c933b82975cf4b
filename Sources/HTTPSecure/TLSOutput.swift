// SPDX-License-Identifier: Apache-2.0

/// Where an engine puts what it has for the peer.
///
/// The owner of the connection's send buffer conforms. Called only within the engine's own functions, on the
/// thread that calls these.
public protocol TLSOutput: AnyObject {
    /// Appends bytes to what is sent to the peer: handshakes, which OpenSSL has in its own memory.
    ///
    /// The bytes are gone when it returns: it copies. It takes everything; limits are for the caller of
    /// `TLSEngine.write(_:)` to keep.
    func appendCiphertext(_ bytes: UnsafeRawBufferPointer)

    /// Makes room at the end of what is sent to the peer, and counts it as filled: records are sealed in place.
    ///
    /// The engine fills all of it before it does anything else with the output. Like `appendCiphertext(_:)`, it takes
    /// everything.
    ///
    /// - Parameter byteCount: How many bytes, one record: at least 17 and at most 16,413.
    /// - Returns: Where they go, of any alignment; `nil` to get them by `appendCiphertext(_:)`, at the cost of a copy.
    func makeCiphertextRoom(_ byteCount: Int) -> UnsafeMutableRawPointer?
}

extension TLSOutput {
    /// Lends no room.
    public func makeCiphertextRoom(_ byteCount: Int) -> UnsafeMutableRawPointer? { nil }
}
