// SPDX-License-Identifier: Apache-2.0

/// What became of a record that an end was asked to send.
public enum SendOutcome: Equatable, Sendable {
    /// It is in the ring; the other side sees it with the next `publish()`.
    case sent
    /// There is no room in the ring now; `.room` is handed out when there is again.
    case noRoom
    /// The other side has not let so many bytes be sent; `.window` is handed out when it has.
    case noWindow
    /// The worker has no more credit, or as many requests as it may have.
    case noCredit
    /// It is longer than a record may be.
    case tooLong
    /// The request has ended or was cancelled.
    case gone
}

/// An address as it stands in a record.
public struct QueuedAddress: Equatable, Sendable {
    /// What kind of address it is.
    public enum Family: UInt8, Sendable {
        /// A Unix socket, or none known.
        case unix = 0
        /// The address is the lower 32 bits of `low`.
        case ipv4 = 4
        /// All 128 bits.
        case ipv6 = 6
    }

    /// What kind of address it is.
    public var family: Family
    /// The upper half, in the order of numbers.
    public var high: UInt64
    /// The lower half.
    public var low: UInt64
    /// The port.
    public var port: UInt16

    /// Makes an address.
    public init(family: Family = .unix, high: UInt64 = 0, low: UInt64 = 0, port: UInt16 = 0) {
        self.family = family
        self.high = high
        self.low = low
        self.port = port
    }
}

/// A request on its way from the service to a worker.
///
/// Sent, its bytes are borrowed for the call. Received, they are a private copy, valid until the handler returns.
public struct QueuedRequest {
    /// Facts about the request; the bits are the engine's.
    public struct Flags: OptionSet, Sendable {
        /// The bits.
        public let rawValue: UInt32
        /// Takes any bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// It came over TLS.
        public static let isSecure = Flags(rawValue: 1)
        /// It came over HTTP/2; `head` is its pseudo-fields and fields, in the engine's own layout.
        public static let isHTTP2 = Flags(rawValue: 2)
        /// `contentBytes` is all of the content.
        public static let isWhole = Flags(rawValue: 4)
        /// The connection ends after the response.
        public static let closes = Flags(rawValue: 8)
        /// An HTTP/2 request whose head did not end its stream: content, or a tunnel's bytes, may follow.
        public static let isOpen = Flags(rawValue: 16)
        /// It was handed on from another queue, and may lie below none of the worker's registrations.
        public static let isDelegated = Flags(rawValue: 32)
        /// All bits that mean something.
        static let all: Flags = [.isSecure, .isHTTP2, .isWhole, .closes, .isOpen, .isDelegated]
    }

    /// Which registration's prefix matched, as the control plane numbers them.
    public var registration: UInt64 = 0
    /// The URL group's number.
    public var urlGroup: UInt64 = 0
    /// The connection's number.
    public var connection: UInt64 = 0
    /// The request's number on its connection.
    public var requestNumber: UInt32 = 0
    /// When the connection was accepted, in nanoseconds of the monotonic clock, as the times that follow.
    public var connectionStartedAt: Int64 = 0
    /// When the head's first byte arrived.
    public var headStartedAt: Int64 = 0
    /// When the head was whole.
    public var headEndedAt: Int64 = 0
    /// When the request was put into its queue.
    public var queuedAt: Int64 = 0
    /// The client's address.
    public var remoteAddress = QueuedAddress()
    /// The address the client reached.
    public var localAddress = QueuedAddress()
    /// Facts about the request.
    public var flags: Flags = []
    /// Bytes of content that will come: 0 for none, -1 when not known beforehand.
    public var contentLength: Int64 = 0
    /// Bytes of the path that the prefix stands for.
    public var prefixPathByteCount = 0
    /// The head as it came, from the request line to the empty line; of HTTP/2, see `isHTTP2`.
    public var head = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What else the worker has to know, in the engine's own layout: facts about TLS, for one.
    public var extra = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Content that has already arrived, to save a record of its own.
    public var contentBytes = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Makes an empty request.
    public init() {}
}

/// A response's head on its way from a worker to the service.
///
/// Sent, its bytes are borrowed for the call. Received, they are a private copy, valid until the handler returns.
public struct QueuedResponseHead {
    /// Facts about the response.
    public struct Flags: OptionSet, Sendable {
        /// The bits.
        public let rawValue: UInt32
        /// Takes any bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// `contentBytes` is all of the content, and nothing follows.
        public static let isWhole = Flags(rawValue: 1)
        /// The connection changes to another protocol: what follows in both directions are its bytes.
        public static let upgrades = Flags(rawValue: 2)
        /// The connection is to end after the response.
        public static let closes = Flags(rawValue: 4)
        /// The application writes its own transfer coding.
        public static let isFramed = Flags(rawValue: 8)
        /// All bits that mean something.
        static let all: Flags = [.isWhole, .upgrades, .closes, .isFramed]
    }

    /// The status code, 200 to 999, or 101 with `.upgrades`.
    public var status: UInt16 = 200
    /// Facts about the response.
    public var flags: Flags = []
    /// The declared length of the content, -1 for none.
    public var contentLength: Int64 = -1
    /// Which cache policy the application chose, as the engine numbers them.
    public var cachePolicy: UInt8 = 0
    /// For how many seconds it may be stored, where the policy has a time.
    public var cacheSeconds: UInt32 = 0
    /// The reason phrase, empty for the standard one.
    public var reason = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The field lines, as HTTP/1.1 writes them.
    public var fields = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Content, to save a record of its own.
    public var contentBytes = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Makes the head of a response with status 200.
    public init() {}
}

/// Part of a file as content of a response.
public struct QueuedFile: Equatable, Sendable {
    /// Under which number the worker passed the descriptor.
    public var ticket: UInt64
    /// The first byte.
    public var offset: Int64
    /// How many bytes.
    public var byteCount: Int64

    /// What it takes of the window, whatever its length: the service keeps only these fields.
    public static let windowByteCount = 4096

    /// Makes a part of a file.
    public init(ticket: UInt64, offset: Int64, byteCount: Int64) {
        self.ticket = ticket
        self.offset = offset
        self.byteCount = byteCount
    }
}

/// What a side says of itself before anything else.
public struct QueueHello: Equatable, Sendable {
    /// The version it speaks; 1.
    public var version: UInt32 = 1
    /// What it can do beyond the version, none so far.
    public var features: UInt32 = 0
    /// Bytes of content the other side may send for each request before it is asked for.
    ///
    /// Default 64 KiB, at most 1 GiB.
    public var window: Int64 = 64 << 10

    /// The defaults.
    public init() {}
}

/// What the service gets from a worker.
public enum WorkerMessage {
    /// The worker is there; always first.
    case hello(QueueHello)
    /// The worker takes so many more requests; how many in all is `ServiceEnd.credit`.
    case credit(Int)
    /// A response begins; with `.isWhole` it ends, too.
    case responseHead(RequestID, QueuedResponseHead)
    /// An interim response: status and field lines.
    case interim(RequestID, UInt16, UnsafeRawBufferPointer)
    /// Content of a response; a private copy.
    case content(RequestID, UnsafeRawBufferPointer, isLast: Bool)
    /// Content of a response in the worker's memory; to be released.
    case sharedContent(RequestID, SharedContent, isLast: Bool)
    /// Content of a response from a file.
    case file(RequestID, QueuedFile, isLast: Bool)
    /// The trailer section's field lines; the response has ended.
    case trailers(RequestID, UnsafeRawBufferPointer)
    /// The worker gives the request up; the code is the engine's.
    case reset(RequestID, UInt32)
    /// The worker takes so many more bytes of the request's content; `ServiceEnd.window(of:)` has the sum.
    case window(RequestID, Int64)
    /// The request is to go to another queue; the worker is done with it.
    case delegate(RequestID, queue: UInt64)
    /// A cancelled request has ended at the worker; its number is no longer in use.
    case cancelledEnded(RequestID)
    /// The answer to a ping.
    case pong(UInt64)
    /// The worker no longer uses a descriptor it passed.
    case forgetFile(ticket: UInt64)
    /// What was refused with `.noRoom`, or a block with `nil`, may succeed now.
    case room
}

/// What a worker gets from the service.
public enum ServiceMessage {
    /// The service is there; always first.
    case hello(QueueHello)
    /// A request; `hasMore` says whether content follows.
    case request(RequestID, QueuedRequest, hasMore: Bool)
    /// Content of a request; a private copy.
    case content(RequestID, UnsafeRawBufferPointer, isLast: Bool)
    /// Content of a request in the service's memory; to be released.
    case sharedContent(RequestID, SharedContent, isLast: Bool)
    /// The trailer section's field lines; the content has ended.
    case trailers(RequestID, UnsafeRawBufferPointer)
    /// The rest of the content can't be had, for which this status is the answer; the content has ended.
    case contentFailed(RequestID, UInt16)
    /// The client has gone: the request has ended, and nothing more can be sent for it.
    case cancelled(RequestID)
    /// So many more bytes of the response may be sent; `WorkerEnd.window(of:)` has the sum.
    case window(RequestID, Int64)
    /// No more requests will come; those there are to be ended.
    case drain
    /// A question whether the worker is alive; it has been answered.
    case ping(UInt64)
    /// What was refused with `.noRoom`, or a block with `nil`, may succeed now.
    case room
}
