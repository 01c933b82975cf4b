// SPDX-License-Identifier: Apache-2.0

import CQueueTransport
import Foundation
@testable import QueueTransport
import Synchronization
import Testing

/// Numbers from a seed, so that a failure can be had again.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("Random bytes in shared memory")
struct ScribbleTests {
    /// What both ends of a busy queue hold at once.
    private func exercise(_ pair: Pair) throws -> RequestID {
        let id = try pair.begin(contentLength: -1)
        let other = try pair.begin()
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        _ = try pair.atService()
        pair.worker.grant(10, to: id)
        pair.worker.reset(other, code: 1)
        withBytes("some content") { _ = pair.worker.send(content: $0, of: id, isLast: false) }
        if let block = pair.worker.takeBlock() {
            _ = pair.worker.send(block: block, byteCount: 100, of: id, isLast: false)
        }
        withBytes("some content") { _ = pair.service.send(content: $0, of: id, isLast: false) }
        if let block = pair.service.takeBlock() {
            _ = pair.service.send(block: block, byteCount: 100, of: id, isLast: false)
        }
        pair.service.grant(10, to: id)
        pair.worker.publish()
        pair.service.publish()
        return id
    }

    @Test(
        "Each byte that either side has published, changed in turn, is refused or harmless",
        arguments: 0..<4
    )
    func eachByte(_ quarter: Int) throws {
        var refused = 0
        for isService in [false, true] {
            for offset in stride(from: quarter, to: 208, by: 4) {
                for change in [UInt8(0x01), 0x80, 0xFF] {
                    let pair = try Pair()
                    _ = try exercise(pair)
                    let (ring, end) =
                        isService
                        ? (pair.service.memory.requestRing, pair.service.writer.tail)
                        : (pair.worker.memory.responseRing, pair.worker.writer.tail)
                    let place = ring + (Int(end) - 208 + offset)
                    place.storeBytes(of: place.load(as: UInt8.self) ^ change, as: UInt8.self)
                    do throws(TransportViolation) {
                        if isService {
                            try pair.worker.receive { message in
                                if case .sharedContent(_, let content, _) = message {
                                    pair.worker.release(content)
                                }
                            }
                        } else {
                            try pair.service.receive { message in
                                if case .sharedContent(_, let content, _) = message {
                                    pair.service.release(content)
                                }
                            }
                        }
                    } catch { refused += 1 }
                    #expect(pair.service.credit + pair.service.outstandingCount <= 8)
                    #expect(pair.worker.outstandingCount <= 8)
                }
            }
        }
        #expect(refused > 0)
    }

    @Test(
        "A side that scribbles over all it can write, while the other reads, harms only itself",
        arguments: [UInt64(1), 2, 3, 4]
    )
    func scribble(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        var violations = 0
        for _ in 0..<10 {
            let pair = try Pair()
            let id = try exercise(pair)
            let scribbler = Scribbler(pair.worker.memory, seed: numbers.next())
            scribbler.start()
            var bytes = 0
            for _ in 0..<200 {
                // Whether or not the thread gets a processor.
                Scribbler.write(pair.worker.memory, &numbers)
                do throws(TransportViolation) {
                    try pair.service.receive { message in
                        bytes += Self.look(message, pair.service)
                    }
                } catch {
                    violations += 1
                    break
                }
                withBytes("more") { _ = pair.service.send(content: $0, of: id, isLast: false) }
                pair.service.publish()
                _ = pair.service.arm()
                pair.service.disarm(rung: true)
                #expect(pair.service.credit + pair.service.outstandingCount <= 8)
            }
            scribbler.finish()
            #expect(pair.service.outstandingCount <= 8)
        }
        #expect(violations > 0)
    }

    /// Reads what a message refers to, so that a wrong reference would be met.
    private static func look(_ message: WorkerMessage, _ service: ServiceEnd) -> Int {
        switch message {
        case .content(_, let bytes, _), .trailers(_, let bytes), .interim(_, _, let bytes):
            return bytes.reduce(0) { $0 &+ Int($1) }
        case .responseHead(_, let head):
            return (Array(head.reason) + Array(head.fields) + Array(head.contentBytes)).reduce(0) {
                $0 &+ Int($1)
            }
        case .sharedContent(_, let content, _):
            defer { service.release(content) }
            return content.bytes.reduce(0) { $0 &+ Int($1) }
        default: return 0
        }
    }
}

/// A thread that writes plausible and wild words over what a worker can write.
private final class Scribbler: @unchecked Sendable {
    // The memory outlives the thread: `finish()` waits for it.
    private let memory: QueueMemory
    private let isDone = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)
    private var numbers: SeededNumbers

    init(_ memory: QueueMemory, seed: UInt64) {
        self.memory = memory
        numbers = SeededNumbers(seed: seed)
    }

    func start() { Thread { [self] in run() }.start() }

    func finish() {
        isDone.store(true, ordering: .relaxed)
        ended.wait()
    }

    private func run() {
        while !isDone.load(ordering: .relaxed) { Scribbler.write(memory, &numbers) }
        ended.signal()
    }

    /// Writes one word.
    static func write(_ memory: QueueMemory, _ numbers: inout SeededNumbers) {
        let words = qt_worker_words(memory.control)
        let value = numbers.next()
        let offset = Int(value >> 8 & 4095) & ~7
        switch value % 16 {
        case 0: qt_store_release(qt_tail(words), numbers.next() >> (value >> 32 & 63))
        case 1: qt_store_release(qt_head(words), numbers.next() >> (value >> 32 & 63))
        case 2: qt_store_release(qt_sleeping(words), numbers.next())
        case 3: qt_store_release(qt_wants_room(words), numbers.next())
        case 4...7:
            // A plausible prefix: a known kind, a short length.
            let kind = RecordKind.allCases[Int(value >> 40) % RecordKind.allCases.count].rawValue
            let prefix = UInt64(16 + value >> 48 & 63) | UInt64(kind) << 32 | (value >> 60 & 1) << 40
            memory.responseRing.storeBytes(of: prefix, toByteOffset: offset, as: UInt64.self)
        case 8...10:
            let tail = qt_load_relaxed(qt_tail(words))
            qt_store_release(qt_tail(words), tail &+ (value >> 20 & 63) &* 8)
        default:
            memory.responseRing.storeBytes(
                of: value >> (value >> 32 & 63),
                toByteOffset: offset,
                as: UInt64.self
            )
        }
    }
}
