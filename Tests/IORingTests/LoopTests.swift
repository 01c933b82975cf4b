// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import IORing

@Suite("A loop's life", .timeLimit(.minutes(1)))
struct LoopTests {
    @Test(
        "The delegate is told that the loop stops, sees what was in flight cancelled, and is told last of the end"
    )
    func stopWithOperationsInFlight() async throws {
        let ended = Shared<CheckedContinuation<Void, Never>?>(nil)
        let listener = try Listener.open(.loopback(port: 0))[0]
        let log = Shared<[String]>([])
        let client = try Client(to: listener.address)
        await withCheckedContinuation { continuation in
            ended.update { $0 = continuation }
            do {
                let harness = try Harness(.init(bufferCount: 16)) {
                    ended.value?.resume()
                }
                harness.loop.post {
                    let loop = harness.loop
                    loop.acceptMultishot(
                        listener: listener.descriptor,
                        token: Token(kind: 1, generation: 0, slot: 0)
                    )
                    loop.timers.schedule(5, at: loop.now + .seconds(3600))
                    let count = loop.statistics.inFlight
                    log.update { $0.append("in flight \(count)") }
                }
                harness.end()
                log.update { $0.append("left \(harness.loop.operationsInFlight)") }
            } catch {
                Issue.record(error)
                continuation.resume()
            }
        }
        client.send([1])
        #expect(log.value == ["in flight 1", "left 0"])
    }

    @Test("A loop that has ended has given back its descriptors, its memory and its delegate")
    func leavesNothing() async throws {
        // In a process of its own, where nobody else opens descriptors.
        await #expect(processExitsWith: .success) {
            func descriptors() -> Int { (0..<256).count { fcntl(Int32($0), F_GETFD) >= 0 } }
            let first = try Harness()
            first.end()
            let before = descriptors()
            let released = Shared(0)
            for _ in 0..<20 {
                let harness = try Harness(.init(bufferCount: 16)) { released.update { $0 += 1 } }
                await harness.run { loop, _ in
                    var pair: (Int32, Int32) = (0, 0)
                    withUnsafeMutableBytes(of: &pair) { bytes in
                        _ = socketpair(AF_UNIX, 1, 0, bytes.bindMemory(to: Int32.self).baseAddress)
                    }
                    loop.receiveMultishot(socket: pair.0, token: Token(kind: 2, generation: 0, slot: 0))
                    loop.pollIn(pair.1, token: Token(kind: 3, generation: 0, slot: 0))
                    loop.close(pair.1, token: nil)
                    loop.close(pair.0, token: nil)
                }
                harness.end()
            }
            // The threads end a little after `join` has returned.
            let limit = MonotonicTime.read() + .seconds(5)
            while MonotonicTime.read() < limit, descriptors() > before || released.value < 20 {
                await Task.yield()
            }
            exit(descriptors() <= before && released.value == 20 ? 0 : 1)
        }
    }

    @Test("What the delegate's making throws is thrown by start, and the thread ends")
    func delegateFails() throws {
        struct Unwilling: Error {}
        #expect {
            _ = try Loop.start(.init(bufferCount: 1)) { _ in throw Unwilling() }
        } throws: { error in
            "\(error)".contains("Unwilling")
        }
        #expect {
            _ = try Loop.start(.init(bufferCount: 1)) { _ in
                throw IORingError(operation: "bind", object: "127.0.0.1:1", code: EACCES)
            }
        } throws: { error in
            "\(error)" == "bind 127.0.0.1:1: EACCES (Permission denied)"
        }
    }

    @Test("A processor that is not there is refused in words")
    func pinning() throws {
        #expect {
            _ = try Loop.start(.init(bufferCount: 1, pinnedCPU: 900)) { _ in Recorder() }
        } throws: { error in
            "\(error)".contains("CPU 900")
        }
        let cpu = try #require(Processors.usable.last)
        let harness = try Harness(.init(bufferCount: 1, pinnedCPU: cpu))
        harness.end()
    }

    @Test("Timers come due on the loop after their deadline, and one cancelled does not")
    func timers() async throws {
        let harness = try Harness()
        let due = Shared<[UInt32]>([])
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            Task {
                await harness.run { loop, recorder in
                    recorder.onTimer = { index in
                        due.update { $0.append(index) }
                        if index == 2 {
                            continuation.resume()
                        }
                    }
                    loop.timers.schedule(1, at: loop.now + .milliseconds(1))
                    loop.timers.schedule(2, at: loop.now + .milliseconds(40))
                    loop.timers.schedule(3, at: loop.now + .milliseconds(20))
                    loop.timers.cancel(3)
                }
            }
        }
        #expect(due.value == [1, 2])
        harness.end()
    }

    @Test("The delegate ticks about once a second while something is scheduled")
    func ticks() async throws {
        let harness = try Harness()
        // The first tick comes with the first iteration; waiting for another would take a second.
        await harness.turn(3)
        #expect(await harness.run { _, recorder in recorder.ticks } >= 1)
        harness.end()
    }

    @Test("The wall clock of an iteration is the system's")
    func wallClock() async throws {
        let harness = try Harness()
        let difference = await harness.run { loop, _ in loop.wallClockSeconds - Int64(time(nil)) }
        #expect(abs(difference) <= 1)
        harness.end()
    }

    @Test("A loop that spins still wakes for work of other threads, and sleeps in the end")
    func spinning() async throws {
        let harness = try Harness(.init(bufferCount: 1, spin: .milliseconds(2)))
        await harness.turn(10)
        let iterations = await harness.run { loop, _ in loop.statistics.iterations }
        #expect(iterations > 10)
        harness.end()
    }

    @Test("Returning a buffer that is not held traps, for two connections would share it")
    func doubleReturn() async {
        await #expect(processExitsWith: .failure) {
            let harness = try Harness()
            await harness.run { loop, _ in loop.returnBuffer(0) }
        }
    }

    @Test("An idle loop sleeps: its iterations do not grow")
    func idle() async throws {
        let harness = try Harness()
        let first = await harness.run { loop, _ in loop.statistics.iterations }
        try await Task.sleep(for: .milliseconds(50))
        let second = await harness.run { loop, _ in loop.statistics.iterations }
        #expect(second - first <= 2)
        harness.end()
    }
}
