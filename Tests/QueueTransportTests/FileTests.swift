// SPDX-License-Identifier: Apache-2.0

import Foundation
import QueueTransport
import Synchronization
import Testing

/// A worker passes each file once; the service takes nothing but files that can be read without waiting.
@Suite("Files passed over a queue")
struct FileTests {
    /// Both ends, and the worker's socket for a worker that lies.
    private struct Ends {
        let service: ServiceEnd
        let worker: WorkerEnd
        let socket: Int32
        let directory: String

        init() throws {
            var descriptors: QueueDescriptors?
            service = try ServiceEnd(geometry: .small, worker: &descriptors)
            guard let descriptors = descriptors.take() else { throw TestFailure("a queue has descriptors") }
            socket = fcntl(descriptors.files, F_DUPFD_CLOEXEC, 3)
            worker = try WorkerEnd(descriptors)
            worker.publish()
            try service.receive { _ in }
            service.publish()
            try worker.receive { _ in }
            directory = NSTemporaryDirectory() + "httpring-files-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        }

        func close() {
            Glibc.close(socket)
            try? FileManager.default.removeItem(atPath: directory)
        }

        /// Opens a file, which is made where there is none.
        func open(_ name: String, _ flags: Int32 = O_RDONLY) -> Int32 {
            let path = "\(directory)/\(name)"
            let made = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            defer { Glibc.close(made) }
            return Glibc.open(path, flags | O_CLOEXEC)
        }

        /// Sends a message as a worker that keeps to nothing would.
        func pass(_ ticket: UInt64, _ descriptors: [Int32]) throws(TransportError) {
            var ticket = ticket
            try withUnsafeBytes(of: &ticket) { (bytes) throws(TransportError) in
                try DescriptorPassing.send(descriptors, with: bytes, over: socket)
            }
        }

        /// Has the service take what the worker has published.
        func receive() throws {
            worker.publish()
            try service.receive { _ in }
            service.publish()
        }
    }

    @Test("The same file is passed once, however often it was opened, and closed when it is forgotten")
    func once() throws {
        let ends = try Ends()
        defer { ends.close() }
        let closed = Mutex(0)
        ends.service.files.close = { descriptor in
            closed.withLock { $0 += 1 }
            close(descriptor)
        }
        let (first, again, other) = (ends.open("a"), ends.open("a"), ends.open("b"))
        defer { for descriptor in [first, again, other] { close(descriptor) } }
        let ticket = try #require(ends.worker.pass(first, now: 1))
        #expect(ends.worker.pass(again, now: 2) == ticket)
        let second = try #require(ends.worker.pass(other, now: 3))
        #expect(second != ticket)
        do {
            let file = try ends.service.files.file(second)
            var (status, expected) = (stat(), stat())
            #expect(fstat(file.descriptor, &status) == 0 && fstat(other, &expected) == 0)
            #expect(status.st_ino == expected.st_ino)
        }
        #expect(ends.service.files.count == 2)
        // In use it stays, and used after the time, too.
        ends.worker.release(file: ticket)
        #expect(!ends.worker.forgetFiles(usedBefore: 10))
        ends.worker.release(file: ticket)
        #expect(!ends.worker.forgetFiles(usedBefore: 2))
        #expect(ends.worker.forgetFiles(usedBefore: 10))
        try ends.receive()
        #expect(ends.service.files.count == 1)
        #expect(closed.withLock { $0 } == 1)
        #expect(try #require(ends.worker.pass(again, now: 11)) > second)
    }

    @Test("Of more files than the service keeps, the one not used for longest is forgotten")
    func many() throws {
        let ends = try Ends()
        defer { ends.close() }
        for number in 0..<200 {
            let descriptor = ends.open("\(number)")
            defer { close(descriptor) }
            let ticket = try #require(ends.worker.pass(descriptor, now: Int64(number)))
            // The service sees nothing of every second one before its end.
            try ends.receive()
            if number % 2 == 0 { _ = try ends.service.files.file(ticket) }
            ends.worker.release(file: ticket)
            #expect(ends.service.files.count <= PassedFiles.countMax)
        }
        // All in use: another one is not passed.
        let descriptors = (0..<PassedFiles.countMax + 1).map { ends.open("\($0)") }
        defer { for descriptor in descriptors { close(descriptor) } }
        for descriptor in descriptors.dropLast() {
            #expect(ends.worker.pass(descriptor, now: 1000) != nil)
            try ends.receive()
        }
        #expect(ends.worker.pass(descriptors[PassedFiles.countMax], now: 1000) == nil)
    }

    @Test("A file that the service could not use is passed anew")
    func distrusted() throws {
        let ends = try Ends()
        defer { ends.close() }
        let descriptor = ends.open("a")
        defer { close(descriptor) }
        let ticket = try #require(ends.worker.pass(descriptor, now: 1))
        ends.worker.release(file: ticket)
        ends.worker.distrust(file: ticket)
        #expect(try #require(ends.worker.pass(descriptor, now: 2)) > ticket)
    }

    @Test("An honest worker passes nothing that the service would refuse")
    func honest() throws {
        let ends = try Ends()
        defer { ends.close() }
        var pipes: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pipes) == 0)
        let refused = [
            open(ends.directory, O_RDONLY | O_CLOEXEC), ends.open("a", O_WRONLY),
            ends.open("a", FileTests.pathOnly),
            pipes[0], ends.socket, open("/dev/null", O_RDONLY | O_CLOEXEC),
        ]
        for descriptor in refused { #expect(ends.worker.pass(descriptor, now: 1) == nil) }
        #expect(ends.worker.pass(-1, now: 1) == nil)
        for descriptor in refused + [pipes[1]] where descriptor != ends.socket { close(descriptor) }
    }

    /// `O_PATH` of open(2): nothing can be read.
    private static let pathOnly: Int32 = 0o10_000_000

    /// What a worker passes that the service must refuse.
    enum Lie: CaseIterable {
        case nothing, directory, device, socket, writeOnly, pathOnly, noDescriptor, twoDescriptors,
            wrongTicket
        case noTicket, sameTicket, shortTicket
    }

    @Test("What is not a readable file, or comes without its ticket, is a violation", arguments: Lie.allCases)
    func lies(_ lie: Lie) throws {
        let ends = try Ends()
        defer { ends.close() }
        var pipes: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pipes) == 0)
        let file = ends.open("a")
        var opened = pipes + [file]
        defer { for descriptor in opened { close(descriptor) } }
        switch lie {
        case .nothing: break
        case .directory:
            opened.append(open(ends.directory, O_RDONLY | O_CLOEXEC))
            try ends.pass(1, [opened[3]])
        case .device:
            opened.append(open("/dev/null", O_RDONLY | O_CLOEXEC))
            try ends.pass(1, [opened[3]])
        case .socket: try ends.pass(1, [pipes[0]])
        case .writeOnly, .pathOnly:
            opened.append(ends.open("a", lie == .writeOnly ? O_WRONLY : FileTests.pathOnly))
            try ends.pass(1, [opened[3]])
        case .noDescriptor: try ends.pass(1, [])
        case .twoDescriptors: try ends.pass(1, [file, file])
        case .wrongTicket: try ends.pass(2, [file])
        case .noTicket: try ends.pass(0, [file])
        case .sameTicket:
            try ends.pass(1, [file])
            _ = try ends.service.files.file(1)
            try ends.pass(1, [file])
            #expect(throws: TransportViolation.self) { try ends.service.files.file(2) }
            return
        case .shortTicket:
            try [UInt8(1)].withUnsafeBytes {
                try DescriptorPassing.send([file], with: $0, over: ends.socket)
            }
        }
        let error = #expect(throws: TransportViolation.self) { try ends.service.files.file(1) }
        #expect(error?.code == .file)
        // To forget what was never passed is one, too.
        #expect(ends.worker.send(forgetFile: 99) == .sent)
        #expect(throws: TransportViolation.self) { try ends.receive() }
    }

    @Test("Descriptors nobody refers to stay in the socket, which takes so many; one too many is a violation")
    func flood() throws {
        let ends = try Ends()
        defer { ends.close() }
        let file = ends.open("a")
        defer { close(file) }
        var passed: UInt64 = 0
        while passed < 100_000, (try? ends.pass(passed + 1, [file])) != nil { passed += 1 }
        #expect(passed > UInt64(PassedFiles.countMax) && passed < 2000, "\(passed) are under way")
        #expect(ends.service.files.count == 0)
        _ = try ends.service.files.file(UInt64(PassedFiles.countMax))
        #expect(ends.service.files.count == PassedFiles.countMax)
        #expect(throws: TransportViolation.self) { try ends.service.files.file(passed) }
        #expect(ends.service.files.count == PassedFiles.countMax)
    }
}
