// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
public import HTTPWire

/// Status and fields of an interim or final response, as the client sees them.
public struct TestResponseHead: Sendable {
    /// The status code.
    public var statusCode: Int
    /// The reason phrase.
    public var reasonPhrase: String
    /// The fields, with those the server adds: `Date`, framing, `Connection`.
    public var headers: FieldSection
}

/// What the client sees happen, in order.
public enum TestResponseEvent: Sendable {
    /// An interim response, `100 Continue` among them.
    case interim(TestResponseHead)
    /// The head of the final response.
    case head(TestResponseHead)
    /// Content that arrived together; after a 101, bytes of the new protocol.
    case content([UInt8])
    /// The whole of the response has arrived.
    case end(trailers: FieldSection)
    /// The connection ended before the response did.
    case aborted
}

/// A response taken in whole.
public struct TestResponse: Sendable {
    /// The status code; 0 where the connection ended before a head.
    public var statusCode = 0
    /// The reason phrase.
    public var reasonPhrase = ""
    /// The fields.
    public var headers = FieldSection()
    /// The content, free of its transfer coding, unless the application wrote that coding itself.
    public var body: [UInt8] = []
    /// Interim responses in order.
    public var interimResponses: [TestResponseHead] = []
    /// The trailer fields.
    public var trailers = FieldSection()
    /// Whether the connection ended before the response did.
    public var isAborted = false
    /// Whether the connection may be used for another request.
    public var keepsConnection = false
    /// What the application allowed the response cache.
    public var cachePolicy = HTTPResponseCachePolicy.automatic
    /// What the application threw or failed to do, in words; `nil` when all went well.
    public var failure: String?

    /// The content as text; bytes that are not UTF-8 become U+FFFD.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The value of a field, lines joined by `", "`.
    public subscript(_ name: String) -> String? { headers[name] }

    /// Adds what happened next.
    mutating func apply(_ event: TestResponseEvent) {
        switch event {
        case .interim(let head):
            interimResponses.append(head)
        case .head(let head):
            statusCode = head.statusCode
            reasonPhrase = head.reasonPhrase
            headers = head.headers
        case .content(let bytes):
            body.append(contentsOf: bytes)
        case .end(let fields):
            trailers = fields
        case .aborted:
            isAborted = true
        }
    }
}
