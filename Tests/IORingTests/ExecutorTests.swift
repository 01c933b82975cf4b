// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import IORing

@Suite("A loop as task executor", .timeLimit(.minutes(1)))
struct ExecutorTests {
    @Test("A task that prefers the loop stays on its thread across suspensions, child tasks and async let")
    func staysOnTheLoop() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let isCurrent = await Task(executorPreference: loop) {
            var results = [loop.isCurrent]
            await Task.yield()
            results.append(loop.isCurrent)
            async let child = loop.isCurrent
            results.append(await child)
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<3 {
                    group.addTask { loop.isCurrent }
                }
                for await result in group {
                    results.append(result)
                }
            }
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                Task.detached { continuation.resume() }
            }
            results.append(loop.isCurrent)
            return results
        }.value
        #expect(isCurrent == Array(repeating: true, count: 7))
        #expect(!loop.isCurrent)
        harness.end()
    }

    @Test("Tasks that resume each other for ever do not keep completions waiting")
    func fairness() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let spinner = Task(executorPreference: loop) {
            while !Task.isCancelled {
                await Task.yield()
            }
        }
        let listener = try Listener.open(.loopback(port: 0))[0]
        await harness.run { loop, _ in
            loop.acceptOnce(listener: listener.descriptor, token: Token(kind: 1, generation: 0, slot: 0))
        }
        let client = try Client(to: listener.address)
        #expect(await harness.next(1).result >= 0)
        spinner.cancel()
        await spinner.value
        client.send([1])
        harness.end()
    }

    @Test("Work posted by one thread runs in its order, and none is lost when many post at once")
    func postStorm() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let count = 2000
        let producers = 4
        let seen = Shared<[[Int]]>(Array(repeating: [], count: producers))
        await withTaskGroup(of: Void.self) { group in
            for producer in 0..<producers {
                group.addTask {
                    for value in 0..<count {
                        loop.post { seen.update { $0[producer].append(value) } }
                        if value % 100 == 0 {
                            await Task.yield()
                        }
                    }
                }
            }
        }
        await harness.turn()
        for list in seen.value {
            #expect(list == Array(0..<count))
        }
        harness.end()
    }

    @Test("Jobs enqueued by many threads all run on the loop")
    func enqueueStorm() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let count = Shared(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<250 {
                        await Task(executorPreference: loop) {
                            if loop.isCurrent {
                                count.update { $0 += 1 }
                            }
                        }.value
                    }
                }
            }
        }
        #expect(count.value == 2000)
        #expect(await harness.run { loop, _ in loop.statistics.jobs } >= 2000)
        harness.end()
    }

    @Test("A sleeping task wakes on the loop, not before its deadline, in order of deadlines")
    func sleep() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let order = Shared<[Int]>([])
        let start = MonotonicTime.read()
        await withTaskGroup(of: Void.self) { group in
            for (index, milliseconds) in [30, 10, 20].enumerated() {
                group.addTask(executorPreference: loop) {
                    let deadline = start + .milliseconds(milliseconds)
                    try? await loop.sleep(until: deadline)
                    #expect(loop.isCurrent)
                    #expect(MonotonicTime.read() >= deadline)
                    order.update { $0.append(index) }
                }
            }
        }
        #expect(order.value == [1, 2, 0])
        harness.end()
    }

    @Test(
        "A task that is cancelled while it sleeps wakes at once with CancellationError",
        arguments: [true, false]
    )
    func sleepCancelled(isOnLoop: Bool) async throws {
        let harness = try Harness()
        let loop = harness.loop
        let body: @Sendable () async -> Bool = {
            do {
                try await loop.sleep(for: .seconds(3600))
                return false
            } catch {
                return error is CancellationError
            }
        }
        let task = isOnLoop ? Task(executorPreference: loop) { await body() } : Task { await body() }
        while await harness.run({ loop, _ in loop.core.pointee.sleeps.count }) == 0 {}
        task.cancel()
        #expect(await task.value)
        #expect(await harness.run { loop, _ in loop.core.pointee.sleeps.count } == 0)
        let early = Task(executorPreference: loop) {
            withUnsafeCurrentTask { $0?.cancel() }
            return await body()
        }
        #expect(await early.value)
        harness.end()
    }

    @Test("A task on the loop cancels another one's sleep there")
    func sleepCancelledOnTheLoop() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let woken = await Task(executorPreference: loop) {
            let sleeper = Task(executorPreference: loop) {
                do {
                    try await loop.sleep(for: .seconds(3600))
                    return false
                } catch {
                    return loop.isCurrent
                }
            }
            while loop.core.pointee.sleeps.count == 0 {
                await Task.yield()
            }
            sleeper.cancel()
            return await sleeper.value
        }.value
        #expect(woken)
        harness.end()
    }

    @Test("Tasks that sleep when the loop ends wake with CancellationError, and end on the loop")
    func sleepAtTheEnd() async throws {
        let harness = try Harness()
        let loop = harness.loop
        let task = Task(executorPreference: loop) {
            let woken = (try? await loop.sleep(for: .seconds(3600))) == nil
            return woken && loop.isCurrent
        }
        while await harness.run({ loop, _ in loop.core.pointee.sleeps.count }) == 0 {}
        harness.end()
        #expect(await task.value)
    }

    @Test("Jobs and work that come after the loop has ended still run, one at a time")
    func afterTheEnd() async throws {
        let harness = try Harness()
        let loop = harness.loop
        harness.end()
        let value = await withTaskGroup(of: Int.self) { group in
            let running = Shared(0)
            for index in 0..<20 {
                group.addTask(executorPreference: loop) {
                    running.update { $0 += 1 }
                    #expect(loop.isCurrent)
                    #expect(running.value == 1)
                    running.update { $0 -= 1 }
                    await Task.yield()
                    loop.close(-1, token: nil)
                    #expect((try? await loop.sleep(for: .seconds(60))) == nil)
                    return index
                }
            }
            return await group.reduce(0, +)
        }
        #expect(value == 190)
        await withCheckedContinuation { continuation in
            loop.post { continuation.resume() }
        }
    }
}
