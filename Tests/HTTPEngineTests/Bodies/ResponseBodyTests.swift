// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("bodies: responses")
    struct ResponseBodies {
        @Test("What was written reaches the client while the handler waits", arguments: Setup.allCases)
        func streaming(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await context.response.write("first")
                    try await gate.wait()
                    try await context.response.write("second")
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    while try client.takeLine() != "" {}
                    #expect(try client.takeLine() == "5")
                    #expect(try client.takeLine() == "first")
                    gate.open()
                    #expect(try client.takeLine() == "6")
                    #expect(try client.takeLine() == "second")
                    #expect(try client.takeLine() == "0")
                    #expect(try client.takeLine() == "")
                }
            )
        }

        @Test("start() sends the head alone", arguments: Setup.allCases)
        func start(setup: Setup) async throws {
            let gate = Gate()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try context.response.headers.append(name: "X-A", value: "b")
                    try await context.response.start()
                    try await context.response.flush()
                    try await gate.wait()
                    try await context.response.write("late")
                },
                { (server) async throws in
                    let client = try server.client()
                    try client.send(server.get())
                    #expect(try client.takeLine() == "HTTP/1.1 200 OK")
                    var lines: [String] = []
                    while let line = try client.takeLine(), line != "" { lines.append(line) }
                    #expect(lines.contains("X-A: b"))
                    #expect(lines.contains("Transfer-Encoding: chunked"))
                    gate.open()
                    #expect(try client.takeLine() == "4")
                }
            )
        }

        @Test(
            "Writes of any size arrive whole and in order, with and without a length",
            arguments: Setup.allCases
        )
        func sizes(setup: Setup) async throws {
            let sizes = [1, 4095, 4096, 16383, 16384, 16385, 65536, 65537, 300_000, 3, 200_000, 5]
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    if context.target == "/known" {
                        context.response.contentLength = Int64(sizes.reduce(0, +))
                    }
                    for size in sizes { try await context.response.write(pattern(size)) }
                },
                { (server) async throws in
                    let client = try server.client()
                    let expected = sizes.flatMap { pattern($0) }
                    for target in ["/known", "/unknown", "/known", "/unknown"] {
                        #expect(try client.exchange(server.get(target)).body == expected)
                    }
                }
            )
        }

        @Test("An array written by reference is sent as it was, whatever its owner does to it after")
        func byReference() async throws {
            try await TestEngine.run(
                handler: { context in
                    var bytes = pattern(200_000)
                    for _ in 0..<4 {
                        try await context.response.write(bytes)
                        for index in bytes.indices { bytes[index] = 0 }
                        bytes = pattern(200_000)
                    }
                },
                { (server) async throws in
                    let expected = (0..<4).flatMap { _ in pattern(200_000) }
                    #expect(try server.client().exchange(server.get()).body == expected)
                }
            )
        }

        @Test(
            "A client that does not read stops the handler's writes, and gets everything when it does",
            arguments: Setup.allCases
        )
        func backPressure(setup: Setup) async throws {
            let written = Tally()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let piece = pattern(32768)
                    for _ in 0..<512 {
                        try await context.response.write(piece)
                        written.add(piece.count)
                    }
                },
                { (server) async throws in
                    let client = try Client(port: server.port, receiveBufferByteCount: 16384)
                    try client.send(server.get())
                    var last = -1
                    #expect(
                        eventually {
                            let count = written.count
                            defer { last = count }
                            return count > 0 && count == last && server.statistics.requestsInProgress == 1
                        }
                    )
                    #expect(written.count < 512 * 32768)
                    let response = try client.readResponse()
                    #expect(response.body.count == 512 * 32768)
                    #expect(eventually { written.count == 512 * 32768 })
                }
            )
        }

        @Test("A file is sent whole or in part, with its length", arguments: Setup.allCases)
        func files(setup: Setup) async throws {
            let directory = try TemporaryDirectory()
            for size in [0, 1, 5000, 100_000, 3_000_000] {
                try Data(pattern(size)).write(to: URL(fileURLWithPath: "\(directory.path)/\(size)"))
            }
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let parts = context.request.path.split(separator: "/").map(String.init)
                    let isKnown = parts.count > 3
                    let count = parts.count > 2 ? Int64(parts[2]) : nil
                    if isKnown, let count { context.response.contentLength = count }
                    try await context.response.sendFile(
                        "\(directory.path)/\(parts[0])",
                        offset: Int64(parts[1]) ?? 0,
                        byteCount: count
                    )
                },
                { (server) async throws in
                    let client = try server.client()
                    for size in [0, 1, 5000, 100_000, 3_000_000] {
                        #expect(
                            try client.exchange(server.get("/\(size)/0")).body == pattern(size),
                            "\(size)"
                        )
                        #expect(
                            try client.exchange(server.get("/\(size)/0/\(size)/known")).body == pattern(size),
                            "\(size), known"
                        )
                    }
                    #expect(
                        try client.exchange(server.get("/100000/99999/1")).body
                            == Array(pattern(100_000).suffix(1))
                    )
                    #expect(
                        try client.exchange(server.get("/3000000/70000/2000000/known")).body
                            == Array(pattern(3_000_000)[70000..<2_070_000])
                    )
                    #expect(try client.exchange(server.get("/missing/0")).status == 500)
                    #expect(try client.exchange(server.get("/5000/4999/2")).status == 500)
                    #expect(try client.exchange(server.get("/5000/5001")).status == 500)
                    #expect(try client.exchange(server.get("/100000/0")).body == pattern(100_000))
                }
            )
        }

        @Test("Writing after complete() is an error; what was sent stays", arguments: Setup.allCases)
        func complete(setup: Setup) async throws {
            let notes = Notes()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    try await context.response.write("done")
                    try await context.response.complete()
                    do { try await context.response.write("more") } catch { notes.add("\(error)") }
                },
                { (server) async throws in
                    let client = try server.client()
                    for _ in 0..<2 { #expect(try client.exchange(server.get()).text == "done") }
                    #expect(eventually { notes.all.count == 2 })
                    #expect(notes.all.allSatisfy { $0.contains("already complete") })
                }
            )
        }

        @Test("complete() ends the response while its handler goes on")
        func completeEarly() async throws {
            let gate = Gate()
            try await TestEngine.run(
                handler: { context in
                    try await context.response.write("done")
                    try await context.response.complete()
                    try await gate.wait()
                },
                { (server) async throws in
                    let client = try server.client()
                    #expect(try client.exchange(server.get()).text == "done")
                    // Of a request in another process the engine sees the response, not the handler.
                    if !server.usesQueue { #expect(server.statistics.requestsInProgress == 1) }
                    gate.open()
                    #expect(try client.exchange(server.get()).text == "done")
                }
            )
        }
    }
}
