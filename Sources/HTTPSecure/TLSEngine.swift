// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// One server-side TLS connection without its socket: bytes of the peer in, plaintext out, and back.
///
/// Loop-affine, but for `performOffloadedStep()`. The owner calls `receive(_:)` with what arrived, then
/// `read(into:)` until it says `.needsInput`; what is for the peer goes to the `TLSOutput` meanwhile. The
/// handshake happens inside `read(into:)`. Time limits are the owner's.
///
/// **Cost**: once established, a record is decrypted from where it arrived into the reader's buffer and encrypted into
/// the output, without a copy or an allocation; but a record that arrives in pieces is put together first. An idle
/// connection holds about 3 KiB.
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

    // SAFETY: made by `init`, freed by `deinit` in the order in which they refer to each other; the connection of
    // OpenSSL before, when the handshake is over.
    private(set) var ssl: OpaquePointer?
    let state: UnsafeMutablePointer<EngineState>
    /// What the handshake is made with.
    private var snapshot: Snapshot?
    var phase = Phase.handshaking
    /// What the handshake came to.
    private(set) var facts: HandshakeFacts?
    private var records: RecordLayer?

    /// Makes the engine of an accepted connection.
    ///
    /// - Parameters:
    ///   - context: The certificates and rules; changes to it after this are without effect on the connection.
    ///   - output: What takes the ciphertext. Not retained: it must live as long as the engine is used.
    ///   - address: The address that the client reached, for bindings by address; `nil` for a Unix socket.
    ///   - port: The port that the client reached, for bindings by port.
    /// - Throws: `TLSFailure` with the code `library` when memory is exhausted.
    public init(
        context: TLSServerContext,
        output: any TLSOutput,
        address: TLSAddress? = nil,
        port: UInt16 = 0
    ) throws(TLSFailure) {
        OpenSSLErrors.clear()
        let snapshot = context.snapshot
        self.snapshot = snapshot
        state = .allocate(capacity: 1)
        state.initialize(
            to: EngineState(
                snapshot: Unmanaged.passUnretained(snapshot),
                output: output,
                address: address,
                port: port
            )
        )
        guard let ssl = SSL_new(snapshot.firstContext(address: address, port: port).pointer),
            let bio = EngineBIO.make(state)
        else {
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
    public var pendingByteCount: Int { records?.stagedByteCount ?? 0 }

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
    /// - Parameter buffer: Where plaintext goes; not empty, and with room for 16 KiB best: what a record holds over the
    ///   room is kept in memory of its own until the next call.
    /// - Returns: What came of it; call again after `.plaintext`, whatever its size. One call returns what one
    ///   record holds at most.
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
        guard let records else { return .needsInput }
        OpenSSLErrors.clear()
        switch records.read(state, into: buffer.assumingMemoryBound(to: UInt8.self)) {
        case .plaintext(let count): return .plaintext(count)
        case .needsInput: return .needsInput
        case .closed:
            phase = .closed
            discardInput()
            return .closed
        case .violation(let code, let alert):
            return .failed(fail(code, alert: UInt8(truncatingIfNeeded: alert), records))
        case .alert(let alert):
            fail(.peerAlert, alertReceived: alert)
            discardInput()
            return read(into: buffer)
        }
    }

    /// Encrypts bytes for the peer, all of them, in records of 16 KiB.
    ///
    /// - Parameter plaintext: What is to be sent.
    /// - Returns: Whether it was done: not before the handshake is over, after `closeNotify()` or a failure.
    public func write(_ plaintext: UnsafeRawBufferPointer) -> Bool {
        guard isEstablished, !state.pointee.isCloseNotifySent, let records else { return false }
        OpenSSLErrors.clear()
        guard records.write(plaintext, to: state.pointee.output) else {
            fail(.library)
            return false
        }
        return true
    }

    /// Tells the peer that nothing more will be written; reading is still possible.
    ///
    /// Without effect before the handshake is over, after a failure, and the second time.
    public func closeNotify() {
        guard isEstablished, !state.pointee.isCloseNotifySent, let records else { return }
        state.pointee.isCloseNotifySent = true
        OpenSSLErrors.clear()
        records.writeAlert(UInt8(SSL_AD_CLOSE_NOTIFY), isFatal: false, to: state.pointee.output)
    }

    /// Has the engine make new keys after fewer records than anyone would wait for in a test.
    package func limitRecordsPerKeyForTesting(_ count: UInt64) {
        records?.recordsPerKeyMax = count
    }

    /// The handshake is done: keeps what it came to and goes on without OpenSSL's connection.
    func establish(_ ssl: OpaquePointer) {
        guard let records = RecordLayer.takeOver(ssl, state) else {
            fail(.library)
            return
        }
        self.records = records
        facts = HandshakeFacts(ssl)
        phase = .established
        // Else OpenSSL would take the session for one that was cut off.
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        SSL_free(ssl)
        self.ssl = nil
        snapshot = nil
    }

    /// Ends the connection for a reason of our own.
    func fail(_ code: TLSFailure.Code, alertReceived: UInt8? = nil) {
        let failure = TLSFailure(code: code, alertSent: nil, alertReceived: alertReceived, libraryCode: 0)
        phase = .failed(failure)
    }

    /// Ends an established connection with an alert to the peer.
    private func fail(_ code: TLSFailure.Code, alert: UInt8, _ records: RecordLayer) -> TLSFailure {
        records.writeAlert(alert, isFatal: true, to: state.pointee.output)
        OpenSSLErrors.clear()
        let failure = TLSFailure(code: code, alertSent: alert, alertReceived: nil, libraryCode: 0)
        phase = .failed(failure)
        discardInput()
        return failure
    }

    /// Forgets input that nothing will be done with.
    func discardInput() {
        state.pointee.input = nil
        state.pointee.inputByteCount = 0
    }
}
