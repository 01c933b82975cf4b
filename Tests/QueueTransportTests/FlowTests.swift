// SPDX-License-Identifier: Apache-2.0

@testable import QueueTransport
import Testing

@Suite("Flow control of a queue")
struct FlowTests {
    @Test("A request needs a credit, and each costs one")
    func credit() throws {
        let pair = try Pair(credit: 2)
        _ = try pair.begin()
        _ = try pair.begin()
        var id = RequestID(rawValue: 0)
        #expect(pair.service.send(QueuedRequest(), id: &id) == .noCredit)
        pair.worker.offer(100)
        #expect(try pair.atService() == ["credit 6"])
        #expect(pair.service.credit == 6)
        pair.worker.offer(1)
        #expect(try pair.atService() == [])
    }

    @Test("Content waits for its window, which the other side widens")
    func window() throws {
        let pair = try Pair(serviceWindow: 10, workerWindow: 5)
        let id = try pair.begin(contentLength: -1)
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        withBytes("12345678901") {
            #expect(pair.worker.send(content: $0, of: id, isLast: false) == .noWindow)
        }
        withBytes("1234567890") { #expect(pair.worker.send(content: $0, of: id, isLast: false) == .sent) }
        #expect(pair.worker.window(of: id) == 0)
        withBytes("123456") { #expect(pair.service.send(content: $0, of: id, isLast: false) == .noWindow) }
        #expect(try pair.atService().count == 2)
        pair.service.grant(3, to: id)
        pair.service.grant(4, to: id)
        pair.worker.grant(1, to: id)
        #expect(try pair.atWorker() == ["window \(id) 7"])
        #expect(pair.worker.window(of: id) == 7)
        #expect(try pair.atService() == ["window \(id) 1"])
        withBytes("123456") { #expect(pair.service.send(content: $0, of: id, isLast: true) == .sent) }
        #expect(try pair.atWorker() == ["content \(id) [123456] last"])
    }

    @Test("A full ring refuses records, and says when there is room again")
    func room() throws {
        let pair = try Pair(serviceWindow: 1 << 30, workerWindow: 1 << 30)
        let id = try pair.begin(contentLength: -1)
        pair.worker.publish()
        let piece = [UInt8](repeating: 65, count: 1000)
        var sent = 0
        while piece.withUnsafeBytes({ pair.service.send(content: $0, of: id, isLast: false) }) == .sent {
            sent += 1
        }
        #expect(sent == 4)
        var request = RequestID(rawValue: 0)
        var large = QueuedRequest()
        let outcome = piece.withUnsafeBytes { bytes in
            large.head = bytes
            return pair.service.send(large, id: &request)
        }
        #expect(outcome == .noRoom)
        #expect(pair.service.credit == 7)
        #expect(pair.service.outstandingCount == 1)
        #expect(!pair.service.arm())
        #expect(try pair.atWorker().count == 4)
        // The reader rings, because the writer waits for room.
        #expect(pair.worker.ringCount == 1)
        pair.service.disarm(rung: true)
        #expect(try pair.atService() == ["room"])
        #expect(try pair.atService() == [])
        #expect(piece.withUnsafeBytes { pair.service.send(content: $0, of: id, isLast: false) } == .sent)
    }

    @Test("What is owed while the ring is full is kept, and told when there is room")
    func owed() throws {
        let pair = try Pair(serviceWindow: 1 << 30, workerWindow: 1 << 30)
        let id = try pair.begin(contentLength: -1)
        let other = try pair.begin()
        let piece = [UInt8](repeating: 65, count: 1)
        while piece.withUnsafeBytes({ pair.service.send(content: $0, of: id, isLast: false) }) == .sent {}
        pair.service.cancel(other)
        pair.service.grant(100, to: id)
        pair.service.ping(1)
        let first = try pair.atWorker()
        #expect(first.allSatisfy { $0.hasPrefix("content") })
        #expect(try pair.atService() == ["room"])
        #expect(Set(try pair.atWorker()) == ["cancelled \(other)", "window \(id) 100", "ping 1"])
    }

    @Test("Blocks are all in use until the other side releases them")
    func blocks() throws {
        let pair = try Pair()
        let id = try pair.begin()
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        for _ in 0..<4 {
            let block = try #require(pair.worker.takeBlock())
            #expect(block.bytes.count == 4096)
            #expect(pair.worker.send(block: block, byteCount: 4096, of: id, isLast: false) == .sent)
        }
        #expect(pair.worker.takeBlock() == nil)
        #expect(try pair.atService().count == 5)
        #expect(try pair.atWorker() == ["room"])
        let block = try #require(pair.worker.takeBlock())
        pair.worker.returnBlock(block)
    }

    @Test("Too long a record is refused before anything is written")
    func tooLong() throws {
        let pair = try Pair(serviceWindow: 1 << 30, workerWindow: 1 << 30)
        let id = try pair.begin(contentLength: -1)
        let large = [UInt8](repeating: 65, count: 2048)
        large.withUnsafeBytes { bytes in
            var request = QueuedRequest()
            var number = RequestID(rawValue: 0)
            request.head = bytes
            #expect(pair.service.send(request, id: &number) == .tooLong)
            #expect(pair.service.send(content: bytes, of: id, isLast: false) == .tooLong)
            #expect(pair.service.send(trailers: bytes, of: id) == .tooLong)
            var head = QueuedResponseHead()
            head.fields = bytes
            #expect(pair.worker.send(head, of: id) == .tooLong)
            #expect(pair.worker.send(interim: 103, fields: bytes, of: id) == .tooLong)
        }
        #expect(try pair.atWorker() == [])
        #expect(try pair.atService() == [])
    }

    @Test("A cancelled request is over for the service at once, and its number is free when the worker knows")
    func cancel() throws {
        let pair = try Pair()
        let id = try pair.begin(contentLength: -1)
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        withBytes("on its way") { #expect(pair.worker.send(content: $0, of: id, isLast: false) == .sent) }
        pair.worker.publish()
        pair.service.cancel(id)
        #expect(try pair.atService() == [])
        #expect(pair.service.outstandingCount == 1)
        #expect(try pair.atWorker() == ["cancelled \(id)"])
        #expect(pair.worker.outstandingCount == 0)
        withBytes("too late") { #expect(pair.worker.send(content: $0, of: id, isLast: true) == .gone) }
        #expect(try pair.atService() == ["cancelledEnded \(id)"])
        #expect(pair.service.outstandingCount == 0)
    }

    @Test("A cancellation, content and windows that cross the response's end are dropped by the worker")
    func crossing() throws {
        let pair = try Pair()
        let id = try pair.begin(contentLength: -1)
        var head = QueuedResponseHead()
        head.flags = .isWhole
        #expect(pair.worker.send(head, of: id) == .sent)
        pair.worker.publish()
        withBytes("late") { #expect(pair.service.send(content: $0, of: id, isLast: false) == .sent) }
        let block = try #require(pair.service.takeBlock())
        #expect(pair.service.send(block: block, byteCount: 5, of: id, isLast: false) == .sent)
        pair.service.grant(5, to: id)
        pair.service.publish()
        pair.service.cancel(id)
        #expect(try pair.atWorker() == [])
        #expect(try pair.atService() == ["cancelledEnded \(id)"])
        #expect(pair.service.lender.available == 4)
        #expect(try pair.begin().slot == id.slot)
    }

    @Test("A half-closed tunnel that is cancelled is free only when the worker has answered")
    func cancelTunnel() throws {
        let pair = try Pair()
        let id = try pair.begin()
        var head = QueuedResponseHead()
        head.status = 101
        head.flags = .upgrades
        #expect(pair.worker.send(head, of: id) == .sent)
        #expect(pair.worker.send(content: .init(start: nil, count: 0), of: id, isLast: true) == .sent)
        _ = try pair.atService()
        pair.service.cancel(id)
        #expect(pair.service.outstandingCount == 1)
        #expect(try pair.atWorker() == ["cancelled \(id)"])
        #expect(try pair.atService() == ["cancelledEnded \(id)"])
        #expect(pair.service.outstandingCount == 0)
    }

    @Test("A worker that gave every credit, had all cancelled and offers again stays within the limit")
    func creditsAfterCancel() throws {
        let pair = try Pair()
        let ids = try (0..<8).map { _ in try pair.begin() }
        for id in ids { pair.service.cancel(id) }
        #expect(try pair.atWorker().count == 8)
        pair.worker.offer(8)
        #expect(try pair.atService().count == 9)
        #expect(pair.service.credit == 8)
    }
}
