// SPDX-License-Identifier: Apache-2.0

/// Why a message was refused or a connection ended by the engine; one case for each reason.
///
/// What follows from a reason (status, connection fate, error log phrase) is in one table, `Refusal.row`.
public enum Refusal: UInt8, Error, CaseIterable, Sendable {
    /// The request line has not the shape `method SP request-target SP HTTP-version`.
    case requestLineMalformed
    /// The method is not a token.
    case methodMalformed
    /// The method is longer than any that is accepted.
    case methodTooLong
    /// The request-target has a forbidden byte or no known form.
    case targetMalformed
    /// The request-target is longer than the limit.
    case targetTooLong
    /// The form of the request-target does not go with the method.
    case targetFormNotAllowed
    /// The path has a malformed or forbidden percent-escape.
    case pathMalformed
    /// The protocol version is not eight characters long.
    case versionMalformed
    /// The protocol version is not HTTP/1.0 or HTTP/1.1.
    case versionNotSupported
    /// A line feed stands without a carriage return before it.
    case bareLineFeed
    /// A carriage return stands without a line feed after it.
    case bareCarriageReturn
    /// A field line begins with white space.
    case obsoleteFold
    /// A field name is empty or not a token.
    case fieldNameMalformed
    /// White space stands between a field name and its colon.
    case whitespaceBeforeColon
    /// A field value holds a control character.
    case fieldValueMalformed
    /// A field line is longer than the limit.
    case fieldTooLarge
    /// The head has more field lines than the limit.
    case tooManyFields
    /// The head is longer than the limit.
    case headTooLarge
    /// An HTTP/1.1 request has no Host field.
    case hostMissing
    /// The request has more than one Host field line.
    case hostMultiple
    /// The Host value or the target's authority is not `uri-host [ ":" port ]`.
    case hostMalformed
    /// The Host value differs from the authority in the request-target.
    case hostMismatch
    /// A Content-Length is not a decimal number below 2⁶³.
    case contentLengthMalformed
    /// The request has more than one Content-Length.
    case contentLengthMultiple
    /// The request has both Content-Length and Transfer-Encoding.
    case contentLengthWithTransferEncoding
    /// A Transfer-Encoding list is malformed.
    case transferEncodingMalformed
    /// A transfer coding other than chunked was applied.
    case transferEncodingUnsupported
    /// The final transfer coding is not chunked, or chunked is repeated.
    case transferEncodingNotFinalChunked
    /// An HTTP/1.0 request has a Transfer-Encoding.
    case transferEncodingInHTTP10
    /// A chunk size is not hexadecimal, too large, or not followed by CRLF or an extension.
    case chunkSizeMalformed
    /// A chunk extension holds a byte that none may hold.
    case chunkExtensionMalformed
    /// The chunk extensions of one message are together over the limit.
    case chunkExtensionTooLarge
    /// A chunk's data are not followed by CRLF.
    case chunkDataMalformed
    /// A trailer field line is malformed.
    case trailerMalformed
    /// The trailer section is over its limit of bytes or lines.
    case trailersTooLarge
    /// The content is larger than the limit.
    case contentTooLarge
    /// The connection ended in the middle of the content.
    case contentIncomplete
    /// A method that needs content came without length information.
    case lengthRequired
    /// The Expect field asks for something other than `100-continue`.
    case expectationFailed
    /// CONNECT was asked for.
    case connectNotSupported
    /// A method that no application may see was used.
    case methodNotSupported
    /// No registered URL prefix has the request's host.
    case hostUnknown
    /// No registered URL prefix has the request's path.
    case pathUnknown
    /// The host's TLS rules are not those that the connection was made under.
    case misdirected
    /// The target's scheme is not the one that the connection speaks.
    case schemeMismatch
    /// Access was refused.
    case forbidden
    /// The URL is reserved, and nobody is registered for it.
    case reservedNotRegistered
    /// The request queue is full.
    case queueFull
    /// The request waited too long in its queue.
    case queueTimeout
    /// The application is offline after repeated faults.
    case appOffline
    /// The application is shutting down.
    case appShutdown
    /// The application's processes are too busy to take the request.
    case appBusy
    /// An administrator took the application offline.
    case disabled
    /// The limit of connections is reached.
    case connectionLimit
    /// The application went away with the request outstanding.
    case abandoned
    /// The engine failed.
    case internalError
    /// The request head did not arrive in time.
    case headTimeout
    /// The request content did not arrive in time.
    case bodyTimeout
    /// The connection stayed idle too long.
    case idleTimeout
    /// The request content arrives below the minimum rate.
    case minimumReceiveRate
    /// The peer takes the response below the minimum rate.
    case minimumSendRate
    /// The TLS handshake did not end in time.
    case tlsHandshakeTimeout
    /// The TLS handshake failed, or a record was not what it should be.
    case tlsFailed
    /// A cleartext HTTP request arrived where TLS is spoken.
    case plainHTTPOnTLSPort
    /// An HTTP/2 connection broke the protocol.
    case http2ProtocolError
    /// An HTTP/2 connection sent more of what costs us than it may: resets, empty frames, settings, pings.
    case http2Flood
    /// The PROXY protocol header that a listener demands is missing or malformed.
    case proxyHeaderMalformed
    /// A TLS handshake arrived where cleartext HTTP is spoken.
    case tlsOnPlainPort
    /// The HTTP/2 connection preface arrived in place of a request.
    case http2PrefaceNotSupported
}
