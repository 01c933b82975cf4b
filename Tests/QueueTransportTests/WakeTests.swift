// SPDX-License-Identifier: Apache-2.0

import Foundation
@testable import QueueTransport
import Testing

/// Runs a closure on a thread of its own and waits for it there.
final class TestThread: @unchecked Sendable {
    // The closure is the thread's alone until `join()`.
    private let body: () throws -> Void
    private var failure: (any Error)?
    private let ended = DispatchSemaphore(value: 0)

    init(_ body: @escaping () throws -> Void) {
        self.body = body
        Thread { [self] in
            do { try self.body() } catch { failure = error }
            ended.signal()
        }.start()
    }

    func join() throws {
        guard ended.wait(timeout: .now() + 20) == .success else {
            throw TestFailure("the thread does not end")
        }
        if let failure { throw failure }
    }
}

@Suite("Wake-ups of a queue")
struct WakeTests {
    @Test("An end that sleeps is rung once, and one that is awake is not")
    func once() throws {
        let pair = try Pair()
        pair.service.ping(1)
        pair.service.publish()
        #expect(pair.service.ringCount == 0)
        #expect(pair.worker.arm())
        try pair.worker.receive { _ in }
        #expect(!pair.worker.arm())
        for number in UInt64(2)...4 {
            pair.service.ping(number)
            pair.service.publish()
        }
        #expect(pair.service.ringCount == 1)
        // Armed or not, an end with work does not sleep.
        #expect(pair.worker.arm())
        #expect(pair.worker.wait(spins: 0, milliseconds: 0))
        // Not drained, because the worker did not sleep again: it sees what came since in the ring.
        try pair.worker.receive { _ in }
        pair.worker.disarm(rung: true)
        #expect(!pair.worker.arm())
        #expect(!pair.worker.wait(spins: 0, milliseconds: 0))
    }

    @Test("No wake-up is lost, however publishing and falling asleep meet", arguments: [0, 20])
    func lost(spins: Int) throws {
        let rounds = 3000
        let pair = try Pair(.init())
        // SAFETY: from here on the worker's end is the thread's alone.
        nonisolated(unsafe) let worker = pair.worker
        let thread = TestThread {
            var numbers = SeededNumbers(seed: 7)
            var answered = 0
            while answered < rounds {
                guard worker.wait(spins: spins, milliseconds: 5000) else { throw TestFailure("not woken") }
                try worker.receive { message in
                    guard case .request(let id, _, _) = message else { return }
                    for _ in 0..<(numbers.next() & 255) where worker.hasWork {}
                    var head = QueuedResponseHead()
                    head.flags = .isWhole
                    guard worker.send(head, of: id) == .sent else { return }
                    worker.offer(1)
                    worker.publish()
                    answered += 1
                }
            }
        }
        var numbers = SeededNumbers(seed: 8)
        var sent = 0
        var ended = 0
        while ended < rounds {
            var id = RequestID(rawValue: 0)
            let burst = Int(numbers.next() & 3) + 1
            for _ in 0..<burst where sent < rounds && pair.service.send(QueuedRequest(), id: &id) == .sent {
                sent += 1
                pair.service.publish()
            }
            guard pair.service.wait(spins: spins, milliseconds: 5000) else { throw TestFailure("not woken") }
            try pair.service.receive { message in
                if case .responseHead = message { ended += 1 }
            }
        }
        try thread.join()
        #expect(pair.service.outstandingCount == 0)
    }

    @Test("100,000 requests pass between two threads, each answered with what it asked for")
    func many() throws {
        let total = 100_000
        let pair = try Pair(.init(), credit: 256)
        nonisolated(unsafe) let worker = pair.worker
        let thread = TestThread {
            var answered = 0
            while answered < total {
                guard worker.wait(spins: 0, milliseconds: 5000) else { throw TestFailure("not woken") }
                try worker.receive { (message) throws(TransportViolation) in
                    guard case .request(let id, let request, _) = message else { return }
                    var head = QueuedResponseHead()
                    head.flags = .isWhole
                    head.contentBytes = request.head
                    guard worker.send(head, of: id) == .sent else { throw TransportViolation(.state) }
                    worker.offer(1)
                    answered += 1
                }
                worker.publish()
            }
        }
        var asked = [UInt64](repeating: 0, count: pair.service.geometry.outstandingMax)
        var sent: UInt64 = 0
        var ended = 0
        var wrong = 0
        while ended < total {
            while sent < total {
                var number = sent
                var id = RequestID(rawValue: 0)
                let outcome = withUnsafeBytes(of: &number) { bytes in
                    var request = QueuedRequest()
                    request.head = bytes
                    return pair.service.send(request, id: &id)
                }
                guard outcome == .sent else { break }
                asked[id.slot] = sent
                sent += 1
            }
            guard pair.service.wait(spins: 0, milliseconds: 5000) else { throw TestFailure("not woken") }
            try pair.service.receive { message in
                guard case .responseHead(let id, let head) = message else { return }
                if head.contentBytes.loadUnaligned(as: UInt64.self) != asked[id.slot] { wrong += 1 }
                ended += 1
            }
        }
        try thread.join()
        #expect(wrong == 0)
        #expect(pair.service.outstandingCount == 0)
    }

    @Test("A worker that dies with requests in hand leaves the service its table, and nothing to wait for")
    func death() throws {
        var pair: Pair? = try Pair()
        let service = try #require(pair?.service)
        let first = try #require(try pair?.begin())
        let second = try #require(try pair?.begin(contentLength: -1))
        _ = pair?.worker.send(QueuedResponseHead(), of: first)
        pair?.worker.publish()
        // A record half written, as by one who dies in the middle of it, was never published.
        _ = pair?.worker.reserve(.content, 0, first.rawValue, count: 100)
        pair = nil
        var found: [String] = []
        try service.receive { found.append(text($0)) }
        #expect(found.count == 1)
        #expect(service.outstandingCount == 2)
        #expect(service.isOutstanding(first) && service.isOutstanding(second))
        withBytes("x") { #expect(service.send(content: $0, of: second, isLast: true) == .sent) }
        service.publish()
        #expect(!service.arm())
    }
}
