// SPDX-License-Identifier: Apache-2.0
import IORing
import Synchronization
import Testing
import URLPrefixes

@testable import HTTPEngine

/// Holds up a loop's thread, so that what arrives meanwhile is there all at once; 5 s at most.
final class LoopGate: Sendable {
    private let isOpen = Atomic<Bool>(false)
    private let holds = Atomic<Bool>(false)

    var isHeld: Bool { holds.load(ordering: .sequentiallyConsistent) }

    func open() { isOpen.store(true, ordering: .sequentiallyConsistent) }

    func hold() {
        holds.store(true, ordering: .sequentiallyConsistent)
        _ = eventually { isOpen.load(ordering: .sequentiallyConsistent) }
    }
}

extension TestEngine {
    /// Has decrypted bytes find no room in the memory that connections share.
    func fillPlaintextMemory() async {
        await engine.onLoop(0) { loop in loop.plaintext.byteCountMax = 0 }
    }

    /// For each connection of the only loop whether it receives into large buffers.
    func receivesLarge() async -> [Bool] {
        let result = Mutex<[Bool]>([])
        await engine.onLoop(0) { loop in
            let open = loop.connections.filter(\.isInUse)
            result.withLock { $0 = open.map(\.receivesLarge) }
        }
        return result.withLock { $0 }
    }

    /// Holds up the only loop until the gate is opened.
    func holdLoop() -> LoopGate {
        let gate = LoopGate()
        let engine = engine
        Task { await engine.onLoop(0) { _ in gate.hold() } }
        #expect(eventually { gate.isHeld })
        return gate
    }

    /// What became of a connection's own input that was filled, consumed and filled again.
    struct RoomOutcome: Sendable, Equatable {
        var inputStart = -1
        var inputCount = -1
        var isWithinMemory = false
    }

    /// Fills a connection's own input, consumes it all, and fills it again; the connection is nobody's.
    func roomBehindConsumedInput(filledByteCount: Int, roomByteCount: Int) async -> RoomOutcome {
        let result = Mutex(RoomOutcome())
        let engine = engine
        await engine.onLoop(0) { loop in
            guard let socket = try? Listener.open(.loopback(port: 0))[0] else { return }
            let options = ListenerOptions(engine.options)
            let listener = LoopListener(
                endpoint: ListenerEndpoint(
                    id: .max,
                    scheme: .http,
                    port: 1,
                    address: nil,
                    isUnixSocket: false,
                    text: "test"
                ),
                settings: ListenerSettings(options, engine, standard: options),
                listener: socket,
                index: .max,
                loop: loop
            )
            let connection = Connection(loop: loop, slot: 0, listener: listener)
            _ = connection.ownInputRoom(filledByteCount)
            connection.inputEnd += filledByteCount
            connection.consume(filledByteCount)
            let room = connection.ownInputRoom(roomByteCount)
            connection.inputEnd += roomByteCount
            guard let start = room.baseAddress, let memory = connection.ownedInput else { return }
            let offset = start - UnsafeMutableRawPointer(memory)
            let outcome = RoomOutcome(
                inputStart: connection.inputStart,
                inputCount: connection.inputCount,
                isWithinMemory: offset >= 0 && offset + roomByteCount <= connection.ownedCapacity
            )
            result.withLock { $0 = outcome }
            connection.discardInput()
            connection.releaseLease()
            withExtendedLifetime(listener) {}
        }
        return result.withLock { $0 }
    }
}
