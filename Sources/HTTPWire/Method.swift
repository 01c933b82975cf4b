// SPDX-License-Identifier: Apache-2.0

/// A request method that the engine knows by name; methods are case-sensitive.
///
/// Source: RFC 9110 §9.3, RFC 5789 (PATCH), HTTP Server API `HTTP_VERB`.
public enum Method: UInt8, CaseIterable, Sendable {
    /// Any other token, such as `get` or `FOOBAR`; its text is in the request.
    case other = 0
    /// `GET`.
    case get
    /// `HEAD`.
    case head
    /// `POST`.
    case post
    /// `PUT`.
    case put
    /// `DELETE`.
    case delete
    /// `OPTIONS`.
    case options
    /// `PATCH`.
    case patch
    /// `TRACE`.
    case trace
    /// `CONNECT`.
    case connect
    /// `TRACK`.
    case track
    /// `MOVE`.
    case move
    /// `COPY`.
    case copy
    /// `PROPFIND`.
    case propfind
    /// `PROPPATCH`.
    case proppatch
    /// `MKCOL`.
    case mkcol
    /// `LOCK`.
    case lock
    /// `UNLOCK`.
    case unlock
    /// `SEARCH`.
    case search
    /// `QUERY`, a safe method with content.
    case query

    /// The method as it is sent; empty for `other`.
    public var text: StaticString {
        switch self {
        case .other: ""
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .track: "TRACK"
        case .move: "MOVE"
        case .copy: "COPY"
        case .propfind: "PROPFIND"
        case .proppatch: "PROPPATCH"
        case .mkcol: "MKCOL"
        case .lock: "LOCK"
        case .unlock: "UNLOCK"
        case .search: "SEARCH"
        case .query: "QUERY"
        }
    }

    /// Whether the method asks for no change, RFC 9110 §9.2.1.
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace, .propfind, .search, .query: true
        default: false
        }
    }

    /// Finds the method of a text, comparing bytes exactly; `other` for any text not listed.
    public init(_ text: Span<UInt8>) {
        guard text.count >= 3, text.count <= 9 else {
            self = .other
            return
        }
        // The word is the text's first eight bytes, first byte lowest: two methods never share one.
        var word: UInt64 = 0
        for index in 0..<min(text.count, 8) {
            word |= UInt64(text[index]) << UInt64(8 * index)
        }
        let candidate = Method.candidate(word: word, count: text.count)
        if candidate == .proppatch, text[8] != UInt8(ascii: "H") {
            self = .other
        } else {
            self = candidate
        }
    }

    /// The method whose first eight bytes make up a word, where its count is right as well.
    @inline(__always)
    static func candidate(word: UInt64, count: Int) -> Method {
        switch (word, count) {
        case (0x54_4547, 3): .get
        case (0x4441_4548, 4): .head
        case (0x5453_4f50, 4): .post
        case (0x54_5550, 3): .put
        case (0x4554_454c_4544, 6): .delete
        case (0x53_4e4f_4954_504f, 7): .options
        case (0x48_4354_4150, 5): .patch
        case (0x45_4341_5254, 5): .trace
        case (0x54_4345_4e4e_4f43, 7): .connect
        case (0x4b_4341_5254, 5): .track
        case (0x4556_4f4d, 4): .move
        case (0x5950_4f43, 4): .copy
        case (0x444e_4946_504f_5250, 8): .propfind
        case (0x4354_4150_504f_5250, 9): .proppatch
        case (0x4c_4f43_4b4d, 5): .mkcol
        case (0x4b43_4f4c, 4): .lock
        case (0x4b43_4f4c_4e55, 6): .unlock
        case (0x4843_5241_4553, 6): .search
        case (0x59_5245_5551, 5): .query
        default: .other
        }
    }
}
