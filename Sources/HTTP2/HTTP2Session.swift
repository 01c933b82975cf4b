// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import HTTPWire

/// The server's side of one HTTP/2 connection, without its socket.
///
/// **Use**: hand what arrives to `receive`; after each turn have `write` append what is to be sent while `wantsWrite`;
/// call `deadlineReached` when `nextDeadline` has come. Once `end` is set, send what was written and close.
///
/// **Time**: nanoseconds of a monotonic clock, given with each call that needs it.
///
/// **Limits**: those of the workspace. What a client may make the session keep is bounded by them: streams, heads,
/// windows, acknowledgements.
///
/// **Isolation**: loop-affine. The delegate is not retained and must live as long as the session does.
///
/// **Cost**: an idle session has 27 KiB allocated and 15 KiB resident, most of it nghttp2's frame buffer and tables.
/// A small request costs 1 µs and, when others have gone before it, allocates nothing (2026-11-22).
///
/// Source: RFC 9113, RFC 7541, RFC 8441, RFC 9218.
///
/// Its variables are not checked for overlapping access, which on one loop has no other thread to come from; nothing
/// is passed `inout` to the delegate but the output, which is no variable of the session.
public final class HTTP2Session {
    let workspace: HTTP2Workspace
    unowned(unsafe) let delegate: any HTTP2SessionDelegate
    /// nil once it could not be made.
    @exclusivity(unchecked) var session: OpaquePointer?

    /// Why the session is over; nil while it is not.
    ///
    /// It may be set during any call. A last GOAWAY is among what `write` gives then.
    @exclusivity(unchecked) public internal(set) var end: HTTP2SessionEnd?
    /// How many streams are open.
    @exclusivity(unchecked) public internal(set) var openStreamCount = 0
    /// How many streams the client has opened.
    @exclusivity(unchecked) public internal(set) var streamCount: UInt64 = 0
    /// How many bytes of response content were written.
    @exclusivity(unchecked) public internal(set) var sentContentByteCount: UInt64 = 0
    /// Whether a graceful shutdown was asked for, by either side.
    @exclusivity(unchecked) public internal(set) var isShuttingDown = false

    /// The open streams, the youngest first.
    @exclusivity(unchecked) var openStreams: UnsafeMutablePointer<StreamState>?
    /// The stream whose head or trailer section is coming, and what it is put into.
    @exclusivity(unchecked) var blockStream: UnsafeMutablePointer<StreamState>?
    @exclusivity(unchecked) var blockHead: UnsafeMutablePointer<AssembledHead>?
    @exclusivity(unchecked) var blockTrailers: TrailerCollector?
    /// How many CONTINUATION frames that section has had, and bytes in all its frames.
    @exclusivity(unchecked) var continuationCount = 0
    /// Idle streams that the client gave a priority by frame, which counts more than the head's field.
    @exclusivity(unchecked) var prioritized: [Int32] = []

    /// Where `write` appends, while it runs.
    @exclusivity(unchecked) var output: UnsafeMutablePointer<OutputBuffer>?
    /// The count of bytes in it at which no further frame is begun.
    @exclusivity(unchecked) var writeLimit = 0
    /// Where a DATA frame begins whose content was appended and whose head was not; -1 for none.
    @exclusivity(unchecked) var dataFrameStart = -1
    /// How many trailer sections, at most, are to be followed by a reset of their streams.
    @exclusivity(unchecked) var trailersBeforeReset = 0
    /// Why the session is to end, until nghttp2 has said so to the client.
    @exclusivity(unchecked) var condemned: HTTP2SessionEnd?
    /// Whether nghttp2 can be used no more, so that the last GOAWAY is made by hand.
    @exclusivity(unchecked) var isBroken = false
    @exclusivity(unchecked) var sendsLastGoAway = false

    @exclusivity(unchecked) var now: Int64
    var streamNumbers = StreamNumbers()
    @exclusivity(unchecked) var scanner = FrameScanner()
    /// Whether nghttp2 has taken notice of the DATA frame whose head it was given.
    @exclusivity(unchecked) var dataFrameBegan = false
    /// The last stream that is served, once the last GOAWAY has been submitted.
    @exclusivity(unchecked) var lastServed = Int32.max
    @exclusivity(unchecked) var controlFrames: FloodMeter
    @exclusivity(unchecked) var resets: FloodMeter
    @exclusivity(unchecked) var deadlines: SessionDeadlines

    /// What more acknowledgements of SETTINGS and PING than this are waiting to be sent ends the session.
    static let acknowledgementCountMax = 100
    /// The largest head or trailer section of a response, with 18 bytes for each field besides its name and value.
    ///
    /// A stream with a larger one is reset with INTERNAL_ERROR.
    static let responseHeadBytesMax = 1 << 20

    /// Makes a session that has received nothing yet, and has its settings to write.
    ///
    /// - Parameters:
    ///   - workspace: the loop's, with the limits.
    ///   - delegate: who is told of streams; not retained.
    ///   - now: the time, from which the client's preface is waited for.
    public init(workspace: HTTP2Workspace, delegate: any HTTP2SessionDelegate, now: Int64) {
        self.workspace = workspace
        self.delegate = delegate
        self.now = now
        let limits = workspace.limits
        controlFrames = FloodMeter(limits.controlFrames)
        resets = FloodMeter(limits.resets)
        deadlines = SessionDeadlines(limits, now: now)
        let this = Unmanaged.passUnretained(self).toOpaque()
        guard
            nghttp2_session_server_new3(
                &session,
                workspace.callbacks,
                this,
                workspace.options,
                workspace.blocks.memory
            ) == 0,
            submitSettings(limits)
        else {
            fail()
            return
        }
    }

    deinit {
        if let blockHead { workspace.giveBack(blockHead) }
        if let session { nghttp2_session_del(session) }
        // nghttp2 does not say that streams close when their session goes.
        while let state = openStreams {
            openStreams = state.pointee.next
            workspace.giveBack(state)
        }
    }

    /// Closes all streams that are open, telling the delegate; for a connection that went away.
    ///
    /// The session is over afterwards, and writes nothing more.
    public func abandon(_ code: HTTP2ErrorCode = .cancel) {
        if end == nil { end = condemned ?? HTTP2SessionEnd(.terminated, code) }
        isBroken = true
        sendsLastGoAway = false
        while let state = openStreams { close(state, code) }
    }

    private func submitSettings(_ limits: HTTP2Limits) -> Bool {
        var entries: [nghttp2_settings_entry] = []
        func add(_ id: nghttp2_settings_id, _ value: Int) {
            entries.append(nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(value)))
        }
        add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.concurrentStreamCountMax)
        add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes)
        add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.head.headBytesMax)
        add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)
        add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1)
        if limits.headerTableBytesMax != 4096 {
            add(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits.headerTableBytesMax)
        }
        if limits.frameBytesMax != 16384 { add(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, limits.frameBytesMax) }
        guard nghttp2_submit_settings(session, 0, entries, entries.count) == 0 else { return false }
        return nghttp2_session_set_local_window_size(session, 0, 0, Int32(limits.connectionWindowBytes)) == 0
    }

    // MARK: The end

    /// Ends the session with a GOAWAY frame, at once and for all streams.
    ///
    /// What was submitted and not written is not sent.
    public func terminate(_ code: HTTP2ErrorCode) {
        condemn(HTTP2SessionEnd(.terminated, code))
    }

    /// Has the client told that the session is over, and takes no notice of it any more.
    func condemn(_ reason: HTTP2SessionEnd) {
        guard condemned == nil, end == nil else { return }
        condemned = reason
        guard nghttp2_session_terminate_session(session, reason.code.rawValue) == 0 else {
            fail()
            return
        }
    }

    /// Gives up on nghttp2, whose session is in no state to be used.
    func breakOff(_ reason: HTTP2SessionEnd) {
        guard !isBroken else { return }
        isBroken = true
        sendsLastGoAway = true
        end = condemned ?? end ?? reason
    }

    /// Gives up for want of memory, or for what should not happen.
    func fail() {
        breakOff(HTTP2SessionEnd(.failed, .internalError))
    }

    /// Sets `end` once both sides have said all.
    func noteEnd() {
        guard end == nil, nghttp2_session_want_read(session) == 0, nghttp2_session_want_write(session) == 0
        else { return }
        if condemned == nil, deadlines.isShutdownAnnounced {
            // Nothing is under way: the last GOAWAY need not wait, but must tell which request was the last.
            finishShutdown()
            return
        }
        end = condemned ?? HTTP2SessionEnd(.done, .noError)
    }

    // MARK: Streams

    /// The state of an open stream, nil where nghttp2 does not know the stream or it was refused.
    @inline(__always)
    func state(of id: Int32) -> UnsafeMutablePointer<StreamState>? {
        guard !isBroken, let pointer = nghttp2_session_get_stream_user_data(session, id) else { return nil }
        return pointer.assumingMemoryBound(to: StreamState.self)
    }

    /// The state of a stream that the delegate names; nil where it has closed.
    @inline(__always)
    func state(of stream: HTTP2Stream) -> UnsafeMutablePointer<StreamState>? {
        stream.isOpen && !isBroken ? stream.state : nil
    }

    /// Makes the state of a stream that the client opens.
    func open(_ id: Int32) -> UnsafeMutablePointer<StreamState>? {
        let state = workspace.takeState(id: id)
        guard nghttp2_session_set_stream_user_data(session, id, state) == 0 else {
            workspace.giveBack(state)
            return nil
        }
        state.pointee.next = openStreams
        openStreams?.pointee.previous = state
        openStreams = state
        if openStreamCount == 0 { deadlines.swept(now: now) }
        openStreamCount &+= 1
        streamCount &+= 1
        return state
    }

    /// Lets go of a stream, and tells the delegate where it had been told of it.
    func close(_ state: UnsafeMutablePointer<StreamState>, _ code: HTTP2ErrorCode) {
        if blockStream == state { endBlock() }
        if state.pointee.previous == nil {
            openStreams = state.pointee.next
        } else {
            state.pointee.previous?.pointee.next = state.pointee.next
        }
        state.pointee.next?.pointee.previous = state.pointee.previous
        openStreamCount &-= 1
        if state.pointee.unconsumedCount > 0, !isBroken {
            nghttp2_session_consume_connection(session, state.pointee.unconsumedCount)
        }
        if code == .noError, state.pointee.response == .ended { resets.giveBack(1) }
        if state.pointee.isKnown { delegate.streamClosed(HTTP2Stream(state), code) }
        workspace.giveBack(state)
    }
}
