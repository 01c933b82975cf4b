// SPDX-License-Identifier: Apache-2.0

import CQueueTransport
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine
@testable import QueueTransport

extension EngineSuites {
    /// What a worker process has not taken out of its ring is nobody's yet (HTTP Server API:
    /// HttpReceiveHttpRequest is what takes a request out of its queue).
    @Suite("requests that a worker has not taken")
    struct UntakenTests {
        @Test("go to another worker in their order when theirs ends, with the content that has arrived")
        func handedBack() async throws {
            try await QueueServer.run { (server) async throws in
                let idle = try await server.addIdleWorker()
                let content = String(repeating: "0123456789", count: 3000)
                let texts = [
                    server.get("/0"),
                    "POST /1 HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: 30000\r\n\r\n"
                        + content,
                    "POST /2 HTTP/1.1\r\nHost: localhost:\(server.port)\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "5\r\nhello\r\n0\r\nX-Trailer: end\r\n\r\n",
                    "POST /3 HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: 6\r\n\r\nabc",
                    server.get("/4"),
                ]
                var clients: [Client] = []
                for (index, text) in texts.enumerated() {
                    let client = try server.client()
                    try client.send(text)
                    clients.append(client)
                    #expect(server.hasHandedOver(index + 1))
                }
                let order = Notes()
                let worker = try await server.addWorker { context in
                    order.add(context.target)
                    for try await piece in context.request.body { try await context.response.write(piece) }
                    if let trailers = context.features[(any HTTPRequestTrailersFeature).self],
                        let value = trailers.trailers["X-Trailer"]
                    {
                        try await context.response.write(value)
                    }
                }
                await idle.attachment.end()
                #expect(eventually { order.all.count == 5 })
                try clients[3].send("def")
                for (client, expected) in zip(clients, ["", content, "helloend", "abcdef", ""]) {
                    let response = try client.readResponse()
                    #expect(response.status == 200)
                    #expect(response.text == expected)
                }
                #expect(order.all == ["/0", "/1", "/2", "/3", "/4"])
                await worker.stop()
            }
        }

        @Test("are only those: one that was taken gets 503, and those behind it go on")
        func partlyTaken() async throws {
            try await QueueServer.run { (server) async throws in
                let idle = try await server.addIdleWorker()
                let clients = try (0..<3).map { _ in try server.client() }
                for (index, client) in clients.enumerated() {
                    try client.send(server.get("/\(index)"))
                    #expect(server.hasHandedOver(index + 1))
                }
                #expect(eventually { idle.end.hasWork })
                try idle.end.receive(byteCountMax: 1) { _ in }
                idle.end.acknowledge()
                let worker = try await server.addWorker(handler: Handlers.describe)
                await idle.attachment.end()
                #expect(try clients[0].readResponse().status == 503)
                #expect(try clients[1].readResponse().text == "GET /1")
                #expect(try clients[2].readResponse().text == "GET /2")
                await worker.stop()
            }
        }

        /// What a worker writes where its index belongs.
        enum Lie: String, CaseIterable, CustomTestStringConvertible {
            case back, beyond, between
            var testDescription: String { rawValue }
        }

        @Test("are answered once, by another, where the worker lies about its index", arguments: Lie.allCases)
        func lies(_ lie: Lie) async throws {
            try await QueueServer.run { (server) async throws in
                let idle = try await server.addIdleWorker()
                let clients = try (0..<3).map { _ in try server.client() }
                for (index, client) in clients.enumerated() {
                    try client.send(server.get("/\(index)"))
                    #expect(server.hasHandedOver(index + 1))
                }
                let order = Notes()
                let worker = try await server.addWorker { context in
                    order.add(context.target)
                    try await context.response.write(context.target)
                }
                let word = qt_head(qt_worker_words(idle.end.memory.control))
                let value =
                    switch lie {
                    case .back: qt_load_relaxed(word) &- 8
                    case .beyond: qt_load_relaxed(word) &+ 1 << 20
                    case .between: qt_load_relaxed(word) &+ 1
                    }
                qt_store_release(word, value)
                await idle.attachment.end()
                for (index, client) in clients.enumerated() {
                    #expect(try client.readResponse().text == "/\(index)")
                    #expect(try client.exchange(server.get("/again")).text == "/again")
                }
                #expect(order.all.prefix(3) == ["/0", "/1", "/2"])
                #expect(order.all.count == 6)
                await worker.stop()
            }
        }

        @Test("are not those of which the worker said anything, whatever its index says")
        func answeredUntaken() async throws {
            try await QueueServer.run { (server) async throws in
                let idle = try await server.addIdleWorker()
                let (answered, begun) = (try server.client(), try server.client())
                try answered.send(server.get("/0"))
                #expect(server.hasHandedOver(1))
                try begun.send(server.get("/1"))
                #expect(server.hasHandedOver(2))
                let word = qt_head(qt_worker_words(idle.end.memory.control))
                let before = qt_load_relaxed(word)
                var ids: [RequestID] = []
                #expect(eventually { idle.end.hasWork })
                while ids.count < 2 {
                    try idle.end.receive { message in
                        if case .request(let id, _, _) = message { ids.append(id) }
                    }
                }
                var head = QueuedResponseHead()
                head.flags = .isWhole
                #expect(idle.end.send(head, of: ids[0]) == .sent)
                head.flags = []
                head.contentLength = 5
                #expect(idle.end.send(head, of: ids[1]) == .sent)
                _ = idle.end.writer.publish()
                qt_store_release(word, before)
                let order = Notes()
                let worker = try await server.addWorker { context in order.add(context.target) }
                await idle.attachment.end()
                #expect(try answered.readResponse().status == 200)
                #expect(throws: ClientError.self) { try begun.readResponse() }
                #expect(order.all == [])
                await worker.stop()
            }
        }

        @Test("wait in the queue where the ring has no room, and get 503 from nobody")
        func fullRing() async throws {
            try await QueueServer.run { (server) async throws in
                var geometry = QueueGeometry()
                geometry.requestRingBytes = 4096
                geometry.recordBytesMax = 2048
                let idle = try await server.addIdleWorker(geometry: geometry)
                let clients = try (0..<12).map { _ in try server.client() }
                let field = "X-Long: " + String(repeating: "a", count: 500)
                for (index, client) in clients.enumerated() {
                    try client.send(server.get("/\(index)", field))
                    #expect(eventually { server.engine.statistics.requestsInProgress == index + 1 })
                }
                #expect(eventually { server.queue.waitingCount > 0 })
                let order = Notes()
                let worker = try await server.addWorker { context in order.add(context.target) }
                await idle.attachment.end()
                for client in clients { #expect(try client.readResponse().status == 200) }
                #expect(Set(order.all).count == 12)
                await worker.stop()
            }
        }

        @Test("whose client has gone are given to nobody")
        func clientGone() async throws {
            try await QueueServer.run { (server) async throws in
                let idle = try await server.addIdleWorker()
                let (gone, stays) = (try server.client(), try server.client())
                try gone.send(server.get("/gone"))
                #expect(server.hasHandedOver(1))
                try stays.send(server.get("/stays"))
                #expect(server.hasHandedOver(2))
                gone.reset()
                #expect(server.hasHandedOver(1))
                let order = Notes()
                let worker = try await server.addWorker { context in order.add(context.target) }
                await idle.attachment.end()
                #expect(try stays.readResponse().status == 200)
                #expect(order.all == ["/stays"])
                await worker.stop()
            }
        }
    }
}
