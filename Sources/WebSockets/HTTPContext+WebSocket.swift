// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire

extension HTTPContext {
    /// Whether the request asks for a WebSocket, over HTTP/1.1 or by an extended CONNECT.
    public var isWebSocketRequest: Bool {
        let request = webSocketRequest
        return request.isExtendedConnect
            || request.upgrade.map { FieldSyntax.listContains("websocket", in: $0.utf8.span) } ?? false
    }

    /// The subprotocols the client offers, the one it prefers first; empty where it offers none, or nonsense.
    public var webSocketSubprotocols: [String] {
        (try? WebSocketHandshake.subprotocols(features.request?.value(of: .secWebSocketProtocol))) ?? []
    }

    /// Opens a WebSocket, has `body` use it, and closes it.
    ///
    /// A request that can't open one is answered: 426, 400 or 403, as `WebSocketRefusal` says, and `body` does not
    /// run. Once `body` returns the socket is closed with 1000, and with 1011 where it throws. What it throws because
    /// of the peer (`WebSocketError`, `HTTPConnectionError`) goes no further.
    public func webSocket(
        _ options: WebSocketOptions = WebSocketOptions(),
        _ body: (WebSocket) async throws -> Void
    ) async throws {
        let socket: WebSocket
        do {
            socket = try await openWebSocket(options)
        } catch let refusal as WebSocketRefusal {
            try await response.respond(response.status, "\(refusal)\n")
            return
        }
        do {
            try await body(socket)
        } catch is WebSocketError {
            return await socket.close(code: .internalError)
        } catch is HTTPConnectionError {
            return await socket.close(code: .internalError)
        } catch {
            await socket.close(code: .internalError)
            throw error
        }
        await socket.close()
    }

    /// Opens a WebSocket, which the caller closes.
    ///
    /// - Throws: `BadHTTPRequestError` with 400, 403 or 426 for a request that can't open one; error and response then
    ///   have that status and the fields that go with it, so that a handler may let it through, or catch it and return.
    ///   `HTTPResponseError` where the response has started.
    public func acceptWebSocket(_ options: WebSocketOptions = WebSocketOptions()) async throws -> WebSocket {
        do {
            return try await openWebSocket(options)
        } catch let refusal as WebSocketRefusal {
            throw BadHTTPRequestError(
                statusCode: refusal.statusCode,
                refusal.description,
                fields: refusal.fields
            )
        }
    }

    private func openWebSocket(_ options: WebSocketOptions) async throws -> WebSocket {
        let request = webSocketRequest
        let handshake: WebSocketHandshake
        do throws(WebSocketRefusal) {
            handshake = try WebSocketHandshake(request, options: options)
        } catch {
            response.statusCode = error.statusCode
            response.headers.append(contentsOf: error.fields)
            throw error
        }
        try set(.secWebSocketAccept, handshake.accept)
        try set(.secWebSocketProtocol, handshake.subprotocol)
        try set(.secWebSocketExtensions, handshake.compression?.fieldValue)
        let stream = try await openStream(request)
        let socket = WebSocket(stream: stream, handshake: handshake, options: options)
        socket.startKeepAlive(options, isolation: #isolation)
        features[(any ConnectionLifetimeNotificationFeature).self]?.whenDraining { [weak socket] in
            Task { await socket?.goAway() }
        }
        return socket
    }

    private func set(_ field: FieldID, _ value: String?) throws {
        if let value { try response.headers.set(id: field, value: value) }
    }

    private func openStream(_ request: WebSocketHandshake.Request) async throws -> any HTTPDuplexStream {
        if request.isExtendedConnect, let connect = features[(any HTTPExtendedConnectFeature).self] {
            return try await connect.accept()
        }
        guard let upgrade = features[(any HTTPUpgradeFeature).self] else {
            throw HTTPResponseError(.notUpgradable)
        }
        try response.headers.set(id: .upgrade, value: "websocket")
        return try await upgrade.upgrade()
    }

    private var webSocketRequest: WebSocketHandshake.Request {
        var request = WebSocketHandshake.Request()
        guard let feature = features.request else { return request }
        if let connect = features[(any HTTPExtendedConnectFeature).self]?.connectProtocol {
            request.isExtendedConnect = FieldSyntax.equalsIgnoringCase(connect, "websocket")
        }
        if features[(any HTTPUpgradeFeature).self]?.isUpgradableRequest == true {
            request.upgrade = feature.value(of: .upgrade)
        }
        request.isGet = feature.knownMethod == .get
        request.version = feature.value(of: .secWebSocketVersion)
        request.key = feature.value(of: .secWebSocketKey)
        request.subprotocols = feature.value(of: .secWebSocketProtocol)
        request.extensions = feature.value(of: .secWebSocketExtensions)
        request.origin = feature.value(of: "Origin")
        return request
    }
}
