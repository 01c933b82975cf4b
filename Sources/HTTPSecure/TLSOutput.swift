// SPDX-License-Identifier: Apache-2.0

/// Where an engine puts what it has for the peer.
///
/// The owner of the connection's send buffer conforms. Called only within the engine's own functions, on the
/// thread that calls these.
public protocol TLSOutput: AnyObject {
    /// Appends records to what is sent to the peer.
    ///
    /// The bytes are gone when it returns: it copies. It takes everything; limits are the caller's of
    /// `TLSEngine.write(_:)` to keep.
    func appendCiphertext(_ bytes: UnsafeRawBufferPointer)
}
