// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTPFeatures
import HTTPWire
import IORing
import Testing
import URLPrefixes

@testable import HTTPEngine

extension EngineSuites {
    @Suite("lifecycle: clients that go")
    struct Disconnects {
        @Test(
            "The address of a client that is gone is not the empty one of a Unix socket, which may be trusted",
            arguments: Setup.allCases
        )
        func addressAfterReset(setup: Setup) async throws {
            let notes = Notes()
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try? await gate.wait()
                    notes.add(context.connection.remoteAddress)
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    #expect(eventually { gate.waitingCount == 1 })
                    client.reset()
                    #expect(eventually { notes.all.count == 1 })
                    #expect(["0.0.0.0", "127.0.0.1"].contains(notes.all.first))
                }
            )
        }

        @Test("The peer of a TCP connection that was reset is nobody, that of a Unix socket has no address")
        func addressOfResetSocket() throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(listener) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, length) + getsockname(listener, $0, &length) + listen(listener, 1)
                }
            }
            #expect(result == 0)
            let client = try Client(port: UInt16(bigEndian: address.sin_port))
            let accepted = accept(listener, nil, nil)
            _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
            defer { close(accepted) }
            #expect(ConnectionAddresses(of: accepted).peer.host == "127.0.0.1")
            client.reset()
            var state = pollfd(fd: accepted, events: Int16(POLLIN), revents: 0)
            #expect(poll(&state, 1, 5000) == 1)
            #expect(ConnectionAddresses(of: accepted).peer.host == "0.0.0.0")
            var pair: [Int32] = [-1, -1]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
            defer { close(pair[0]) }
            close(pair[1])
            #expect(ConnectionAddresses(of: pair[0]).peer.host == "")
        }

        @Test("A reset cancels the handler and runs its onAborted actions", arguments: Setup.allCases)
        func reset(setup: Setup) async throws {
            let notes = Notes()
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    context.features.lifetime?.onAborted { notes.add("aborted") }
                    do {
                        try await gate.wait()
                    } catch {
                        notes.add("cancelled \(context.isAborted)")
                        throw error
                    }
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    #expect(eventually { gate.waitingCount == 1 })
                    client.reset()
                    #expect(eventually { notes.all.count == 2 })
                    #expect(notes.all.contains("aborted"))
                    #expect(notes.all.contains("cancelled true"))
                }
            )
        }

        @Test(
            "An end without a reset is the client's end once no response has begun for a while",
            arguments: Setup.allCases
        )
        func finished(setup: Setup) async throws {
            let gate = Gate()
            var settings = TestSettings(setup)
            settings.options.timeouts.halfCloseGrace = .milliseconds(100)
            try await TestEngine.run(
                settings,
                handler: { _ in try await gate.wait() },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    #expect(eventually { gate.waitingCount == 1 })
                    client.close()
                    #expect(gate.waitingCount == 1, "a client may shut its half and wait")
                    #expect(eventually { server.statistics.requestsInProgress == 0 })
                }
            )
        }

        @Test("A client that goes while it is written to ends the handler's write", arguments: Setup.allCases)
        func writing(setup: Setup) async throws {
            let notes = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    do {
                        while true { try await context.response.write(pattern(10_000)) }
                    } catch {
                        notes.add("ended")
                        throw error
                    }
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    #expect(try client.fill(100_000))
                    client.reset()
                    #expect(eventually { notes.all == ["ended"] })
                }
            )
        }

        @Test("A client that goes while it is read from ends the handler's read", arguments: Setup.allCases)
        func reading(setup: Setup) async throws {
            let notes = Notes()
            let begun = Tally()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    begun.add()
                    do {
                        for try await _ in context.request.body {}
                    } catch {
                        notes.add("ended")
                        throw error
                    }
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.chunkedHead() + "5\r\nhe")
                    #expect(eventually { begun.count == 1 })
                    client.reset()
                    #expect(eventually { notes.all == ["ended"] })
                }
            )
        }

        @Test("A reset at any moment of a request leaves nothing behind", arguments: Setup.allCases)
        func anyMoment(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.echo) { (server) async throws in
                let request = Array((server.chunkedHead() + "3\r\nabc\r\n0\r\n\r\n" + server.get()).utf8)
                // Often: a reset right behind bytes is lost by Linux once in a while; see `findLostEnd`.
                for cut in (0..<5).flatMap({ _ in stride(from: 0, through: request.count, by: 3) }) {
                    let client = try server.client()
                    try client.send(Array(request[..<cut]))
                    client.reset()
                }
                #expect(eventually { server.statistics.connectionsOpen == 0 })
                #expect(eventually { server.statistics.requestsInProgress == 0 })
                #expect(try server.client().exchange(server.get()).status == 200)
            }
        }

        @Test("A client's end in one wake-up with its last bytes is not lost", arguments: [false, true])
        func oneWakeUp(isUnix: Bool) async throws {
            let path = "/tmp/httpring-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
            let notes = Notes()
            let handler: TestEngine.Handler = { context in
                do {
                    for try await piece in context.request.body { notes.add("\(piece.count)") }
                } catch {
                    notes.add("ended")
                    throw error
                }
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                try server.engine.listen(unixSocket: path, scheme: .http, port: server.port)
                let client = isUnix ? try Client(unixSocket: path) : try server.client()
                try client.send(server.chunkedHead() + "5\r\nhe")
                #expect(eventually { notes.contains("2") })
                // While the loop is held, both wake the same receive.
                let (held, left) = (Tally(), Tally())
                let holding = Task {
                    await server.engine.onEachLoop { _ in
                        held.add()
                        _ = eventually { left.count == 1 }
                    }
                }
                #expect(eventually { held.count == 1 })
                try client.send("l")
                if isUnix { client.close() } else { client.reset() }
                left.add()
                _ = await holding.value
                #expect(eventually { notes.contains("ended") }, "\(notes.all)")
            }
        }

        @Test("Handlers of clients that went are replaced: later requests are served as before")
        func workersRecover() async throws {
            let gate = Gate()
            try await TestEngine.run(
                handler: { context in
                    if context.target == "/wait" { try await gate.wait() }
                    #expect(!Task.isCancelled)
                    try await context.response.write("ok")
                },
                { (server) async throws in
                    for _ in 0..<20 {
                        let client = try server.client()
                        try client.send(server.get("/wait"))
                        #expect(eventually { gate.waitingCount == 1 })
                        client.reset()
                        #expect(eventually { gate.waitingCount == 0 })
                        #expect(try server.client().exchange(server.get("/")).text == "ok")
                    }
                }
            )
        }
    }
}
