// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
public import HTTPWire
import IORing
import URLPrefixes

extension Exchange: HTTPRequestFeature {
    private var rewritten: RequestOverrides {
        if let overrides { return overrides }
        let made = RequestOverrides()
        overrides = made
        return made
    }

    /// The method.
    public var method: String {
        get {
            if let method = overrides?.method { return method }
            return head.method == .other ? text(head.methodRange) : head.method.text.description
        }
        set { rewritten.method = newValue }
    }

    /// The method, without a string.
    public var knownMethod: Method {
        guard let method = overrides?.method else { return head.method }
        return Method.allCases.first { $0.text.description == method } ?? .other
    }

    /// The scheme, from the listener.
    public var scheme: String {
        get { overrides?.scheme ?? (target?.prefix.scheme == .https ? "https" : "http") }
        set { rewritten.scheme = newValue }
    }

    /// The request-target as sent.
    public var rawTarget: String {
        get { overrides?.rawTarget ?? text(head.target) }
        set { rewritten.rawTarget = newValue }
    }

    /// The query with its `?`, or empty.
    public var queryString: String {
        get {
            if let query = overrides?.queryString { return query }
            return head.hasQuery ? "?" + text(head.query) : ""
        }
        set { rewritten.queryString = newValue }
    }

    /// The path below the prefix.
    public var path: String {
        get {
            if let path = overrides?.path { return path }
            guard head.pathNeedsDecoding || prefixPathByteCount > 0 || head.path.isEmpty else {
                return text(head.path)
            }
            return splitPath().path
        }
        set { rewritten.path = newValue }
    }

    /// The prefix's part of the path.
    public var pathBase: String {
        get {
            if let pathBase = overrides?.pathBase { return pathBase }
            guard prefixPathByteCount > 0 else { return "" }
            return splitPath().pathBase
        }
        set { rewritten.pathBase = newValue }
    }

    private func splitPath() -> (pathBase: String, path: String) {
        switch head.targetForm {
        case .asterisk, .authority: return ("", "")
        case .origin, .absolute: break
        }
        guard !head.path.isEmpty else {
            return RequestPath.split(prefixPath: target?.prefix.path ?? "/", path: "/")
        }
        let raw = bytes(head.path)
        // SAFETY: the head's bytes stay where they are during this call.
        let decoded = (try? RequestPath.decode(Span(_unsafeElements: raw))) ?? Array(raw)
        let whole = String(decoding: decoded, as: UTF8.self)
        guard prefixPathByteCount > 0 else { return ("", whole) }
        return RequestPath.split(prefixPath: target?.prefix.path ?? "/", path: whole)
    }

    /// Host and port the request was sent to.
    public var authority: String {
        get { overrides?.authority ?? text(head.authority) }
        set { rewritten.authority = newValue }
    }

    /// The version as text.
    public var protocolVersion: String {
        get { overrides?.protocolVersion ?? head.version.text.description }
        set { rewritten.protocolVersion = newValue }
    }

    /// The field section, made when first asked for.
    public var requestHeaders: FieldSection {
        get {
            if let headers = overrides?.headers { return headers }
            var section = FieldSection()
            // SAFETY: the head's bytes stay where they are during this call.
            section.append(contentsOf: head, bytes: Span(_unsafeElements: headBytes))
            rewritten.headers = section
            return section
        }
        set { rewritten.headers = newValue }
    }

    /// A field's value by name.
    public func value(of name: String) -> String? {
        if let headers = overrides?.headers { return headers[name] }
        var name = name
        let id = name.withUTF8 { FieldID(Span(_unsafeElements: $0)) }
        if id != .unknown { return value(of: id) }
        var result: String?
        for field in head.fields where field.id == .unknown {
            guard equalIgnoringCase(bytes(field.name), &name) else { continue }
            result = joined(result, text(field.value))
        }
        return result
    }

    /// A well-known field's value.
    public func value(of field: FieldID) -> String? {
        if let headers = overrides?.headers { return headers[field] }
        guard head.present.contains(field) else { return nil }
        var result: String?
        for slice in head.fields where slice.id == field { result = joined(result, text(slice.value)) }
        return result
    }

    private func joined(_ first: String?, _ second: String) -> String {
        guard let first else { return second }
        return first + ", " + second
    }

    private func equalIgnoringCase(_ bytes: UnsafeBufferPointer<UInt8>, _ text: inout String) -> Bool {
        text.withUTF8 { other in
            guard other.count == bytes.count else { return false }
            for index in bytes.indices {
                let (a, b) = (bytes[index], other[index])
                if a != b, a | 0x20 != b | 0x20 || !(0x61...0x7A).contains(a | 0x20) { return false }
            }
            return true
        }
    }
}

extension Exchange: HTTPRequestIdentifierFeature {
    /// The connection's name and the request's number on it.
    public var traceIdentifier: String {
        get { identifier ?? "\(connectionID):\(hexadecimal8(requestNumber))" }
        set { identifier = newValue }
    }

    private func hexadecimal8(_ number: UInt32) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension Exchange: HTTPConnectionFeature {
    private var connectionAddresses: ConnectionAddresses? { addresses ?? driver?.addresses }

    /// The connection's name.
    public var connectionID: String {
        get { overrides?.connectionID ?? String(connectionNumber, radix: 16) }
        set { rewritten.connectionID = newValue }
    }
    /// The client's address; `0.0.0.0` where the client is gone before anybody asked.
    public var remoteAddress: String {
        get {
            if let address = overrides?.remoteAddress ?? connectionAddresses?.peer.host { return address }
            // The empty address is a Unix socket's, which may be trusted.
            return isAborted ? SocketAddress.anyIPv4(port: 0).host : ""
        }
        set { rewritten.remoteAddress = newValue }
    }
    /// The client's port.
    public var remotePort: Int {
        get { overrides?.remotePort ?? connectionAddresses.map { Int($0.peer.port) } ?? 0 }
        set { rewritten.remotePort = newValue }
    }
    /// The address the client reached.
    public var localAddress: String {
        get { overrides?.localAddress ?? connectionAddresses?.local.host ?? "" }
        set { rewritten.localAddress = newValue }
    }
    /// The port the client reached.
    public var localPort: Int {
        get { overrides?.localPort ?? connectionAddresses.map { Int($0.local.port) } ?? 0 }
        set { rewritten.localPort = newValue }
    }
}

extension Exchange: HTTPRequestLifetimeFeature {
    /// Runs an action when the request is aborted.
    public func onAborted(_ action: @escaping () -> Void) {
        guard loop.ring.isCurrent else {
            postToLoop { $0.onAborted(action) }
            return
        }
        if isAborted { action() } else { abortedActions.append(action) }
    }

    /// Ends the connection at once.
    public func abort() {
        guard loop.ring.isCurrent else {
            postToLoop { $0.abort() }
            return
        }
        driver?.abort(self)
    }
}

extension Exchange: ConnectionLifetimeNotificationFeature {
    /// Whether the connection ends after this response.
    public var isCloseRequested: Bool { closeRequested || loop.isDraining }
    /// Ends the connection after this response.
    public func requestClose() { closeRequested = true }

    /// Calls an action when the loop, or the queue the request came through, drains.
    public func whenDraining(_ action: @escaping @Sendable () -> Void) {
        guard loop.ring.isCurrent else { return postToLoop { $0.whenDraining(action) } }
        drainAction = action
        if loop.isDraining || driver?.isDraining == true { beginDrain() }
    }

    /// Tells the handler that the server has begun to stop, where it wants to know.
    func beginDrain() {
        if drainAction != nil { drainAction.take()?() }
    }
}

extension Exchange: HTTPRequestTimingFeature {
    /// The time of a stage.
    public func timestamp(_ stage: HTTPRequestStage) -> Int64? {
        let time =
            switch stage {
            case .connectionStart: connectionStartedAt
            case .requestHeaderParseStart: headStartedAt
            case .requestHeaderParseEnd: headEndedAt
            case .requestQueued: queuedAt
            case .requestDelivered: deliveredAt
            }
        return time == 0 ? nil : time
    }
}

extension Exchange: HTTPRequestInfoFeature {
    /// The prefix that matched.
    public var urlPrefix: String { target?.text ?? "" }
    /// The queue's name.
    public var requestQueueName: String { queue?.name ?? "" }
    /// The URL group's number.
    public var urlGroupID: UInt64 { target?.group.id ?? 0 }
    /// The loop's index.
    public var loopIndex: Int { loop.index }
}

extension Exchange: FeatureDefaults {
    /// The engine's features: the exchange itself, but for those the message rules out.
    public func defaultFeature(_ type: Any.Type) -> Any? {
        if type == (any TLSConnectionFeature).self { return isSecure ? self : nil }
        if type == (any HTTPResetFeature).self { return head.version >= .http2 ? self : nil }
        if type == (any HTTPExtendedConnectFeature).self { return connectProtocolRange.isEmpty ? nil : self }
        if type == (any HTTPDelegationFeature).self { return delegations == nil ? nil : self }
        if type == (any HTTPUpgradeFeature).self { return head.version >= .http2 ? nil : self }
        if type == (any HTTPResponseTrailersFeature).self, head.version == .http10 { return nil }
        return self
    }
}
