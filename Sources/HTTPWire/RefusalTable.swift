// SPDX-License-Identifier: Apache-2.0

extension Refusal {
    /// What follows from a refusal.
    public struct Row: Sendable {
        /// The status code of the response, 0 where the connection ends without one.
        public var status: UInt16
        /// What becomes of the connection.
        public var fate: ConnectionFate
        /// The phrase in the error log.
        public var reason: ErrorLogReason
        /// One sentence for the log and, with full verbosity, for the peer.
        ///
        /// It never quotes the peer's bytes.
        public var detail: StaticString
    }

    /// What follows from this refusal.
    ///
    /// Cost: a table lookup, no allocation.
    ///
    /// Source: HTTP Server API, HTTPERR phrases; RFC 9110 §15, RFC 9112 §3–§9.
    public var row: Row {
        Refusal.rows[Int(rawValue)]
    }

    /// The rows in the order of the raw values.
    static let rows: [Row] = {
        let sorted = table.sorted { $0.0.rawValue < $1.0.rawValue }
        precondition(sorted.map(\.0) == allCases, "Each refusal has one row in the table.")
        return sorted.map(\.1)
    }()

    private static func row(
        _ refusal: Refusal,
        _ status: UInt16,
        _ fate: ConnectionFate,
        _ reason: ErrorLogReason,
        _ detail: StaticString
    ) -> (Refusal, Row) {
        (refusal, Row(status: status, fate: fate, reason: reason, detail: detail))
    }

    /// The one table: refusal, status, connection fate, error log reason, detail.
    private static let table: [(Refusal, Row)] = [
        row(
            .requestLineMalformed,
            400,
            .lingerAndClose,
            .badRequest,
            "The request line is not 'method SP request-target SP HTTP-version CRLF'."
        ),
        row(
            .methodMalformed,
            400,
            .lingerAndClose,
            .verb,
            "The method holds a byte that is not a token character."
        ),
        row(.methodTooLong, 501, .lingerAndClose, .verb, "The method is longer than the limit."),
        row(
            .targetMalformed,
            400,
            .lingerAndClose,
            .url,
            "The request-target has a forbidden byte or none of the four forms."
        ),
        row(.targetTooLong, 414, .lingerAndClose, .urlLength, "The request-target is longer than the limit."),
        row(
            .targetFormNotAllowed,
            400,
            .lingerAndClose,
            .url,
            "The form of the request-target does not go with the method."
        ),
        row(
            .pathMalformed,
            400,
            .lingerAndClose,
            .url,
            "The path has a malformed percent-escape or one of a control character."
        ),
        row(.versionMalformed, 400, .lingerAndClose, .badRequest, "The protocol version is malformed."),
        row(
            .versionNotSupported,
            505,
            .lingerAndClose,
            .versionNotSupported,
            "The protocol version is not HTTP/1.0 or HTTP/1.1."
        ),
        row(
            .bareLineFeed,
            400,
            .lingerAndClose,
            .invalidLineEnd,
            "A line feed stands without a carriage return before it."
        ),
        row(
            .bareCarriageReturn,
            400,
            .lingerAndClose,
            .invalidLineEnd,
            "A carriage return stands without a line feed after it."
        ),
        row(
            .obsoleteFold,
            400,
            .lingerAndClose,
            .header,
            "A field line begins with white space (obsolete line folding)."
        ),
        row(
            .fieldNameMalformed,
            400,
            .lingerAndClose,
            .header,
            "A field name is empty, not a token, or not followed by a colon."
        ),
        row(
            .whitespaceBeforeColon,
            400,
            .lingerAndClose,
            .header,
            "White space stands between a field name and its colon."
        ),
        row(.fieldValueMalformed, 400, .lingerAndClose, .header, "A field value holds a control character."),
        row(.fieldTooLarge, 431, .lingerAndClose, .fieldLength, "A field line is longer than the limit."),
        row(
            .tooManyFields,
            431,
            .lingerAndClose,
            .requestLength,
            "The head has more field lines than the limit."
        ),
        row(.headTooLarge, 431, .lingerAndClose, .requestLength, "The head is longer than the limit."),
        row(.hostMissing, 400, .lingerAndClose, .hostname, "An HTTP/1.1 request has no Host field."),
        row(.hostMultiple, 400, .lingerAndClose, .hostname, "The request has more than one Host field line."),
        row(
            .hostMalformed,
            400,
            .lingerAndClose,
            .hostname,
            "The host is not a name, an IPv4 address or a bracketed IPv6 address with an optional port."
        ),
        row(
            .hostMismatch,
            400,
            .lingerAndClose,
            .hostname,
            "The Host value differs from the authority in the request-target."
        ),
        row(
            .contentLengthMalformed,
            400,
            .lingerAndClose,
            .number,
            "The Content-Length is not a decimal number below 2^63."
        ),
        row(
            .contentLengthMultiple,
            400,
            .lingerAndClose,
            .number,
            "The request has more than one Content-Length."
        ),
        row(
            .contentLengthWithTransferEncoding,
            400,
            .lingerAndClose,
            .header,
            "The request has both Content-Length and Transfer-Encoding."
        ),
        row(
            .transferEncodingMalformed,
            400,
            .lingerAndClose,
            .header,
            "The Transfer-Encoding list is malformed."
        ),
        row(
            .transferEncodingUnsupported,
            501,
            .lingerAndClose,
            .notImplemented,
            "A transfer coding other than chunked was applied."
        ),
        row(
            .transferEncodingNotFinalChunked,
            400,
            .lingerAndClose,
            .header,
            "The final transfer coding is not chunked, or chunked is repeated."
        ),
        row(
            .transferEncodingInHTTP10,
            400,
            .lingerAndClose,
            .header,
            "An HTTP/1.0 request has a Transfer-Encoding."
        ),
        row(.chunkSizeMalformed, 400, .lingerAndClose, .number, "A chunk size is malformed or too large."),
        row(
            .chunkExtensionMalformed,
            400,
            .lingerAndClose,
            .badRequest,
            "A chunk extension holds a forbidden byte."
        ),
        row(
            .chunkExtensionTooLarge,
            413,
            .lingerAndClose,
            .entityTooLarge,
            "The chunk extensions of one message are together over the limit."
        ),
        row(
            .chunkDataMalformed,
            400,
            .lingerAndClose,
            .badRequest,
            "A chunk's data are not followed by CRLF."
        ),
        row(.trailerMalformed, 400, .lingerAndClose, .header, "A trailer field line is malformed."),
        row(
            .trailersTooLarge,
            431,
            .lingerAndClose,
            .fieldLength,
            "The trailer section is over its limit of bytes or lines."
        ),
        row(.contentTooLarge, 413, .lingerAndClose, .entityTooLarge, "The content is larger than the limit."),
        row(
            .contentIncomplete,
            0,
            .close,
            .connectionDropped,
            "The connection ended in the middle of the content."
        ),
        row(
            .lengthRequired,
            411,
            .lingerAndClose,
            .lengthRequired,
            "The method needs content, and the request gives no length."
        ),
        row(
            .expectationFailed,
            417,
            .lingerAndClose,
            .precondition,
            "The Expect field asks for something other than 100-continue."
        ),
        row(.connectNotSupported, 501, .lingerAndClose, .notImplemented, "CONNECT is not supported."),
        row(.methodNotSupported, 501, .lingerAndClose, .notImplemented, "The method is not supported."),
        row(.hostUnknown, 400, .lingerAndClose, .hostname, "No URL prefix is registered for the host."),
        row(.pathUnknown, 404, .keep, .url, "No URL prefix is registered for the path."),
        row(
            .misdirected,
            421,
            .lingerAndClose,
            .hostname,
            "The host's TLS rules are not those that the connection was made under."
        ),
        row(
            .schemeMismatch,
            421,
            .keep,
            .url,
            "The target is https, and the connection is not secured."
        ),
        row(.forbidden, 403, .lingerAndClose, .forbidden, "Access was refused."),
        row(
            .reservedNotRegistered,
            503,
            .keep,
            .notAvailable,
            "The URL is reserved, and no application is registered for it."
        ),
        row(.queueFull, 503, .lingerAndClose, .queueFull, "The request queue is full."),
        row(
            .queueTimeout,
            503,
            .lingerAndClose,
            .timerRequestQueue,
            "The request waited too long in its queue."
        ),
        row(.appOffline, 503, .keep, .appOffline, "The application is offline after repeated faults."),
        row(.appShutdown, 503, .lingerAndClose, .appShutdown, "The application is shutting down."),
        row(
            .appBusy,
            503,
            .lingerAndClose,
            .appPoolTimer,
            "The application is too busy to take the request."
        ),
        row(.disabled, 503, .keep, .disabled, "The application is disabled."),
        row(.connectionLimit, 503, .close, .connectionLimit, "The limit of connections is reached."),
        row(
            .abandoned,
            503,
            .lingerAndClose,
            .connectionAbandonedByRequestQueue,
            "The application went away with the request outstanding."
        ),
        row(.internalError, 500, .lingerAndClose, .internal, "The server failed."),
        row(.headTimeout, 408, .lingerAndClose, .timerHeaderWait, "The request head did not arrive in time."),
        row(
            .bodyTimeout,
            408,
            .lingerAndClose,
            .timerEntityBody,
            "The request content did not arrive in time."
        ),
        row(.idleTimeout, 0, .close, .timerConnectionIdle, "The connection stayed idle too long."),
        row(
            .minimumReceiveRate,
            408,
            .lingerAndClose,
            .timerMinBytesPerSecond,
            "The request content arrives below the minimum rate."
        ),
        row(
            .minimumSendRate,
            0,
            .reset,
            .timerMinBytesPerSecond,
            "The peer takes the response below the minimum rate."
        ),
        row(.tlsHandshakeTimeout, 0, .reset, .timerTLSHandshake, "The TLS handshake did not end in time."),
        row(
            .tlsFailed,
            0,
            .close,
            .badRequest,
            "The TLS handshake failed; the client got an alert that says why."
        ),
        row(
            .plainHTTPOnTLSPort,
            400,
            .lingerAndClose,
            .badRequest,
            "A cleartext HTTP request arrived on a port that speaks HTTPS."
        ),
        row(
            .http2ProtocolError,
            0,
            .close,
            .badRequest,
            "The HTTP/2 connection broke the protocol and was ended with GOAWAY."
        ),
        row(
            .http2Flood,
            0,
            .close,
            .connectionsRefused,
            "The HTTP/2 client sent too many resets, pings, settings or empty frames, and got GOAWAY."
        ),
        row(
            .proxyHeaderMalformed,
            0,
            .close,
            .badRequest,
            "The connection did not begin with a valid PROXY protocol header."
        ),
        row(.tlsOnPlainPort, 400, .close, .badRequest, "A TLS handshake arrived on a cleartext port."),
        row(
            .http2PrefaceNotSupported,
            505,
            .close,
            .versionNotSupported,
            "The HTTP/2 connection preface arrived where HTTP/1 is spoken."
        ),
    ]
}
