// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPRingService
import Testing

@Suite("The configuration file")
struct ConfigurationTests {
    @Test(
        "is read, or refused with every line that is wrong and what to do",
        arguments: TextCase.load("configuration")
    )
    func reading(_ example: TextCase) throws {
        let problems: [FileProblem]
        do throws(ConfigurationError) {
            _ = try ServiceConfiguration.parse(Array(example.text.utf8), file: "a.conf")
            problems = []
        } catch {
            problems = error.problems
        }
        #expect(problems.count == example.problems.count, "\(problems)")
        for (problem, expected) in zip(problems, example.problems) {
            #expect(problem.line == expected.line)
            #expect(problem.description.hasPrefix("a.conf:\(expected.line): "))
            #expect(problem.words.contains(expected.words), "\(problem)")
        }
    }

    @Test("has the values that were written")
    func values() throws {
        let text = """
            [service]
            state-file = "/var/lib/x y/state"
            administrators-group = wheel
            [control]
            socket-mode = 0660
            queues-per-user = 3
            [engine]
            loops = 2
            server-header = none
            allow-alternate-schemes = yes
            proxy-protocol = 8443,10.0.0.5:443 , [2001:DB8::5]:443
            [limits]
            max-request-head-bytes = 16KiB
            max-request-body-size = none
            [timeouts]
            header-wait = 1500ms
            """
        let read = try ServiceConfiguration.parse(Array(text.utf8), file: "a")
        #expect(read.stateFile == "/var/lib/x y/state")
        #expect(read.administratorsGroup == "wheel")
        #expect(read.controlSocketMode == 0o660)
        #expect(read.controlLimits.queuesPerUser == 3)
        #expect(read.engine.loopCount == 2)
        #expect(read.engine.serverHeader == nil)
        #expect(read.engine.allowsAlternateSchemes)
        let places = read.proxyProtocol.map(\.description)
        #expect(places == ["8443", "10.0.0.5:443", "[2001:db8::5]:443"])
        #expect(read.engine.limits.maxRequestHeadBytes == 16384)
        #expect(read.engine.limits.maxRequestBodySize == nil)
        #expect(read.engine.timeouts.headerWait == .milliseconds(1500))
    }

    @Test("printed with its defaults is read as the defaults, key by key")
    func defaults() throws {
        let read = try ServiceConfiguration.parse(
            Array(ServiceConfiguration.annotatedDefaults.utf8),
            file: "a"
        )
        let standard = ServiceConfiguration()
        #expect(String(describing: read) == String(describing: standard))
    }

    @Test("that is not text or far too large is refused, not read")
    func hostile() {
        #expect(throws: ConfigurationError.self) {
            try ServiceConfiguration.parse([0x5B, 0xFF, 0xFE, 0x0A], file: "a")
        }
        #expect(throws: ConfigurationError.self) {
            try ServiceConfiguration.parse([UInt8](repeating: 0x0A, count: (1 << 20) + 1), file: "a")
        }
    }
}
