// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire

/// Compresses responses with a coding that the client takes: brotli, zstd or gzip.
///
/// A response is compressed where all of this holds; otherwise it is sent as it is:
///
/// - the request's `Accept-Encoding` names one of the codings;
/// - the status has content and is not 206, and the response has neither `Content-Encoding` nor `Content-Range`;
/// - the media type is one of `mediaTypes`; what is compressed already, such as images and archives, is none of them;
/// - `Cache-Control` does not say `no-transform`;
/// - the content is `byteCountMin` or more, where that is known before the response starts;
/// - over https, the response bears no secret; see `compressesSecretsOverHTTPS`.
///
/// `Vary: Accept-Encoding` is added to every response whose bytes depend on the field, compressed or not, so that
/// caches, the server's own among them, keep a variant for each coding. `Content-Length`, `Accept-Ranges` and
/// the digests are removed, a strong `ETag` becomes weak (RFC 9110 §8.8.3). The answer to a HEAD has the fields of the
/// GET, without a length (§9.3.2), and a 304 the `Vary` and `ETag` of the 200 in its place (§15.4.5).
///
/// Content written gathers in the encoder; `flush()` puts out what was written so far, so that streams stay live.
/// A file sent without anything written before goes out as it is, from the page cache.
///
/// Cost for a compressed response: the encoder's memory, up to 1 MiB while it lasts, and the coding itself.
/// A compressed response that is `public` with a lifetime is stored, `Vary` notwithstanding, as a variant of its
/// coding, and served again for nothing; what was sent as it is to a client without codings is not, lest others get it.
public struct ResponseCompression: RequestMiddleware {
    /// The codings on offer; among those a client likes equally the first is used.
    ///
    /// Default: brotli, zstd, gzip.
    public var codings: [CompressionCoding] = [.brotli, .zstandard, .gzip]
    /// Content of fewer bytes is sent as it is, where the count is known.
    ///
    /// Default 256: below that the coding's frame and the lost `Content-Length` cost what is gained.
    public var byteCountMin = 256
    /// The media types to compress: `type/subtype`, `type/*`, or `*/*+suffix`.
    public var mediaTypes: [String] = [
        "text/*", "application/json", "application/javascript", "application/xml", "application/wasm",
        "application/manifest+json", "application/graphql", "application/x-ndjson", "application/rtf",
        "application/vnd.ms-fontobject", "font/ttf", "font/otf", "image/svg+xml", "image/bmp", "image/x-icon",
        "*/*+json", "*/*+xml",
    ]
    /// Whether responses that may bear a secret are compressed over https, too.
    ///
    /// Default false. The length of a compressed response tells how much of what an attacker had the page repeat
    /// stands in it already: letter by letter, a token (BREACH). ASP.NET Core turns off compression
    /// over https altogether for this. Here a response counts as secret-bearing whose request has `Cookie` or
    /// `Authorization`, or that has `Set-Cookie`, or `Cache-Control` with `private` or `no-store`; pages that everyone
    /// gets alike are compressed.
    public var compressesSecretsOverHTTPS = false
    /// How hard gzip tries, 1 to 9; default 6.
    public var gzipLevel = 6
    /// How hard brotli tries, 0 to 11; default 4, which costs no more than gzip's 6.
    public var brotliQuality = 4
    /// How hard zstd tries, 1 to 22; default 3.
    public var zstandardLevel = 3

    /// Makes middleware with the defaults.
    public init() {}

    /// Puts an encoder between the handler and the response's content.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        let features = context.features
        guard let request = features.request, let response = features.response,
            let body = features.responseBody
        else { return try await next(context) }
        let accept = request.value(of: .acceptEncoding)
        let coding = CompressionCoding.negotiate(accept, preference: codings)
        let compressing = CompressingBody(self, coding, request, response, body)
        compressing.caching = features[(any HTTPResponseCachingFeature).self]
        if let sendFile = features[(any HTTPSendFileFeature).self] {
            compressing.sendFileFeature = sendFile
            features[(any HTTPSendFileFeature).self] = compressing
        }
        features.responseBody = compressing
        try await next(context)
        try await compressing.end()
        features.responseBody = body
    }

    /// The level to be used with a coding.
    func level(of coding: CompressionCoding) -> Int {
        switch coding {
        case .gzip: gzipLevel
        case .brotli: brotliQuality
        case .zstandard: zstandardLevel
        }
    }

    /// Whether a response's bytes may be made to depend on Accept-Encoding.
    func isCompressible(_ request: any HTTPRequestFeature, _ response: any HTTPResponseFeature) -> Bool {
        let fields = response.responseHeaders
        let status = response.statusCode
        guard (200...599).contains(status), status != 204, status != 205, status != 206, status != 304 else {
            return false
        }
        guard let type = fields[FieldID.contentType], isListed(type) else { return false }
        return mayBeCompressed(fields)
    }

    /// Whether nothing but perhaps the media type keeps a response with these fields from being compressed.
    func mayBeCompressed(_ fields: FieldSection) -> Bool {
        guard !fields.contains(id: .contentEncoding), !fields.contains(id: .contentRange) else {
            return false
        }
        if let control = fields[FieldID.cacheControl] {
            guard !FieldSyntax.listContains("no-transform", in: control.utf8.span) else { return false }
        }
        if let length = fields[FieldID.contentLength], let count = Int(length), count < byteCountMin {
            return false
        }
        return true
    }

    /// Whether compressing a response may tell a secret to someone who sees its length.
    func bearsSecretOverHTTPS(_ request: any HTTPRequestFeature, _ response: any HTTPResponseFeature) -> Bool
    {
        guard !compressesSecretsOverHTTPS, request.scheme == "https" else { return false }
        let fields = response.responseHeaders
        if fields.contains(id: .setCookie) || request.value(of: .cookie) != nil
            || request.value(of: .authorization) != nil
        {
            return true
        }
        guard let control = fields[FieldID.cacheControl] else { return false }
        var isPrivate = false
        FieldSyntax.forEachDirective(control.utf8.span) { name, _ in
            let name = FieldSyntax.string(name).lowercased()
            if name == "private" || name == "no-store" { isPrivate = true }
        }
        return isPrivate
    }

    /// Whether a media type is one of `mediaTypes`.
    func isListed(_ contentType: String) -> Bool {
        let end = contentType.utf8.firstIndex { $0 == UInt8(ascii: ";") || $0 == 0x20 || $0 == 0x09 }
        let type = contentType[..<(end ?? contentType.endIndex)].lowercased()
        guard let slash = type.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
        return mediaTypes.contains { pattern in
            if pattern.hasPrefix("*/*+") { return type.hasSuffix(pattern.dropFirst(3)) }
            if pattern.hasSuffix("/*") { return type[...slash] == pattern.dropLast() }
            return pattern == type
        }
    }
}
