// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// One request and its response: every feature the in-memory server offers but the request line's.
///
/// Belongs to the exchange's actor. The conformances are in the files `ExchangeFeatures+….swift`.
final class ExchangeFeatures: FeatureDefaults {
    let options: TestServerOptions
    let transport: TestTransport
    let request: RequestFacts
    var head: RequestHead { request.head }

    // The request's content.
    var bodyByteCountMax: Int64?
    var bodyByteCountRead: Int64 = 0
    var bodyFailure: BadHTTPRequestError?
    var isReadingStarted = false
    var isAtEnd: Bool
    var minRequestBodyBytesPerSecond = 240
    var isContinueSent = false

    // The response.
    var statusCode = 200 {
        didSet { if progress >= .started || !(101...999).contains(statusCode) { statusCode = oldValue } }
    }
    var reasonPhrase: String? { didSet { if progress >= .started { reasonPhrase = oldValue } } }
    var responseHeaders = FieldSection()
    var responseTrailers = FieldSection()
    var progress = ResponseProgress.notStarted
    var startingActions: [() throws -> Void] = []
    var completedActions: [() -> Void] = []
    var fixed = FixedHead()
    var framing = ResponseFraming.undecided
    var gathered: [UInt8] = []
    var contentByteCount: Int64 = 0
    var minResponseBytesPerSecond = 240
    var cachePolicy = HTTPResponseCachePolicy.automatic
    var allowSynchronousIO = false
    var failure: String?

    // The connection.
    var isAborted = false
    var abortActions: [() -> Void] = []
    var cancelHandler: (() -> Void)?
    var isCloseRequested = false
    var keepsConnection: Bool
    var isUpgraded = false
    var connectionID: String
    var traceIdentifier: String
    var remoteAddress: String
    var remotePort: Int
    var localAddress: String
    var localPort: Int

    init(request: RequestFacts, number: Int, options: TestServerOptions, transport: TestTransport) {
        self.options = options
        self.transport = transport
        self.request = request
        bodyByteCountMax = request.head.hasContent ? options.maxRequestBodySize : nil
        isAtEnd = !request.head.hasContent
        keepsConnection = request.head.keepAlive
        connectionID = String(number)
        traceIdentifier = "\(number):1"
        remoteAddress = options.remoteAddress
        remotePort = options.remotePort
        localAddress = options.localAddress
        localPort = options.localPort
    }

    /// A collection with these features in it, for one run of the application.
    func makeCollection() -> FeatureCollection {
        let collection = FeatureCollection(defaults: self)
        collection.request = request
        collection.requestBody = self
        collection.response = self
        collection.responseBody = self
        collection.lifetime = self
        collection.connection = self
        return collection
    }

    func defaultFeature(_ type: Any.Type) -> Any? {
        if type == (any HTTPSendFileFeature).self { return options.offersSendFile ? self : nil }
        if type == (any TLSConnectionFeature).self { return options.tls.map(TLSFacts.init) }
        return ExchangeFeatures.offered.contains(ObjectIdentifier(type)) ? self : nil
    }

    private static let offered: Set<ObjectIdentifier> = [
        ObjectIdentifier((any HTTPRequestTrailersFeature).self),
        ObjectIdentifier((any HTTPMaxRequestBodySizeFeature).self),
        ObjectIdentifier((any HTTPMinRequestBodyDataRateFeature).self),
        ObjectIdentifier((any HTTPRequestIdentifierFeature).self),
        ObjectIdentifier((any HTTPRequestTimingFeature).self),
        ObjectIdentifier((any HTTPRequestInfoFeature).self),
        ObjectIdentifier((any HTTPInterimResponseFeature).self),
        ObjectIdentifier((any HTTPResponseTrailersFeature).self),
        ObjectIdentifier((any HTTPResponseCachingFeature).self),
        ObjectIdentifier((any HTTPBodyControlFeature).self),
        ObjectIdentifier((any HTTPMinResponseDataRateFeature).self),
        ObjectIdentifier((any ConnectionLifetimeNotificationFeature).self),
        ObjectIdentifier((any HTTPUpgradeFeature).self),
    ]
}

/// How far a response has come.
enum ResponseProgress: Int, Comparable {
    /// Status and fields may change.
    case notStarted
    /// The `onStarting` actions run.
    case starting
    /// Status and fields are fixed; nothing has left.
    case started
    /// The head has left.
    case headSent
    /// All has left, or never will.
    case complete

    static func < (left: ResponseProgress, right: ResponseProgress) -> Bool { left.rawValue < right.rawValue }
}

/// How the end of the content is found (RFC 9112 §6.3).
enum ResponseFraming: Equatable {
    case undecided
    /// The status or the method allows no content.
    case none
    case length(Int64)
    case chunked
    case untilClose
    /// The application set `Transfer-Encoding` and writes that coding itself.
    case application
}

/// Status and fields as they were when the response started.
struct FixedHead {
    var statusCode = 200
    var reasonPhrase: String?
    var headers = FieldSection()
    /// The application's own `Content-Length`.
    var declaredByteCount: Int64?

    /// Whether the status has no content: 1xx, 204, 205, 304.
    var hasNoContent: Bool {
        statusCode < 200 || statusCode == 204 || statusCode == 205 || statusCode == 304
    }
}
