// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension ExchangeFeatures: HTTPConnectionFeature {}

extension ExchangeFeatures: HTTPRequestLifetimeFeature {
    func onAborted(_ action: @escaping () -> Void) {
        if isAborted { action() } else { abortActions.append(action) }
    }

    func abort() {
        guard !isAborted, !(progress == .complete && transport.isFinished) else { return }
        isAborted = true
        keepsConnection = false
        gathered = []
        transport.breakOff()
        cancelHandler?()
        let actions = abortActions
        abortActions = []
        for action in actions { action() }
    }
}

extension ExchangeFeatures: ConnectionLifetimeNotificationFeature {
    func requestClose() { isCloseRequested = true }
}

extension ExchangeFeatures: HTTPUpgradeFeature {
    var isUpgradableRequest: Bool { head.version == .http11 && head.hasUpgrade && !head.hasContent }

    func upgrade() async throws -> any HTTPDuplexStream {
        guard isUpgradableRequest, !isUpgraded else { throw HTTPResponseError(.notUpgradable) }
        guard progress == .notStarted else { throw HTTPResponseError(.alreadyStarted) }
        statusCode = 101
        try responseHeaders.set(id: .connection, value: "Upgrade")
        try beginResponse()
        isUpgraded = true
        keepsConnection = false
        transport.reopen()
        sendHead(isLast: false)
        return TestDuplexStream(self)
    }
}

/// The connection after a 101: what the client sends comes in, what is written goes to the client.
final class TestDuplexStream: HTTPDuplexStream {
    private let exchange: ExchangeFeatures
    private var isClosed = false

    init(_ exchange: ExchangeFeatures) { self.exchange = exchange }

    func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        try Task.checkCancellation()
        guard let bytes = await exchange.transport.read(upTo: max(1, byteCountMax)) else {
            throw HTTPConnectionError("the client has gone")
        }
        return bytes
    }

    func write(_ bytes: [UInt8]) async throws {
        guard !isClosed else { throw HTTPResponseError(.alreadyCompleted) }
        guard !exchange.isAborted, !bytes.isEmpty else { return }
        exchange.transport.deliver(.content(bytes))
        await exchange.transport.waitForRoom(exchange.options.unreadByteCountMax)
    }

    func close() async {
        guard !isClosed else { return }
        isClosed = true
        exchange.endUpgrade()
    }
}

/// The facts of the connection a test says is TLS.
final class TLSFacts: TLSConnectionFeature {
    private let facts: TestTLSConnection

    init(_ facts: TestTLSConnection) { self.facts = facts }

    var tlsVersion: String { facts.version }
    var cipherSuite: String { facts.cipherSuite }
    var serverName: String { facts.serverName }
    var applicationProtocol: String { facts.applicationProtocol }
    var clientCertificateChain: [[UInt8]] { facts.clientCertificateChain }
}
