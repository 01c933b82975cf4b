// SPDX-License-Identifier: Apache-2.0

import Glibc
public import HTTPFeatures
import HTTPWire
import IORing
import ResponseCache

/// One request and its response, and the engine's implementation of their features.
///
/// Loop-affine.
///
/// Belongs to a loop, serves one request after another and is held by two: the driver, until the response
/// is out and the request's content is read, and the handler, until it returns. What a handler calls from
/// another thread hops to the loop first.
public final class Exchange {
    enum Stage: UInt8 {
        /// Nobody's; in the loop's store.
        case spare
        /// In a queue, not yet delivered.
        case waiting
        /// With its handler.
        case running
        /// The handler has ended or the client has gone; nothing more can be sent.
        case ended
    }

    enum Framing: UInt8 {
        case undecided
        case none
        case fixed
        case chunked
        case close
        /// The application writes its own chunked coding.
        case application
    }

    enum ContentFraming: UInt8 {
        case none
        case fixed
        case chunked
        /// As long as the stream lasts: content of unknown length over HTTP/2.
        case untilEnd
    }

    let loop: EngineLoop
    /// The features as an application sees them.
    @exclusivity(unchecked) public let features = FeatureCollection()
    @exclusivity(unchecked) unowned(unsafe) var driver: (any ExchangeDriver)?
    @exclusivity(unchecked) var worker: Worker?
    @exclusivity(unchecked) var cancelHandler: (() -> Void)?
    @exclusivity(unchecked) var stage = Stage.spare
    @exclusivity(unchecked) var isHeldByDriver = false
    @exclusivity(unchecked) private var isHeldByHandler = false
    /// Whether the client has gone or the request was aborted.
    @exclusivity(unchecked) public private(set) var isAborted = false

    // The request.
    @exclusivity(unchecked) var head = RequestHead()
    /// Where the head's bytes are: in the ring's buffer they came in, or in `headCopy`.
    @exclusivity(unchecked) var headBytes: UnsafeBufferPointer<UInt8> = .init(start: nil, count: 0)
    @exclusivity(unchecked) private var headCopy: UnsafeMutablePointer<UInt8>?
    @exclusivity(unchecked) private var headCopyCapacity = 0
    @exclusivity(unchecked) var target: RouteTarget?
    @exclusivity(unchecked) var limitsConcurrency = false
    /// How often the request was handed on to another queue.
    @exclusivity(unchecked) var delegationCount: UInt8 = 0
    /// The queues it may be handed on to.
    @exclusivity(unchecked) var delegations: DelegationNames?
    @exclusivity(unchecked) private(set) var consumer: (any RequestConsumer)?
    @exclusivity(unchecked) var prefixPathByteCount = 0
    @exclusivity(unchecked) var requestNumber: UInt32 = 0
    @exclusivity(unchecked) var connectionNumber: UInt64 = 0
    @exclusivity(unchecked) var connectionStartedAt: Int64 = 0
    @exclusivity(unchecked) var headStartedAt: Int64 = 0
    @exclusivity(unchecked) var headEndedAt: Int64 = 0
    @exclusivity(unchecked) var queuedAt: Int64 = 0
    @exclusivity(unchecked) var deliveredAt: Int64 = 0
    @exclusivity(unchecked) var overrides: RequestOverrides?
    /// The connection's addresses, kept here for a handler on another thread, which must not ask the connection.
    @exclusivity(unchecked) var addresses: ConnectionAddresses?
    @exclusivity(unchecked) var tlsFacts: TLSFacts?
    /// Whether the connection is encrypted.
    @exclusivity(unchecked) var isSecure = false
    /// The `:protocol` of an extended CONNECT.
    @exclusivity(unchecked) var connectProtocolRange = ByteRange.empty
    /// Whether the head that is being written hands the stream over.
    @exclusivity(unchecked) var isUpgrading = false
    /// Where the stream that was handed over is counted.
    @exclusivity(unchecked) var upgradePlace: ConnectionPlaces?

    // The request's content.
    @exclusivity(unchecked) var contentFraming = ContentFraming.none
    @exclusivity(unchecked) var contentRemaining: Int64 = 0
    @exclusivity(unchecked) var contentRead: Int64 = 0
    /// What of `contentRead` the handler had; the rest was thrown away after it.
    @exclusivity(unchecked) var contentReadByHandler: Int64 = 0
    @exclusivity(unchecked) var isContentAtEnd = true
    @exclusivity(unchecked) var hasReadContent = false
    @exclusivity(unchecked) var hasSentContinue = false
    @exclusivity(unchecked) var chunkedDecoder: ChunkedDecoder?
    /// Trailers of a request that came over HTTP/2.
    @exclusivity(unchecked) var requestTrailerFields: FieldSection?
    @exclusivity(unchecked) var contentError: Refusal?
    @exclusivity(unchecked) var contentLimit: Int64 = -1
    @exclusivity(unchecked) var minContentBytesPerSecond = 0
    @exclusivity(unchecked) var contentWaiter: LoopWaiter?
    /// Content that was sent to a process which did not take it; read again before what arrives.
    @exclusivity(unchecked) var returnedContent: [UInt8] = []

    // The response.
    @exclusivity(unchecked) var status: UInt16 = 200
    @exclusivity(unchecked) var reason: String?
    /// The response's fields, and a copy of them for changes that come too late.
    let fieldSections: UnsafeMutablePointer<FieldSection>
    var responseFields: FieldSection {
        @inline(__always) get { fieldSections[0] }
        @inline(__always) _modify { yield &fieldSections[0] }
    }
    @exclusivity(unchecked) var trailerFields: FieldSection?
    @exclusivity(unchecked) var hasStartedResponse = false
    @exclusivity(unchecked) var isCommitted = false
    @exclusivity(unchecked) var isComplete = false
    @exclusivity(unchecked) var isHandlerDone = false
    @exclusivity(unchecked) var framing = Framing.undecided
    @exclusivity(unchecked) var declaredLength: Int64 = -1
    @exclusivity(unchecked) var writtenLength: Int64 = 0
    @exclusivity(unchecked) var body = OutputBuffer(capacity: 0)
    /// A large array that was the first thing written, kept by reference while the head has not left.
    @exclusivity(unchecked) var wholeBody: [UInt8]?
    @exclusivity(unchecked) var persists = true
    @exclusivity(unchecked) var closeRequested = false
    @exclusivity(unchecked) var policy = HTTPResponseCachePolicy.automatic
    @exclusivity(unchecked) var cacheBlockers: CacheRequestBlockers = []
    @exclusivity(unchecked) var cacheGeneration: UInt64 = 0
    @exclusivity(unchecked) var startingActions: [() throws -> Void] = []
    @exclusivity(unchecked) var completedActions: [() -> Void] = []
    @exclusivity(unchecked) var abortedActions: [() -> Void] = []
    @exclusivity(unchecked) var outputWaiter: LoopWaiter?
    @exclusivity(unchecked) var allowsSynchronousIO = false
    @exclusivity(unchecked) var identifier: String?
    @exclusivity(unchecked) var duplex: (any UpgradedStream)?
    /// What the handler wants done when the server begins to stop.
    @exclusivity(unchecked) var drainAction: (@Sendable () -> Void)?

    let responseBufferByteCountMax: Int

    init(loop: EngineLoop) {
        fieldSections = .allocate(capacity: 2)
        fieldSections.initialize(repeating: FieldSection(), count: 2)
        self.loop = loop
        responseBufferByteCountMax = loop.options.limits.maxResponseBufferSize
        features.use(defaults: self)
        features.reset(to: self)
    }

    deinit {
        headCopy?.deallocate()
        fieldSections.deinitialize(count: 2)
        fieldSections.deallocate()
    }

    // MARK: Life

    /// Begins a request whose head stands in the loop's scratch.
    func begin(
        driver: any ExchangeDriver,
        connection: Connection,
        target: RouteTarget,
        prefixPathByteCount: Int,
        headBytes: UnsafeBufferPointer<UInt8>
    ) {
        if features.revision != 0 { features.reset(to: self) }
        self.driver = driver
        if self.target !== target { self.target = target }
        self.prefixPathByteCount = prefixPathByteCount
        self.headBytes = headBytes
        swap(&head, &loop.scratchHead)
        isHeldByDriver = true
        stage = .waiting
        isSecure = connection.tls != nil
        connectionNumber = connection.number
        connectionStartedAt = connection.acceptedAt
        headEndedAt = loop.ring.now.nanoseconds
        contentLimit = target.contentLimit
        minContentBytesPerSecond = target.minContentBytesPerSecond
        limitsConcurrency = target.limitsConcurrency
        if head.hasContent { beginContent() }
    }

    private func beginContent() {
        if head.isChunked {
            contentFraming = .chunked
            isContentAtEnd = false
            chunkedDecoder = ChunkedDecoder(
                trailerBytesMax: min(loop.options.limits.maxRequestHeadBytes, 32768),
                trailerCountMax: loop.options.limits.maxRequestHeaderCount
            )
        } else if let length = head.contentLength, length > 0 {
            contentFraming = .fixed
            contentRemaining = length
            isContentAtEnd = false
        }
    }

    var timeouts: TimeoutManager { target?.group.timeouts ?? loop.options.timeouts }
    var queue: RequestQueue? { target?.queue }

    /// The exchange waits in its queue.
    func startWaiting(timeout: Duration) {
        stage = .waiting
        if queuedAt == 0 { queuedAt = loop.ring.now.nanoseconds }
        driver?.exchangeWaits(self, timeout: timeout)
    }

    /// A process that was to answer has not taken the request: it is as if it had not been delivered.
    ///
    /// - Parameter content: what was sent of its content, in order.
    func takenBack(content: [UInt8]) {
        contentWaiter = nil
        cancelHandler = nil
        isHeldByHandler = false
        hasReadContent = false
        contentLimit = target?.contentLimit ?? -1
        if !content.isEmpty { returnedContent = content + returnedContent }
        stage = .waiting
    }

    /// The exchange leaves its queue for its handler.
    func stopWaiting() { driver?.exchangeDelivered(self) }

    /// The application has it now.
    func delivered(to consumer: any RequestConsumer) {
        // Nearly always that of the last request, which costs a comparison instead of two references.
        if self.consumer !== consumer { self.consumer = consumer }
        stage = .running
        isHeldByHandler = true
        deliveredAt = loop.ring.now.nanoseconds
        if queuedAt == 0 { queuedAt = deliveredAt }
    }

    /// The queue would not take it.
    func reject(_ refusal: Refusal) {
        stage = .ended
        driver?.reject(self, refusal)
    }

    /// The prefix's entry in newer routes, should they have changed while the exchange waited.
    func currentTarget(in routes: Routes) -> RouteTarget? {
        guard let target else { return nil }
        let index = Int(target.index)
        guard index < routes.targets.count, let current = routes.targets[index],
            current.registration == target.registration, current.queue === target.queue
        else {
            return nil
        }
        self.target = current
        return current
    }

    /// The client has gone, or the application gave up: nothing more goes in or out.
    func abortedByConnection() {
        guard !isAborted else { return }
        isAborted = true
        if stage == .waiting {
            loop.leaveQueue(self)
            stage = .ended
        }
        detachFromInput()
        driver = nil
        contentWaiter.take()?.resume()
        outputWaiter.take()?.resume()
        duplex?.connectionEnded()
        if isHeldByHandler {
            let actions = abortedActions
            abortedActions = []
            for action in actions { action() }
            if let worker { worker.cancel() } else { cancelHandler?() }
        }
        driverReleased()
    }

    /// The driver has no more business with it.
    func driverReleased() {
        guard isHeldByDriver else { return }
        isHeldByDriver = false
        driver = nil
        if !isHeldByHandler { recycle() }
    }

    /// The handler's task has let go.
    func handlerReleased() {
        guard isHeldByHandler else { return }
        isHeldByHandler = false
        cancelHandler = nil
        if !isHeldByDriver { recycle() }
    }

    /// Copies the head out of the ring's buffer, which is about to go back.
    func detachFromInput() {
        guard let base = headBytes.baseAddress, headBytes.count > 0, base != UnsafePointer(headCopy) else {
            return
        }
        if headCopyCapacity < headBytes.count {
            headCopy?.deallocate()
            headCopyCapacity = max(512, headBytes.count)
            headCopy = .allocate(capacity: headCopyCapacity)
        }
        guard let headCopy else { return }
        memcpy(headCopy, base, headBytes.count)
        headBytes = UnsafeBufferPointer(start: headCopy, count: headBytes.count)
    }

    /// Forgets the request and goes back to the loop's store.
    private func recycle() {
        stage = .spare
        isAborted = false
        headBytes = .init(start: nil, count: 0)
        if headCopyCapacity > 4096 {
            headCopy?.deallocate()
            headCopy = nil
            headCopyCapacity = 0
        }
        if overrides != nil { overrides = nil }
        if addresses != nil { addresses = nil }
        if delegations != nil { delegations = nil }
        delegationCount = 0
        if tlsFacts != nil { tlsFacts = nil }
        connectProtocolRange = .empty
        isUpgrading = false
        if drainAction != nil { drainAction = nil }
        if let places = upgradePlace.take() { places.release() }
        queuedAt = 0
        contentFraming = .none
        contentRemaining = 0
        contentRead = 0
        contentReadByHandler = 0
        isContentAtEnd = true
        hasReadContent = false
        hasSentContinue = false
        if chunkedDecoder != nil { chunkedDecoder = nil }
        if requestTrailerFields != nil { requestTrailerFields = nil }
        if !returnedContent.isEmpty { returnedContent = [] }
        contentError = nil
        minContentBytesPerSecond = 0
        resetResponse()
        isHandlerDone = false
        isComplete = false
        closeRequested = false
        policy = .automatic
        cacheBlockers = []
        if !abortedActions.isEmpty { abortedActions.removeAll() }
        if !completedActions.isEmpty { completedActions.removeAll() }
        allowsSynchronousIO = false
        if identifier != nil { identifier = nil }
        if duplex != nil { duplex = nil }
        if body.capacity > 65536 { body = OutputBuffer(capacity: 0) }
        loop.giveBack(self)
    }

    /// Puts the response back to what it is before a handler touches it.
    func resetResponse() {
        status = 200
        reason = nil
        responseFields.removeAll()
        if trailerFields != nil { trailerFields = nil }
        hasStartedResponse = false
        isCommitted = false
        framing = .undecided
        declaredLength = -1
        writtenLength = 0
        body.removeAll()
        if wholeBody != nil { wholeBody = nil }
        persists = true
        if !startingActions.isEmpty { startingActions.removeAll() }
    }

    /// Whether nobody outside the engine kept the context, so that the exchange can be used again.
    func isUnshared() -> Bool {
        if features.reusable == nil { return true }
        return isKnownUniquelyReferenced(&features.reusable)
    }

    // MARK: Bytes of the head

    @inline(__always)
    func bytes(_ range: ByteRange) -> UnsafeBufferPointer<UInt8> {
        guard range.end <= headBytes.count else { return .init(start: nil, count: 0) }
        return UnsafeBufferPointer(rebasing: headBytes[range.range])
    }

    func text(_ range: ByteRange) -> String { FieldText.decode(bytes(range)) }

    /// Runs a closure on the loop's thread later, unless the request it is for has ended by then.
    func postToLoop(_ body: @escaping (Exchange) -> Void) {
        // SAFETY: from here on both are the loop's alone, but for what the handler's own calls hop to the loop for.
        nonisolated(unsafe) let (exchange, body) = (self, body)
        let (connection, number) = (connectionNumber, requestNumber)
        loop.ring.post {
            guard exchange.stage != .spare, exchange.connectionNumber == connection,
                exchange.requestNumber == number
            else { return }
            body(exchange)
        }
    }

    /// Runs a closure on the loop's thread, hopping there from another one.
    func onLoop<Result: Sendable>(
        _ body: @escaping @concurrent @Sendable (Exchange) async throws -> Result
    ) async throws -> Result {
        // SAFETY: the caller waits here, so the exchange is used by one thread at a time.
        nonisolated(unsafe) let exchange = self
        // Only a concurrent function moves to the preferred executor; others stay where their caller is.
        return try await withTaskExecutorPreference(loop.ring) { @concurrent in try await body(exchange) }
    }
}

/// What an application wrote over the request's properties.
final class RequestOverrides {
    @exclusivity(unchecked) var method: String?
    @exclusivity(unchecked) var scheme: String?
    @exclusivity(unchecked) var pathBase: String?
    @exclusivity(unchecked) var path: String?
    @exclusivity(unchecked) var queryString: String?
    @exclusivity(unchecked) var rawTarget: String?
    @exclusivity(unchecked) var authority: String?
    @exclusivity(unchecked) var protocolVersion: String?
    @exclusivity(unchecked) var headers: FieldSection?
    @exclusivity(unchecked) var connectionID: String?
    @exclusivity(unchecked) var remoteAddress: String?
    @exclusivity(unchecked) var remotePort: Int?
    @exclusivity(unchecked) var localAddress: String?
    @exclusivity(unchecked) var localPort: Int?
}

/// Text of field values: UTF-8 where it is valid, else ISO-8859-1, so that no byte is lost.
enum FieldText {
    @inline(__always)
    static func decode(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        var all: UInt8 = 0
        for byte in bytes { all |= byte }
        // ASCII, as nearly always, needs no second look.
        return all < 0x80 ? String(decoding: bytes, as: UTF8.self) : decodeOther(bytes)
    }

    @inline(never)
    private static func decodeOther(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}
