// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
public import HTTPWire

/// The field lines that most responses have in common, besides those of the application.
public struct HTTP2CommonFields {
    /// The Date, nil for none.
    public var date: HTTPDate?
    /// The Server, nil for none.
    public var server: StaticString?
    /// The Content-Length, nil for none.
    public var contentLength: Int64?

    /// Makes the lines.
    public init(date: HTTPDate? = nil, server: StaticString? = nil, contentLength: Int64? = nil) {
        self.date = date
        self.server = server
        self.contentLength = contentLength
    }
}

extension HTTP2Session {
    /// Submits a response's head, with all of its content or before it; `write` sends it.
    ///
    /// Names are sent in lower case. Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding and Upgrade are left
    /// out (RFC 9113 §8.2.2).
    ///
    /// **Cost**: copies all values once; content that is whole is copied too.
    ///
    /// - Parameters:
    ///   - stream: the stream, to which no response was submitted.
    ///   - status: the final status, 200 to 999.
    ///   - fields: the application's field lines.
    ///   - common: further lines; none of them should be in `fields` too.
    ///   - content: the content; with trailers, `.streamed`.
    /// - Returns: whether the stream is still open and had no response.
    @discardableResult
    public func submitResponse(
        _ stream: HTTP2Stream,
        status: UInt16,
        fields: FieldSection,
        common: HTTP2CommonFields = HTTP2CommonFields(),
        content: HTTP2Content
    ) -> Bool {
        precondition(status >= 200 && status <= 999, "A final status is from 200 to 999.")
        guard let state = state(of: stream), state.pointee.response == .none else { return false }
        if state.pointee.isConnect, status < 300 { state.pointee.isConnected = true }
        prepareLines(state, status: status, fields: fields, common: common, content: content)
        let result: Int32
        if case .none = content {
            state.pointee.response = .ended
            result = nghttp2_submit_response(
                session,
                stream.id,
                workspace.lines.lines,
                workspace.lines.count,
                nil
            )
        } else {
            state.pointee.response = .ready
            var source = nghttp2_data_provider(
                source: nghttp2_data_source(ptr: state),
                read_callback: HTTP2Session.readCallback
            )
            result = nghttp2_submit_response(
                session,
                stream.id,
                workspace.lines.lines,
                workspace.lines.count,
                &source
            )
        }
        guard result == 0 else {
            submissionFailed(result)
            return false
        }
        return true
    }

    /// Copies the lines of a response, and content that is whole, into the stream's block.
    private func prepareLines(
        _ state: UnsafeMutablePointer<StreamState>,
        status: UInt16,
        fields: FieldSection,
        common: HTTP2CommonFields,
        content: HTTP2Content
    ) {
        let fixedCount = 3 + FieldLines.numberBytesMax + 29
        var byteCount = fixedCount + FieldLines.byteCount(of: fields)
        if case .whole(let bytes) = content { byteCount += bytes.count }
        let block = state.pointee.reserveBlock(byteCount)
        workspace.lines.begin(copyingTo: block)
        workspace.lines.appendStatus(status)
        if let server = common.server { workspace.lines.append(.server, literal: server) }
        if let date = common.date { workspace.lines.append(.date, date.bytes.span) }
        workspace.lines.append(fields)
        if let length = common.contentLength {
            workspace.lines.append(.contentLength, decimal: UInt64(max(0, length)))
        }
        state.pointee.contentStart = workspace.lines.blockCount
        state.pointee.contentEnd = state.pointee.contentStart
        switch content {
        case .none: break
        case .streamed: state.pointee.isStreamed = true
        case .whole(let bytes):
            if let base = bytes.baseAddress {
                (block + state.pointee.contentStart).copyMemory(from: base, byteCount: bytes.count)
            }
            state.pointee.contentEnd += bytes.count
        }
    }

    /// Submits an interim response, such as 100 or 103, before the final one.
    ///
    /// - Returns: whether the stream is still open and had no final response.
    @discardableResult
    public func submitInterim(
        _ stream: HTTP2Stream,
        status: UInt16,
        fields: FieldSection = FieldSection()
    ) -> Bool {
        precondition(
            status >= 100 && status <= 199 && status != 101,
            "An interim status is 100 or 102 to 199."
        )
        guard let state = state(of: stream), state.pointee.response == .none else { return false }
        let result = withCopiedLines(3 + FieldLines.byteCount(of: fields)) { lines in
            lines.appendStatus(status)
            lines.append(fields)
        } submit: { lines, count in
            nghttp2_submit_headers(session, 0, stream.id, nil, lines, count, nil)
        }
        guard result == 0 else {
            submissionFailed(result)
            return false
        }
        return true
    }

    /// Sets the trailer section that follows the content of a streamed response.
    ///
    /// Call it before `readContent` says `.last`.
    ///
    /// - Returns: whether the stream is still open and its content had not ended.
    @discardableResult
    public func submitTrailers(_ stream: HTTP2Stream, _ trailers: FieldSection) -> Bool {
        guard let state = state(of: stream), state.pointee.response != .ended else { return false }
        state.pointee.trailers = trailers.isEmpty ? nil : trailers
        return true
    }

    /// Has `readContent` called again for a stream for which it said `.later`.
    public func resume(_ stream: HTTP2Stream) {
        guard let state = state(of: stream), state.pointee.response == .waiting else { return }
        state.pointee.response = .ready
        state.pointee.progressed = StreamState.notSeen
        if nghttp2_is_fatal(nghttp2_session_resume_data(session, stream.id)) != 0 { fail() }
    }

    /// Resets a stream; `streamClosed` follows when that has been written.
    ///
    /// With NO_ERROR, a response that was submitted is written first: the way to end a stream whose request need not
    /// be read to its end (RFC 9113 §8.1). What still comes of the request is dropped.
    public func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        guard let state = state(of: stream) else { return }
        if code == .noError, state.pointee.response == .ready || state.pointee.response == .waiting {
            if state.pointee.phase == .content { state.pointee.phase = .dropped }
            state.pointee.resetsAtEnd = true
            consumed(stream, byteCount: state.pointee.unconsumedCount)
            return
        }
        state.pointee.response = .ended
        state.pointee.isResetCounted = true
        if nghttp2_submit_rst_stream(session, 0, stream.id, code.rawValue) != 0 { fail() }
    }

    /// Gives back content that the application has used, so that the client may send as much again.
    ///
    /// What a stream has not given back when it closes is given back then.
    public func consumed(_ stream: HTTP2Stream, byteCount: Int) {
        guard let state = state(of: stream) else { return }
        precondition(
            byteCount >= 0 && byteCount <= state.pointee.unconsumedCount,
            "Only what came is consumed."
        )
        state.pointee.unconsumedCount &-= byteCount
        if nghttp2_session_consume(session, stream.id, byteCount) != 0 { fail() }
    }

    /// Sends the trailer section of a response whose content has ended.
    func sendTrailers(_ id: Int32, _ trailers: FieldSection) -> Int32 {
        withCopiedLines(FieldLines.byteCount(of: trailers)) { lines in
            lines.append(trailers)
        } submit: { lines, count in
            nghttp2_submit_trailer(session, id, lines, count)
        }
    }

    /// Makes lines in a block of their own, of which nghttp2 copies names and values.
    private func withCopiedLines(
        _ byteCount: Int,
        _ make: (inout FieldLines) -> Void,
        submit: (UnsafePointer<nghttp2_nv>, Int) -> Int32
    ) -> Int32 {
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 16)
        defer { block.deallocate() }
        workspace.lines.begin(copyingTo: block)
        make(&workspace.lines)
        workspace.lines.setCopied()
        return submit(workspace.lines.lines, workspace.lines.count)
    }

    /// A submission was refused: the stream has just closed, or memory is out.
    private func submissionFailed(_ result: Int32) {
        if nghttp2_is_fatal(result) != 0 { fail() }
    }
}

extension StreamState {
    /// Makes the block at least so large; what it held is gone.
    mutating func reserveBlock(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if let block, blockCapacity >= byteCount { return block }
        block?.deallocate()
        let capacity = (byteCount + 511) & ~511
        let made = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        block = made
        blockCapacity = capacity
        return made
    }
}
