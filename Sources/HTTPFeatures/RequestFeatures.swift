// SPDX-License-Identifier: Apache-2.0

public import HTTPWire

/// The request line and fields, all of them settable so that middleware may rewrite a request.
///
/// Loop-affine; valid until the handler returns. Strings are made when first asked for and kept. Setting
/// a property changes what later readers see, never how the message was framed.
public protocol HTTPRequestFeature: AnyObject {
    /// The method as sent, such as `"GET"`.
    var method: String { get set }
    /// The method as one of the well-known ones, without a string; `.other` for the rest.
    var knownMethod: Method { get }
    /// `"http"` or `"https"`, from the connection and not from the request-target.
    var scheme: String { get set }
    /// The part of the path that chose the application: its URL prefix's path without the last slash.
    var pathBase: String { get set }
    /// The rest of the path, percent-decoded once with `%2F` left alone, dot segments removed.
    var path: String { get set }
    /// The query with its leading `?`, exactly as sent, or an empty string.
    var queryString: String { get set }
    /// The request-target exactly as sent (RFC 9112 §3.2).
    var rawTarget: String { get set }
    /// The host and port the request was sent to: the target's authority where it has one, else `Host`.
    var authority: String { get set }
    /// `"HTTP/1.0"`, `"HTTP/1.1"`, `"HTTP/2"`.
    var protocolVersion: String { get set }
    /// The field section, made from the received bytes when first asked for.
    var requestHeaders: FieldSection { get set }

    /// The value of a field, its lines joined by `", "`, without making the whole section.
    ///
    /// - Parameter name: a field name in any case.
    /// - Returns: the value as text (bytes over 0x7F as UTF-8 where valid, else as ISO-8859-1), or `nil`.
    func value(of name: String) -> String?

    /// The value of a well-known field; cheaper than by name.
    func value(of field: FieldID) -> String?
}

/// The content of the request, read in pieces as it arrives.
///
/// Loop-affine. The first read sends `100 Continue` where the client waits for it. Nothing is read from
/// the connection further ahead than the engine's buffer limit while the application does not read.
public protocol HTTPRequestBodyFeature: AnyObject {
    /// Whether the message's framing announces content: a length over 0, or chunked coding.
    var canHaveBody: Bool { get }
    /// The announced length in bytes, or `nil` where it is not known before the end.
    var contentLength: Int64? { get }
    /// Whether the content has been read to its end.
    var isAtEnd: Bool { get }

    /// Reads the next piece of content.
    ///
    /// - Parameter byteCountMax: at most so many bytes, at least 1.
    /// - Returns: the bytes, or an empty array at the end of the content.
    /// - Throws: `BadHTTPRequestError` for a body over the limit (413), too slow (408) or malformed (400);
    ///   `HTTPConnectionError` when the client has gone; `CancellationError`.
    func read(upTo byteCountMax: Int) async throws -> [UInt8]
}

/// Fields that came after a chunked request body (RFC 9110 §6.5).
public protocol HTTPRequestTrailersFeature: AnyObject {
    /// Whether the body has been read to its end, so that `trailers` is complete.
    var trailersAvailable: Bool { get }
    /// The trailer fields; empty until `trailersAvailable`.
    var trailers: FieldSection { get }
}

/// The limit on this request's content.
public protocol HTTPMaxRequestBodySizeFeature: AnyObject {
    /// Whether reading has begun, after which the limit can no longer be changed.
    var isReadOnly: Bool { get }
    /// The limit in bytes, `nil` for none. Setting it once reading has begun is ignored.
    var maxRequestBodySize: Int64? { get set }
}

/// The slowest request body this request accepts.
public protocol HTTPMinRequestBodyDataRateFeature: AnyObject {
    /// Bytes a second, measured over at least 5 s while the application waits; 0 turns the check off.
    var minRequestBodyBytesPerSecond: Int { get set }
}

/// A name for the request, for logs.
public protocol HTTPRequestIdentifierFeature: AnyObject {
    /// `<connection id>:<number of the request on it, in hexadecimal>` unless the application set another.
    var traceIdentifier: String { get set }
}

/// The end of a request before its time.
public protocol HTTPRequestLifetimeFeature: AnyObject {
    /// Whether the client has gone or the request was aborted. The handler's task is cancelled then, too.
    var isAborted: Bool { get }

    /// Runs `action` on the loop's thread when the request is aborted; at once where it already is.
    func onAborted(_ action: @escaping () -> Void)

    /// Ends the connection (HTTP/1) or resets the stream; the client sees a failure, never a short success.
    func abort()
}

/// When this request reached the stages of its life.
public protocol HTTPRequestTimingFeature: AnyObject {
    /// The monotonic time of a stage in nanoseconds since the system started, or `nil` if not reached.
    func timestamp(_ stage: HTTPRequestStage) -> Int64?
}

/// The stages of a request's life that are timed, in their order.
public enum HTTPRequestStage: Int, Sendable, CaseIterable {
    /// The connection was accepted.
    case connectionStart
    /// The first byte of the request's head was seen.
    case requestHeaderParseStart
    /// The head was complete and judged.
    case requestHeaderParseEnd
    /// The request was put into its queue.
    case requestQueued
    /// The application received it.
    case requestDelivered
}

/// Facts the engine knows about the request beyond the message itself.
public protocol HTTPRequestInfoFeature: AnyObject {
    /// The URL prefix that matched, in full form.
    var urlPrefix: String { get }
    /// The name of the request queue it went through.
    var requestQueueName: String { get }
    /// The number of the URL group whose prefix matched.
    var urlGroupID: UInt64 { get }
    /// Index of the event loop that owns the connection.
    var loopIndex: Int { get }
}
