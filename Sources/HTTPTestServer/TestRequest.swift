// SPDX-License-Identifier: Apache-2.0

/// A request as a test writes it down, before it is framed.
///
/// Shape: `TestRequest("/echo", method: "POST", body: Array("hello".utf8))`. `Host` is added where it is
/// missing, and the framing field the content needs: `Content-Length` for `.whole`, else
/// `Transfer-Encoding: chunked`, unless the request brings its own. The head made of it goes through the
/// same parser as one from a socket, so a malformed one is refused and never reaches the application.
public struct TestRequest: Sendable {
    /// The content of a request and how the client hands it over.
    public enum Content: Sendable {
        /// No content and no framing field.
        case none
        /// All bytes at once, their count announced.
        case whole([UInt8])
        /// Pieces one after another, each read on its own, their total not announced.
        case pieces([[UInt8]])
        /// Sent later through `TestExchange.send(_:)` and ended by `TestExchange.finish(trailers:)`.
        case open
    }

    /// The method as sent.
    public var method: String
    /// The request-target as sent.
    public var target: String
    /// The field lines in order.
    public var headers: [(name: String, value: String)]
    /// The content.
    public var content: Content
    /// Fields after the content; only with `.pieces` and `.open`.
    public var trailers: [(name: String, value: String)] = []
    /// `"HTTP/1.1"` or `"HTTP/1.0"`.
    public var version = "HTTP/1.1"

    /// Makes a request.
    ///
    /// - Parameters:
    ///   - target: the request-target, `/` unless said otherwise.
    ///   - method: the method, `GET` unless said otherwise.
    ///   - headers: field lines in order.
    ///   - body: content sent whole; `nil` for none.
    public init(
        _ target: String = "/",
        method: String = "GET",
        headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        content = body.map { .whole($0) } ?? .none
    }

    /// Makes a request whose content comes in pieces, or later.
    public init(
        _ target: String,
        method: String,
        headers: [(name: String, value: String)] = [],
        content: Content,
        trailers: [(name: String, value: String)] = []
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.content = content
        self.trailers = trailers
    }

    /// The head as it would stand on the wire, with the fields added that it lacks.
    var headBytes: [UInt8] {
        var text = "\(method) \(target) \(version)\r\n"
        if version != "HTTP/1.0", !has("host") { text += "Host: localhost\r\n" }
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        let isFramed = has("content-length") || has("transfer-encoding")
        switch content {
        case .none: break
        case .whole(let bytes): if !isFramed { text += "Content-Length: \(bytes.count)\r\n" }
        case .pieces, .open: if !isFramed { text += "Transfer-Encoding: chunked\r\n" }
        }
        return Array((text + "\r\n").utf8)
    }

    private func has(_ name: String) -> Bool {
        headers.contains { $0.name.lowercased() == name }
    }
}
