// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// What stands behind a feature collection whose request is over: nothing can be learnt, nothing be sent.
///
/// Takes the place of a server's features in `FeatureCollection.detach()`, so that a task that kept a context
/// beyond its handler meets an aborted request rather than a later one, or a trap. Reads give empty values,
/// writes throw `HTTPConnectionError`.
final class EndedRequest {
    private var error: HTTPConnectionError { HTTPConnectionError("the request has ended") }
}

extension EndedRequest: HTTPRequestFeature {
    var method: String {
        get { "" }
        set {}
    }
    var knownMethod: Method { .other }
    var scheme: String {
        get { "" }
        set {}
    }
    var pathBase: String {
        get { "" }
        set {}
    }
    var path: String {
        get { "" }
        set {}
    }
    var queryString: String {
        get { "" }
        set {}
    }
    var rawTarget: String {
        get { "" }
        set {}
    }
    var authority: String {
        get { "" }
        set {}
    }
    var protocolVersion: String {
        get { "" }
        set {}
    }
    var requestHeaders: FieldSection {
        get { FieldSection() }
        set {}
    }
    func value(of name: String) -> String? { nil }
    func value(of field: FieldID) -> String? { nil }
}

extension EndedRequest: HTTPRequestBodyFeature {
    var canHaveBody: Bool { false }
    var contentLength: Int64? { nil }
    var isAtEnd: Bool { true }
    func read(upTo byteCountMax: Int) async throws -> [UInt8] { throw error }
}

extension EndedRequest: HTTPResponseFeature {
    var statusCode: Int {
        get { 0 }
        set {}
    }
    var reasonPhrase: String? {
        get { nil }
        set {}
    }
    var responseHeaders: FieldSection {
        get { FieldSection() }
        set {}
    }
    var hasStarted: Bool { true }
    func onStarting(_ action: @escaping () throws -> Void) throws { throw HTTPResponseError(.alreadyStarted) }
    func onCompleted(_ action: @escaping () -> Void) { action() }
}

extension EndedRequest: HTTPResponseBodyFeature {
    func write(_ bytes: [UInt8]) async throws { throw error }
    func write(_ text: String) async throws { throw error }
    func start() async throws { throw error }
    func flush() async throws { throw error }
    func sendFile(_ path: String, offset: Int64, byteCount: Int64?) async throws { throw error }
    func complete() async throws { throw error }
}

extension EndedRequest: HTTPRequestLifetimeFeature {
    var isAborted: Bool { true }
    func onAborted(_ action: @escaping () -> Void) { action() }
    func abort() {}
}

extension EndedRequest: HTTPConnectionFeature {
    var connectionID: String {
        get { "" }
        set {}
    }
    var remoteAddress: String {
        get { "" }
        set {}
    }
    var remotePort: Int {
        get { 0 }
        set {}
    }
    var localAddress: String {
        get { "" }
        set {}
    }
    var localPort: Int {
        get { 0 }
        set {}
    }
}
