// SPDX-License-Identifier: Apache-2.0

import Glibc
import IORing

/// A delegate that keeps what it is told until a test asks for it.
final class Recorder: LoopDelegate {
    private var completions: [UInt8: [Completion]] = [:]
    private var waiters: [UInt8: [CheckedContinuation<Completion, Never>]] = [:]
    private(set) var expired: [UInt32] = []
    private(set) var ticks = 0
    private(set) var flushes = 0
    private(set) var calls: [String] = []
    /// Called for each completion before it is kept; true keeps it from being kept.
    var intercept: ((Completion) -> Bool)?
    var onTimer: ((UInt32) -> Void)?
    var onStopping: (() -> Void)?
    var onStopped: (() -> Void)?
    private let onEnd: @Sendable () -> Void

    init(onEnd: @escaping @Sendable () -> Void = {}) {
        self.onEnd = onEnd
    }

    deinit {
        onEnd()
    }

    func completed(_ completion: Completion) {
        if intercept?(completion) == true { return }
        let kind = completion.token.kind
        if var waiting = waiters[kind], !waiting.isEmpty {
            let first = waiting.removeFirst()
            waiters[kind] = waiting
            first.resume(returning: completion)
        } else {
            completions[kind, default: []].append(completion)
        }
    }

    func timerExpired(_ index: UInt32) {
        expired.append(index)
        onTimer?(index)
    }

    func tick(_ now: MonotonicTime) {
        ticks += 1
    }

    func flush() {
        flushes += 1
    }

    func stopping() {
        calls.append("stopping")
        onStopping?()
    }

    func stopped() {
        calls.append("stopped")
        onStopped?()
    }

    /// Gives the oldest completion of `kind` that was not asked for, now or when it comes.
    func next(_ kind: UInt8, _ continuation: CheckedContinuation<Completion, Never>) {
        if var kept = completions[kind], !kept.isEmpty {
            let first = kept.removeFirst()
            completions[kind] = kept
            continuation.resume(returning: first)
        } else {
            waiters[kind, default: []].append(continuation)
        }
    }

    func keptCount(_ kind: UInt8) -> Int {
        completions[kind]?.count ?? 0
    }
}

/// A loop with a recorder, for tests that run on other threads.
final class Harness: @unchecked Sendable {
    // The rule for `@unchecked`: the recorder is touched on the loop only.
    let loop: Loop
    private let recorder: Recorder

    init(
        _ configuration: Loop.Configuration = .init(bufferCount: 16),
        onEnd: @escaping @Sendable () -> Void = {}
    ) throws {
        nonisolated(unsafe) var made: Recorder?
        let done = DispatchlessLatch()
        loop = try Loop.start(configuration) { _ in
            let recorder = Recorder(onEnd: onEnd)
            made = recorder
            done.open()
            return recorder
        }
        done.wait()
        guard let made else { preconditionFailure("the loop made no delegate") }
        recorder = made
    }

    /// Runs `body` on the loop and gives its result.
    func run<Value: Sendable>(_ body: @escaping @Sendable (Loop, Recorder) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            loop.post { continuation.resume(returning: body(self.loop, self.recorder)) }
        }
    }

    /// The next completion of a kind.
    func next(_ kind: UInt8) async -> Completion {
        await withCheckedContinuation { continuation in
            loop.post { self.recorder.next(kind, continuation) }
        }
    }

    /// Comes back when the loop has gone through its iterations `count` more times.
    func turn(_ count: Int = 1) async {
        for _ in 0..<count {
            await run { _, _ in }
        }
    }

    func end() {
        loop.stop()
        loop.join()
    }
}

/// A latch for the one hand-over that happens before a loop runs.
private final class DispatchlessLatch: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func open() {
        sem_post(semaphore)
    }

    func wait() {
        while sem_wait(semaphore) != 0 {}
    }
}
