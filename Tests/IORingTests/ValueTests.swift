// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import IORing

@Suite("Small values of the ring")
struct ValueTests {
    @Test(
        "A token keeps kind, generation and slot apart",
        arguments: [(0, 0, 0), (254, 0xFF_FFFF, UInt32.max), (1, 2, 3), (0x80, 0x80_0000, 0x8000_0000)]
            as [(UInt8, UInt32, UInt32)]
    )
    func token(kind: UInt8, generation: UInt32, slot: UInt32) {
        let token = Token(kind: kind, generation: generation, slot: slot)
        #expect(token.kind == kind)
        #expect(token.generation == generation)
        #expect(token.slot == slot)
        #expect(Token(rawValue: token.rawValue) == token)
    }

    @Test("Of a generation only 24 bits count")
    func generationWraps() {
        let token = Token(kind: 1, generation: 0x0100_0005, slot: 0)
        #expect(token.generation == 5)
        #expect(token.kind == 1)
    }

    @Test("A completion has the layout of struct io_uring_cqe and reads its flags")
    func completion() {
        #expect(MemoryLayout<Completion>.size == 16)
        #expect(MemoryLayout<Completion>.offset(of: \.result) == 8)
        let token = Token(kind: 1, generation: 2, slot: 3)
        let data = Completion(token: token, result: 5, flags: 0xABCD_0003)
        #expect(data.hasMore && data.bufferID == 0xABCD && data.errno == nil)
        let shortage = Completion(token: token, result: -ENOBUFS, flags: 0)
        #expect(!shortage.hasMore && shortage.bufferID == nil && shortage.isOutOfBuffers)
        #expect(shortage.errno == ENOBUFS)
    }

    @Test("Arithmetic on time holds at the ends")
    func time() {
        let now = MonotonicTime(nanoseconds: 1_000)
        #expect((now + .microseconds(2)).nanoseconds == 3_000)
        #expect((now + .seconds(-1)).nanoseconds == -999_999_000)
        #expect(now + .seconds(Int64.max) == .distantFuture)
        #expect(MonotonicTime.distantFuture + .seconds(1) == .distantFuture)
        #expect(MonotonicTime(nanoseconds: -2) + .seconds(Int64.min) == MonotonicTime(nanoseconds: .min))
        #expect(MonotonicTime(nanoseconds: 5_000) - now == .microseconds(4))
        #expect(.distantFuture - MonotonicTime(nanoseconds: -5) == .nanoseconds(Int64.max))
        #expect(MonotonicTime.read() > now)
    }

    @Test("Configurations are brought into what the kernel takes")
    func configuration() {
        let small = Loop.Configuration(
            submissionEntries: -1,
            completionEntries: 0,
            bufferCount: 0,
            bufferByteCount: 0,
            largeBufferCount: 0,
            largeBufferByteCount: 0
        ).bounded
        #expect(small.submissionEntries == 1 && small.completionEntries == 1)
        #expect(small.bufferCount == 1 && small.bufferByteCount == 64)
        #expect(small.largeBufferCount == 1 && small.largeBufferByteCount == 64)
        let large = Loop.Configuration(
            submissionEntries: .max,
            completionEntries: .max,
            bufferCount: .max,
            bufferByteCount: .max,
            largeBufferCount: .max,
            largeBufferByteCount: .max
        ).bounded
        #expect(large.submissionEntries == 32768 && large.completionEntries == 65536)
        #expect(large.bufferCount == 32768 && large.bufferByteCount == 1 << 20)
        #expect(large.largeBufferCount == 32768 && large.largeBufferByteCount == 1 << 20)
        #expect(Loop.Configuration(bufferCount: 1025).bounded.bufferCount == 2048)
    }

    @Test("Errors name operation, object and errno, and tell what to do")
    func errors() {
        let forbidden = IORingError(setUp: "io_uring_setup", code: EPERM)
        #expect(forbidden.description.hasPrefix("io_uring_setup: EPERM (Operation not permitted). "))
        #expect(forbidden.description.contains("kernel.io_uring_disabled"))
        #expect(IORingError(setUp: "x", code: ENOMEM).description.contains("LimitMEMLOCK"))
        #expect(IORingError(setUp: "x", code: ENOSYS).description.contains("seccomp"))
        #expect(IORingError(setUp: "x", code: EINVAL).description.contains("6.0"))
        #expect(IORingError(operation: "x", code: 4095).description.hasPrefix("x: errno 4095"))
        #expect(IORingError(operation: "start", code: 0, advice: "No.").description == "start: No.")
    }

    @Test("Starved receives wait in order, each once, and the cancelled do not come")
    func starved() {
        var starved = StarvedReceives()
        func token(_ slot: UInt32) -> Token { Token(kind: 1, generation: 0, slot: slot) }
        for slot in 0..<5 as Range<UInt32> {
            starved.append(socket: Int32(slot) + 10, token: token(slot))
        }
        starved.append(socket: 11, token: token(1))
        #expect(starved.count == 5)
        let cancelled = [0, 0, 3].map { starved.cancel(token($0)) }
        #expect(cancelled == [true, false, true])
        var order: [Int32] = []
        while let (socket, _) = starved.popFirst() {
            order.append(socket)
        }
        #expect(order == [11, 12, 14])
        #expect(starved.count == 0)
    }

    @Test("Cancelled receives do not pile up, and one that comes back goes to the end")
    func starvedTombstones() {
        var starved = StarvedReceives()
        func token(_ slot: UInt32) -> Token { Token(kind: 1, generation: 0, slot: slot) }
        starved.append(socket: 1, token: token(1))
        for round in 0..<10_000 as Range<UInt32> {
            starved.append(socket: 5, token: token(100 + round))
            starved.cancel(token(100 + round))
        }
        #expect(starved.orderCountForTesting < 200)
        starved.append(socket: 2, token: token(2))
        starved.cancel(token(1))
        starved.append(socket: 1, token: token(1))
        var order: [Int32] = []
        while let (socket, _) = starved.popFirst() {
            order.append(socket)
        }
        #expect(order == [2, 1])
    }

    @Test("Sleepers come in order of their deadlines, with any of them removed")
    func sleepHeap() {
        var random = SplitMix(state: 7)
        for _ in 0..<50 {
            var heap = SleepHeap()
            var model: [Int64] = []
            var sleepers: [Sleeper] = []
            for _ in 0..<100 {
                let deadline = Int64(random.next() % 1000)
                let sleeper = Sleeper(deadline: MonotonicTime(nanoseconds: deadline))
                heap.insert(sleeper)
                sleepers.append(sleeper)
                model.append(deadline)
            }
            for _ in 0..<30 {
                let index = Int(random.next() % UInt64(sleepers.count))
                heap.remove(sleepers[index])
                heap.remove(sleepers[index])
                sleepers.remove(at: index)
                model.remove(at: index)
            }
            let early = heap.popExpired(at: MonotonicTime(nanoseconds: -1))
            #expect(early == nil)
            var order: [Int64] = []
            while let sleeper = heap.popExpired(at: MonotonicTime(nanoseconds: 1000)) {
                order.append(sleeper.deadline.nanoseconds)
            }
            #expect(order == model.sorted())
        }
    }
}
