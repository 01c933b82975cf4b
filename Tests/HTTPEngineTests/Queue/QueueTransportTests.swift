// SPDX-License-Identifier: Apache-2.0

import CQueueTransport
import HTTPFeatures
import HTTPWire
import Testing
import URLPrefixes

@testable import HTTPEngine
@testable import QueueTransport

extension EngineSuites {
    @Suite("queue to other processes")
    struct QueueTransportTests {
        @Test("A request goes to the worker and its answer comes back, one after the other on a connection")
        func plain() async throws {
            try await QueueServer.run { (server) async throws in
                let worker = try await server.addWorker { context in
                    context.response.statusCode = 201
                    try context.response.headers.append(name: "X-Worker", value: "1")
                    let connection = try context.feature((any HTTPConnectionFeature).self)
                    try await context.response.write("\(context.target) \(connection.remoteAddress)")
                }
                let client = try server.client()
                for number in 0..<50 {
                    let response = try client.exchange(server.get("/\(number)"))
                    #expect(response.status == 201)
                    #expect(response.text == "/\(number) 127.0.0.1")
                    #expect(response["X-Worker"] == "1")
                }
                #expect(worker.violations.all == [])
                await worker.stop()
            }
        }

        @Test("A response head that no record takes becomes a 500, and its handler is cancelled")
        func tooLargeHead() async throws {
            let (gate, ended) = (Gate(), Tally())
            try await QueueServer.run { (server) async throws in
                let worker = try await server.addWorker { context in
                    guard context.target == "/large" else { return }
                    let value = String(repeating: "x", count: 2 << 20)
                    try context.response.headers.append(name: "X-Large", value: value)
                    defer { ended.add() }
                    try await context.response.write("begun")
                    try await context.response.flush()
                    try await gate.wait()
                }
                for number in 1...3 {
                    #expect(try server.client().exchange(server.get("/large")).status == 500)
                    #expect(eventually { ended.count == number })
                }
                #expect(try server.client().exchange(server.get("/")).status == 200)
                #expect(worker.violations.all == [])
                await worker.stop()
            }
        }

        @Test("Content of any size passes in both directions", arguments: [1, 5000, 70_000, 1_000_000])
        func echo(size: Int) async throws {
            try await QueueServer.run { (server) async throws in
                let worker = try await server.addWorker(handler: Handlers.echo)
                let client = try server.client()
                let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
                let head =
                    "POST / HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(size)\r\n\r\n"
                try client.send(Array(head.utf8) + content)
                let response = try client.readResponse()
                #expect(response.body == content)
                #expect(worker.violations.all == [])
                await worker.stop()
            }
        }

        @Test(
            "Content of any size passes through rings of 4 KiB and no blocks",
            arguments: [1, 5000, 300_000]
        )
        func smallRings(size: Int) async throws {
            try await QueueServer.run { (server) async throws in
                var geometry = QueueGeometry()
                geometry.requestRingBytes = 4096
                geometry.responseRingBytes = 4096
                geometry.recordBytesMax = 2048
                geometry.requestBlocks = 0
                geometry.responseBlocks = 0
                geometry.outstandingMax = 4
                let worker = try await server.addWorker(geometry: geometry, handler: Handlers.echo)
                let client = try server.client()
                let content = [UInt8](repeating: 0x61, count: size)
                let head =
                    "POST / HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: \(size)\r\n\r\n"
                try client.send(Array(head.utf8) + content)
                #expect(try client.readResponse().body == content)
                await worker.stop()
            }
        }

        @Test("Requests wait in the queue while the worker has no credit left")
        func credit() async throws {
            let gate = Gate()
            try await QueueServer.run { (server) async throws in
                let worker = try await server.addWorker(creditMax: 1) { context in
                    try await gate.wait()
                    try await context.response.write("done")
                }
                let clients = try (0..<3).map { _ in try server.client() }
                for client in clients { try client.send(server.get("/")) }
                #expect(eventually { gate.waitingCount == 1 && server.queue.waitingCount == 2 })
                gate.open()
                for client in clients { #expect(try client.readResponse().text == "done") }
                await worker.stop()
            }
        }

        @Test(
            "A worker that goes loses only what it had taken: 503, a reset, and the next worker gets the rest"
        )
        func workerGone() async throws {
            let gate = Gate()
            try await QueueServer.run { (server) async throws in
                let first = try await server.addWorker(creditMax: 2) { context in
                    if context.target == "/begun" {
                        try await context.response.write("begun")
                        try await context.response.flush()
                    }
                    try await gate.wait()
                }
                let (silent, begun, queued) = (try server.client(), try server.client(), try server.client())
                try silent.send(server.get("/silent"))
                #expect(eventually { gate.waitingCount == 1 })
                try begun.send(server.get("/begun"))
                #expect(eventually { gate.waitingCount == 2 })
                try queued.send(server.get("/queued"))
                #expect(eventually { server.queue.waitingCount == 1 })
                await first.disconnect()
                #expect(try silent.readResponse().status == 503)
                #expect(throws: ClientError.self) { try begun.readResponse() }
                let second = try await server.addWorker(handler: Handlers.describe)
                #expect(try queued.readResponse().text == "GET /queued")
                await first.stop()
                await second.stop()
            }
        }

        @Test("A worker that lies loses its queue; another goes on answering")
        func lies() async throws {
            try await QueueServer.run { (server) async throws in
                let liar = try await server.addWorker { context in
                    try await context.response.write("one")
                }
                let client = try server.client()
                #expect(try client.exchange(server.get("/")).text == "one")
                _ = await liar.worker.onEachLoop { loop in
                    for port in loop.queues.all(WorkerPort.self) {
                        _ = port.end.append(.responseHead, 0, 99, qt_number(value: 1))
                        port.end.publish()
                    }
                }
                #expect(eventually { liar.violations.all.count == 1 })
                let honest = try await server.addWorker { context in
                    try await context.response.write("two")
                }
                #expect(try client.exchange(server.get("/")).text == "two")
                await liar.stop()
                await honest.stop()
            }
        }

        @Test("An upgraded connection's bytes go through the queue until either end closes (RFC 9110 §7.8)")
        func upgrade() async throws {
            try await QueueServer.run { (server) async throws in
                let worker = try await server.addWorker { context in
                    try context.response.headers.append(name: "Upgrade", value: "echo")
                    let stream = try await context.feature((any HTTPUpgradeFeature).self).upgrade()
                    while true {
                        let piece = try await stream.read(upTo: 1000)
                        if piece.isEmpty || piece.first == 0x2E { break }
                        try await stream.write(piece)
                    }
                }
                let client = try server.client()
                try client.send(server.get("/", "Connection: Upgrade", "Upgrade: echo"))
                #expect(try client.readResponse().status == 101)
                for text in ["hello", String(repeating: "long ", count: 1000), "end"] {
                    try client.send(text)
                    #expect(try client.fill(text.utf8.count))
                    #expect(client.take(text.utf8.count) == Array(text.utf8))
                }
                try client.send(".")
                #expect(try client.readToEnd().bytes.isEmpty)
                #expect(worker.violations.all == [])
                await worker.stop()
            }
        }
    }
}
