// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPFeatures
import HTTPWire
import IORing
import QueueTransport
import Testing

@testable import HTTPEngine

extension EngineSuites {
    /// A worker passes what it sends of files by descriptor; the service sends them as an embedded server does.
    @Suite("files passed to the service")
    struct PassedFileTests {
        /// A worker without an engine: it answers as each test says.
        private struct Hand {
            let end: WorkerEnd
            let attachment: QueueAttachment
            let client: Client
            let id: RequestID

            init(_ server: QueueServer, head: QueuedResponseHead = QueuedResponseHead()) async throws {
                (end, attachment) = try await server.addIdleWorker()
                client = try server.client()
                try client.send(server.get("/"))
                #expect(server.hasHandedOver(1))
                let end = end
                #expect(eventually { end.hasWork })
                var found = RequestID(rawValue: 0)
                try end.receive { if case .request(let id, _, _) = $0 { found = id } }
                id = found
                #expect(end.send(head, of: id) == .sent)
            }

            func send(_ ticket: UInt64, _ offset: Int64, _ byteCount: Int64, isLast: Bool) {
                let file = QueuedFile(ticket: ticket, offset: offset, byteCount: byteCount)
                #expect(end.send(file, of: id, isLast: isLast) == .sent)
                end.publish()
            }
        }

        /// A file of a pattern, open.
        private func file(_ directory: TemporaryDirectory, _ byteCount: Int) throws -> FileHandle {
            let path = "\(directory.path)/\(byteCount)"
            try Data(pattern(byteCount)).write(to: URL(fileURLWithPath: path))
            return try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        }

        private func length(_ byteCount: Int) -> QueuedResponseHead {
            var head = QueuedResponseHead()
            head.contentLength = Int64(byteCount)
            return head
        }

        private func passedCount(_ server: QueueServer) async -> Int {
            await server.engine.onEachLoop { loop in
                loop.queues.all(ServicePort.self).reduce(0) {
                    $0 + (($1.end as? ServiceEnd)?.files.count ?? 0)
                }
            }.reduce(0, +)
        }

        @Test("arrive whole and in part, once each, whether the length is known or not")
        func handlers() async throws {
            let directory = try TemporaryDirectory()
            for size in [1000, 60_000, 3_000_000] { _ = try file(directory, size) }
            try await QueueServer.run { (server) async throws in
                let worker = try await server.addWorker { context in
                    let parts = context.request.path.split(separator: "/").map(String.init)
                    let (offset, count) = (Int64(parts[1]) ?? 0, Int64(parts[2]) ?? 0)
                    if parts.count > 3 { context.response.contentLength = count + 6 }
                    try await context.response.write("one")
                    try await context.response.sendFile(
                        "\(directory.path)/\(parts[0])",
                        offset: offset,
                        byteCount: count
                    )
                    try await context.response.write("two")
                }
                let client = try server.client()
                for (size, offset, count) in [
                    (1000, 0, 1000), (60_000, 0, 60_000), (60_000, 100, 59_000), (3_000_000, 0, 3_000_000),
                    (3_000_000, 70_001, 2_000_003), (3_000_000, 2_999_999, 1),
                ] {
                    let expected =
                        Array("one".utf8) + pattern(size)[offset..<offset + count] + Array("two".utf8)
                    for suffix in ["", "/known"] {
                        let response = try client.exchange(server.get("/\(size)/\(offset)/\(count)\(suffix)"))
                        #expect(response.body == expected, "\(size) \(offset) \(count) \(suffix)")
                    }
                }
                // The small one went through shared memory.
                #expect(await passedCount(server) == 2)
                // Nobody uses them for a while: the service closes them.
                _ = await worker.worker.onEachLoop { loop in
                    loop.queues.tick(loop.ring.now.adding(nanoseconds: 11_000_000_000))
                }
                let deadline = ContinuousClock.now + .seconds(5)
                while await passedCount(server) > 0, ContinuousClock.now < deadline {}
                #expect(await passedCount(server) == 0)
                #expect(try client.exchange(server.get("/60000/0/60000")).body.count == 60_006)
                #expect(worker.violations.all.isEmpty)
                await worker.stop()
            }
        }

        @Test("come between the content before and after them, however many there are")
        func order() async throws {
            let directory = try TemporaryDirectory()
            let open = try file(directory, 2_000_000)
            try await QueueServer.run { (server) async throws in
                let hand = try await Hand(server)
                let ticket = try #require(hand.end.pass(open.fileDescriptor, now: 1))
                var expected: [UInt8] = []
                for number in 0..<8 {
                    hand.send(ticket, Int64(number), 1_500_000, isLast: false)
                    expected += pattern(2_000_000)[number..<number + 1_500_000]
                    let text = Array("between \(number)".utf8)
                    #expect(
                        text.withUnsafeBytes { hand.end.send(content: $0, of: hand.id, isLast: false) }
                            == .sent
                    )
                    expected += text
                }
                let lines = Array("X-End: yes\r\n".utf8)
                #expect(lines.withUnsafeBytes { hand.end.send(trailers: $0, of: hand.id) } == .sent)
                hand.end.publish()
                let response = try hand.client.readResponse()
                #expect(response.body == expected)
                await hand.attachment.end()
            }
        }

        @Test("end the worker's queue where their ticket stands for none")
        func unknown() async throws {
            try await QueueServer.run { (server) async throws in
                let hand = try await Hand(server, head: length(100_000))
                hand.send(7, 0, 100_000, isLast: true)
                #expect(try hand.client.readToEnd().bytes.count < 100_000)
                #expect(eventually { server.events.all == ["file"] })
            }
        }

        @Test("that are shorter than was said end their response alone")
        func truncated() async throws {
            let directory = try TemporaryDirectory()
            let open = try file(directory, 200_000)
            try await QueueServer.run { (server) async throws in
                let hand = try await Hand(server, head: length(400_000))
                let ticket = try #require(hand.end.pass(open.fileDescriptor, now: 1))
                hand.send(ticket, 0, 400_000, isLast: true)
                let received = try hand.client.readToEnd().bytes
                #expect(received.count >= 100_000 && received.count < 300_000)
                #expect(server.events.all.isEmpty)
                let client = try server.client()
                try client.send(server.get("/"))
                #expect(eventually { hand.end.hasWork })
                var next = RequestID(rawValue: 0)
                try hand.end.receive { if case .request(let id, _, _) = $0 { next = id } }
                #expect(hand.end.send(length(200_000), of: next) == .sent)
                let whole = QueuedFile(ticket: ticket, offset: 0, byteCount: 200_000)
                #expect(hand.end.send(whole, of: next, isLast: true) == .sent)
                hand.end.publish()
                #expect(try client.readResponse().body == pattern(200_000))
                await hand.attachment.end()
            }
        }

        @Test("go on to their end when their worker has gone, unless more of the response was to come")
        func orphaned() async throws {
            let directory = try TemporaryDirectory()
            let open = try file(directory, 30_000_000)
            try await QueueServer.run { (server) async throws in
                for isLast in [true, false] {
                    let hand = try await Hand(server, head: length(30_000_000 + (isLast ? 0 : 1)))
                    let ticket = try #require(hand.end.pass(open.fileDescriptor, now: 1))
                    hand.send(ticket, 0, 30_000_000, isLast: isLast)
                    #expect(try hand.client.fill(1000))
                    await hand.attachment.end()
                    if isLast {
                        #expect(try hand.client.readResponse().body == pattern(30_000_000))
                    } else {
                        #expect(try hand.client.readToEnd().bytes.count < 30_000_000)
                    }
                }
            }
        }

        @Test("end with their client, and leave nothing behind")
        func clientGone() async throws {
            let directory = try TemporaryDirectory()
            let open = try file(directory, 30_000_000)
            try await QueueServer.run { (server) async throws in
                let hand = try await Hand(server, head: length(30_000_000))
                let ticket = try #require(hand.end.pass(open.fileDescriptor, now: 1))
                hand.send(ticket, 0, 30_000_000, isLast: false)
                #expect(try hand.client.fill(1000))
                hand.client.reset()
                #expect(eventually { server.engine.statistics.requestsInProgress == 0 })
                await hand.attachment.end()
                #expect(server.events.all.isEmpty)
            }
        }

        @Test("that change while they are sent harm nobody: one that is cut ends its response")
        func cut() async throws {
            let directory = try TemporaryDirectory()
            let open = try file(directory, 30_000_000)
            try await QueueServer.run { (server) async throws in
                let hand = try await Hand(server, head: length(30_000_000))
                let ticket = try #require(hand.end.pass(open.fileDescriptor, now: 1))
                hand.send(ticket, 0, 30_000_000, isLast: true)
                #expect(try hand.client.fill(1000))
                #expect(truncate("\(directory.path)/30000000", 10) == 0)
                #expect(try hand.client.readToEnd().bytes.count < 30_000_000)
                #expect(eventually { server.engine.statistics.requestsInProgress == 0 })
                await hand.attachment.end()
                #expect(server.events.all.isEmpty)
            }
        }
    }
}
