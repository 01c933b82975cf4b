// SPDX-License-Identifier: Apache-2.0

/// What came of a call of `TLSEngine.read(into:)`.
///
/// A trivial value: returning it costs no retain.
public enum TLSReadResult: Sendable {
    /// So many bytes were decrypted into the buffer; there may be more.
    case plaintext(Int)
    /// Everything received was used up; nothing more happens until more is received.
    case needsInput
    /// The handshake waits for `TLSEngine.performOffloadedStep()`, to be called on another thread.
    case needsOffload
    /// The peer has finished sending (`close_notify`); writing is still possible.
    case closed
    /// The connection is of no more use; what is in the output, an alert maybe, should still be sent.
    case failed(TLSFailure)
}
