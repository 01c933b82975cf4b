// SPDX-License-Identifier: Apache-2.0

import IORing

/// The tasks that run handlers on a loop.
///
/// Loop-affine.
///
/// A worker is a task on the loop's executor that answers one request after another and sleeps between; so a
/// request costs neither a task of its own nor, while handlers do not wait, a suspension. When a handler does
/// wait, its worker waits with it and another takes what is ready.
final class WorkerPool {
    /// The loop the pool belongs to and dies with; set once, right after both were made.
    @exclusivity(unchecked) unowned(unsafe) private(set) var loop: EngineLoop?
    @exclusivity(unchecked) private var ready: ContiguousArray<Exchange?> = []
    @exclusivity(unchecked) private var readyStart = 0
    @exclusivity(unchecked) private var idle: ContiguousArray<Worker> = []
    @exclusivity(unchecked) private var isWakePending = false
    /// Whether a worker has taken an exchange in this iteration and not yet found the list empty.
    @exclusivity(unchecked) private var isWorkerActive = false
    @exclusivity(unchecked) private var isEnding = false

    static let idleMax = 256

    /// Tells the pool whose it is.
    func use(_ loop: EngineLoop) { self.loop = loop }

    /// Has a worker answer an exchange.
    func start(_ exchange: Exchange, _ consumer: any RequestConsumer, scheduling: HandlerScheduling) {
        exchange.delivered(to: consumer)
        switch scheduling {
        case .loop:
            ready.append(exchange)
            // A worker that is answering looks here again by itself, unless its handler waits: see wakeIfNeeded.
            if !isWakePending, !isWorkerActive { wake() }
        case .concurrent:
            startConcurrently(exchange, consumer)
        }
    }

    /// Wakes another worker when a handler has begun to wait with requests ready behind it.
    func wakeIfNeeded() {
        isWorkerActive = false
        if readyStart < ready.count, !isWakePending { wake() }
    }

    /// Whether exchanges wait for a worker that has been woken: the loop turns again before it sleeps.
    var hasReady: Bool { readyStart < ready.count }

    private func wake() {
        isWakePending = true
        if let worker = idle.popLast() {
            worker.wake()
        } else {
            Worker(pool: self).begin()
        }
    }

    /// The next exchange to answer, for a worker that runs.
    @inline(__always)
    fileprivate func next() -> Exchange? {
        isWakePending = false
        isWorkerActive = readyStart < ready.count
        guard isWorkerActive else {
            if readyStart > 0 {
                ready.removeAll(keepingCapacity: true)
                readyStart = 0
            }
            return nil
        }
        let exchange = ready[readyStart].take()
        readyStart += 1
        return exchange
    }

    /// Puts a worker to sleep; `false` when enough sleep already.
    fileprivate func park(_ worker: Worker) -> Bool {
        guard idle.count < WorkerPool.idleMax, !isEnding else { return false }
        idle.append(worker)
        return true
    }

    /// Ends the workers that sleep now, and later those that would go to sleep.
    func end() {
        isEnding = true
        while let worker = idle.popLast() { worker.wake() }
    }

    private func startConcurrently(_ exchange: Exchange, _ consumer: any RequestConsumer) {
        exchange.detachFromInput()
        exchange.addresses = exchange.driver?.addresses
        if exchange.isSecure { exchange.keepTLSFacts() }
        // SAFETY: the exchange is the handler's until it is handed back to the loop below; what the loop and
        // the handler both use hops to the loop first.
        nonisolated(unsafe) let exchange = exchange
        guard let owner = self.loop else { return }
        nonisolated(unsafe) let loop = owner
        let task = Task.detached {
            await consumer.consume(exchange)
            loop.ring.post {
                exchange.worker = nil
                loop.handlerEnded(exchange)
                exchange.handlerReleased()
            }
        }
        exchange.cancelHandler = { task.cancel() }
    }
}

/// One task of a pool.
///
/// Loop-affine.
final class Worker {
    private let pool: WorkerPool
    @exclusivity(unchecked) private var task: Task<Void, Never>?
    @exclusivity(unchecked) private var continuation: UnsafeContinuation<Void, Never>?
    /// Whether the task was cancelled for a request whose client went; it ends after that one.
    @exclusivity(unchecked) private var isSpent = false

    fileprivate init(pool: WorkerPool) { self.pool = pool }

    fileprivate func begin() {
        // SAFETY: the task runs on the loop's thread alone.
        nonisolated(unsafe) let worker = self
        guard let ring = pool.loop?.ring else { return }
        task = Task(executorPreference: ring) { await worker.run() }
    }

    fileprivate func wake() {
        let continuation = self.continuation
        self.continuation = nil
        continuation?.resume()
    }

    /// Cancels the handler that runs in this task.
    func cancel() {
        isSpent = true
        task?.cancel()
    }

    private func run() async {
        let pool = self.pool
        guard let loop = pool.loop else { return }
        while !isSpent {
            guard let exchange = pool.next() else {
                guard pool.park(self) else { return }
                await withUnsafeContinuation { continuation = $0 }
                continue
            }
            if !exchange.isAborted {
                exchange.worker = self
                await exchange.consumer?.consume(exchange)
                exchange.worker = nil
            }
            loop.handlerEnded(exchange)
            exchange.handlerReleased()
        }
    }
}
