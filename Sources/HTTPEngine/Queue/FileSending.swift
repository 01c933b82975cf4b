// SPDX-License-Identifier: Apache-2.0

import IORing
import QueueTransport

/// Part of a file that a worker passed, on its way to a client.
///
/// Loop-affine. A task, which waits for the client or the disk; it keeps the exchange until it has ended, so that
/// the exchange can't come to mean another request before.
final class FileSending {
    /// What came after the file.
    enum Piece {
        case bytes([UInt8], isLast: Bool)
        case file(PassedFile, QueuedFile, isLast: Bool)
    }

    /// Whether the response ends with the file.
    let isLast: Bool
    /// What is sent next; bounded by the window, of which a file takes 4 KiB.
    @exclusivity(unchecked) private(set) var pieces: [Piece] = []
    /// Whether all of the response has come.
    @exclusivity(unchecked) private(set) var isEndKnown: Bool
    private let exchange: Exchange
    private let file: PassedFile
    private let part: QueuedFile
    private let remote: RemoteRequest
    /// Kept, because the port may end before the file.
    private let port: ServicePort
    @exclusivity(unchecked) private var isStopped = false

    init(
        _ exchange: Exchange,
        _ file: PassedFile,
        _ part: QueuedFile,
        isLast: Bool,
        for remote: RemoteRequest
    ) {
        self.exchange = exchange
        self.file = file
        self.part = part
        self.isLast = isLast
        self.remote = remote
        port = remote.port
        isEndKnown = isLast
    }

    func start() {
        // SAFETY: the task runs on the loop's thread alone.
        nonisolated(unsafe) let sending = self
        _ = Task(executorPreference: exchange.loop.ring) { await sending.run() }
    }

    /// Nobody wants the rest: the task lets go of the exchange.
    func stop() { isStopped = true }

    func append(_ bytes: UnsafeRawBufferPointer, isLast: Bool) {
        isEndKnown = isEndKnown || isLast
        guard case .bytes(var last, _) = pieces.last else {
            pieces.append(.bytes(Array(bytes), isLast: isLast))
            return
        }
        pieces.removeLast()
        last.append(contentsOf: bytes)
        pieces.append(.bytes(last, isLast: isLast))
    }

    func append(_ file: PassedFile, _ part: QueuedFile, isLast: Bool) {
        isEndKnown = isEndKnown || isLast
        pieces.append(.file(file, part, isLast: isLast))
    }

    private func run() async {
        var failure: (any Error)?
        do {
            try await exchange.sendRest(
                file.descriptor,
                offset: part.offset,
                byteCount: part.byteCount,
                isPassed: true
            )
        } catch {
            failure = error
        }
        if isStopped {
            exchange.loop.handlerEnded(exchange)
            exchange.handlerReleased()
        } else {
            remote.sent(self, failure)
        }
    }
}
