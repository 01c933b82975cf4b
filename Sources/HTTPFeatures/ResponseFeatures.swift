// SPDX-License-Identifier: Apache-2.0

public import HTTPWire

/// Status and fields of the response.
///
/// Loop-affine. Everything here may be set until the response starts: at the first write, `start()` or
/// the end of the handler, whichever comes first. Later changes throw or are ignored as each member says.
public protocol HTTPResponseFeature: AnyObject {
    /// The status code, 200 unless set; 101 to 999. A change after the start is ignored.
    var statusCode: Int { get set }
    /// The reason phrase; `nil` means the standard one of the code.
    var reasonPhrase: String? { get set }
    /// The field section. Changes after the start have no effect on the message.
    var responseHeaders: FieldSection { get set }
    /// Whether the response has started, so that status and fields are fixed.
    var hasStarted: Bool { get }

    /// Runs `action` just before status and fields are fixed; the last one registered runs first.
    ///
    /// - Throws: `HTTPResponseError` with code `.alreadyStarted` after the start.
    func onStarting(_ action: @escaping () throws -> Void) throws

    /// Runs `action` after the response has been handed to the connection; last registered runs first.
    func onCompleted(_ action: @escaping () -> Void)
}

/// The content of the response.
///
/// Loop-affine. What is written leaves the process when the handler next waits or returns, or when 64 KiB
/// have gathered; writes wait while more than that is unsent. A response whose handler ends before
/// anything left has a `Content-Length`; otherwise its framing follows RFC 9112 §6: the application's own
/// `Content-Length`, else chunked coding, else the end of the connection for HTTP/1.0.
public protocol HTTPResponseBodyFeature: AnyObject {
    /// Writes bytes.
    ///
    /// - Throws: `HTTPResponseError` with `.contentLengthExceeded` when more is written than announced and
    ///   `.bodyNotAllowed` for a status without content; `HTTPConnectionError` once the client has gone.
    func write(_ bytes: [UInt8]) async throws

    /// Writes text as UTF-8; short text costs no allocation.
    func write(_ text: String) async throws

    /// Starts the response: runs `onStarting`, fixes status, fields and framing.
    func start() async throws

    /// Sends what was written so far and waits until the kernel has taken it.
    func flush() async throws

    /// Sends part of a file from the page cache.
    ///
    /// - Parameters:
    ///   - path: a regular file.
    ///   - offset: the first byte.
    ///   - byteCount: how many bytes; `nil` means to the end of the file.
    /// - Throws: `HTTPResponseError` with `.fileUnavailable` when it can't be opened or is too short.
    func sendFile(_ path: String, offset: Int64, byteCount: Int64?) async throws

    /// Ends the response now, before the handler returns; later writes throw. Idempotent.
    func complete() async throws
}

/// Files sent by descriptor, for those who keep files open; offered by servers that own a socket.
public protocol HTTPSendFileFeature: AnyObject {
    /// Sends part of an open regular file. The descriptor must stay open until this returns.
    func sendFile(descriptor: Int32, offset: Int64, byteCount: Int64) async throws
}

/// Interim responses (RFC 9110 §15.2), such as 103 Early Hints.
public protocol HTTPInterimResponseFeature: AnyObject {
    /// Sends an interim response; does nothing for HTTP/1.0 or once the final response has started.
    ///
    /// - Parameters:
    ///   - statusCode: 102 to 199, not 101.
    ///   - headers: its fields.
    /// - Throws: `HTTPResponseError` with `.invalidHead` for any other status.
    func sendInterim(statusCode: Int, headers: FieldSection) throws
}

/// Fields sent after the content (RFC 9110 §6.5).
public protocol HTTPResponseTrailersFeature: AnyObject {
    /// Whether this response can carry trailers: HTTP/1.1 chunked coding or a later version.
    var supportsTrailers: Bool { get }
    /// The trailer fields; may be set until the response is complete.
    var responseTrailers: FieldSection { get set }
}

/// What the response cache may do with this response (HTTP_CACHE_POLICY).
public protocol HTTPResponseCachingFeature: AnyObject {
    /// The policy; `.automatic` follows the response's `Cache-Control`.
    var cachePolicy: HTTPResponseCachePolicy { get set }
}

/// A response's standing with the response cache.
public enum HTTPResponseCachePolicy: Sendable, Equatable {
    /// Stored when its `Cache-Control` says `public` with a lifetime, and nothing forbids it.
    case automatic
    /// Never stored.
    case disabled
    /// Stored until flushed.
    case userInvalidates
    /// Stored for a time, whatever its fields say.
    case timeToLive(Duration)
}

/// Synchronous use of bodies, refused unless switched on.
public protocol HTTPBodyControlFeature: AnyObject {
    /// Whether calls that block the calling thread are allowed for this request; `false` unless set.
    var allowSynchronousIO: Bool { get set }
}

/// The end of a single stream with an error code; HTTP/2 and later only.
public protocol HTTPResetFeature: AnyObject {
    /// Resets the stream with a protocol error code.
    func reset(errorCode: Int)
}

/// The slowest client this response tolerates.
public protocol HTTPMinResponseDataRateFeature: AnyObject {
    /// Bytes a second, measured over at least 5 s; 0 turns the check off.
    var minResponseBytesPerSecond: Int { get set }
}
