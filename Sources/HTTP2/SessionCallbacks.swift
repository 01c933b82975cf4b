// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2

/// The functions that nghttp2 calls, which find the session and hand on.
///
/// SAFETY: the pointer that nghttp2 passes is the session's own, unretained: nghttp2 calls only from within calls that
/// the session makes, and so while it lives.
enum SessionCallbacks {
    /// Makes the set that all sessions of a workspace use.
    static func make() -> OpaquePointer {
        var callbacks: OpaquePointer?
        let result = nghttp2_session_callbacks_new(&callbacks)
        guard result == 0, let callbacks else {
            preconditionFailure("There is memory for nghttp2's callbacks.")
        }
        setReceiving(callbacks)
        nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, _, frameHead, length, _, pointer in
            guard let frameHead else { return SessionCallbacks.failure }
            return SessionCallbacks.with(pointer) { $0.dataFrameReady(frameHead, contentByteCount: length) }
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, pointer in
            SessionCallbacks.with(pointer) { $0.streamClosed(id, HTTP2ErrorCode(rawValue: code)) }
        }
        return callbacks
    }

    private static func setReceiving(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, head, pointer in
            guard let head else { return SessionCallbacks.failure }
            return SessionCallbacks.with(pointer) { $0.frameBegan(head.pointee) }
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, pointer in
            guard let frame else { return SessionCallbacks.failure }
            SessionCallbacks.with(pointer) { $0.frameSent(frame) }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, error, pointer in
            guard let frame else { return SessionCallbacks.failure }
            SessionCallbacks.with(pointer) { $0.frameNotSent(frame, error) }
            return 0
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, pointer in
            guard let frame else { return SessionCallbacks.failure }
            return SessionCallbacks.with(pointer) { $0.blockBegan(frame) }
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _,
            _,
            name,
            nameCount,
            value,
            valueCount,
            _,
            pointer in
            let name = UnsafeBufferPointer(start: name, count: nameCount)
            let value = UnsafeBufferPointer(start: value, count: valueCount)
            return SessionCallbacks.with(pointer) { $0.fieldReceived(name, value) }
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            _,
            _,
            id,
            data,
            count,
            pointer in
            let content = UnsafeRawBufferPointer(start: data, count: count)
            return SessionCallbacks.with(pointer) { $0.contentReceived(id, content) }
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, pointer in
            guard let frame else { return SessionCallbacks.failure }
            return SessionCallbacks.with(pointer) { $0.frameReceived(frame) }
        }
        nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(callbacks) { _, _, _, _, _ in
            NGHTTP2_ERR_CANCEL.rawValue
        }
        nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, _, _, _ in
            NGHTTP2_ERR_CANCEL.rawValue
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, frame, _, pointer in
            guard let frame else { return SessionCallbacks.failure }
            return SessionCallbacks.with(pointer) { $0.invalidFrameReceived(frame) }
        }
    }

    /// Calls a function with the session without retaining it.
    @inline(__always)
    static func with<Result>(_ pointer: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Result) -> Result
    {
        guard let pointer else { preconditionFailure("nghttp2 passes on the session it was given.") }
        return Unmanaged<HTTP2Session>.fromOpaque(pointer)._withUnsafeGuaranteedRef { body($0) }
    }

    static let failure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
}
