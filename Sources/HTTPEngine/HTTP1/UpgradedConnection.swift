// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing

/// The two directions of an upgraded connection.
///
/// Loop-affine; calls from other threads hop.
final class UpgradedConnection: UpgradedStream {
    // A cycle, which the exchange ends when it is done: an application may hold on to the stream for longer.
    private let exchange: Exchange
    private var waiter: LoopWaiter?
    private var isClosed = false

    private let carrier: Connection

    init(exchange: Exchange, connection: Connection) {
        self.exchange = exchange
        carrier = connection
    }

    private var connection: Connection? { isClosed || exchange.driver == nil ? nil : carrier }

    /// Reads what has arrived.
    func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        guard exchange.loop.ring.isCurrent else {
            // SAFETY: the caller waits, so one thread at a time uses the stream.
            nonisolated(unsafe) let stream = self
            return try await exchange.onLoop { _ in try await stream.read(upTo: byteCountMax) }
        }
        while true {
            guard let connection else { return [] }
            let count = min(byteCountMax, connection.inputCount)
            if count > 0 {
                let piece = Array(connection.input[..<count])
                connection.consume(count)
                connection.touch()
                if connection.inputCount <= exchange.loop.options.limits.maxRequestBufferSize / 2 {
                    connection.resumeInput()
                }
                return piece
            }
            if connection.isPeerFinished { return [] }
            connection.resumeInput()
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
        guard let connection else { throw HTTPConnectionError("the connection has ended") }
        if bytes.count >= Exchange.sharedWriteByteCount {
            connection.append(.array(bytes, 0..<bytes.count))
        } else {
            connection.reserveOutput(bytes.count)
            bytes.withUnsafeBytes { connection.output.append($0) }
        }
        connection.touch()
        try await exchange.waitForOutput(below: exchange.responseBufferByteCountMax)
    }

    /// Ends the connection after what was written.
    func close() async {
        guard exchange.loop.ring.isCurrent else {
            nonisolated(unsafe) let stream = self
            try? await exchange.onLoop { _ in await stream.close() }
            return
        }
        connection?.closeAfterOutput(lingers: true)
        // One that waits for more would else do so until the client has closed, too.
        connectionEnded()
    }

    func inputArrived() { waiter?.resume() }

    func connectionEnded() {
        isClosed = true
        waiter?.resume()
    }
}
