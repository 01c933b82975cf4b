// SPDX-License-Identifier: Apache-2.0

import CQueueTransport
import Glibc
@testable import QueueTransport
import Testing

@Suite("Memory of a queue")
struct MemoryTests {
    private func service(_ geometry: QueueGeometry = .small) throws -> (
        ServiceEnd, file: Int32, bells: [Int32]
    ) {
        var descriptors: QueueDescriptors?
        let service = try ServiceEnd(geometry: geometry, worker: &descriptors)
        guard let descriptors = descriptors.take() else { preconditionFailure("a queue has descriptors") }
        let copies = try [
            descriptors.memory, descriptors.workerBell, descriptors.serviceBell, descriptors.files,
        ].map { try QueueDescriptors.duplicate($0) }
        return (service, copies[0], Array(copies[1...]))
    }

    @Test("The file's size is sealed: it cannot be cut, grown, or unsealed")
    func sealed() throws {
        let (service, file, bells) = try service()
        defer { for descriptor in bells + [file] { close(descriptor) } }
        #expect(ftruncate(file, 4096) == -1 && errno == EPERM)
        #expect(ftruncate(file, 1 << 20) == -1 && errno == EPERM)
        #expect(ftruncate(file, 0) == -1 && errno == EPERM)
        #expect(qt_is_size_sealed(file) == 1)
        #expect(qt_seal_size(file) == -EPERM)
        withExtendedLifetime(service) {}
    }

    @Test("A worker refuses a file whose size is not sealed, before it maps it")
    func unsealed() throws {
        let file = qt_memfd("test")
        defer { close(file) }
        let geometry = QueueGeometry.small
        #expect(ftruncate(file, geometry.totalBytes) == 0)
        var shared = geometry.shared
        #expect(pwrite(file, &shared, MemoryLayout<qt_geometry>.size, 0) == MemoryLayout<qt_geometry>.size)
        let violation = #expect(throws: TransportViolation.self) { try QueueMemory.readGeometry(file) }
        #expect(violation?.code == .unsealed)
    }

    @Test("A worker refuses a descriptor that is no file in memory")
    func noFile() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for descriptor in ends { close(descriptor) } }
        let violation = #expect(throws: TransportViolation.self) { try QueueMemory.readGeometry(ends[0]) }
        #expect(violation?.code == .unsealed)
    }

    @Test("A worker refuses a first page that describes something else", arguments: 0..<9)
    func geometry(_ index: Int) throws {
        let file = qt_memfd("test")
        defer { close(file) }
        var shared = QueueGeometry.small.shared
        switch index {
        case 0: shared.magic = 0
        case 1: shared.version = 2
        case 2: shared.total_bytes += 4096
        case 3: shared.request_ring_bytes = 4097
        case 4: shared.response_ring_bytes = .max
        case 5: shared.block_bytes = 0
        case 6: shared.request_blocks = .max
        case 7: shared.outstanding_max = 0
        default: shared.record_bytes_max = 4096
        }
        #expect(ftruncate(file, QueueGeometry.small.totalBytes) == 0)
        #expect(pwrite(file, &shared, MemoryLayout<qt_geometry>.size, 0) == MemoryLayout<qt_geometry>.size)
        #expect(qt_seal_size(file) == 0)
        let violation = #expect(throws: TransportViolation.self) { try QueueMemory.readGeometry(file) }
        #expect(violation?.code == (index == 1 ? .version : .geometry))
    }

    @Test("A worker refuses a file smaller than its first page")
    func tiny() throws {
        let file = qt_memfd("test")
        defer { close(file) }
        #expect(ftruncate(file, 10) == 0)
        #expect(qt_seal_size(file) == 0)
        #expect(throws: TransportViolation.self) { try QueueMemory.readGeometry(file) }
    }

    @Test("A worker that punches holes into the file makes zeros of it, which are refused")
    func holes() throws {
        let pair = try Pair()
        let id = try pair.begin()
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        pair.worker.publish()
        // The same as a punched hole, for which the seals leave the right: the pages read as zeros.
        #expect(madvise(pair.worker.memory.responseRing, 4096, 9 /* MADV_REMOVE */) == 0)
        let violation = #expect(throws: TransportViolation.self) { try pair.service.receive { _ in } }
        #expect(violation?.code == .length)
    }

    @Test("What the other side writes is mapped for reading only")
    func readOnly() throws {
        let pair = try Pair()
        func isWritable(_ memory: UnsafeMutableRawPointer) -> Bool {
            // read(2) into memory that cannot be written fails instead of raising a signal.
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { return true }
            defer { for descriptor in ends { close(descriptor) } }
            _ = write(ends[1], "x", 1)
            return read(ends[0], memory, 1) == 1
        }
        #expect(!isWritable(pair.service.memory.responseRing))
        #expect(!isWritable(pair.service.memory.responseArea))
        #expect(!isWritable(pair.worker.memory.requestRing))
        #expect(!isWritable(pair.worker.memory.requestArea))
        #expect(isWritable(pair.service.memory.requestArea))
    }

    @Test("Descriptors and words pass over a Unix socket; those too many are closed")
    func passing() throws {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        defer { for descriptor in ends { close(descriptor) } }
        var descriptors: QueueDescriptors?
        let service = try ServiceEnd(geometry: .small, worker: &descriptors)
        try withBytes("queue 1") { bytes in
            guard let descriptors = descriptors.take() else { return }
            try descriptors.send(over: ends[0], with: bytes)
        }
        var buffer = [UInt8](repeating: 0, count: 64)
        var received: [Int32] = []
        let count = try buffer.withUnsafeMutableBytes {
            try DescriptorPassing.receive(into: $0, descriptors: &received, over: ends[1])
        }
        #expect(String(decoding: buffer[..<count], as: UTF8.self) == "queue 1")
        try #require(received.count == 4)
        let worker = try WorkerEnd(
            QueueDescriptors(
                memory: received[0],
                workerBell: received[1],
                serviceBell: received[2],
                files: received[3]
            )
        )
        worker.offer(3)
        worker.publish()
        try service.receive { _ in }
        #expect(service.credit == 3)
        #expect(throws: TransportError(operation: "recvmsg", code: EAGAIN)) {
            try buffer.withUnsafeMutableBytes {
                try DescriptorPassing.receive(into: $0, descriptors: &received, over: ends[1])
            }
        }
    }

    @Test("A worker that makes its bell blocking, and fills it, does not stop the service")
    func bells() throws {
        let (service, file, bells) = try service()
        let worker = try WorkerEnd(
            QueueDescriptors(memory: file, workerBell: bells[0], serviceBell: bells[1], files: bells[2])
        )
        try service.receive { _ in }
        let bell = service.descriptorToPoll
        #expect(fcntl(bell, F_SETFL, 0) == 0)
        // Nothing was rung: a plain read would now wait for ever.
        #expect(!service.arm())
        service.disarm(rung: true)
        // The worker's descriptor only watches the service's: nothing can be written to it, or read from it.
        var value: UInt64 = .max - 1
        #expect(write(worker.descriptorToPoll, &value, 8) == -1)
        #expect(read(worker.descriptorToPoll, &value, 8) == -1)
        for _ in 0..<1000 {
            _ = worker.arm()
            service.ping(1)
            service.publish()
            worker.disarm(rung: false)
            try worker.receive { _ in }
            worker.publish()
            try service.receive { _ in }
        }
        #expect(service.ringCount >= 999)
    }
}
