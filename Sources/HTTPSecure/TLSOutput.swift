// SPDX-License-Identifier: Apache-2.0

/// Where an engine puts what it has for the peer.
///
/// The owner of the connection's send buffer conforms. Called only within the engine's own functions, on the
/// thread that calls these.
public protocol TLSOutput: AnyObject {
    /// Makes room at the end of what is sent to the peer, and counts it as filled.
    ///
    /// The engine fills all of it, and asks for no more room before it has. It asks for a whole record, at
    /// most 16,406 bytes, or for a part of a handshake's flight, at most 64 KiB. There is always room: limits are for
    /// the caller of `TLSEngine.write(_:)` to keep.
    ///
    /// - Parameter byteCount: How many bytes; more than 0.
    /// - Returns: Where they go; any alignment.
    func makeCiphertextRoom(_ byteCount: Int) -> UnsafeMutableRawPointer
}
