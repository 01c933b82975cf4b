// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension TLSEngine {
    /// Goes on with the handshake; `nil` when it is over and there may be data to read.
    func advanceHandshake() -> TLSReadResult? {
        state.pointee.release()
        guard state.pointee.inputByteCount > 0 else { return .needsInput }
        runHandshake()
        switch phase {
        case .handshaking: return .needsInput
        case .offloaded: return .needsOffload
        case .established, .closed: return nil
        case .failed(let failure): return .failed(failure)
        }
    }

    /// Lets OpenSSL work on the handshake and takes note of where it stands.
    private func runHandshake() {
        OpenSSLErrors.clear()
        let result = SSL_do_handshake(ssl)
        guard result != 1 else {
            state.pointee.isEstablished = true
            state.pointee.helloName = nil
            phase = .established
            return
        }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ where state.pointee.verdict == .none: phase = .handshaking
        case SSL_ERROR_WANT_X509_LOOKUP where !state.pointee.maySign: phase = .offloaded
        default: _ = failNow()
        }
    }

    /// Does the step of the handshake that signs with a slow key; blocks for about a millisecond.
    ///
    /// Call it after `read(into:)` has returned `.needsOffload`, once, on any thread, while nothing else uses the
    /// engine. Then call `read(into:)` on the loop again: only that passes on what is for the peer.
    public func performOffloadedStep() {
        guard case .offloaded = phase else { return }
        state.pointee.isOffloaded = true
        state.pointee.maySign = true
        runHandshake()
        state.pointee.isOffloaded = false
    }

    /// The offloaded step as a value that can go to another thread.
    ///
    /// The engine lives until the step is gone, even if its connection ends meanwhile.
    public var offloadedStep: TLSOffloadedStep { TLSOffloadedStep(engine: self) }

    /// Ends the connection for a reason of our own.
    func fail(_ code: TLSFailure.Code) {
        phase = .failed(TLSFailure(code: code, alertSent: nil, alertReceived: nil, libraryCode: 0))
    }

    /// Ends the connection for what OpenSSL or a callback has found.
    func failNow() -> TLSFailure {
        let libraryCode = OpenSSLErrors.take()
        let (sent, received) = (state.pointee.alertSent, state.pointee.alertReceived)
        let code = TLSFailure.code(
            verdict: state.pointee.verdict,
            libraryCode: libraryCode,
            isFirstRecord: SSL_get_state(ssl) == TLS_ST_BEFORE
        )
        let failure = TLSFailure(
            code: code,
            alertSent: sent == EngineState.noAlert ? nil : sent,
            alertReceived: code == .peerAlert && received != EngineState.noAlert ? received : nil,
            libraryCode: libraryCode
        )
        phase = .failed(failure)
        // An offloaded step leaves the input alone: it is the loop's.
        if !state.pointee.isOffloaded {
            discardInput()
        }
        return failure
    }
}

/// A step of a handshake that takes long, on its way to another thread.
public struct TLSOffloadedStep: @unchecked Sendable {
    // SAFETY: the owner does not use the engine from `.needsOffload` until it has been told that the step is done;
    // telling it orders what either thread has written. That is the rule that makes this Sendable.
    private let engine: TLSEngine

    init(engine: TLSEngine) {
        self.engine = engine
    }

    /// Does the step, as `TLSEngine.performOffloadedStep()`.
    public func perform() {
        engine.performOffloadedStep()
    }
}
