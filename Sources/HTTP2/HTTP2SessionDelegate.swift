// SPDX-License-Identifier: Apache-2.0
public import HTTPWire

/// What a session tells about its streams, and asks of whoever answers them.
///
/// The functions are called during `receive`, `write` and `deadlineReached`, on the session's loop. From within them
/// everything may be asked of the session but these three.
public protocol HTTP2SessionDelegate: AnyObject {
    /// A request's head is whole.
    ///
    /// - Parameters:
    ///   - stream: the new stream; hang a context on it here.
    ///   - head: the head and its bytes, which are valid during the call only; the head itself may be swapped for
    ///     another.
    ///   - endsStream: whether there is no content; `streamEnded` is not called then.
    func headReceived(_ stream: HTTP2Stream, _ head: inout AssembledHead, endsStream: Bool)

    /// A request's head is refused; answer it with the status of the refusal, or reset the stream.
    ///
    /// Content that follows is dropped. The head is as far as it came.
    func headRefused(_ stream: HTTP2Stream, _ head: inout AssembledHead, _ refusal: Refusal)

    /// Content of a request came, which is valid during the call only.
    ///
    /// Give it back with `consumed` when it has been used; until then the client may send so much less.
    func contentReceived(_ stream: HTTP2Stream, _ content: UnsafeRawBufferPointer)

    /// A request's trailer section came; `streamEnded` follows.
    func trailersReceived(_ stream: HTTP2Stream, _ trailers: FieldSection)

    /// A request is whole; not called where its head was.
    func streamEnded(_ stream: HTTP2Stream)

    /// A stream has closed, of itself or by a reset; its context is to be let go.
    ///
    /// Called for each stream of which the delegate has heard, during `receive`, `write` or the session's end.
    ///
    /// - Parameters:
    ///   - stream: the stream.
    ///   - code: NO_ERROR where response and request were complete, else the code of the reset.
    func streamClosed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode)

    /// A response's head or trailer section is larger than can be sent, over 1 MiB: its stream is being reset with
    /// INTERNAL_ERROR, and `streamClosed` follows.
    func responseTooLarge(_ stream: HTTP2Stream)

    /// Response content can be sent: append up to `byteCountMax` bytes of it to the output.
    func readContent(
        _ stream: HTTP2Stream,
        into output: inout OutputBuffer,
        byteCountMax: Int
    ) -> HTTP2ContentRead
}

/// What `readContent` came to.
public enum HTTP2ContentRead: Equatable, Sendable {
    /// What there is was appended, and more will follow; with nothing appended the same as `later`.
    case more
    /// The last was appended, if only no byte.
    case last
    /// There is nothing yet; `resume` will tell.
    case later
    /// There will be no more, though there should; the stream is reset with INTERNAL_ERROR.
    case failed
}

/// The content of a response.
public enum HTTP2Content {
    /// None: the stream ends with the head.
    case none
    /// All of it, which is copied; meant for content of a few kilobytes.
    case whole(UnsafeRawBufferPointer)
    /// It is asked for with `readContent` as the client's windows allow.
    case streamed
}
