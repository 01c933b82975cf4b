// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPRingService
import Synchronization
import TestKit
import Testing
import URLPrefixes

@Suite("The state file")
struct StateTests {
    @Test("is read and written back the same, or refused at its line", arguments: TextCase.load("state"))
    func reading(_ example: TextCase) throws {
        do throws(FileProblem) {
            let state = try ServiceState.parse(Array(example.text.utf8), file: "state")
            #expect(example.problems.isEmpty)
            #expect(String(decoding: state.rendered(), as: UTF8.self) == example.text)
        } catch {
            let expected = try #require(example.problems.first, "\(error)")
            #expect(error.line == expected.line)
            #expect(error.words.contains(expected.words), "\(error)")
            #expect(error.words.contains("put back a copy"))
        }
    }

    @Test("cut off anywhere is refused, never read as less")
    func truncation() throws {
        let whole = Self.state(reservations: 3).rendered()
        for count in 0..<whole.count {
            #expect(throws: FileProblem.self) {
                try ServiceState.parse(Array(whole[..<count]), file: "state")
            }
        }
    }

    @Test("with any one byte changed is read as a state or refused, and never ends the program")
    func mutation() {
        let whole = Self.state(reservations: 2).rendered()
        for index in whole.indices {
            for byte: UInt8 in [0, 0x0A, 0x20, 0x25, 0x39, 0x3D, 0xFF] {
                var changed = whole
                changed[index] = byte
                guard let state = try? ServiceState.parse(changed, file: "state") else { continue }
                // Whatever is accepted is written back so that it is accepted again.
                #expect((try? ServiceState.parse(state.rendered(), file: "state")) != nil)
            }
        }
    }

    static func state(reservations count: Int) -> ServiceState {
        var state = ServiceState()
        for number in 0..<count {
            guard let prefix = try? URLPrefix("http://+:80/application \(number)/") else { continue }
            let rule = AccessControlList.Entry(subject: .user(UInt32(1000 + number)), rights: .listen)
            state.reservations.append(ReservationRecord(prefix: prefix, acl: AccessControlList([rule])))
        }
        state.timeouts[.headerWait] = 30
        state.certificates = [
            CertificateBinding(key: .centralStore(443), values: ["certfile": "/etc/a b.pem"])
        ]
        return state
    }
}

@Suite("Keeping the state", .ownThread)
struct StateStoreTests {
    @Test("a writer killed at any call, or a power failure then, leaves the old or the new state")
    func crashes() throws {
        let old = StateTests.state(reservations: 2)
        let new = StateTests.state(reservations: 5)
        var call = 1
        while true {
            let files = MemoryStateFiles("/var/state", old.rendered())
            let store = StateStore(path: "/var/state", files: files)
            #expect(try store.load() == old)
            let failing = call
            files.disk.withLock { $0.failingCall = failing }
            var failure: StateStoreError?
            do throws(StateStoreError) { try store.save(new) } catch { failure = error }
            let seen = try #require(files.contents("/var/state"))
            let state = try ServiceState.parse(seen, file: "state")
            #expect(state == (failure == nil || failure?.isApplied == true ? new : old))
            for bytes in files.contentsAfterPowerFailure("/var/state") {
                let state = try ServiceState.parse(bytes, file: "state")
                #expect(state == old || state == new)
            }
            guard failure != nil else { break }
            call += 1
        }
        #expect(call > 6, "every call was failed once: \(call)")
    }

    @Test("the bytes are on the medium before the name, and the name before the answer")
    func order() throws {
        let files = MemoryStateFiles("/var/state", ServiceState().rendered())
        let store = StateStore(path: "/var/state", files: files)
        _ = try store.load()
        try store.save(ServiceState())
        #expect(files.disk.withLock { $0.log } == ["create", "write", "fsync", "rename", "fsync directory"])
    }

    @Test("a damaged file is refused with its line, and stays as it is")
    func damage() throws {
        let files = MemoryStateFiles("/var/state", Array("httpring-state 1\nlisten".utf8))
        let store = StateStore(path: "/var/state", files: files)
        #expect(throws: FileProblem.self) { try store.load() }
        #expect(files.contents("/var/state") == Array("httpring-state 1\nlisten".utf8))
    }

    @Test("on the machine's file system: kept, for its owner alone, over what a killed writer left behind")
    func machine() throws {
        let directory = NSTemporaryDirectory() + "httpring-state-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/state"
        let store = StateStore(path: path)
        #expect(try store.load() == ServiceState())
        try Data("half".utf8).write(to: URL(fileURLWithPath: path + ".new"))
        let state = StateTests.state(reservations: 3)
        try store.save(state)
        #expect(try StateStore(path: path).load() == state)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    @Test("a directory that cannot be written says so and what to do, and changes nothing")
    func noDirectory() throws {
        let store = StateStore(path: "/proc/httpring/state")
        _ = try store.load()
        do throws(StateStoreError) {
            try store.save(ServiceState())
            Issue.record("written into /proc")
        } catch {
            #expect(!error.isApplied)
            #expect(error.description.contains("See to room and rights in /proc/httpring"))
        }
    }
}
