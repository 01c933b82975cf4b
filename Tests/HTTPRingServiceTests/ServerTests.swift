// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPRingService
import TestKit
import Testing
import URLPrefixes

@Suite("The control socket", .ownThread)
struct ServerTests {
    @Test("answers over a connection, streams listings, and forgets the client when it goes")
    func conversation() throws {
        let server = try ServerFixture(StateTests.state(reservations: 1000))
        defer { server.stop() }
        var client: ControlClient? = try ControlClient(path: server.path, timeoutSeconds: 5)
        let other = try ControlClient(path: server.path, timeoutSeconds: 5)
        guard case .object(let session)? = try client?.perform(.createSession).answer,
            case .object(let group)? = try client?.perform(.createGroup(session: session)).answer
        else {
            Issue.record("no session")
            return
        }
        let url = "http://localhost:8081/"
        #expect(try client?.perform(.register(group: group, url: url)).answer == .registered(url))
        var urls: Set<String> = []
        try other.list(.reservation) { urls.insert($0["url"].text) }
        #expect(urls.count == 1000)
        client = nil
        // The server sees the end before it sees what comes after it.
        guard case .object(let next) = try other.perform(.createSession).answer,
            case .object(let free) = try other.perform(.createGroup(session: next)).answer
        else {
            Issue.record("no session")
            return
        }
        #expect(try other.perform(.register(group: free, url: url)).answer == .registered(url))
    }

    @Test("carries descriptors both ways with an attach, and they are the ones that were sent")
    func descriptors() throws {
        let server = try ServerFixture()
        defer { server.stop() }
        let client = try ControlClient(path: server.path, timeoutSeconds: 5)
        let opening = ControlRequest.openQueue(name: "q", mode: .create, isController: false, access: [])
        guard case .object(let queue) = try client.perform(opening).answer else {
            Issue.record("no queue")
            return
        }
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        let passed = PassedDescriptor(ends[0])
        let (answer, descriptors) = try client.perform(
            .attach(queue: queue, payload: [1, 2, 3]),
            passing: [passed]
        )
        #expect(answer == .attached([3, 2, 1]))
        let returned = try #require(descriptors.first)
        #expect(descriptors.count == 1 && returned.value != ends[0])
        #expect(write(ends[1], [42] as [UInt8], 1) == 1)
        var byte: UInt8 = 0
        #expect(read(returned.value, &byte, 1) == 1)
        #expect(byte == 42)
    }

    @Test(
        "costs a lying client its own connection, and says why",
        arguments: [
            [0, 0, 0, 4, 1, 2, 3, 4], [255, 255, 255, 255], [0, 0, 0, 0],
            Array("GET / HTTP/1.1\r\n\r\n".utf8),
            ControlFramer.framed(ControlGreeting.encoded(9...9)),
            ControlFramer.framed(ControlGreeting.encoded()) + ControlFramer.framed([0, 0, 0, 1, 99]),
            ControlFramer.framed(ControlGreeting.encoded()) + ControlFramer.framed([0, 0, 0, 1, 4, 1, 7]),
        ] as [[UInt8]]
    )
    func lies(_ bytes: [UInt8]) throws {
        let server = try ServerFixture()
        defer { server.stop() }
        let witness = try ControlClient(path: server.path, timeoutSeconds: 5)
        let socket = try server.rawSocket()
        defer { close(socket) }
        #expect(write(socket, bytes, bytes.count) == bytes.count)
        var framer = ControlFramer(messageBytesMax: 1 << 20)
        framer.append(server.readAll(socket)[...])
        var last: ControlAnswer?
        while let message = try framer.next() { last = (try? ControlAnswer.decode(message))?.answer ?? last }
        guard case .failed(let failure)? = last else {
            Issue.record("no reason was given")
            return
        }
        #expect(failure.code == .badMessage)
        #expect(try witness.perform(.createSession).answer != .done(nil))
    }

    @Test("is not held up by clients that send nothing, half a message, or read nothing")
    func slowness() throws {
        let server = try ServerFixture(StateTests.state(reservations: 3000))
        defer { server.stop() }
        let silent = try server.rawSocket()
        let half = try server.rawSocket()
        _ = write(half, [0, 0, 0, 12, 72, 84] as [UInt8], 6)
        let deaf = try server.rawSocket()
        let request = ControlFramer.framed(ControlRequest.show(.reservation, key: nil).encoded(number: 1))
        let flood = ControlFramer.framed(ControlGreeting.encoded()) + (0..<300).flatMap { _ in request }
        _ = flood.withUnsafeBytes { send(deaf, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
        let client = try ControlClient(path: server.path, timeoutSeconds: 5)
        var count = 0
        try client.list(.reservation) { _ in count += 1 }
        #expect(count == 3000)
        for socket in [silent, half, deaf] { close(socket) }
    }

    @Test("turns away connections over a user's limit with the reason")
    func connectionLimit() throws {
        var limits = ControlLimits()
        limits.connectionsPerUser = 2
        let server = try ServerFixture(limits: limits)
        defer { server.stop() }
        let held = [try ControlClient(path: server.path), try ControlClient(path: server.path)]
        do {
            _ = try ControlClient(path: server.path, timeoutSeconds: 5)
            Issue.record("a third connection")
        } catch let failure as ControlFailure {
            #expect(failure.code == .limitReached)
            #expect(failure.words.contains("connections-per-user"))
        }
        #expect(held.count == 2)
    }

    @Test("that is not there is an error with what to do")
    func unreachable() {
        do {
            _ = try ControlClient(path: "/nonexistent/control.sock")
            Issue.record("connected to nothing")
        } catch let error as ControlConnectionError {
            #expect(error.isUnreachable)
            #expect(error.description.contains("systemctl start httpringd"))
        } catch {
            Issue.record("\(error)")
        }
    }
}

@Suite("Starting and telling", .ownThread)
struct ProcessTests {
    @Test("the lock names its process, and one that cannot be made says so")
    func instanceLock() throws {
        let path = NSTemporaryDirectory() + "httpring-lock-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(throws: Never.self) { _ = try InstanceLock(path: path) }
        #expect((try? String(contentsOfFile: path, encoding: .utf8)) == "\(getpid())\n")
        #expect(throws: ControlFailure.self) { _ = try InstanceLock(path: "/nonexistent/lock") }
    }

    @Test(
        "systemd is told READY, STOPPING, RELOADING and signs of life at half the watchdog's time (sd_notify(3))"
    )
    func notifications() throws {
        let name = "@httpring-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = [0] + Array(name.utf8.dropFirst())
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(2 + bytes.count))
            }
        }
        try #require(bound == 0)
        let notifier = SystemdNotifier { ["NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000"][$0] }
        #expect(notifier.watchdogMilliseconds == 1000)
        notifier.ready("two reservations")
        notifier.alive()
        notifier.alive()
        notifier.reloading()
        notifier.stopping()
        #expect(notifier.store(0, name: "http"))
        var told: [String] = []
        for _ in 0..<5 {
            var buffer = [UInt8](repeating: 0, count: 512)
            let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            told.append(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
        }
        #expect(told[0] == "READY=1\nSTATUS=two reservations\n")
        #expect(told[1] == "WATCHDOG=1\n")
        #expect(told[2].hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        #expect(told[3] == "STOPPING=1\n")
        #expect(told[4] == "FDSTORE=1\nFDNAME=http\n")
    }

    @Test("where nobody asked to be told, nothing is told")
    func silence() {
        let notifier = SystemdNotifier { _ in nil }
        notifier.ready("")
        #expect(!notifier.store(0, name: "x"))
        #expect(notifier.watchdogMilliseconds == nil)
    }
}
