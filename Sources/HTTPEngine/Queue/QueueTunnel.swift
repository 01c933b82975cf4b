// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing

/// The two directions of a connection that was upgraded in a worker; its bytes go through the queue.
///
/// Loop-affine; calls from other threads hop.
final class QueueTunnel: UpgradedStream {
    // A cycle, which the exchange ends when it is done: an application may hold on to the stream for longer.
    private let exchange: Exchange
    private let carrier: QueueDriver
    private var waiter: LoopWaiter?
    private var isClosed = false

    init(exchange: Exchange, driver: QueueDriver) {
        self.exchange = exchange
        carrier = driver
    }

    private var driver: QueueDriver? { isClosed || exchange.driver == nil ? nil : carrier }

    /// Reads what has arrived.
    func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        guard exchange.loop.ring.isCurrent else {
            // SAFETY: the caller waits, so one thread at a time uses the stream.
            nonisolated(unsafe) let stream = self
            return try await exchange.onLoop { _ in try await stream.read(upTo: byteCountMax) }
        }
        while true {
            guard let driver else { return [] }
            if let piece = driver.takeInput(upTo: byteCountMax) { return piece }
            driver.wantInput()
            await LoopWaiter.wait(on: exchange.loop.ring) { waiter = $0 }
            waiter = nil
            if Task.isCancelled { throw CancellationError() }
        }
    }

    /// Writes bytes.
    func write(_ bytes: [UInt8]) async throws {
        guard exchange.loop.ring.isCurrent else {
            nonisolated(unsafe) let stream = self
            return try await exchange.onLoop { _ in try await stream.write(bytes) }
        }
        guard let driver else { throw HTTPConnectionError("the connection has ended") }
        driver.write(bytes, of: exchange)
        try await exchange.waitForOutput(below: exchange.responseBufferByteCountMax)
    }

    /// Ends the connection after what was written.
    func close() async {
        guard exchange.loop.ring.isCurrent else {
            nonisolated(unsafe) let stream = self
            try? await exchange.onLoop { _ in await stream.close() }
            return
        }
        driver?.writeEnd(of: exchange)
        isClosed = true
    }

    func inputArrived() { waiter?.resume() }

    func connectionEnded() {
        isClosed = true
        waiter?.resume()
    }
}
