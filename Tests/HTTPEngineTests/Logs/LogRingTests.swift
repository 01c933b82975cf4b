// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import HTTPEngine

/// A generator with a seed, so that a failure can be repeated.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The text a record is given for its number: its length and bytes follow from the number alone.
private func payload(_ number: UInt64, _ length: Int) -> [UInt8] {
    [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: length)
}

@Suite("Log ring")
struct LogRingTests {
    @Test("Records lie as the layout says, and two of the largest fit the smallest ring")
    func layout() {
        #expect(MemoryLayout<LogRecordPrefix>.size <= LogRecordPrefix.stride)
        #expect(MemoryLayout<LogRecordPrefix>.offset(of: \.byteCount) == 0)
        #expect(MemoryLayout<LogRecordPrefix>.offset(of: \.kind) == 4)
        #expect(MemoryLayout<ErrorLogRecord>.alignment == 8)
        #expect(MemoryLayout<AccessLogRecord>.alignment == 8)
        let largest = LogRecordPrefix.stride + MemoryLayout<AccessLogRecord>.stride + LogTextLimit.total
        #expect(largest <= LogTextLimit.recordBytes)
        #expect(2 * LogTextLimit.recordBytes + LogRingMemory.capacityMin / 8 <= LogRingMemory.capacityMin)
    }

    @Test(
        "A capacity is rounded up to a power of two inside its bounds",
        arguments: [
            (-1, 16 << 10), (0, 16 << 10), (16385, 32 << 10), (1 << 20, 1 << 20), (Int.max, 64 << 20),
        ]
    )
    func capacities(asked: Int, given: Int) {
        #expect(LogRingMemory(capacity: asked).capacity == given)
    }

    @Test("A full ring drops and counts, and goes on once it was read", arguments: (14...20).map { 1 << $0 })
    func fullRing(capacity: Int) throws {
        let rig = try RingUnderTest(capacity: capacity)
        let uri = [UInt8](repeating: 0x2F, count: 100)
        let size = (LogRecordPrefix.stride + MemoryLayout<ErrorLogRecord>.stride + 100 + 7) & ~7
        let fitting = capacity / size
        for round in 0..<5 as Range<UInt64> {
            var seen: [UInt64] = []
            rig.memory.drain { seen.append($0.error.siteID) }
            #expect(seen.isEmpty)
            for number in 0..<UInt64(fitting + 10) {
                rig.ring.error(sampleError(number), method: Span(), uri: uri.span, queueName: Span())
            }
            var kept: [UInt64] = []
            rig.memory.drain { kept.append($0.error.siteID) }
            // Padding at the end of the ring may cost the room of one record.
            #expect(kept.count == fitting || kept.count == fitting - 1)
            #expect(kept == Array(0..<UInt64(kept.count)))
            let dropped = rig.memory.droppedErrorCount.load(ordering: .relaxed)
            let sent = UInt64(fitting + 10) * (round + 1)
            #expect(dropped >= 10 * (round + 1) && dropped <= 11 * (round + 1) && dropped < sent)
        }
    }

    @Test("Any mix of sizes comes out whole and in order at every wrap", arguments: (14...18).map { 1 << $0 })
    func randomSizes(capacity: Int) throws {
        var random = SplitMix64(state: UInt64(capacity))
        let rig = try RingUnderTest(capacity: capacity)
        var expected: [(number: UInt64, lengths: [Int])] = []
        var next = 0
        for number in 0..<20000 as Range<UInt64> {
            let limits = [LogTextLimit.method, LogTextLimit.uri, LogTextLimit.name]
            let isLarge = Int.random(in: 0..<8, using: &random) == 0
            let lengths = limits.map { Int.random(in: 0...(isLarge ? $0 : 40), using: &random) }
            let before = rig.memory.droppedErrorCount.load(ordering: .relaxed)
            rig.ring.error(
                sampleError(number),
                method: payload(number, lengths[0]).span,
                uri: payload(number &+ 1, lengths[1]).span,
                queueName: payload(number &+ 2, lengths[2]).span
            )
            if rig.memory.droppedErrorCount.load(ordering: .relaxed) == before {
                expected.append((number, lengths))
            }
            guard Int.random(in: 0..<64, using: &random) == 0 else { continue }
            rig.memory.drain { record in
                let (number, lengths) = expected[next]
                next += 1
                let texts = record.texts
                let isWhole =
                    record.error.siteID == number
                    && Array(texts.method) == payload(number, lengths[0])
                    && Array(texts.uri) == payload(number &+ 1, lengths[1])
                    && Array(texts.name) == payload(number &+ 2, lengths[2])
                if !isWhole { Issue.record("record \(number) of \(lengths) is damaged") }
            }
            #expect(next == expected.count)
        }
        #expect(next > 1000)
    }

    @Test("Accesses leave an eighth of the ring to errors")
    func reserve() throws {
        let rig = try RingUnderTest(capacity: 16 << 10)
        for _ in 0..<1000 { rig.ring.access(sampleAccess(), "GET", "/") }
        #expect(rig.memory.droppedAccessCount.load(ordering: .relaxed) > 0)
        let size = (LogRecordPrefix.stride + MemoryLayout<ErrorLogRecord>.stride + 4 + 7) & ~7
        for _ in 0..<(16 << 10) / 8 / size - 1 { rig.ring.error(sampleError(), "GET", "/", "") }
        #expect(rig.memory.droppedErrorCount.load(ordering: .relaxed) == 0)
    }

    @Test("The reader is woken when the ring passes half full, and not before")
    func wakeUp() throws {
        let rig = try RingUnderTest(capacity: 16 << 10)
        let record = { rig.ring.error(sampleError(), "GET", String(repeating: "a", count: 900), "") }
        for _ in 0..<8 { record() }
        #expect(!rig.doorbell.wait(milliseconds: 0))
        record()
        #expect(rig.doorbell.wait(milliseconds: 0))
        #expect(!rig.doorbell.wait(milliseconds: 0))
        rig.memory.drain { _ in }
        for _ in 0..<7 { record() }
        #expect(!rig.doorbell.wait(milliseconds: 0))
        for _ in 0..<2 { record() }
        #expect(rig.doorbell.wait(milliseconds: 0))
    }

    @Test("Two threads: what was sent is what came out, in order and whole, and what was dropped")
    func twoThreads() throws {
        let count: UInt64 = 100_000
        let rig = try RingUnderTest(capacity: 64 << 10)
        let memory = rig.memory
        let isDone = Atomic(false)
        let received = Mutex<(count: UInt64, damaged: UInt64)>((0, 0))
        try withThread {
            var last: UInt64?
            while true {
                let wasDone = isDone.load(ordering: .acquiring)
                memory.drain { record in
                    let number = record.error.siteID
                    let uri = record.texts.uri
                    let isOrdered = last.map { $0 < number } ?? true
                    let byte = UInt8(truncatingIfNeeded: number)
                    let isWhole = uri.count == Int(number % 200) && uri.allSatisfy { $0 == byte }
                    received.withLock { received in
                        received.count += 1
                        if !isOrdered || !isWhole { received.damaged += 1 }
                    }
                    last = number
                }
                if wasDone { return }
            }
        } while: {
            for number in 0..<count {
                let uri = payload(number, Int(number % 200))
                rig.ring.error(sampleError(number), method: Span(), uri: uri.span, queueName: Span())
            }
            isDone.store(true, ordering: .releasing)
        }
        let dropped = rig.memory.droppedErrorCount.load(ordering: .relaxed)
        received.withLock { received in
            #expect(received.damaged == 0)
            #expect(received.count + dropped == count)
            #expect(received.count > 0)
        }
    }

    /// Runs `other` on a thread of its own during `body`, and waits for it.
    private func withThread(_ other: @escaping @Sendable () -> Void, while body: () -> Void) throws {
        let ended = try LogDoorbell()
        Thread.detachNewThread {
            other()
            ended.ring()
        }
        body()
        #expect(ended.wait(milliseconds: 30_000))
    }
}
