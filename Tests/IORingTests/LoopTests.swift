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
            // The test's own runtime may open a few meanwhile; a leak would show twenty times.
            let allowed = descriptors() + 10
            let released = Shared(0)
            for _ in 0..<20 {
                let harness = try Harness(.init(bufferCount: 16)) { released.update { $0 += 1 } }
                await harness.run { loop, _ in
                    var pair: (Int32, Int32) = (0, 0)
                    withUnsafeMutableBytes(of: &pair) { bytes in
                        let numbers = bytes.bindMemory(to: Int32.self)
                        _ = socketpair(AF_UNIX, 1 | Int32(O_CLOEXEC), 0, numbers.baseAddress)
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
            while MonotonicTime.read() < limit, descriptors() > allowed || released.value < 20 {
                await Task.yield()
            }
            guard released.value == 20 else { exit(2) }
            exit(descriptors() <= allowed ? 0 : 1)
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

    @Test("Too little memory that may be locked is told with the limit's name, and leaves no descriptor")
    func lockedMemoryLimit() async {
        // In a process of its own, without rights and with a small limit.
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 65536, rlim_max: 65536)
            guard setrlimit(__rlimit_resource_t(8), &limit) == 0, getuid() != 0 || setuid(65534) == 0 else {
                exit(1)
            }
            let before = (0..<256).count { fcntl(Int32($0), F_GETFD) >= 0 }
            for _ in 0..<20 {
                do {
                    _ = try Loop.start(.init(submissionEntries: 4096, completionEntries: 16384)) { _ in
                        Recorder()
                    }
                    exit(2)
                } catch let error as IORingError {
                    guard error.code == ENOMEM else { exit(3) }
                    guard "\(error)".contains("RLIMIT_MEMLOCK") else { exit(4) }
                }
            }
            // The test's own runtime may open a few meanwhile; a leak would show twenty times.
            let after = (0..<256).count { fcntl(Int32($0), F_GETFD) >= 0 }
            exit(after < before + 10 ? 0 : 5)
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

    @Test("A loop with nothing to do until a deadline sleeps until then, in one iteration")
    func idle() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let count = try await Task(executorPreference: loop) {
            let first = loop.statistics.iterations
            try await loop.sleep(for: .milliseconds(40))
            return loop.statistics.iterations - first
        }.value
        #expect(count <= 2)
        harness.end()
    }
}
