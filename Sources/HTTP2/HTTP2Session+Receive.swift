// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import HTTPWire

extension HTTP2Session {
    /// Takes bytes that arrived, all of them; the delegate is told of what they bring.
    ///
    /// After it, `end` tells whether the session is over and `wantsWrite` whether there is something to send.
    ///
    /// - Parameters:
    ///   - bytes: the bytes, read during the call only.
    ///   - now: the time.
    public func receive(_ bytes: UnsafeRawBufferPointer, now: Int64) {
        self.now = max(self.now, now)
        guard end == nil, condemned == nil, !bytes.isEmpty else { return }
        var taken = 0
        while taken < bytes.count, condemned == nil, !isBroken {
            let (end, stop) = scanner.next(bytes, from: taken)
            dataFrameBegan = false
            if stop == .lastStream {
                // No stream of ours is meant, so it is read as none, whatever it is (RFC 9113 §6.8): 2³¹−1 and the
                // client's own numbers are seen, which nghttp2 would end the session for.
                withUnsafeBytes(of: UInt32(0)) {
                    feed(UnsafeRawBufferPointer(rebasing: $0[..<(end - taken)]))
                }
            } else {
                feed(UnsafeRawBufferPointer(rebasing: bytes[taken..<end]))
            }
            taken = end
            switch stop {
            case .data(let id) where !dataFrameBegan: dataIgnored(on: id)
            case .uncounted: chargeControlFrame(1)
            default: break
            }
        }
        deadlines.frameReceived(now: self.now)
        if let condemned, !isBroken, condemned.reason != .terminated {
            // Called again from outside of nghttp2's own calls, where it stops reading for good.
            nghttp2_session_terminate_session(session, condemned.code.rawValue)
        }
        if !isBroken { noteEnd() }
    }

    /// Hands bytes to nghttp2.
    private func feed(_ bytes: UnsafeRawBufferPointer) {
        let taken = nghttp2_session_mem_recv(
            session,
            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
            bytes.count
        )
        if taken < 0 { broken(nghttp2_error(Int32(truncatingIfNeeded: taken))) }
        // A pause is only asked for together with the session's end.
        assert(taken < 0 || taken == bytes.count || condemned != nil || end != nil)
    }

    /// Notes that nghttp2 gave up on what it was given.
    private func broken(_ error: nghttp2_error) {
        switch error {
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC: breakOff(HTTP2SessionEnd(.prefaceMalformed, .protocolError))
        case NGHTTP2_ERR_FLOODED: breakOff(HTTP2SessionEnd(.tooManyAcknowledgements, .enhanceYourCalm))
        case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
            breakOff(HTTP2SessionEnd(.tooManyContinuations, .enhanceYourCalm))
        default: fail()
        }
    }

    // MARK: Frames

    /// A frame's head has arrived.
    func frameBegan(_ head: nghttp2_frame_hd) -> Int32 {
        // Given up from within a call of the delegate: nghttp2 is to stop.
        guard !isBroken else { return SessionCallbacks.failure }
        let endsStream = UInt8(NGHTTP2_FLAG_END_STREAM.rawValue)
        switch head.type {
        case 0:
            dataFrameBegan = true
            // Padding at most: a frame that brings nothing.
            let isPadded = head.flags & UInt8(NGHTTP2_FLAG_PADDED.rawValue) != 0
            guard head.length == 0 || isPadded && head.length <= 256, head.flags & endsStream == 0 else {
                return 0
            }
            chargeControlFrame(1)
        case 1:
            continuationCount = 0
            checkStreamNumber(head.stream_id)
        case 2 where head.stream_id == 0:
            condemn(HTTP2SessionEnd(.protocolViolated, .protocolError))
        case 9:
            continuationCount += 1
            if continuationCount > workspace.limits.continuationCountMax {
                condemn(HTTP2SessionEnd(.tooManyContinuations, .enhanceYourCalm))
            }
        case 4:
            chargeControlFrame(head.flags & 1 == 0 ? 10 : 1)
        default:
            chargeControlFrame(1)
        }
        return 0
    }

    /// Counts control frames against their budget.
    func chargeControlFrame(_ count: Int64) {
        guard !controlFrames.spend(count, now: now) else { return }
        condemn(HTTP2SessionEnd(.tooManyControlFrames, .enhanceYourCalm))
    }

    /// Counts a stream that the client reset, or made us reset, against the budget for them.
    func chargeReset() {
        guard !resets.spend(1, now: now) else { return }
        condemn(HTTP2SessionEnd(.tooManyResets, .enhanceYourCalm))
    }

    /// A frame is whole and valid.
    func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let head = frame.pointee.hd
        switch head.type {
        case 0:
            guard head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0,
                let state = state(of: head.stream_id)
            else { return 0 }
            endRequest(state)
        case 1:
            blockEnded(hasEndOfStream: head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0)
        case 3:
            guard let state = state(of: head.stream_id) else { return 0 }
            if state.pointee.response != .ended || state.pointee.phase != .ended { chargeReset() }
        case 4 where head.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0:
            deadlines.settingsAcknowledged()
        case 6 where head.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0:
            if deadlines.pingAnswered() { finishShutdown() }
        case 7:
            isShuttingDown = true
        case 16:
            notePriorityUpdate(frame)
        default:
            break
        }
        return 0
    }

    /// nghttp2 found a frame wrong, and resets the stream or ends the session for it.
    func invalidFrameReceived(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        chargeReset()
        state(of: frame.pointee.hd.stream_id)?.pointee.isResetCounted = true
        return 0
    }

    /// nghttp2 took no notice of a DATA frame: its stream is closed, or about to be.
    ///
    /// RFC 9113 §6.1: on a closed stream it is an error of the stream; but for a stream that we reset, it may have
    /// been on its way (§5.1), and after the last GOAWAY those of later streams are ignored (§6.8).
    private func dataIgnored(on id: Int32) {
        guard condemned == nil, !isBroken else { return }
        guard id > 0, id & 1 == 1, id <= min(lastServed, streamNumbers.last), state(of: id) == nil,
            streamNumbers.verdict(onClosed: id) != .fine
        else { return chargeControlFrame(1) }
        chargeReset()
        // At once, so that one reset of it waits to be sent and no more.
        streamNumbers.wasReset(id)
        if nghttp2_submit_rst_stream(session, 0, id, HTTP2ErrorCode.streamClosed.rawValue) != 0 { fail() }
    }

    /// Remembers which idle streams have a priority by frame.
    ///
    /// RFC 9218 §7.1: such a frame counts more than the field, and one for stream 0 is an error of the connection.
    private func notePriorityUpdate(_ frame: UnsafePointer<nghttp2_frame>) {
        guard let payload = frame.pointee.ext.payload else { return }
        let id = payload.assumingMemoryBound(to: nghttp2_ext_priority_update.self).pointee.stream_id
        guard id != 0 else {
            condemn(HTTP2SessionEnd(.protocolViolated, .protocolError))
            return
        }
        guard state(of: id) == nil, prioritized.count < workspace.limits.concurrentStreamCountMax,
            id > nghttp2_session_get_last_proc_stream_id(session), !prioritized.contains(id)
        else { return }
        prioritized.append(id)
    }

    // MARK: Content

    /// Content of a request came.
    func contentReceived(_ id: Int32, _ content: UnsafeRawBufferPointer) -> Int32 {
        guard let state = state(of: id) else {
            nghttp2_session_consume_connection(session, content.count)
            return 0
        }
        state.pointee.unconsumedCount &+= content.count
        if state.pointee.contentLeft >= 0 {
            state.pointee.contentLeft &-= Int64(content.count)
            if state.pointee.contentLeft < 0, state.pointee.phase == .content {
                refuse(state)
            }
        }
        guard state.pointee.phase == .content else {
            let stream = HTTP2Stream(state)
            consumed(stream, byteCount: content.count)
            return 0
        }
        delegate.contentReceived(HTTP2Stream(state), content)
        return 0
    }

    /// The client has sent all of a request.
    func endRequest(_ state: UnsafeMutablePointer<StreamState>) {
        guard state.pointee.phase == .content || state.pointee.phase == .trailers else {
            // The content of a refused head, which nobody waits for.
            if state.pointee.phase == .dropped { state.pointee.phase = .ended }
            return
        }
        guard state.pointee.contentLeft <= 0 else {
            refuse(state)
            return
        }
        state.pointee.phase = .ended
        delegate.streamEnded(HTTP2Stream(state))
    }

    /// Resets the stream of a malformed request.
    ///
    /// RFC 9113 §8.1.1.
    func refuse(_ state: UnsafeMutablePointer<StreamState>, _ code: HTTP2ErrorCode = .protocolError) {
        guard state.pointee.phase != .refused else { return }
        state.pointee.phase = .refused
        state.pointee.response = .ended
        state.pointee.isResetCounted = true
        chargeReset()
        if nghttp2_submit_rst_stream(session, 0, state.pointee.id, code.rawValue) != 0 { fail() }
    }

    /// A stream has closed.
    func streamClosed(_ id: Int32, _ code: HTTP2ErrorCode) -> Int32 {
        guard let state = state(of: id) else { return 0 }
        close(state, code)
        return 0
    }
}
