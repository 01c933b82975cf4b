// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2

extension HTTP2Session {
    /// When `deadlineReached` is to be called, in nanoseconds; nil for not at all.
    ///
    /// It changes with every call.
    public var nextDeadline: Int64? {
        guard end == nil else { return nil }
        let deadline = deadlines.first(hasStreams: openStreamCount > 0)
        return deadline == SessionDeadlines.never ? nil : deadline
    }

    /// Does what is due: asks for signs of life, resets stalled streams, ends the session where the client is late.
    public func deadlineReached(now: Int64) {
        self.now = max(self.now, now)
        let now = self.now
        guard end == nil, condemned == nil else { return }
        if deadlines.settings <= now {
            condemn(HTTP2SessionEnd(.settingsTimeout, .settingsTimeout))
        } else if deadlines.head <= now {
            condemn(HTTP2SessionEnd(.headTimeout, .enhanceYourCalm))
        } else if deadlines.keepAlive <= now {
            keepAlive(now)
        }
        if deadlines.shutdown <= now { finishShutdown() }
        if deadlines.sweep <= now, openStreamCount > 0 { sweepStreams(now) }
        if !isBroken { noteEnd() }
    }

    private func keepAlive(_ now: Int64) {
        guard !deadlines.isPingOutstanding else {
            condemn(HTTP2SessionEnd(.keepAliveTimeout, .internalError))
            return
        }
        deadlines.pingSent(now: now)
        if nghttp2_submit_ping(session, 0, nil) != 0 { fail() }
    }

    /// Resets the streams whose responses the client has long not opened its windows for.
    private func sweepStreams(_ now: Int64) {
        deadlines.swept(now: now)
        guard let timeout = workspace.limits.stalledStreamTimeout?.nanoseconds else { return }
        var next = openStreams
        while let state = next, condemned == nil, !isBroken {
            next = state.pointee.next
            guard state.pointee.response == .ready else { continue }
            if state.pointee.progressed == StreamState.notSeen { state.pointee.progressed = now }
            guard now &- state.pointee.progressed >= timeout else { continue }
            state.pointee.response = .ended
            state.pointee.isResetCounted = true
            chargeReset()
            if nghttp2_submit_rst_stream(session, 0, state.pointee.id, HTTP2ErrorCode.cancel.rawValue) != 0 {
                fail()
            }
        }
    }

    // MARK: Shutting down

    /// Begins a graceful shutdown: the client is told to open no more streams, and those that are open end.
    ///
    /// A first GOAWAY announces it; the last, with the identifier of the last stream that is served, follows when
    /// the client has answered, or after `shutdownNoticeTimeout`. When all streams have ended, `end` is set.
    ///
    /// Source: RFC 9113 §6.8.
    public func shutdown(now: Int64) {
        self.now = max(self.now, now)
        guard !isShuttingDown, end == nil, condemned == nil else { return }
        isShuttingDown = true
        deadlines.shutdownBegan(now: self.now)
        if nghttp2_submit_shutdown_notice(session) != 0 { fail() }
    }

    /// Ends a graceful shutdown's first part: no stream that is not open is served any more.
    func finishShutdown() {
        deadlines.shutdownFinished()
        let last = nghttp2_session_get_last_proc_stream_id(session)
        lastServed = min(lastServed, last)
        if nghttp2_submit_goaway(session, 0, last, HTTP2ErrorCode.noError.rawValue, nil, 0) != 0 { fail() }
    }
}
