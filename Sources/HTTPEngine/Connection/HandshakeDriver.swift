// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// A connection whose TLS handshake is under way.
///
/// Loop-affine. The connection itself moves the handshake on; here is what else may happen to it meanwhile.
final class HandshakeDriver: ProtocolDriver {
    private unowned let connection: Connection

    init(connection: Connection) { self.connection = connection }

    func inputArrived() {}

    func peerFinished() { connection.close(reset: false) }

    func connectionClosing() {}

    func outputDrained() {}

    func deadlineReached() {
        connection.loop.counters.timeouts.count()
        connection.loop.logConnectionError(connection, .tlsHandshakeTimeout)
        connection.close(reset: true)
    }

    func prepareOutput() {}

    func detachFromInput() {}

    func beginDrain() { connection.close(reset: false) }
}
