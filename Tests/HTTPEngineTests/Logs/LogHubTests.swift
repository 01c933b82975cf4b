// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import HTTPEngine

@Suite("Log hub")
struct LogHubTests {
    private let errors = LineCollector()
    private let accesses = LineCollector()

    private func hub(ringBytes: Int? = nil) throws -> LogHub {
        let (errors, accesses) = (errors, accesses)
        return try LogHub(
            errorSink: .lines { errors.append($0) },
            accessSink: .lines { accesses.append($0) },
            format: .ncsaCommon,
            ringBytes: ringBytes
        )
    }

    @Test("A flush delivers what was logged before it, from every ring")
    func flush() throws {
        let hub = try hub()
        try hub.start()
        let rings = (0..<3).map { _ in hub.makeRing() }
        for (index, ring) in rings.enumerated() {
            ring.error(sampleError(UInt64(index) + 1), "GET", "/", "q")
            ring.access(sampleAccess(), "GET", "/\(index)")
        }
        #expect(hub.flush())
        #expect(errors.all.map { $0.split(separator: " ")[10] } == ["1", "2", "3"])
        #expect(accesses.all.map { $0.split(separator: " ")[6] } == ["/0", "/1", "/2"])
        #expect(hub.drops == LogDrops())
        #expect(hub.stop())
    }

    @Test("What is logged before the start is kept, and stopping writes out what is left")
    func stop() throws {
        let hub = try hub()
        let ring = hub.makeRing()
        ring.error(sampleError(1), "GET", "/", "q")
        #expect(!hub.flush())
        try hub.start()
        try hub.start()
        for number in 2..<500 as Range<UInt64> { ring.error(sampleError(number), "GET", "/", "q") }
        #expect(hub.stop())
        #expect(hub.stop())
        #expect(!hub.flush())
        #expect(errors.all.count == 499)
        ring.error(sampleError(), "GET", "/", "q")
        #expect(errors.all.count == 499)
    }

    @Test("A hub that goes away stops its writer")
    func deinitialised() throws {
        var hub: LogHub? = try hub()
        try hub?.start()
        hub?.makeRing().error(sampleError(), "GET", "/", "q")
        hub = nil
        #expect(errors.all.count == 1)
    }

    @Test("Without sinks nothing is kept, dropped or started")
    func noSinks() throws {
        let hub = try LogHub(errorSink: nil, accessSink: nil)
        try hub.start()
        let ring = hub.makeRing()
        #expect(!ring.isErrorLogged && !ring.isAccessLogged)
        for _ in 0..<100_000 { ring.error(sampleError(), "GET", "/", "") }
        #expect(hub.droppedCount == 0)
        #expect(!hub.flush())
        #expect(hub.stop())
    }

    @Test("Dropped records are counted, and the error log remarks on the gap")
    func drops() throws {
        let hub = try hub(ringBytes: 0)
        let ring = hub.makeRing()
        for _ in 0..<1000 { ring.access(sampleAccess(), "GET", "/") }
        let drops = hub.drops
        #expect(drops.accesses > 0 && drops.errors == 0 && hub.droppedCount == drops.accesses)
        try hub.start()
        #expect(hub.stop())
        #expect(accesses.all.count == 1000 - Int(drops.accesses))
        let remark = try #require(errors.all.first)
        #expect(errors.all.count == 1)
        #expect(remark.hasPrefix("#Remark: "))
        #expect(remark.hasSuffix(" dropped for lack of room: errors 0, accesses \(drops.accesses)"))
    }

    @Test("A sink that holds the writer does not hold a loop, and `stop` gives up at its time")
    func heldSink() throws {
        let entered = try LogDoorbell()
        let release = try LogDoorbell()
        let left = try LogDoorbell()
        let hub = try LogHub(
            errorSink: .lines { _ in
                entered.ring()
                release.wait(milliseconds: 10_000)
                left.ring()
            },
            accessSink: nil,
            ringBytes: 0
        )
        try hub.start()
        let ring = hub.makeRing()
        ring.error(sampleError(), "GET", "/", "")
        #expect(entered.wait(milliseconds: 5000))
        for _ in 0..<1000 { ring.error(sampleError(), "GET", "/", "") }
        #expect(hub.drops.errors > 800)
        #expect(!hub.flush(timeout: .milliseconds(1)))
        #expect(!hub.stop(timeout: .milliseconds(1)))
        for _ in 0..<300 { release.ring() }
        #expect(left.wait(milliseconds: 5000))
    }

    @Test("Error and access files of one hub lie side by side with their headers")
    func files() throws {
        let directory = try TemporaryDirectory()
        let files = LogFiles(directory: directory.path, rotation: .daily)
        let hub = try LogHub(errorSink: .files(files), accessSink: .files(files), format: .w3c)
        try hub.start()
        let ring = hub.makeRing()
        ring.error(sampleError(3), "GET", "/a?b", "shop")
        ring.access(sampleAccess(3), "GET", "/a?b", host: "h", userAgent: "u", referer: "r")
        #expect(hub.flush())
        #expect(try directory.names == ["ex261122.log", "ht261122.log"])
        let errorLines = try directory.lines("ht261122.log")
        let accessLines = try directory.lines("ex261122.log")
        #expect(errorLines.count == 5 && accessLines.count == 5)
        #expect(
            errorLines.prefix(3) == ["#Software: HTTPRing", "#Version: 1.0", "#Date: 2026-11-22 17:28:31"]
        )
        #expect(
            errorLines.last
                == "2026-11-22 17:28:31 192.0.2.7 51034 192.0.2.1 80 HTTP/1.1 GET /a?b 503 3 QueueFull shop"
        )
        #expect(
            accessLines.last
                == "2026-11-22 17:28:31 3 - 192.0.2.1 GET /a b 80 - 192.0.2.7 HTTP/1.1 u - r h 200 0 0 1234 456 12 -"
        )
        #expect(hub.stop())
    }

    @Test("The kernel's addresses become the same bytes")
    func socketAddresses() {
        var ipv4 = sockaddr_in()
        ipv4.sin_port = UInt16(8080).bigEndian
        ipv4.sin_addr.s_addr = UInt32(0xC000_0207).bigEndian
        #expect(LogAddress(ipv4) == LogAddress(ipv4: 0xC000_0207, port: 8080))
        var ipv6 = sockaddr_in6()
        ipv6.sin6_port = UInt16(443).bigEndian
        ipv6.sin6_scope_id = 3
        inet_pton(AF_INET6, "fe80:1:2:3:4:5:6:7", &ipv6.sin6_addr)
        let expected = LogAddress(
            high: 0xFE80_0001_0002_0003,
            low: 0x0004_0005_0006_0007,
            scope: 3,
            port: 443
        )
        #expect(LogAddress(ipv6) == expected)
    }
}
