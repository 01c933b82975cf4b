// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire
import IORing

extension Exchange: HTTPUpgradeFeature {
    /// Whether the connection can be handed over (RFC 9110 §7.8).
    public var isUpgradableRequest: Bool {
        head.version == .http11 && head.hasUpgrade && !head.hasContent && duplex == nil
    }

    /// Sends 101 and hands over the connection.
    public func upgrade() async throws -> any HTTPDuplexStream {
        guard loop.ring.isCurrent else {
            // SAFETY: the stream hops to the loop itself.
            return try await onLoop { UpgradedStreamBox(stream: try $0.upgradeNow()) }.stream
        }
        return try upgradeNow()
    }

    private func takeUpgradePlace() throws {
        let places = target?.group.upgradePlaces ?? loop.engine.upgradePlaces
        guard places.take() else {
            throw BadHTTPRequestError(statusCode: 503, "as many connections are upgraded as may be")
        }
        upgradePlace = places
    }

    func upgradeNow() throws -> any UpgradedStream {
        guard isUpgradableRequest else { throw HTTPResponseError(.notUpgradable) }
        guard !hasStartedResponse, let driver else { throw HTTPResponseError(.alreadyStarted) }
        try takeUpgradePlace()
        status = 101
        reason = nil
        try startNow()
        commit(isWhole: false)
        let stream = driver.upgrade(self)
        duplex = stream
        return stream
    }
}

extension Exchange: HTTPExtendedConnectFeature {
    /// The value of `:protocol`.
    public var connectProtocol: String? { connectProtocolRange.isEmpty ? nil : text(connectProtocolRange) }

    /// Sends 200 and hands over the stream.
    public func accept() async throws -> any HTTPDuplexStream {
        guard loop.ring.isCurrent else {
            return try await onLoop { UpgradedStreamBox(stream: try $0.acceptNow()) }.stream
        }
        return try acceptNow()
    }

    func acceptNow() throws -> any UpgradedStream {
        guard connectProtocol != nil, duplex == nil else { throw HTTPResponseError(.notUpgradable) }
        guard !hasStartedResponse, let driver else { throw HTTPResponseError(.alreadyStarted) }
        try takeUpgradePlace()
        status = 200
        try startNow()
        isUpgrading = true
        commit(isWhole: false)
        let stream = driver.upgrade(self)
        duplex = stream
        return stream
    }
}

extension Exchange: HTTPResetFeature {
    /// Resets the stream with a protocol error code.
    public func reset(errorCode: Int) {
        guard loop.ring.isCurrent else {
            postToLoop { $0.reset(errorCode: errorCode) }
            return
        }
        driver?.reset(self, errorCode: UInt32(truncatingIfNeeded: errorCode))
    }
}

private struct UpgradedStreamBox: Sendable {
    nonisolated(unsafe) let stream: any UpgradedStream
}
