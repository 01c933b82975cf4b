// SPDX-License-Identifier: Apache-2.0

/// The reason that the error log gives for a request or connection that the engine itself ended.
///
/// Source: HTTP Server API, HTTPERR reason phrases (complete documented list).
public enum ErrorLogReason: UInt8, CaseIterable, Sendable {
    /// Nothing is logged.
    case none = 0
    /// The application was taken offline after repeated faults; 503.
    case appOffline
    /// The application's processes were too busy to take the request; 503.
    case appPoolTimer
    /// The application was stopped by policy; 503.
    case appShutdown
    /// An administrator took the application offline; 503.
    case disabled
    /// The URL group's connection limit was reached; 503.
    case connectionLimit
    /// The request queue was full; 503.
    case queueFull
    /// An internal failure, or a reservation without a registration; 503.
    case notAvailable
    /// Something not implemented was asked for; 501.
    case notImplemented
    /// An unexpected failure inside the engine; 500.
    case `internal`
    /// The protocol version is not supported; 505.
    case versionNotSupported
    /// The request is malformed in a way that no narrower reason names; 400.
    case badRequest
    /// The method is malformed; 400.
    case verb
    /// The request-target is malformed; 400.
    case url
    /// A field line is malformed; 400.
    case header
    /// The host is malformed, missing or unknown; 400.
    case hostname
    /// A number is malformed; 400.
    case number
    /// A carriage return or line feed stands where none may; 400.
    case invalidLineEnd
    /// Access was refused; 403.
    case forbidden
    /// A precondition or expectation failed; 412 or 417.
    case precondition
    /// A content length was required; 411.
    case lengthRequired
    /// The request-target is too long; 414.
    case urlLength
    /// A field line is too long; 431.
    case fieldLength
    /// The request head is too long; 431.
    case requestLength
    /// The content is too large; 413.
    case entityTooLarge
    /// The client closed before the request reached an application.
    case clientReset
    /// The client closed before the last byte of the response.
    case connectionDropped
    /// The list of dropped connections overflowed.
    case connectionDroppedListFull
    /// A worker died or closed its handle with the request outstanding.
    case connectionAbandonedByRequestQueue
    /// Accepting stopped for lack of memory or descriptors.
    case connectionsRefused
    /// The connection stayed idle too long.
    case timerConnectionIdle
    /// The request head took too long.
    case timerHeaderWait
    /// The request content took too long.
    case timerEntityBody
    /// The request waited too long in its queue.
    case timerRequestQueue
    /// The peer took or sent bytes below the minimum rate.
    case timerMinBytesPerSecond
    /// The TLS handshake took too long.
    case timerTLSHandshake
    /// The response took too long; reserved.
    case timerResponse

    /// The phrase as the error log writes it, such as `Timer_HeaderWait`; `-` for `none`.
    public var rawText: StaticString {
        switch self {
        case .none: "-"
        case .appOffline: "AppOffline"
        case .appPoolTimer: "AppPoolTimer"
        case .appShutdown: "AppShutdown"
        case .disabled: "Disabled"
        case .connectionLimit: "ConnLimit"
        case .queueFull: "QueueFull"
        case .notAvailable: "N/A"
        case .notImplemented: "N/I"
        case .internal: "Internal"
        case .versionNotSupported: "Version_N/S"
        case .badRequest: "BadRequest"
        case .verb: "Verb"
        case .url: "URL"
        case .header: "Header"
        case .hostname: "Hostname"
        case .number: "Number"
        case .invalidLineEnd: "Invalid_CR/LF"
        case .forbidden: "Forbidden"
        case .precondition: "Precondition"
        case .lengthRequired: "LengthRequired"
        case .urlLength: "URL_Length"
        case .fieldLength: "FieldLength"
        case .requestLength: "RequestLength"
        case .entityTooLarge: "EntityTooLarge"
        case .clientReset: "Client_Reset"
        case .connectionDropped: "Connection_Dropped"
        case .connectionDroppedListFull: "Connection_Dropped_List_Full"
        case .connectionAbandonedByRequestQueue: "Connection_Abandoned_By_ReqQueue"
        case .connectionsRefused: "Connections_Refused"
        case .timerConnectionIdle: "Timer_ConnectionIdle"
        case .timerHeaderWait: "Timer_HeaderWait"
        case .timerEntityBody: "Timer_EntityBody"
        case .timerRequestQueue: "Timer_ReqQueue"
        case .timerMinBytesPerSecond: "Timer_MinBytesPerSecond"
        case .timerTLSHandshake: "Timer_SslRenegotiation"
        case .timerResponse: "Timer_Response"
        }
    }
}
