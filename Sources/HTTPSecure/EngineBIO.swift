// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The BIO between OpenSSL and an engine: reads from the input in place, writes into the owner's output.
///
/// Kernel TLS would plug in at `answerControl`: OpenSSL offers a connection's traffic keys there
/// (`BIO_CTRL_SET_KTLS`) once they are known, and skips its own encryption when the answer is 1.
enum EngineBIO {
    // SAFETY: made once, never changed after, never freed.
    private nonisolated(unsafe) static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "HTTPSecure") else {
            return nil
        }
        BIO_meth_set_read_ex(method, readInput)
        BIO_meth_set_write_ex(method, writeOutput)
        BIO_meth_set_ctrl(method, answerControl)
        return method
    }()

    /// Makes a BIO for an engine's state, which must outlive it.
    static func make(_ state: UnsafeMutablePointer<EngineState>) -> OpaquePointer? {
        guard let method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, state)
        BIO_set_init(bio, 1)
        return bio
    }
}

/// Copies from the input in place.
private func readInput(
    _ bio: OpaquePointer?,
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ capacity: Int,
    _ count: UnsafeMutablePointer<Int>?
) -> Int32 {
    guard let bio, let bytes, let count, let data = BIO_get_data(bio) else { return 0 }
    hr_bio_clear_retry(bio)
    let state = data.assumingMemoryBound(to: EngineState.self)
    count.pointee = 0
    // A verdict ends the input here and now, whatever more of it there is.
    guard state.pointee.verdict == .none else { return 0 }
    count.pointee = state.pointee.take(bytes, capacity)
    guard count.pointee == 0 else { return 1 }
    hr_bio_set_retry_read(bio)
    return 0
}

/// Passes a record to the output.
private func writeOutput(
    _ bio: OpaquePointer?,
    _ bytes: UnsafePointer<CChar>?,
    _ byteCount: Int,
    _ count: UnsafeMutablePointer<Int>?
) -> Int32 {
    guard let bio, let bytes, let count, let data = BIO_get_data(bio) else { return 0 }
    hr_bio_clear_retry(bio)
    let state = data.assumingMemoryBound(to: EngineState.self)
    guard state.pointee.put(bytes, byteCount) else {
        state.pointee.verdict = .outOfMemory
        return 0
    }
    count.pointee = byteCount
    return 1
}

/// Answers what BIOs are asked; everything has always been flushed.
private func answerControl(
    _ bio: OpaquePointer?,
    _ command: Int32,
    _ number: Int,
    _ pointer: UnsafeMutableRawPointer?
) -> Int {
    command == BIO_CTRL_FLUSH ? 1 : 0
}
