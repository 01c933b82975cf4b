// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTPFeatures
import HTTPWire
import Synchronization
import Testing

@testable import HTTPEngine

extension EngineSuites {
    @Suite("lifecycle: leaks")
    struct Leaks {
        /// Bytes of the process in memory; 0 under a sanitizer, which keeps freed memory.
        private static func residentByteCount() -> Int {
            guard dlsym(nil, "__asan_init") == nil, dlsym(nil, "__tsan_init") == nil else { return 0 }
            var statistics = [UInt8](repeating: 0, count: 256)
            let descriptor = open("/proc/self/statm", O_RDONLY)
            defer { close(descriptor) }
            let count = max(0, read(descriptor, &statistics, statistics.count))
            let words = String(decoding: statistics[..<count], as: UTF8.self).split(separator: " ")
            return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * 4096
        }

        @Test(
            "Ten thousand connections, one after another, leave no memory behind",
            arguments: Setup.allCases
        )
        func connections(setup: Setup) async throws {
            try await TestEngine.run(TestSettings(setup), handler: Handlers.echo) { (server) async throws in
                func run(_ count: Int) throws {
                    for index in 0..<count {
                        let client = try server.client()
                        switch index % 4 {
                        case 0: try client.send(server.get())
                        case 1: try client.send(server.post(body: "abc"))
                        case 2: try client.send(server.chunkedHead() + "3\r\nabc\r\n0\r\n\r\n")
                        default: try client.send("BAD\r\n\r\n")
                        }
                        _ = try client.readResponse()
                        client.reset()
                    }
                }
                let count = setup == .oneLoop ? 10_000 : 2000
                try run(1000)
                let before = Leaks.residentByteCount()
                try run(count)
                #expect(eventually { server.statistics.connectionsOpen == 0 })
                #expect(Leaks.residentByteCount() - before < 4 << 20)
                #expect(server.statistics.connectionsAccepted == UInt64(count + 1000))
                #expect(server.statistics.requestsInProgress == 0)
            }
        }

        @Test(
            "An engine that has stopped is freed with its threads and descriptors",
            arguments: Setup.allCases
        )
        func engines(setup: Setup) async throws {
            let engines = WeakEngines()
            for _ in 0..<4 {
                try await TestEngine.run(TestSettings(setup), handler: Handlers.describe) {
                    (server) async throws in
                    #expect(try server.client().exchange(server.get()).status == 200)
                    engines.add(server.engine)
                }
            }
            #expect(eventually { engines.aliveCount == 0 })
        }
    }
}

/// Engines that tests have made, as long as they are there.
private final class WeakEngines: Sendable {
    private struct Reference: Sendable {
        weak let engine: Engine?
    }

    private let references = Mutex<[Reference]>([])

    var aliveCount: Int { references.withLock { $0.filter { $0.engine != nil }.count } }

    func add(_ engine: Engine) { references.withLock { $0.append(Reference(engine: engine)) } }
}
