// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import IORing
import QueueTransport

/// Passes what an upgraded connection's client sends on to the worker, until either has ended.
///
/// Loop-affine. A task, because such connections are few and live long.
final class QueueTunnelReader {
    private let loop: EngineLoop
    private let end: ServiceEnd
    private let id: RequestID
    private let stream: any UpgradedStream
    @exclusivity(unchecked) private var waiter: LoopWaiter?
    @exclusivity(unchecked) private var isStopped = false

    init(loop: EngineLoop, end: ServiceEnd, id: RequestID, stream: any UpgradedStream) {
        self.loop = loop
        self.end = end
        self.id = id
        self.stream = stream
    }

    func start() {
        // SAFETY: the task runs on the loop's thread alone.
        nonisolated(unsafe) let reader = self
        _ = Task(executorPreference: loop.ring) { await reader.run() }
    }

    func windowOpened() { waiter?.resume() }

    func stop() {
        isStopped = true
        waiter?.resume()
    }

    private func run() async {
        while !isStopped {
            let window = end.window(of: id)
            guard window > 0 else {
                await wait()
                continue
            }
            let count = min(Int(window), 16 << 10, end.inlineContentMax)
            guard let piece = try? await stream.read(upTo: count), !isStopped else { return }
            await send(piece)
            if piece.isEmpty { return }
        }
    }

    private func send(_ piece: [UInt8]) async {
        while !isStopped {
            let outcome = piece.withUnsafeBytes { end.send(content: $0, of: id, isLast: piece.isEmpty) }
            guard outcome == .noRoom else { return }
            // Another turn of the loop, in which the worker may have read.
            await Task.yield()
        }
    }

    private func wait() async {
        await LoopWaiter.wait(on: loop.ring) { waiter = $0 }
        waiter = nil
    }
}
