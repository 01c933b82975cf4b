// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import QueueTransport
import TestKit
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("requests handed on from one queue to another (HttpDelegateRequestEx)")
    struct Delegation {
        private static let front: TestEngine.Handler = { context in
            let feature = try context.feature((any HTTPDelegationFeature).self)
            #expect(feature.delegationTargets == ["back", "gone"] && feature.canDelegate)
            try await feature.delegate(to: context.request.headers["X-To"] ?? "back")
            #expect(!feature.canDelegate)
            await #expect(throws: HTTPResponseError.self) { try await context.response.write("late") }
        }

        private static let back: TestEngine.Handler = { context in
            let request = context.request
            let info = try context.feature((any HTTPRequestInfoFeature).self)
            #expect(context.features[(any HTTPDelegationFeature).self] == nil)
            try await context.response.write(
                "\(request.protocolVersion) [\(request.pathBase)][\(request.path)] \(info.urlPrefix.hasSuffix("/b/")) "
            )
            for try await piece in request.body { try await context.response.write(piece) }
        }

        private static let names: [String: UInt64] = ["back": 7, "gone": 9]

        @Test("An untouched request goes to the other queue whole, and waits there if need be")
        func whole() async throws {
            try await QueueServer.run { (server) async throws in
                let other = try await server.addQueue("/b/")
                let targets = DelegationTargets()
                targets.set(7, other.queue)
                let front = try await server.addWorker(
                    delegations: targets,
                    names: Delegation.names,
                    handler: Delegation.front
                )
                let content = String(repeating: "0123456789", count: 2000)
                let client = try server.client()
                try client.send(
                    "POST /x HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: 20000\r\n\r\n"
                        + content
                )
                #expect(eventually { other.queue.waitingCount == 1 })
                let back = try await server.addWorker(to: other, handler: Delegation.back)
                #expect(try client.readResponse().text == "HTTP/1.1 [][/x] true " + content)
                #expect(try client.exchange(server.get("/B/y")).text == "HTTP/1.1 [/B][/y] true ")
                let multiplexed = try HTTP2Client(server.client(), port: server.port)
                #expect(try multiplexed.get("/b/z").text == "HTTP/2 [/b][/z] true ")
                #expect(front.violations.all == [] && back.violations.all == [])
                await front.stop()
                await back.stop()
            }
        }

        @Test("A queue that is not there is 503, and one made again is found without the front's doing")
        func restarted() async throws {
            try await QueueServer.run { (server) async throws in
                let targets = DelegationTargets()
                let front = try await server.addWorker(
                    delegations: targets,
                    names: Delegation.names,
                    handler: Delegation.front
                )
                func status(_ fields: String...) throws -> Int {
                    try server.client().exchange(server.get("/x", fields.first ?? "A: b")).status
                }
                #expect(try status() == 503)
                for _ in 0..<2 {
                    let other = try await server.addQueue("/b/")
                    let back = try await server.addWorker(to: other, handler: Delegation.back)
                    targets.set(7, other.queue)
                    #expect(try status() == 200)
                    #expect(try status("X-To: gone") == 503)
                    other.queue.shutDown()
                    #expect(try status() == 503)
                    targets.set(7, nil)
                    #expect(try status() == 503)
                    await back.stop()
                }
                await front.stop()
            }
        }

        @Test("A request stays of which something was read, that is answered, or whose queue is unknown")
        func refused() async throws {
            try await QueueServer.run { (server) async throws in
                let other = try await server.addQueue("/b/")
                let targets = DelegationTargets()
                targets.set(7, other.queue)
                let front = try await server.addWorker(delegations: targets, names: Delegation.names) {
                    context in
                    let feature = try context.feature((any HTTPDelegationFeature).self)
                    switch context.target {
                    case "/read": _ = try await context.request.body.readAll(upTo: 100)
                    case "/started": try await context.response.start()
                    default: break
                    }
                    #expect(feature.canDelegate == (context.target == "/unknown"))
                    await #expect(throws: HTTPResponseError.self) {
                        try await feature.delegate(to: context.target == "/unknown" ? "none" : "back")
                    }
                    try await context.response.write("stays")
                }
                for path in ["/read", "/started", "/unknown"] {
                    let text =
                        "POST \(path) HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: 3\r\n\r\nabc"
                    #expect(try server.client().exchange(text).text == "stays")
                }
                #expect(other.queue.waitingCount == 0)
                await front.stop()
            }
        }

        @Test("Queues that pass a request round get 503 for it in the end")
        func circle() async throws {
            try await QueueServer.run { (server) async throws in
                let other = try await server.addQueue("/b/")
                let targets = DelegationTargets()
                targets.set(7, other.queue)
                targets.set(9, server.queue)
                let hops = Tally()
                let handler: TestEngine.Handler = { context in
                    hops.add()
                    let feature = try context.feature((any HTTPDelegationFeature).self)
                    let isFront = context.features[(any HTTPRequestInfoFeature).self]?.urlPrefix.hasSuffix(
                        "/b/"
                    )
                    try await feature.delegate(to: isFront == true ? "gone" : "back")
                }
                let front = try await server.addWorker(
                    delegations: targets,
                    names: Delegation.names,
                    handler: handler
                )
                let back = try await server.addWorker(
                    to: other,
                    delegations: targets,
                    names: Delegation.names,
                    handler: handler
                )
                #expect(try server.client().exchange(server.get("/x")).status == 503)
                #expect(hops.count == 9)
                await front.stop()
                await back.stop()
            }
        }

        @Test("A worker that hands on what it has read, or has no right to, gets its client 503")
        func lies() async throws {
            try await QueueServer.run { (server) async throws in
                let other = try await server.addQueue("/b/")
                let targets = DelegationTargets()
                targets.set(7, other.queue)
                let back = try await server.addWorker(to: other, handler: Delegation.back)
                let idle = try await server.addIdleWorker(delegations: targets)
                for (number, grants) in [(7, true), (8, false), (UInt64.max, false)] {
                    let client = try server.client()
                    try client.send(
                        "POST /x HTTP/1.1\r\nHost: localhost:\(server.port)\r\nContent-Length: 6\r\n\r\nabc"
                    )
                    var found: RequestID?
                    let hasCome = eventually {
                        try? idle.end.receive { message in
                            if case .request(let id, _, _) = message { found = id }
                        }
                        return found != nil
                    }
                    try #require(hasCome)
                    guard let id = found else { return }
                    if grants { idle.end.grant(3, to: id) }
                    idle.end.publish()
                    #expect(idle.end.send(delegate: number, of: id) == .sent)
                    idle.end.publish()
                    #expect(try client.readResponse().status == 503)
                }
                #expect(server.events.all == [])
                await idle.attachment.end()
                await back.stop()
            }
        }
    }
}
