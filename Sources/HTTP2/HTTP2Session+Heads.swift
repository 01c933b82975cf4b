// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import HTTPWire

/// Puts a trailer section together.
struct TrailerCollector {
    var fields = FieldSection()
    var byteCount = 0
    var lineCount = 0
    var isMalformed = false
}

extension HTTP2Session {
    /// A head or trailer section begins.
    func blockBegan(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let id = frame.pointee.hd.stream_id
        if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            guard id <= lastServed else {
                // It came behind the answer that the last GOAWAY waited for, before that was sent.
                let code = HTTP2ErrorCode.refusedStream.rawValue
                return nghttp2_submit_rst_stream(session, 0, id, code) == 0 ? 0 : SessionCallbacks.failure
            }
            guard let state = open(id) else { return SessionCallbacks.failure }
            let head = workspace.takeHead()
            head.pointee.begin(limits: workspace.limits.head)
            blockHead = head
            blockStream = state
            controlFrames.giveBack(4)
        } else if let state = state(of: id) {
            blockTrailers = TrailerCollector()
            blockStream = state
        }
        deadlines.blockBegan(now: now)
        return 0
    }

    /// One field of the section came.
    func fieldReceived(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Int32 {
        // SAFETY: nghttp2's strings live until the callback returns; an empty one may have no address, and no span.
        let name = Span(_unsafeElements: name)
        let value = Span(_unsafeElements: value)
        let mayGoOn: Bool
        if let blockHead {
            mayGoOn = blockHead.pointee.append(name: name, value: value)
        } else if blockTrailers != nil {
            mayGoOn = appendTrailer(name, value)
        } else {
            mayGoOn = true
        }
        guard !mayGoOn else { return condemned == nil ? 0 : NGHTTP2_ERR_PAUSE.rawValue }
        condemn(HTTP2SessionEnd(.headFarTooLarge, .enhanceYourCalm))
        return NGHTTP2_ERR_PAUSE.rawValue
    }

    /// Takes a trailer field; false where the section is beyond twice its limits.
    ///
    /// What routes, frames or authenticates a message is left out, as HTTP/1.1's parser leaves it out; but first each
    /// field is judged as one of a head would be.
    private func appendTrailer(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
        guard var trailers = blockTrailers else { return true }
        // Taken out while it changes, so that its arrays are not copied.
        blockTrailers = nil
        defer { blockTrailers = trailers }
        let limits = workspace.limits
        trailers.byteCount &+= name.count &+ value.count &+ 32
        trailers.lineCount &+= 1
        guard trailers.byteCount <= limits.trailerBytesMax, trailers.lineCount <= limits.trailerCountMax
        else {
            trailers.isMalformed = true
            return trailers.byteCount / 2 <= limits.trailerBytesMax
                && trailers.lineCount / 2 <= limits.trailerCountMax
        }
        guard !trailers.isMalformed else { return true }
        guard AssembledHead.malformation(ofTrailer: name, value) == nil else {
            trailers.isMalformed = true
            return true
        }
        guard !FieldID(name).isForbiddenInTrailers else { return true }
        do {
            try trailers.fields.append(name: name, value: value)
        } catch {
            trailers.isMalformed = true
        }
        return true
    }

    /// The section is whole.
    func blockEnded(hasEndOfStream: Bool) {
        guard let state = blockStream else { return }
        if let head = blockHead {
            blockStream = nil
            blockHead = nil
            deadlines.blockEnded()
            headEnded(state, head, endsStream: hasEndOfStream)
            workspace.giveBack(head)
            return
        }
        let trailers = blockTrailers
        endBlock()
        guard let trailers, state.pointee.phase == .content else { return }
        // Trailers end the stream (RFC 9113 §8.1); a connected one carries none (§8.5).
        guard !state.pointee.isConnected, hasEndOfStream, !trailers.isMalformed,
            state.pointee.contentLeft <= 0
        else {
            refuse(state)
            return
        }
        state.pointee.phase = .trailers
        let serial = state.pointee.serial
        delegate.trailersReceived(HTTP2Stream(state), trailers.fields)
        guard state.pointee.serial == serial, state.pointee.id != 0 else { return }
        endRequest(state)
    }

    /// Lets go of what a section was put into.
    func endBlock() {
        if let head = blockHead { workspace.giveBack(head) }
        blockHead = nil
        blockTrailers = nil
        blockStream = nil
        deadlines.blockEnded()
    }

    /// Judges a request head and tells the delegate.
    private func headEnded(
        _ state: UnsafeMutablePointer<StreamState>,
        _ head: UnsafeMutablePointer<AssembledHead>,
        endsStream: Bool
    ) {
        switch head.pointee.finish(hasContent: !endsStream) {
        case .complete:
            state.pointee.isKnown = true
            state.pointee.phase = endsStream ? .ended : .content
            state.pointee.isConnect = head.pointee.isExtendedConnect
            state.pointee.contentLeft = head.pointee.head.contentLength ?? -1
            if head.pointee.head.present.contains(.priority) || !prioritized.isEmpty {
                applyPriority(head.pointee.priority, to: state.pointee.id)
            }
            delegate.headReceived(HTTP2Stream(state), &head.pointee, endsStream: endsStream)
        case .refused(let refusal):
            state.pointee.isKnown = true
            state.pointee.phase = endsStream ? .ended : .dropped
            chargeReset()
            delegate.headRefused(HTTP2Stream(state), &head.pointee, refusal)
        case .malformed:
            refuse(state)
        }
    }

    /// Orders a response among the others as its request asks, unless a frame said otherwise before.
    private func applyPriority(_ priority: RequestPriority, to id: Int32) {
        if let index = prioritized.firstIndex(of: id) {
            prioritized.removeSubrange(0...index)
            return
        }
        guard priority != RequestPriority() else { return }
        var value = nghttp2_extpri(urgency: UInt32(priority.urgency), inc: priority.isIncremental ? 1 : 0)
        nghttp2_session_change_extpri_stream_priority(session, id, &value, 0)
    }
}
