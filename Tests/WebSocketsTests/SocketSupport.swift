// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import Synchronization
import Testing

@testable import WebSockets

/// A stream in memory: the test is the peer.
final class MemoryStream: HTTPDuplexStream, Sendable {
    private struct State {
        var arrived: [[UInt8]] = []
        var isFinished = false
        var isClosed = false
        var isHeld = false
        var written: [UInt8] = []
        var writeCount = 0
        var reader: CheckedContinuation<Void, Never>?
        var held: [CheckedContinuation<Void, Never>] = []
        var watchers: [CheckedContinuation<Void, Never>] = []

        mutating func wakeAll() -> [CheckedContinuation<Void, Never>] {
            let all = watchers + (reader.map { [$0] } ?? [])
            watchers = []
            reader = nil
            return all
        }
    }

    private let state = Mutex(State())

    private func change(_ body: (inout sending State) -> Void) {
        let woken = state.withLock { state in
            body(&state)
            return state.wakeAll()
        }
        for waiter in woken { waiter.resume() }
    }

    // MARK: the test's side

    /// Bytes arrive.
    func arrive(_ bytes: [UInt8]) { change { $0.arrived.append(bytes) } }

    /// The peer's side of the connection ends.
    func finish() { change { $0.isFinished = true } }

    /// Writes wait from now on.
    func hold() { state.withLock { $0.isHeld = true } }

    /// Writes go on.
    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            let held = state.held
            state.held = []
            return held
        }
        for waiter in held { waiter.resume() }
    }

    /// All that was written.
    var written: [UInt8] { state.withLock { $0.written } }
    /// How often.
    var writeCount: Int { state.withLock { $0.writeCount } }
    /// Whether the socket has ended the connection.
    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// Whether a read waits.
    var isRead: Bool { state.withLock { $0.reader != nil } }

    /// Waits until something holds; it is looked at after each change.
    func wait(until condition: @Sendable (MemoryStream) -> Bool) async {
        while !condition(self) {
            await withCheckedContinuation { waiter in
                state.withLock { $0.watchers.append(waiter) }
                // What came true before the watcher was there wakes it, too.
                if condition(self) { change { _ in } }
            }
        }
    }

    // MARK: the socket's side

    func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        while true {
            let piece = state.withLock { state -> [UInt8]? in
                guard let first = state.arrived.first else {
                    return state.isFinished || state.isClosed ? [] : nil
                }
                state.arrived[0] = Array(first.dropFirst(byteCountMax))
                if state.arrived[0].isEmpty { state.arrived.removeFirst() }
                return Array(first.prefix(byteCountMax))
            }
            if let piece { return piece }
            await withCheckedContinuation { waiter in
                let (isReady, watchers) = state.withLock {
                    state -> (Bool, [CheckedContinuation<Void, Never>]) in
                    if !state.arrived.isEmpty || state.isFinished || state.isClosed { return (true, []) }
                    let watchers = state.watchers
                    state.watchers = []
                    state.reader = waiter
                    return (false, watchers)
                }
                if isReady { waiter.resume() }
                for watcher in watchers { watcher.resume() }
            }
        }
    }

    func write(_ bytes: [UInt8]) async throws {
        let isClosed = state.withLock { $0.isClosed }
        if isClosed { throw HTTPConnectionError("the connection has ended") }
        change { state in
            state.written += bytes
            state.writeCount += 1
        }
        await withCheckedContinuation { waiter in
            let goesOn = state.withLock { state in
                if state.isHeld { state.held.append(waiter) }
                return !state.isHeld
            }
            if goesOn { waiter.resume() }
        }
    }

    func close() async { change { $0.isClosed = true } }
}

/// A clock that only a test moves.
final class ManualClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration = .zero
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        let id: Int
        let deadline: Instant
        let waiter: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant()
        var nextID = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .nanoseconds(1) }
    var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let (isCancelled, watchers) = state.withLock { state in
                    let watchers = state.watchers
                    state.watchers = []
                    guard !state.cancelled.contains(id) else { return (true, watchers) }
                    state.sleepers.append(Sleeper(id: id, deadline: deadline, waiter: waiter))
                    return (false, watchers)
                }
                if isCancelled { waiter.resume(throwing: CancellationError()) }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                state.cancelled.insert(id)
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else { return nil }
                return state.sleepers.remove(at: index)
            }
            sleeper?.waiter.resume(throwing: CancellationError())
        }
    }

    /// Waits until so many tasks sleep.
    func waitForSleepers(_ count: Int) async {
        while sleeperCount < count {
            await withCheckedContinuation { waiter in
                let isReady = state.withLock { state in
                    if state.sleepers.count < count { state.watchers.append(waiter) }
                    return state.sleepers.count >= count
                }
                if isReady { waiter.resume() }
            }
        }
    }

    /// Moves the time on, and wakes whose time has come.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let now = state.now
            let due = state.sleepers.filter { $0.deadline <= now }
            state.sleepers.removeAll { $0.deadline <= now }
            return due
        }
        for sleeper in due { sleeper.waiter.resume() }
    }
}

extension WebSocket {
    /// A socket over a stream in memory, as after a handshake.
    static func open(
        _ stream: MemoryStream,
        _ options: WebSocketOptions = WebSocketOptions(),
        extensions: String? = nil
    ) throws -> WebSocket {
        var request = WebSocketHandshake.Request()
        request.upgrade = "websocket"
        request.version = "13"
        request.key = "dGhlIHNhbXBsZSBub25jZQ=="
        request.extensions = extensions
        let handshake = try WebSocketHandshake(request, options: options)
        return WebSocket(stream: stream, handshake: handshake, options: options)
    }
}

/// What a server wrote, as its client reads it.
func serverEvents(_ bytes: [UInt8], deflate: Bool = false) -> String {
    let reader = MessageReader(
        role: .client,
        messageByteCountMax: 1 << 26,
        inflater: deflate ? Inflater(windowBits: 15, keepsContext: true) : nil
    )
    return events(reader, [bytes]).joined(separator: " ")
}
