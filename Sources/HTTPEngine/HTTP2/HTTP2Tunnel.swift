// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing

/// The two directions of a stream that an extended CONNECT was accepted on (RFC 8441).
///
/// Loop-affine; calls from other threads hop.
final class HTTP2Tunnel: UpgradedStream {
    // A cycle, which the exchange ends when it is done: an application may hold on to the tunnel for longer.
    private let exchange: Exchange
    private let carrier: HTTP2StreamDriver
    private var waiter: LoopWaiter?
    private var isClosed = false
    /// Whether our direction has ended.
    private var isWritingEnded = false

    init(exchange: Exchange, stream: HTTP2StreamDriver) {
        self.exchange = exchange
        carrier = stream
    }

    /// What had arrived and was not read when the stream closed in order.
    private var rest: ArraySlice<UInt8>?

    private var stream: HTTP2StreamDriver? {
        isClosed || rest != nil || exchange.driver == nil ? nil : carrier
    }

    /// Reads what has arrived.
    func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        guard exchange.loop.ring.isCurrent else {
            // SAFETY: the caller waits, so one thread at a time uses the tunnel.
            nonisolated(unsafe) let tunnel = self
            return try await exchange.onLoop { _ in try await tunnel.read(upTo: byteCountMax) }
        }
        while true {
            if let rest, !isClosed {
                let piece = rest.prefix(byteCountMax)
                self.rest = rest.dropFirst(piece.count)
                return Array(piece)
            }
            guard let stream else { return [] }
            if stream.contentCount > 0 {
                let piece = stream.takeContent(upTo: byteCountMax)
                stream.driver.consumed(stream, piece.count)
                return piece
            }
            if stream.hasContentEnded { return [] }
            await LoopWaiter.wait(on: exchange.loop.ring) { waiter = $0 }
            waiter = nil
            if Task.isCancelled { throw CancellationError() }
        }
    }

    /// Writes bytes.
    func write(_ bytes: [UInt8]) async throws {
        guard exchange.loop.ring.isCurrent else {
            nonisolated(unsafe) let tunnel = self
            return try await exchange.onLoop { _ in try await tunnel.write(bytes) }
        }
        guard let stream, !isWritingEnded else { throw HTTPConnectionError("the stream has ended") }
        stream.write(bytes, of: exchange)
        try await exchange.waitForOutput(below: exchange.responseBufferByteCountMax)
    }

    /// Ends our direction after what was written; the client's goes on until it ends it (RFC 9113 §5.1).
    func close() async {
        guard exchange.loop.ring.isCurrent else {
            nonisolated(unsafe) let tunnel = self
            try? await exchange.onLoop { _ in await tunnel.close() }
            return
        }
        isWritingEnded = true
        stream?.endUpgraded(exchange)
    }

    /// Ends our direction after what was written, and reads no more.
    func abandon() async {
        guard exchange.loop.ring.isCurrent else {
            nonisolated(unsafe) let tunnel = self
            try? await exchange.onLoop { _ in await tunnel.abandon() }
            return
        }
        isWritingEnded = true
        stream?.endUpgraded(exchange)
        connectionEnded()
    }

    func inputArrived() { waiter?.resume() }

    /// Both directions have ended in order.
    func streamEnded(_ unread: [UInt8]) {
        rest = unread[...]
        waiter?.resume()
    }

    func connectionEnded() {
        isClosed = true
        waiter?.resume()
    }
}
