// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
public import HTTPWire

extension HTTP2Session {
    /// Whether `write` has something to append.
    public var wantsWrite: Bool {
        if isBroken { return sendsLastGoAway }
        return nghttp2_session_want_write(session) != 0
    }

    /// Appends what is to be sent: frames, and content that the delegate is asked for.
    ///
    /// **Limits**: goes over the limit by no more than a frame. With more to write, call again when that has left.
    ///
    /// - Parameters:
    ///   - output: where to append.
    ///   - byteCountMax: after so many bytes no further frame is begun.
    ///   - now: the time.
    public func write(into output: inout OutputBuffer, byteCountMax: Int = 65536, now: Int64) {
        self.now = max(self.now, now)
        guard !isBroken else {
            writeLastGoAway(into: &output)
            return
        }
        writeLimit = output.count &+ min(max(byteCountMax, 0), 1 << 30)
        withUnsafeMutablePointer(to: &output) { pointer in
            self.output = pointer
            while pointer.pointee.count < writeLimit, writeFrame(into: pointer) {}
            dropUnfinishedFrame()
            self.output = nil
        }
        if isBroken {
            writeLastGoAway(into: &output)
        } else {
            noteEnd()
        }
    }

    /// Appends one frame, or what nghttp2 has ready at once; false where there is none.
    private func writeFrame(into output: UnsafeMutablePointer<OutputBuffer>) -> Bool {
        var bytes: UnsafePointer<UInt8>?
        let count = nghttp2_session_mem_send(session, &bytes)
        guard count > 0, let bytes else {
            if count < 0 { fail() }
            return false
        }
        dropUnfinishedFrame()
        // A GOAWAY tells why nghttp2 itself ends the session.
        if count >= 17, bytes[3] == 7, condemned == nil {
            let code =
                UInt32(bytes[13]) << 24 | UInt32(bytes[14]) << 16 | UInt32(bytes[15]) << 8 | UInt32(bytes[16])
            if code != 0 {
                condemned = HTTP2SessionEnd(.protocolViolated, HTTP2ErrorCode(rawValue: code))
            } else if deadlines.shutdownNoticeSent() {
                // Its answer tells that the client has seen the notice.
                if nghttp2_submit_ping(session, 0, nil) != 0 { fail() }
            }
        }
        if trailersBeforeReset != 0, count >= 9, bytes[3] == 1, bytes[4] & 1 != 0 { trailersSent(bytes) }
        output.pointee.append(UnsafeRawBufferPointer(start: bytes, count: count))
        return true
    }

    /// Resets the stream of a trailer section, which had to leave first.
    private func trailersSent(_ head: UnsafePointer<UInt8>) {
        let id = (0..<4).reduce(Int32(0)) { $0 << 8 | Int32(head[5 + $1]) }
        guard let state = state(of: id), state.pointee.resetsAtEnd, state.pointee.response == .ended else {
            return
        }
        trailersBeforeReset -= 1
        submitResetAtEnd(state)
    }

    /// Tells the client that the rest of its request is not needed, unless all of it has come.
    private func submitResetAtEnd(_ state: UnsafeMutablePointer<StreamState>) {
        guard state.pointee.phase != .ended else { return }
        if nghttp2_submit_rst_stream(session, 0, state.pointee.id, HTTP2ErrorCode.noError.rawValue) != 0 {
            fail()
        }
    }

    /// A frame has been handed to the output.
    ///
    /// nghttp2 resets some streams without a word, as for a window that the client's SETTINGS made too large: what
    /// neither the application asked for nor was counted before, is counted here (CVE-2025-8671).
    func frameSent(_ frame: UnsafePointer<nghttp2_frame>) {
        guard frame.pointee.hd.type == UInt8(NGHTTP2_RST_STREAM.rawValue) else { return }
        let id = frame.pointee.hd.stream_id
        streamNumbers.wasReset(id)
        guard let state = state(of: id), !state.pointee.isResetCounted,
            frame.pointee.rst_stream.error_code != HTTP2ErrorCode.noError.rawValue
        else { return }
        state.pointee.isResetCounted = true
        chargeReset()
    }

    /// A frame could not be sent; where it is a head or trailer section that is too large, its stream is reset.
    func frameNotSent(_ frame: UnsafePointer<nghttp2_frame>, _ error: Int32) {
        let id = frame.pointee.hd.stream_id
        guard frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue),
            error == NGHTTP2_ERR_FRAME_SIZE_ERROR.rawValue, let state = state(of: id)
        else { return }
        state.pointee.response = .ended
        state.pointee.isResetCounted = true
        if nghttp2_submit_rst_stream(session, 0, id, HTTP2ErrorCode.internalError.rawValue) != 0 { fail() }
        if state.pointee.isKnown { delegate.responseTooLarge(HTTP2Stream(state)) }
    }

    /// Drops content whose frame nghttp2 did not send after all.
    private func dropUnfinishedFrame() {
        guard dataFrameStart >= 0 else { return }
        output?.pointee.truncate(to: dataFrameStart)
        dataFrameStart = -1
    }

    /// Appends the GOAWAY of a session that nghttp2 cannot be used for any more.
    private func writeLastGoAway(into output: inout OutputBuffer) {
        guard sendsLastGoAway, let end else { return }
        sendsLastGoAway = false
        let last = session == nil ? 0 : min(lastServed, nghttp2_session_get_last_proc_stream_id(session))
        output.append([0, 0, 8, 7, 0, 0, 0, 0, 0])
        for value in [UInt32(bitPattern: max(0, last)), end.code.rawValue] {
            for shift in [24, 16, 8, 0] {
                output.append(byte: UInt8(truncatingIfNeeded: value >> UInt32(shift)))
            }
        }
    }

    // MARK: Content

    static let readCallback: nghttp2_data_source_read_callback = {
        _,
        _,
        _,
        length,
        flags,
        source,
        pointer in
        guard let flags, let state = source?.pointee.ptr?.assumingMemoryBound(to: StreamState.self) else {
            return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
        }
        return SessionCallbacks.with(pointer) { $0.readContent(state, length, &flags.pointee) }
    }

    /// Appends room for a frame's head and then content of a stream.
    ///
    /// - Returns: how many bytes of content; or an error for nghttp2.
    func readContent(
        _ state: UnsafeMutablePointer<StreamState>,
        _ byteCountMax: Int,
        _ flags: inout UInt32
    ) -> Int {
        guard let output else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
        dropUnfinishedFrame()
        let start = output.pointee.count
        // Nine bytes for the frame's head, which `dataFrameReady` fills in.
        output.pointee.append(InlineArray<9, UInt8>(repeating: 0))
        let read =
            state.pointee.isStreamed
            ? readStreamed(state, into: output, byteCountMax) : readWhole(state, into: output, byteCountMax)
        let count = output.pointee.count - start - 9
        precondition(count >= 0 && count <= byteCountMax, "No more content is read than was asked for.")
        switch read {
        case .failed:
            output.pointee.truncate(to: start)
            state.pointee.response = .ended
            state.pointee.isResetCounted = true
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        case _ where read == .later || read == .more && count == 0:
            output.pointee.truncate(to: start)
            state.pointee.response = .waiting
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .more, .later:
            // What is whole is small, and has the time of a stalled stream for all of it: no byte now and then extends
            // that, as it does where the engine judges the rate.
            if state.pointee.isStreamed { state.pointee.progressed = now }
        case .last:
            flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
            state.pointee.response = .ended
            if let trailers = state.pointee.trailers {
                state.pointee.trailers = nil
                flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                if state.pointee.resetsAtEnd { trailersBeforeReset += 1 }
                guard sendTrailers(state.pointee.id, trailers) == 0 else {
                    output.pointee.truncate(to: start)
                    state.pointee.isResetCounted = true
                    return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
                }
            }
        }
        if read == .last, state.pointee.resetsAtEnd, flags & NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue == 0 {
            // nghttp2 sends it after the frame that is being made.
            submitResetAtEnd(state)
        }
        flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        dataFrameStart = start
        return count
    }

    private func readStreamed(
        _ state: UnsafeMutablePointer<StreamState>,
        into output: UnsafeMutablePointer<OutputBuffer>,
        _ byteCountMax: Int
    ) -> HTTP2ContentRead {
        delegate.readContent(HTTP2Stream(state), into: &output.pointee, byteCountMax: byteCountMax)
    }

    private func readWhole(
        _ state: UnsafeMutablePointer<StreamState>,
        into output: UnsafeMutablePointer<OutputBuffer>,
        _ byteCountMax: Int
    ) -> HTTP2ContentRead {
        guard let block = state.pointee.block else { return .last }
        let start = state.pointee.contentStart
        let count = min(byteCountMax, state.pointee.contentEnd - start)
        output.pointee.append(UnsafeRawBufferPointer(start: block + start, count: count))
        state.pointee.contentStart = start + count
        return state.pointee.contentStart == state.pointee.contentEnd ? .last : .more
    }

    /// Fills in the head of the DATA frame whose content was just read.
    func dataFrameReady(_ head: UnsafePointer<UInt8>, contentByteCount: Int) -> Int32 {
        guard let output, dataFrameStart >= 0,
            output.pointee.count - dataFrameStart == contentByteCount + 9
        else { return SessionCallbacks.failure }
        // SAFETY: nine bytes from there on were appended for this; the block is the buffer's own, and it is not read.
        output.pointee.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            UnsafeMutableRawPointer(mutating: base + dataFrameStart).copyMemory(from: head, byteCount: 9)
        }
        dataFrameStart = -1
        sentContentByteCount &+= UInt64(contentByteCount)
        controlFrames.giveBack(2)
        // A pause ends nghttp2's own loop, which would go on with the next frame of content.
        return output.pointee.count < writeLimit ? 0 : NGHTTP2_ERR_PAUSE.rawValue
    }
}
