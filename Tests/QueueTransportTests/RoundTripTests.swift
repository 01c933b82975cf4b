// SPDX-License-Identifier: Apache-2.0

@testable import QueueTransport
import Testing

@Suite("Records of a queue")
struct RoundTripTests {
    @Test("The first record of each side is a hello with its version and window")
    func hello() throws {
        let pair = try Pair(serviceWindow: 1000, workerWindow: 2000)
        #expect(pair.service.otherHello?.window == 2000)
        #expect(pair.worker.otherHello?.window == 1000)
        #expect(pair.service.otherHello?.version == 1)
    }

    @Test("A request arrives with every field as it was sent")
    func request() throws {
        let pair = try Pair()
        var sent = QueuedRequest()
        sent.registration = 0x0102_0304_0506_0708
        sent.urlGroup = 2
        sent.connection = 3
        sent.requestNumber = 4
        sent.connectionStartedAt = 5
        sent.headStartedAt = 6
        sent.headEndedAt = 7
        sent.queuedAt = 8
        sent.remoteAddress = QueuedAddress(family: .ipv6, high: 9, low: 10, port: 11)
        sent.localAddress = QueuedAddress(family: .ipv4, high: 0, low: 12, port: 13)
        sent.flags = [.isSecure, .closes]
        sent.contentLength = 100
        sent.prefixPathByteCount = 5
        var id = RequestID(rawValue: 0)
        let outcome = withBytes("GET /shop/ HTTP/1.1\r\n\r\n") { head in
            withBytes("tls") { extra in
                withBytes("some content") { content in
                    (sent.head, sent.extra, sent.contentBytes) = (head, extra, content)
                    return pair.service.send(sent, id: &id)
                }
            }
        }
        #expect(outcome == .sent)
        pair.service.publish()
        var count = 0
        try pair.worker.receive { message in
            guard case .request(let taken, let request, let hasMore) = message else { return }
            count += 1
            #expect(taken == id)
            #expect(hasMore)
            #expect(request.registration == sent.registration)
            #expect(request.urlGroup == 2)
            #expect(request.connection == 3)
            #expect(request.requestNumber == 4)
            #expect(request.connectionStartedAt == 5)
            #expect(request.headStartedAt == 6)
            #expect(request.headEndedAt == 7)
            #expect(request.queuedAt == 8)
            #expect(request.remoteAddress == sent.remoteAddress)
            #expect(request.localAddress == sent.localAddress)
            #expect(request.flags == sent.flags)
            #expect(request.contentLength == 100)
            #expect(request.prefixPathByteCount == 5)
            #expect(String(decoding: request.head, as: UTF8.self) == "GET /shop/ HTTP/1.1\r\n\r\n")
            #expect(String(decoding: request.extra, as: UTF8.self) == "tls")
            #expect(String(decoding: request.contentBytes, as: UTF8.self) == "some content")
        }
        #expect(count == 1)
    }

    @Test("A whole response ends its request, and its number is used again with another generation")
    func wholeResponse() throws {
        let pair = try Pair()
        let id = try pair.begin()
        #expect(pair.service.outstandingCount == 1)
        var head = QueuedResponseHead()
        head.status = 404
        head.flags = [.isWhole, .closes]
        head.contentLength = 5
        head.cachePolicy = 2
        head.cacheSeconds = 60
        let outcome = withBytes("Gone fishing") { reason in
            withBytes("A: b\r\n") { fields in
                withBytes("hello") { content in
                    (head.reason, head.fields, head.contentBytes) = (reason, fields, content)
                    return pair.worker.send(head, of: id)
                }
            }
        }
        #expect(outcome == .sent)
        #expect(pair.worker.outstandingCount == 0)
        #expect(try pair.atService() == ["head \(id) 404 5 5 2 60 [Gone fishing] [A: b\r\n] [hello]"])
        #expect(pair.service.outstandingCount == 0)
        let next = try pair.begin()
        #expect(next.slot == id.slot)
        #expect(next.generation != id.generation)
    }

    @Test(
        "Each record of a response arrives in order: interim, head, content, shared content, file, trailers"
    )
    func responseInPieces() throws {
        let pair = try Pair()
        let id = try pair.begin()
        withBytes("Link: </a>\r\n") { #expect(pair.worker.send(interim: 103, fields: $0, of: id) == .sent) }
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        withBytes("one") { #expect(pair.worker.send(content: $0, of: id, isLast: false) == .sent) }
        let block = try #require(pair.worker.takeBlock())
        withBytes("two") { block.bytes.copyMemory(from: $0) }
        #expect(pair.worker.send(block: block, byteCount: 3, of: id, isLast: false) == .sent)
        let file = QueuedFile(ticket: 7, offset: 10, byteCount: 20)
        #expect(pair.worker.send(file, of: id, isLast: false) == .sent)
        withBytes("T: u\r\n") { #expect(pair.worker.send(trailers: $0, of: id) == .sent) }
        #expect(
            try pair.atService() == [
                "interim \(id) 103 [Link: </a>\r\n]",
                "head \(id) 200 0 -1 0 0 [] [] []",
                "content \(id) [one]", "shared \(id) [two]", "file \(id) 7 10+20",
                "trailers \(id) [T: u\r\n]",
            ]
        )
        #expect(pair.service.outstandingCount == 0)
        #expect(pair.worker.outstandingCount == 0)
    }

    @Test("Content of a request arrives in order, and its trailers end it")
    func requestContent() throws {
        let pair = try Pair()
        let id = try pair.begin(contentLength: -1)
        withBytes("one") { #expect(pair.service.send(content: $0, of: id, isLast: false) == .sent) }
        let block = try #require(pair.service.takeBlock())
        withBytes("two") { block.bytes.copyMemory(from: $0) }
        #expect(pair.service.send(block: block, byteCount: 3, of: id, isLast: false) == .sent)
        withBytes("T: u\r\n") { #expect(pair.service.send(trailers: $0, of: id) == .sent) }
        #expect(pair.service.contentByteCount(of: id) == 6)
        #expect(
            try pair.atWorker() == ["content \(id) [one]", "shared \(id) [two]", "trailers \(id) [T: u\r\n]"]
        )
        withBytes("more") { #expect(pair.service.send(content: $0, of: id, isLast: true) == .gone) }
    }

    @Test("Content that can't be had ends with the status that answers for it")
    func contentFailed() throws {
        let pair = try Pair()
        let id = try pair.begin(contentLength: -1)
        #expect(pair.service.send(contentFailed: 413, of: id) == .sent)
        #expect(pair.service.send(contentFailed: 413, of: id) == .gone)
        #expect(try pair.atWorker() == ["contentFailed \(id) 413"])
    }

    @Test("Reset, delegation, ping and drain reach the other side")
    func controls() throws {
        let pair = try Pair()
        let first = try pair.begin()
        let second = try pair.begin()
        pair.worker.reset(first, code: 9)
        #expect(pair.worker.send(delegate: 77, of: second) == .sent)
        #expect(try pair.atService() == ["delegate \(second) 77", "reset \(first) 9"])
        #expect(pair.service.outstandingCount == 0)
        pair.service.ping(123)
        pair.service.drain()
        #expect(try pair.atWorker() == ["drain", "ping 123"])
        #expect(pair.worker.isDraining)
        #expect(try pair.atService() == ["pong 123"])
    }

    @Test("A tunnel carries bytes both ways until each direction has ended")
    func tunnel() throws {
        let pair = try Pair()
        let id = try pair.begin()
        var head = QueuedResponseHead()
        head.status = 101
        head.flags = .upgrades
        #expect(pair.worker.send(head, of: id) == .sent)
        #expect(try pair.atService() == ["head \(id) 101 2 -1 0 0 [] [] []"])
        withBytes("from client") { #expect(pair.service.send(content: $0, of: id, isLast: false) == .sent) }
        #expect(try pair.atWorker() == ["content \(id) [from client]"])
        withBytes("to client") { #expect(pair.worker.send(content: $0, of: id, isLast: true) == .sent) }
        #expect(try pair.atService() == ["content \(id) [to client] last"])
        #expect(pair.service.outstandingCount == 1)
        withBytes("end") { #expect(pair.service.send(content: $0, of: id, isLast: true) == .sent) }
        #expect(try pair.atWorker() == ["content \(id) [end] last"])
        #expect(pair.service.outstandingCount == 0)
        #expect(pair.worker.outstandingCount == 0)
    }

    @Test("Records wrap at every position of the ring, whatever their length")
    func wraps() throws {
        let pair = try Pair(serviceWindow: 1 << 30, workerWindow: 1 << 30)
        let id = try pair.begin(contentLength: -1)
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        _ = try pair.atService()
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        // 4096 is no multiple of the lengths' sum, so that each length meets each of the 512 positions.
        for round in 0..<20_000 {
            let count = 1 + (round * 7) % 97
            let bytes = (0..<count).map { letters[($0 + round) % letters.count] }
            let outcomes = bytes.withUnsafeBytes {
                (
                    pair.service.send(content: $0, of: id, isLast: false),
                    pair.worker.send(content: $0, of: id, isLast: false)
                )
            }
            guard outcomes == (.sent, .sent) else { throw TestFailure("\(round): \(outcomes)") }
            pair.service.publish()
            pair.worker.publish()
            var found = 0
            try pair.worker.receive { message in
                guard case .content(_, let arrived, _) = message, arrived.elementsEqual(bytes) else { return }
                found += 1
            }
            try pair.service.receive { message in
                guard case .content(_, let arrived, _) = message, arrived.elementsEqual(bytes) else { return }
                found += 1
            }
            guard found == 2 else { throw TestFailure("round \(round)") }
        }
    }
}
