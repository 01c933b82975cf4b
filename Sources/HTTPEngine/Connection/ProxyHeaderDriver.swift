// SPDX-License-Identifier: Apache-2.0

import HTTPWire
import IORing

/// A connection whose PROXY protocol header has not come yet.
///
/// Loop-affine. The header's addresses take the place of the socket's; what follows it is the client's, over TLS
/// or not, as if the proxy were not there.
final class ProxyHeaderDriver: ProtocolDriver {
    private unowned let connection: Connection

    init(connection: Connection) { self.connection = connection }

    func inputArrived() {
        // SAFETY: the input stays where it is until it is consumed below.
        let outcome = ProxyProtocolHeader.parse(Span(_unsafeElements: connection.input))
        switch outcome {
        case .incomplete: break
        case .refused: refuse()
        case .complete(let header, let byteCount):
            connection.consume(byteCount)
            connection.proxyHeaderCame(header)
        }
    }

    private func refuse() {
        connection.loop.counters.refusals.count()
        connection.loop.logConnectionError(connection, .proxyHeaderMalformed)
        connection.close(reset: false)
    }

    func peerFinished() { connection.close(reset: false) }

    func connectionClosing() {}

    func outputDrained() {}

    func deadlineReached() {
        connection.loop.counters.timeouts.count()
        connection.loop.logConnectionError(connection, .headTimeout)
        connection.close(reset: false)
    }

    func prepareOutput() {}

    func detachFromInput() {}

    func beginDrain() { connection.close(reset: false) }
}

extension Connection {
    /// Waits for the proxy's header before anything else.
    func openBehindProxy() {
        driver = ProxyHeaderDriver(connection: self)
        setPhaseDeadline(loop.ring.now.nanoseconds &+ listener.headerWait)
    }

    /// Goes on as the connection that the proxy took.
    func proxyHeaderCame(_ header: ProxyProtocolHeader) {
        if !header.isLocal, let source = header.source, let destination = header.destination {
            addresses = ConnectionAddresses(peer: SocketAddress(source), local: SocketAddress(destination))
        }
        guard takeAddressPlace() else { return }
        guard let context = listener.tls else {
            startProtocol(isHTTP2: false)
            if inputCount > 0 { driver?.inputArrived() }
            return
        }
        let rest = Array(input)
        discardInput()
        releaseLease()
        openTLS(context)
        guard !rest.isEmpty, let tls else { return }
        rest.withUnsafeBytes { decrypt($0, tls) }
    }
}

extension SocketAddress {
    /// An address that a proxy told; a Unix socket's is without its path.
    init(_ address: ProxyProtocolAddress) {
        switch address {
        case .ipv4(let value, let port): self.init(ipv4: value, port: port)
        case .ipv6(let high, let low, let port): self.init(ipv6High: high, low: low, port: port)
        case .unix: self.init(unixPath: nil)
        }
    }
}
