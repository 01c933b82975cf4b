// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestKit
import Testing

@Suite(
    "The service looks after the processes of a defined queue",
    .serialized,
    .ownThread,
    .enabled(if: ServiceProcess.isRoot, "needs root to be other users")
)
struct WorkerProcessTests {
    private let user: UInt32 = 61003
    private let port = ServiceProcess.freePort()
    private var host: String { "localhost:\(port)" }
    private let service: ServiceProcess

    init() throws {
        // Plays systemd: starts the application as its user, in the background, and ends it before long.
        service = try ServiceProcess()
        let starter = service.directory + "/starter"
        let file = service.directory + "/httpringd.conf"
        let configuration = try String(contentsOfFile: file, encoding: .utf8)
        try (configuration + "\n[service]\nstarter = \(starter)").write(
            toFile: file,
            atomically: false,
            encoding: .utf8
        )
        let application = ServiceProcess.programs.appendingPathComponent("testapp").path
        let text = """
            #!/bin/sh
            /usr/bin/setpriv --reuid \(user) --regid \(user) --clear-groups /usr/bin/timeout 25 \(application) \
                --workers 1 --attach shop --service-socket \(service.directory)/control.sock \
                --http \(host)/shop/ < /dev/null > /dev/null 2>&1 &
            """
        try text.write(toFile: starter, atomically: false, encoding: .utf8)
        chmod(starter, 0o755)
        try service.start()
    }

    private func define(_ limits: String...) throws {
        let outcome = try ServiceProcess.run(
            "httpring",
            ["add", "queue", "name=shop", "url=http://\(host)/shop/", "user=\(user)", "unit=shop@.service"]
                + limits,
            environment: ["HTTPRING_SOCKET": service.directory + "/control.sock"]
        )
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    private func processes() throws -> [Int32] {
        let text = try service.httpring("show", "queue", "name=shop", "--json").output
        let list = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
        return (list?.first?["processIds"] as? [NSNumber] ?? []).map(\.int32Value)
    }

    private func get() throws -> Int {
        let client = try PortClient(port)
        client.send("/shop/plaintext", host: host)
        return client.receive().status
    }

    @Test("the first request starts one, and a recycle under load fails none")
    func recycle() throws {
        try define()
        #expect(try processes().isEmpty)
        #expect(try get() == 200)
        let first = try processes()
        #expect(first.count == 1)
        let counts = Mutex((answered: 0, failed: 0))
        let isEnding = Atomic(false)
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [port, host] in
            let client = try? PortClient(port)
            while !isEnding.load(ordering: .relaxed), let client {
                client.send("/shop/plaintext", host: host)
                let status = client.receive().status
                counts.withLock { if status == 200 { $0.answered += 1 } else { $0.failed += 1 } }
                if status != 200 { break }
            }
            ended.signal()
        }
        let recycled = try service.httpring("recycle", "shop")
        #expect(recycled.status == 0)
        #expect(recycled.output.contains("; 1 process drains when it is ready."), "\(recycled.output)")
        let deadline = ContinuousClock.now + .seconds(10)
        var now = try processes()
        while now.count != 1 || now == first, ContinuousClock.now < deadline { now = try processes() }
        #expect(now.count == 1 && now != first)
        isEnding.store(true, ordering: .relaxed)
        #expect(ended.wait(timeout: .now() + 15) == .success)
        let (answered, failed) = counts.withLock { $0 }
        #expect(answered > 0 && failed == 0, "\(answered) answered, \(failed) failed")
        kill(now[0], SIGKILL)
    }

    @Test("one that stands still is parted from and replaced, and one that turns is not")
    func silent() throws {
        try define("ping=1")
        #expect(try get() == 200)
        let first = try processes()
        try #require(first.count == 1)
        // Two limits: it is asked several times, and answers.
        let end = ContinuousClock.now + .milliseconds(2200)
        while ContinuousClock.now < end { #expect(try get() == 200) }
        #expect(try processes() == first)
        kill(first[0], SIGSTOP)
        try #require(Self.stops(first[0]))
        let held = try PortClient(port)
        held.send("/shop/plaintext", host: host)
        // In its hands, or not taken yet: answered by the next, or 503.
        #expect([200, 503].contains(held.receive().status))
        #expect(try get() == 200)
        let second = try processes()
        #expect(second.count == 1 && second != first)
        kill(first[0], SIGKILL)
        if let second = second.first { kill(second, SIGKILL) }
    }

    /// Whether a process comes to stand still; its threads run on until one of them has seen the signal.
    private static func stops(_ process: Int32) -> Bool {
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            let line = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
            if line.split(separator: ")").last?.hasPrefix(" T") == true { return true }
            poll(nil, 0, 1)
        }
        return false
    }
}
