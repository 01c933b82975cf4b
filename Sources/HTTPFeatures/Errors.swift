// SPDX-License-Identifier: Apache-2.0

public import HTTPWire

/// The peer's message was wrong; thrown from body reads, and an application may throw it too.
///
/// Where it leaves a handler before the response has started, the client gets `statusCode` and `fields`.
public struct BadHTTPRequestError: Error, Sendable, CustomStringConvertible {
    /// The status to answer with, 400 to 499.
    public let statusCode: Int
    /// What was wrong, for logs; never sent to the client.
    public let description: String
    /// Fields that the answer needs to be of use, such as `Upgrade` with 426 and `Allow` with 405.
    public let fields: FieldSection

    /// Makes an error.
    public init(statusCode: Int, _ description: String, fields: FieldSection = FieldSection()) {
        self.statusCode = statusCode
        self.description = description
        self.fields = fields
    }
}

/// The connection ended under a request.
public struct HTTPConnectionError: Error, Sendable, CustomStringConvertible {
    /// What ended it, for logs.
    public let description: String

    /// Makes an error.
    public init(_ description: String) { self.description = description }
}

/// The application used a response in a way its message does not allow.
public struct HTTPResponseError: Error, Sendable, CustomStringConvertible {
    /// What was wrong; more may be added.
    public struct Code: Sendable, Hashable {
        let rawValue: String
        /// The response had started, so its status and fields are fixed.
        public static let alreadyStarted = Code(rawValue: "the response has already started")
        /// The response was complete.
        public static let alreadyCompleted = Code(rawValue: "the response is already complete")
        /// More was written than `Content-Length` announced.
        public static let contentLengthExceeded = Code(
            rawValue: "more bytes written than the Content-Length field announced"
        )
        /// The handler ended with less written than `Content-Length` announced.
        public static let contentLengthNotReached = Code(
            rawValue: "fewer bytes written than the Content-Length field announced"
        )
        /// The status has no content: 1xx, 204, 205, 304.
        public static let bodyNotAllowed = Code(rawValue: "a response with this status has no content")
        /// The file can't be opened or read, or is shorter than asked for.
        public static let fileUnavailable = Code(rawValue: "the file is not available")
        /// The request can't be upgraded.
        public static let notUpgradable = Code(rawValue: "this request cannot be upgraded")
        /// The request can't be handed on to that queue, or no longer.
        public static let notDelegable = Code(rawValue: "this request cannot be handed on")
        /// A status code, field name or value that HTTP does not allow.
        public static let invalidHead = Code(rawValue: "the status or a field is not valid")
    }

    /// What was wrong.
    public let code: Code
    /// More about it, or empty.
    public let detail: String

    /// Makes an error.
    public init(_ code: Code, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// The code in words, with the detail.
    public var description: String { detail.isEmpty ? code.rawValue : "\(code.rawValue): \(detail)" }
}
