// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// The request line and fields of one exchange, as the application sees and may rewrite them.
final class RequestFacts: HTTPRequestFeature {
    let head: RequestHead
    private let headBytes: [UInt8]

    var method: String
    var scheme: String
    var pathBase: String
    var path: String
    var queryString: String
    var rawTarget: String
    var authority: String
    var protocolVersion: String
    private var storedHeaders: FieldSection?

    /// Reads a head that was parsed from `headBytes`.
    ///
    /// - Throws: a refusal where the path can't be decoded.
    init(head: RequestHead, headBytes: [UInt8], scheme: String, urlPrefix: String) throws(Refusal) {
        func text(_ range: ByteRange) -> String { FieldSyntax.string(headBytes.span.extracting(range.range)) }
        self.head = head
        self.headBytes = headBytes
        self.scheme = scheme
        method = text(head.methodRange)
        (pathBase, path) = try RequestFacts.splitPath(head, headBytes, urlPrefix: urlPrefix)
        queryString = head.hasQuery ? "?" + text(head.query) : ""
        rawTarget = text(head.target)
        authority = text(head.authority)
        protocolVersion = head.version == .http10 ? "HTTP/1.0" : "HTTP/1.1"
    }

    var knownMethod: Method { head.method }

    var requestHeaders: FieldSection {
        get {
            if let storedHeaders { return storedHeaders }
            let bytes = headBytes
            var made = FieldSection()
            made.append(contentsOf: head, bytes: bytes.span)
            storedHeaders = made
            return made
        }
        set { storedHeaders = newValue }
    }

    func value(of name: String) -> String? { requestHeaders[name] }

    func value(of field: FieldID) -> String? { requestHeaders[field] }

    /// Path base and path of a request-target under the server's prefix; both empty for `*`.
    private static func splitPath(
        _ head: RequestHead,
        _ bytes: [UInt8],
        urlPrefix: String
    ) throws(Refusal) -> (pathBase: String, path: String) {
        guard head.targetForm == .origin || head.targetForm == .absolute else { return ("", "") }
        var decoded = [UInt8(ascii: "/")]
        if !head.path.isEmpty { decoded = try RequestPath.decode(bytes.span.extracting(head.path.range)) }
        let path = String(decoding: decoded, as: UTF8.self)
        return RequestPath.split(prefixPath: prefixPath(of: urlPrefix), path: path)
    }

    /// The path of a URL prefix: what follows `scheme://host:port`, at least `/`.
    private static func prefixPath(of prefix: String) -> String {
        let slashes = prefix.utf8.indices.filter { prefix.utf8[$0] == UInt8(ascii: "/") }
        guard slashes.count > 2 else { return "/" }
        return String(prefix[slashes[2]...])
    }
}
