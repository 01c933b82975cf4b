// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// One server-side TLS connection without its socket: bytes of the peer in, plaintext out, and back.
///
/// Loop-affine, but for `performOffloadedStep()`. The owner calls `receive(_:)` with what arrived, then
/// `read(into:)` until it says `.needsInput`; what is for the peer goes to the `TLSOutput` meanwhile. The
/// handshake happens inside `read(into:)`. Time limits are the owner's.
///
/// **Cost**: nothing of its own is allocated after `init`. OpenSSL allocates its record buffers, 33 KiB, when there is
/// something to do and frees them after; an idle connection holds 15 KiB of TLS 1.3 or 13 of TLS 1.2, half of it
/// OpenSSL's `SSL` itself. A request and response of 100 bytes take 1.5 µs (measured 2026-11-22, OpenSSL 3.0.22).
/// **Source**: RFC 5246, RFC 8446.
public final class TLSEngine {
    /// What the connection is about to do.
    enum Phase {
        case handshaking
        case offloaded
        case established
        /// The peer has finished sending.
        case closed
        case failed(TLSFailure)
    }

    // SAFETY: made by `init`, freed by `deinit` in the order in which they refer to each other.
    let ssl: OpaquePointer
    let state: UnsafeMutablePointer<EngineState>
    private let snapshot: Snapshot
    let context: TLSServerContext
    /// The last host that `mayServe(host:)` let pass, and the number of the snapshot that had it so.
    var servedHost: [UInt8] = []
    var servedHostSnapshot: UInt64 = 0
    var phase = Phase.handshaking
    private var isCloseNotifySent = false

    /// Makes the engine of an accepted connection.
    ///
    /// - Parameters:
    ///   - context: The certificates and rules; changes to it after this are without effect on the connection.
    ///   - output: What takes the ciphertext. Not retained: it must live as long as the engine is used.
    ///   - address: The address that the client reached, for bindings by address; `nil` for a Unix socket.
    ///   - port: The port that the client reached, for bindings by port.
    ///   - withholdsHTTP2: Whether the protocol `h2` is not to be chosen, whatever the binding offers.
    /// - Throws: `TLSFailure` with the code `library` when memory is exhausted.
    public init(
        context: TLSServerContext,
        output: any TLSOutput,
        address: TLSAddress? = nil,
        port: UInt16 = 0,
        withholdsHTTP2: Bool = false
    ) throws(TLSFailure) {
        OpenSSLErrors.clear()
        self.context = context
        snapshot = context.snapshot
        state = .allocate(capacity: 1)
        state.initialize(
            to: EngineState(
                snapshot: Unmanaged.passUnretained(snapshot),
                output: output,
                address: address,
                port: port,
                withholdsHTTP2: withholdsHTTP2
            )
        )
        guard let ssl = SSL_new(snapshot.entry.pointer), let bio = EngineBIO.make(state) else {
            // What was made of the two stays; there is no memory to go on with anyway.
            let code = OpenSSLErrors.take()
            throw TLSFailure(code: .library, alertSent: nil, alertReceived: nil, libraryCode: code)
        }
        SSL_set_bio(ssl, bio, bio)
        SSL_set_accept_state(ssl)
        self.ssl = ssl
    }

    deinit {
        SSL_free(ssl)
        state.pointee.drop()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Whether the handshake is over and data can flow.
    public var isEstablished: Bool {
        switch phase {
        case .established, .closed: true
        case .handshaking, .offloaded, .failed: false
        }
    }

    /// How many bytes of those received have not been looked at yet; 0 once `read(into:)` says `.needsInput`.
    public var unreadByteCount: Int { state.pointee.inputByteCount }

    /// How many bytes have been decrypted that the last buffer had no room for.
    public var pendingByteCount: Int { Int(SSL_pending(ssl)) }

    /// Lends the engine bytes that arrived from the peer, for the calls of `read(into:)` that follow.
    ///
    /// They must stay where they are until `read(into:)` returns `.needsInput`, `.closed`, `.failed`, or this is
    /// called again; all that was received before must have been read by then. After `.needsOffload`, take back
    /// the last `unreadByteCount` of them and lend them again once the step is done: there are none unless
    /// the peer sends ahead of the handshake. What comes after the peer's end or a failure is dropped.
    public func receive(_ ciphertext: UnsafeRawBufferPointer) {
        switch phase {
        case .closed, .failed: return
        case .handshaking, .offloaded, .established: break
        }
        precondition(state.pointee.inputByteCount == 0, "bytes were received before earlier ones were read")
        state.pointee.input = ciphertext.baseAddress
        state.pointee.inputByteCount = ciphertext.count
        if state.pointee.receivedByteCount == 0, let first = ciphertext.first, Self.beginsHTTP(first) {
            fail(.plainHTTP)
        }
        state.pointee.receivedByteCount &+= UInt64(ciphertext.count)
    }

    /// Whether a connection that begins with this byte is HTTP: methods are of upper-case letters, while TLS
    /// begins with 0x16, and the oldest form of hello with a set high bit.
    private static func beginsHTTP(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
    }

    /// Drives the handshake and decrypts what has been received.
    ///
    /// - Parameter buffer: Where plaintext goes; not empty. One record, 16 KiB, is the most that one call
    ///   decrypts.
    /// - Returns: What came of it; call again after `.plaintext`, whatever its size.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSReadResult {
        precondition(!buffer.isEmpty, "there is no room to read into")
        switch phase {
        case .established: break
        case .handshaking:
            if let result = advanceHandshake() { return result }
        case .offloaded: return .needsOffload
        case .closed:
            discardInput()
            return .closed
        case .failed(let failure):
            state.pointee.release()
            discardInput()
            return .failed(failure)
        }
        // OpenSSL takes no more from the input than makes up a record, so that without input and without
        // decrypted bytes it could do nothing but allocate a buffer and free it.
        if state.pointee.inputByteCount == 0, SSL_pending(ssl) == 0 { return .needsInput }
        OpenSSLErrors.clear()
        var count = 0
        guard SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count) == 1 else { return readStopped() }
        return .plaintext(count)
    }

    private func readStopped() -> TLSReadResult {
        switch SSL_get_error(ssl, 0) {
        case SSL_ERROR_WANT_READ where state.pointee.verdict == .none:
            return .needsInput
        case SSL_ERROR_ZERO_RETURN:
            phase = .closed
            discardInput()
            return .closed
        default:
            return .failed(failNow())
        }
    }

    /// Encrypts bytes for the peer, all of them, in records of 16 KiB.
    ///
    /// - Parameter plaintext: What is to be sent.
    /// - Returns: Whether it was done: not before the handshake is over, after `closeNotify()` or a failure.
    public func write(_ plaintext: UnsafeRawBufferPointer) -> Bool {
        guard isEstablished, !isCloseNotifySent else { return false }
        guard !plaintext.isEmpty else { return true }
        OpenSSLErrors.clear()
        var count = 0
        guard SSL_write_ex(ssl, plaintext.baseAddress, plaintext.count, &count) == 1,
            count == plaintext.count
        else {
            _ = failNow()
            return false
        }
        return true
    }

    /// Tells the peer that nothing more will be written; reading is still possible.
    ///
    /// Without effect before the handshake is over, after a failure, and the second time.
    public func closeNotify() {
        guard isEstablished, !isCloseNotifySent else { return }
        isCloseNotifySent = true
        OpenSSLErrors.clear()
        _ = SSL_shutdown(ssl)
        OpenSSLErrors.clear()
    }

    /// Forgets input that nothing will be done with.
    func discardInput() {
        state.pointee.input = nil
        state.pointee.inputByteCount = 0
    }
}
