// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPEngine
import HTTPSecure
import IORing
import Synchronization
import TestKit
import Testing
import URLPrefixes

@testable import HTTPRingService

@Suite("Sockets over a restart (sd_notify(3), FDSTORE=1)", .ownThread)
struct RestartTests {
    /// What a client saw that connects again and again.
    private struct Seen {
        var answered = 0
        var refused = 0
        var lost = 0
    }

    @Test("clients wait and are not refused while the service that was killed is started again")
    func killed() throws {
        let supervised = try SupervisedService()
        try supervised.start()
        let port = ServiceProcess.freePort()
        let url = "http://localhost:\(port)/q/"
        #expect(
            try supervised.service.httpring("add", "queue", "name=q", "url=\(url)", "enabled=no").status == 0
        )
        // localhost: one socket for each address family.
        #expect(supervised.listen { $0.stored.count == 2 })
        #expect(supervised.stored.allSatisfy { $0.name.hasPrefix("kept-") && !$0.name.contains(":") })
        let seen = Mutex(Seen())
        let isEnding = Atomic(false)
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            while !isEnding.load(ordering: .relaxed) { Self.ask(port, seen) }
            ended.signal()
        }
        for _ in 0..<3 {
            let before = seen.withLock(\.answered)
            try supervised.kill()
            try supervised.start()
            #expect(supervised.listen { _ in seen.withLock(\.answered) > before + 10 })
        }
        isEnding.store(true, ordering: .relaxed)
        #expect(ended.wait(timeout: .now() + 20) == .success)
        let result = seen.withLock { $0 }
        #expect(result.refused == 0, "\(result)")
        #expect(try supervised.service.httpring("delete", "queue", "name=q").status == 0)
        #expect(supervised.listen { $0.stored.isEmpty })
        #expect(throws: POSIXError.self) { try PortClient(port) }
        try supervised.kill()
    }

    private static func ask(_ port: UInt16, _ seen: borrowing Mutex<Seen>) {
        guard let client = try? PortClient(port) else {
            seen.withLock { $0.refused += 1 }
            return
        }
        client.send("/q/", host: "localhost:\(port)")
        let status = client.receive().status
        seen.withLock { if status == 503 { $0.answered += 1 } else { $0.lost += 1 } }
    }

    @Test("those that no prefix has come for within a minute are closed")
    func forgotten() throws {
        var options = EngineOptions()
        options.loopCount = 1
        let engine = try Engine(options: options)
        let kept = try Listener.open(
            SocketAddress(ipv4: 0x7F00_0001, port: 0),
            options: Listener.Options(sharesPort: true)
        )
        let port = kept[0].address.port
        let store = ListenerStore(engine: engine, notifier: SystemdNotifier { _ in nil }, kept: kept)
        store.update(now: 5)
        store.update(now: 60_004)
        #expect(engine.prefixSockets.map(\.address.port) == [port])
        store.update(now: 60_005)
        #expect(engine.prefixSockets.isEmpty)
    }
}

@Suite(
    "Certificates and ticket keys of the service",
    .ownThread,
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl")
)
struct CertificateCareTests {
    @Test("keys are made anew after their time, and a binding's file is read again when it has changed")
    func care() throws {
        let directory = NSTemporaryDirectory() + "httpring-care-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let certificate = try LocalCertificate(in: directory)
        let key = try #require(CertificateKey("ipport=0.0.0.0:443"))
        let values = ["certfile": certificate.file, "keyfile": certificate.keyFile]
        let binding = CertificateBinding(key: key, values: values)
        let said = Mutex<[String]>([])
        let tls = try TLSServerContext(
            .serving([binding]),
            ticketKeys: try TLSTicketKeys(rotationInterval: .seconds(3600))
        )
        let care = CertificateCare(tls, reloadInterval: .seconds(60)) { line in
            said.withLock { $0.append(line) }
        }
        let nothing = CertificateCare.Outcome()
        #expect(care.tick(now: .seconds(1)) == nothing)
        _ = try LocalCertificate(in: directory)
        #expect(care.tick(now: .seconds(60)) == nothing)
        #expect(care.tick(now: .seconds(61)).isReloaded)
        #expect(care.tick(now: .seconds(121)) == nothing)
        #expect(care.tick(now: .seconds(3600)).isRotated == false)
        #expect(care.tick(now: .seconds(3601)).isRotated)
        #expect(care.tick(now: .seconds(3602)) == nothing)
        // A file that cannot be used is told of once, and what there was serves on.
        try "nothing".write(toFile: directory + "/chain.pem", atomically: false, encoding: .utf8)
        for minute in 1...3 { #expect(!care.tick(now: .seconds(3602 + 60 * minute)).isReloaded) }
        let errors = said.withLock { $0.filter { $0.hasPrefix("error:") } }
        #expect(errors.count == 1 && errors[0].contains("chain.pem"), "\(errors)")
    }
}
