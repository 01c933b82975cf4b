// SPDX-License-Identifier: Apache-2.0

/// A parsed HTTP/1 request head, as offsets into the bytes it was parsed from.
///
/// **Shape**: `request-line *( field-line CRLF ) CRLF`, strictly: lines end with CRLF only, one space stands between
/// the parts of the request line, names are tokens, values hold no control character but HTAB, no line is folded.
/// `GET / HTTP/1.1␍␊Host: a␍␊␍␊` is valid; the same with a bare line feed is refused.
///
/// **Limits**: those of `HeadLimits`, judged on incomplete data too.
///
/// **Ownership**: holds no bytes; every range is meaningful only together with the span given to `parse`. After
/// anything but `.complete` the contents are those of a partial parse and mean nothing.
///
/// **Cost**: a value is meant to be used again for request after request; its field table keeps its capacity, so
/// that parsing allocates nothing in steady state.
///
/// Source: RFC 9112 §2–§3, §5–§6; RFC 9110 §5, §7.2.
public struct RequestHead: Sendable {
    /// The method, `other` where it is not a known one.
    public internal(set) var method = Method.other
    /// The version of the request.
    public internal(set) var version = HTTPVersion.http11
    /// The form of the request-target.
    public internal(set) var targetForm = TargetForm.origin
    /// The bytes of the method.
    public internal(set) var methodRange = ByteRange.empty
    /// The bytes of the request-target, as sent.
    public internal(set) var target = ByteRange.empty
    /// The path part of the target; empty for asterisk and authority form, and for absolute form without one.
    public internal(set) var path = ByteRange.empty
    /// The query part of the target, without its `?`.
    public internal(set) var query = ByteRange.empty
    /// The `host[:port]` to route by: the target's authority if it has one, else the Host value.
    public internal(set) var authority = ByteRange.empty
    /// The host in `authority`, with brackets where it is an IP literal.
    public internal(set) var host = ByteRange.empty
    /// The port in `authority`, where one is given.
    public internal(set) var port: UInt16?
    /// Whether the target has a `?`, so that `/?` is told from `/`.
    public internal(set) var hasQuery = false
    /// Whether the path holds a percent-escape, a `/.`, a `//` or a `\`: whether its bytes may differ from those of
    /// the decoded path or of the form that routing uses.
    public internal(set) var pathNeedsDecoding = false
    /// Whether an absolute-form target has the scheme `https`.
    public internal(set) var targetIsHTTPS = false
    /// Whether the content is chunked.
    public internal(set) var isChunked = false
    /// Whether the connection persists after this exchange as far as the request is concerned, RFC 9112 §9.3.
    public internal(set) var keepAlive = true
    /// Whether Connection lists `close`.
    public internal(set) var connectionClose = false
    /// Whether the client waits for `100 Continue`; never in HTTP/1.0.
    public internal(set) var expectsContinue = false
    /// Whether Connection lists `upgrade` and an Upgrade field with a value is there; never in HTTP/1.0.
    public internal(set) var hasUpgrade = false

    /// The field lines, in order.
    public internal(set) var fields: ContiguousArray<FieldSlice> = []
    /// Which well-known fields are present.
    public internal(set) var present = FieldIDSet()

    /// The Content-Length, -1 where there is none.
    var contentLengthOrNone: Int64 = -1
    /// Where the first line begins that has not been taken; 0 until the request line has been.
    var resumeOffset = 0
    /// What the Host, Connection and Transfer-Encoding lines said, until the end of the head is reached.
    var framing = FramingNotes()

    /// Makes an empty head to parse into.
    public init() {}

    /// The Content-Length, where the request has one.
    public var contentLength: Int64? { contentLengthOrNone < 0 ? nil : contentLengthOrNone }

    /// Whether the request has content, if only of length 0.
    public var hasContentLengthOrChunked: Bool { isChunked || contentLengthOrNone >= 0 }

    /// Whether content follows the head: chunked, or a Content-Length above 0.
    public var hasContent: Bool { isChunked || contentLengthOrNone > 0 }

    /// The value of the first field line of a name, nil where there is none.
    ///
    /// Cost: a bit test where absent, else a search of the field lines.
    public func value(of id: FieldID) -> ByteRange? {
        guard let index = firstIndex(of: id) else { return nil }
        return fields[index].value
    }

    /// The index of the first field line of a name, nil where there is none.
    public func firstIndex(of id: FieldID) -> Int? {
        guard present.contains(id) else { return nil }
        for index in fields.indices where fields[index].id == id { return index }
        return nil
    }

    /// Makes everything as it was after `init`, but for the field table's capacity.
    mutating func reset() {
        method = .other
        version = .http11
        targetForm = .origin
        methodRange = .empty
        target = .empty
        path = .empty
        query = .empty
        authority = .empty
        host = .empty
        port = nil
        hasQuery = false
        pathNeedsDecoding = false
        targetIsHTTPS = false
        isChunked = false
        keepAlive = true
        connectionClose = false
        expectsContinue = false
        hasUpgrade = false
        fields.removeAll(keepingCapacity: true)
        present = FieldIDSet()
        contentLengthOrNone = -1
        resumeOffset = 0
        framing = FramingNotes()
    }
}

/// What single field lines said about framing, to be judged together at the end of the head.
struct FramingNotes: Sendable {
    /// The Host value; meaningful where `hasHost`.
    var hostValue = ByteRange.empty
    /// The host and port in the Host value, nil where it is empty.
    var hostSyntax: HostSyntax?
    var hasHost = false
    var connectionKeepAlive = false
    var connectionUpgrade = false
    var upgradeHasValue = false
    var hasTransferEncoding = false
    var hasChunkedCoding = false
    var hasOtherCoding = false
}
