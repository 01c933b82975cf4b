// SPDX-License-Identifier: Apache-2.0

/// A well-known field name, so that fields are told apart by one byte instead of by text.
///
/// The request and response slots of HTTP.sys are all here, with the fields that CORS, WebSocket, WebDAV,
/// client hints, tracing and proxies add. Any other name is `unknown` and is compared as text.
///
/// Source: RFC 9110 §5.1 (names are case-insensitive); HTTP Server API `HTTP_HEADER_ID`.
public enum FieldID: UInt8, CaseIterable, Sendable {
    /// A name that is not in this list.
    case unknown = 0
    /// `Cache-Control`.
    case cacheControl
    /// `Connection`.
    case connection
    /// `Date`.
    case date
    /// `Keep-Alive`.
    case keepAlive
    /// `Pragma`.
    case pragma
    /// `Trailer`.
    case trailer
    /// `Transfer-Encoding`.
    case transferEncoding
    /// `Upgrade`.
    case upgrade
    /// `Via`.
    case via
    /// `Warning`.
    case warning
    /// `Allow`.
    case allow
    /// `Content-Length`.
    case contentLength
    /// `Content-Type`.
    case contentType
    /// `Content-Encoding`.
    case contentEncoding
    /// `Content-Language`.
    case contentLanguage
    /// `Content-Location`.
    case contentLocation
    /// `Content-MD5`.
    case contentMD5
    /// `Content-Range`.
    case contentRange
    /// `Expires`.
    case expires
    /// `Last-Modified`.
    case lastModified
    /// `Accept`.
    case accept
    /// `Accept-Charset`.
    case acceptCharset
    /// `Accept-Encoding`.
    case acceptEncoding
    /// `Accept-Language`.
    case acceptLanguage
    /// `Authorization`.
    case authorization
    /// `Cookie`.
    case cookie
    /// `Expect`.
    case expect
    /// `From`.
    case from
    /// `Host`.
    case host
    /// `If-Match`.
    case ifMatch
    /// `If-Modified-Since`.
    case ifModifiedSince
    /// `If-None-Match`.
    case ifNoneMatch
    /// `If-Range`.
    case ifRange
    /// `If-Unmodified-Since`.
    case ifUnmodifiedSince
    /// `Max-Forwards`.
    case maxForwards
    /// `Proxy-Authorization`.
    case proxyAuthorization
    /// `Referer`.
    case referer
    /// `Range`.
    case range
    /// `TE`.
    case te
    /// `Translate`.
    case translate
    /// `User-Agent`.
    case userAgent
    /// `Accept-Ranges`.
    case acceptRanges
    /// `Age`.
    case age
    /// `ETag`.
    case eTag
    /// `Location`.
    case location
    /// `Proxy-Authenticate`.
    case proxyAuthenticate
    /// `Retry-After`.
    case retryAfter
    /// `Server`.
    case server
    /// `Set-Cookie`.
    case setCookie
    /// `Vary`.
    case vary
    /// `WWW-Authenticate`.
    case wwwAuthenticate
    /// `Accept-Patch`.
    case acceptPatch
    /// `Accept-Post`.
    case acceptPost
    /// `Access-Control-Allow-Credentials`.
    case accessControlAllowCredentials
    /// `Access-Control-Allow-Headers`.
    case accessControlAllowHeaders
    /// `Access-Control-Allow-Methods`.
    case accessControlAllowMethods
    /// `Access-Control-Allow-Origin`.
    case accessControlAllowOrigin
    /// `Access-Control-Expose-Headers`.
    case accessControlExposeHeaders
    /// `Access-Control-Max-Age`.
    case accessControlMaxAge
    /// `Access-Control-Request-Headers`.
    case accessControlRequestHeaders
    /// `Access-Control-Request-Method`.
    case accessControlRequestMethod
    /// `Alt-Svc`.
    case altSvc
    /// `Alt-Used`.
    case altUsed
    /// `Authentication-Info`.
    case authenticationInfo
    /// `Baggage`.
    case baggage
    /// `Cache-Status`.
    case cacheStatus
    /// `Content-Digest`.
    case contentDigest
    /// `Content-Disposition`.
    case contentDisposition
    /// `Content-Security-Policy`.
    case contentSecurityPolicy
    /// `Depth`.
    case depth
    /// `Destination`.
    case destination
    /// `DNT`.
    case dnt
    /// `Early-Data`.
    case earlyData
    /// `Forwarded`.
    case forwarded
    /// `HTTP2-Settings`.
    case http2Settings
    /// `Link`.
    case link
    /// `Lock-Token`.
    case lockToken
    /// `Origin`.
    case origin
    /// `Overwrite`.
    case overwrite
    /// `Prefer`.
    case prefer
    /// `Preference-Applied`.
    case preferenceApplied
    /// `Priority`.
    case priority
    /// `Proxy-Authentication-Info`.
    case proxyAuthenticationInfo
    /// `Proxy-Connection`.
    case proxyConnection
    /// `Referrer-Policy`.
    case referrerPolicy
    /// `Repr-Digest`.
    case reprDigest
    /// `Save-Data`.
    case saveData
    /// `Sec-Fetch-Dest`.
    case secFetchDest
    /// `Sec-Fetch-Mode`.
    case secFetchMode
    /// `Sec-Fetch-Site`.
    case secFetchSite
    /// `Sec-Fetch-User`.
    case secFetchUser
    /// `Sec-GPC`.
    case secGPC
    /// `Sec-CH-UA`.
    case secCHUA
    /// `Sec-CH-UA-Mobile`.
    case secCHUAMobile
    /// `Sec-CH-UA-Platform`.
    case secCHUAPlatform
    /// `Sec-WebSocket-Accept`.
    case secWebSocketAccept
    /// `Sec-WebSocket-Extensions`.
    case secWebSocketExtensions
    /// `Sec-WebSocket-Key`.
    case secWebSocketKey
    /// `Sec-WebSocket-Protocol`.
    case secWebSocketProtocol
    /// `Sec-WebSocket-Version`.
    case secWebSocketVersion
    /// `Server-Timing`.
    case serverTiming
    /// `Strict-Transport-Security`.
    case strictTransportSecurity
    /// `Timeout`.
    case timeout
    /// `Timing-Allow-Origin`.
    case timingAllowOrigin
    /// `traceparent`.
    case traceparent
    /// `tracestate`.
    case tracestate
    /// `Upgrade-Insecure-Requests`.
    case upgradeInsecureRequests
    /// `Want-Content-Digest`.
    case wantContentDigest
    /// `Want-Repr-Digest`.
    case wantReprDigest
    /// `X-Content-Length`.
    case xContentLength
    /// `X-Content-Type-Options`.
    case xContentTypeOptions
    /// `X-Forwarded-For`.
    case xForwardedFor
    /// `X-Forwarded-Host`.
    case xForwardedHost
    /// `X-Forwarded-Port`.
    case xForwardedPort
    /// `X-Forwarded-Prefix`.
    case xForwardedPrefix
    /// `X-Forwarded-Proto`.
    case xForwardedProto
    /// `X-Frame-Options`.
    case xFrameOptions
    /// `X-Powered-By`.
    case xPoweredBy
    /// `X-Real-IP`.
    case xRealIP
    /// `X-Request-ID`.
    case xRequestID
    /// `X-Requested-With`.
    case xRequestedWith

    /// The canonical spelling of the name; empty for `unknown`.
    ///
    /// Cost: a table lookup, no allocation.
    public var name: StaticString {
        // Longer than a screen: one line for each name.
        switch self {
        case .unknown: ""
        case .cacheControl: "Cache-Control"
        case .connection: "Connection"
        case .date: "Date"
        case .keepAlive: "Keep-Alive"
        case .pragma: "Pragma"
        case .trailer: "Trailer"
        case .transferEncoding: "Transfer-Encoding"
        case .upgrade: "Upgrade"
        case .via: "Via"
        case .warning: "Warning"
        case .allow: "Allow"
        case .contentLength: "Content-Length"
        case .contentType: "Content-Type"
        case .contentEncoding: "Content-Encoding"
        case .contentLanguage: "Content-Language"
        case .contentLocation: "Content-Location"
        case .contentMD5: "Content-MD5"
        case .contentRange: "Content-Range"
        case .expires: "Expires"
        case .lastModified: "Last-Modified"
        case .accept: "Accept"
        case .acceptCharset: "Accept-Charset"
        case .acceptEncoding: "Accept-Encoding"
        case .acceptLanguage: "Accept-Language"
        case .authorization: "Authorization"
        case .cookie: "Cookie"
        case .expect: "Expect"
        case .from: "From"
        case .host: "Host"
        case .ifMatch: "If-Match"
        case .ifModifiedSince: "If-Modified-Since"
        case .ifNoneMatch: "If-None-Match"
        case .ifRange: "If-Range"
        case .ifUnmodifiedSince: "If-Unmodified-Since"
        case .maxForwards: "Max-Forwards"
        case .proxyAuthorization: "Proxy-Authorization"
        case .referer: "Referer"
        case .range: "Range"
        case .te: "TE"
        case .translate: "Translate"
        case .userAgent: "User-Agent"
        case .acceptRanges: "Accept-Ranges"
        case .age: "Age"
        case .eTag: "ETag"
        case .location: "Location"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .retryAfter: "Retry-After"
        case .server: "Server"
        case .setCookie: "Set-Cookie"
        case .vary: "Vary"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .acceptPatch: "Accept-Patch"
        case .acceptPost: "Accept-Post"
        case .accessControlAllowCredentials: "Access-Control-Allow-Credentials"
        case .accessControlAllowHeaders: "Access-Control-Allow-Headers"
        case .accessControlAllowMethods: "Access-Control-Allow-Methods"
        case .accessControlAllowOrigin: "Access-Control-Allow-Origin"
        case .accessControlExposeHeaders: "Access-Control-Expose-Headers"
        case .accessControlMaxAge: "Access-Control-Max-Age"
        case .accessControlRequestHeaders: "Access-Control-Request-Headers"
        case .accessControlRequestMethod: "Access-Control-Request-Method"
        case .altSvc: "Alt-Svc"
        case .altUsed: "Alt-Used"
        case .authenticationInfo: "Authentication-Info"
        case .baggage: "Baggage"
        case .cacheStatus: "Cache-Status"
        case .contentDigest: "Content-Digest"
        case .contentDisposition: "Content-Disposition"
        case .contentSecurityPolicy: "Content-Security-Policy"
        case .depth: "Depth"
        case .destination: "Destination"
        case .dnt: "DNT"
        case .earlyData: "Early-Data"
        case .forwarded: "Forwarded"
        case .http2Settings: "HTTP2-Settings"
        case .link: "Link"
        case .lockToken: "Lock-Token"
        case .origin: "Origin"
        case .overwrite: "Overwrite"
        case .prefer: "Prefer"
        case .preferenceApplied: "Preference-Applied"
        case .priority: "Priority"
        case .proxyAuthenticationInfo: "Proxy-Authentication-Info"
        case .proxyConnection: "Proxy-Connection"
        case .referrerPolicy: "Referrer-Policy"
        case .reprDigest: "Repr-Digest"
        case .saveData: "Save-Data"
        case .secFetchDest: "Sec-Fetch-Dest"
        case .secFetchMode: "Sec-Fetch-Mode"
        case .secFetchSite: "Sec-Fetch-Site"
        case .secFetchUser: "Sec-Fetch-User"
        case .secGPC: "Sec-GPC"
        case .secCHUA: "Sec-CH-UA"
        case .secCHUAMobile: "Sec-CH-UA-Mobile"
        case .secCHUAPlatform: "Sec-CH-UA-Platform"
        case .secWebSocketAccept: "Sec-WebSocket-Accept"
        case .secWebSocketExtensions: "Sec-WebSocket-Extensions"
        case .secWebSocketKey: "Sec-WebSocket-Key"
        case .secWebSocketProtocol: "Sec-WebSocket-Protocol"
        case .secWebSocketVersion: "Sec-WebSocket-Version"
        case .serverTiming: "Server-Timing"
        case .strictTransportSecurity: "Strict-Transport-Security"
        case .timeout: "Timeout"
        case .timingAllowOrigin: "Timing-Allow-Origin"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .upgradeInsecureRequests: "Upgrade-Insecure-Requests"
        case .wantContentDigest: "Want-Content-Digest"
        case .wantReprDigest: "Want-Repr-Digest"
        case .xContentLength: "X-Content-Length"
        case .xContentTypeOptions: "X-Content-Type-Options"
        case .xForwardedFor: "X-Forwarded-For"
        case .xForwardedHost: "X-Forwarded-Host"
        case .xForwardedPort: "X-Forwarded-Port"
        case .xForwardedPrefix: "X-Forwarded-Prefix"
        case .xForwardedProto: "X-Forwarded-Proto"
        case .xFrameOptions: "X-Frame-Options"
        case .xPoweredBy: "X-Powered-By"
        case .xRealIP: "X-Real-IP"
        case .xRequestID: "X-Request-ID"
        case .xRequestedWith: "X-Requested-With"
        }
    }
}
