// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport
internal import Glibc

/// How one end of a queue wakes the other, and is woken.
///
/// The worker rings an eventfd that both have. The service must not write to one the worker has: the
/// worker could fill it and make it blocking, flags being the open file's, and the service's loop would stand still. So
/// the service keeps its eventfd to itself, and the worker gets an epoll descriptor that watches it. A read
/// of the shared one is safe with `RWF_NOWAIT`, which no flag of the file overrules.
/// Ringing costs 0.2 to 0.4 µs, and a wake-up of another processor 16 µs and more: see `QueueEnd.publish()`.
@safe final class Doorbells {
    /// What this side polls.
    let own: Int32
    private let other: Int32
    private let isService: Bool

    /// Takes over both descriptors.
    init(own: Int32, other: Int32, isService: Bool) {
        self.own = own
        self.other = other
        self.isService = isService
    }

    deinit {
        close(own)
        if other >= 0 { close(other) }
    }

    func ring() { qt_eventfd_ring(other) }

    func drain() {
        if isService { qt_eventfd_drain(own) } else { qt_watch_drain(own) }
    }
}

/// The descriptors of a new queue that a worker needs; closed with this value unless taken.
public struct QueueDescriptors: ~Copyable, Sendable {
    /// The sealed memory.
    public let memory: Int32
    /// What the worker polls.
    public let workerBell: Int32
    /// What the worker rings.
    public let serviceBell: Int32
    /// The socket by which the worker passes open files.
    public let files: Int32

    /// How many there are.
    public static let count = 4

    /// Takes over four descriptors, as they came from the service.
    public init(memory: Int32, workerBell: Int32, serviceBell: Int32, files: Int32) {
        self.memory = memory
        self.workerBell = workerBell
        self.serviceBell = serviceBell
        self.files = files
    }

    deinit {
        close(memory)
        close(workerBell)
        close(serviceBell)
        close(files)
    }

    /// Sends the descriptors over a connected Unix socket with `bytes`, which must not be empty; does not wait.
    ///
    /// The service calls it, and keeps nothing of them.
    public func send(over socket: Int32, with bytes: UnsafeRawBufferPointer) throws(TransportError) {
        try DescriptorPassing.send([memory, workerBell, serviceBell, files], with: bytes, over: socket)
    }

    /// Keeps duplicates of the descriptors, for a worker in the same process.
    public func duplicate() throws(TransportError) -> QueueDescriptors {
        QueueDescriptors(
            memory: try Self.duplicate(memory),
            workerBell: try Self.duplicate(workerBell),
            serviceBell: try Self.duplicate(serviceBell),
            files: try Self.duplicate(files)
        )
    }

    /// Hands over the descriptors' numbers, which are then the caller's to close.
    public consuming func take() -> (memory: Int32, workerBell: Int32, serviceBell: Int32, files: Int32) {
        let numbers = (memory, workerBell, serviceBell, files)
        discard self
        return numbers
    }

    static func duplicate(_ descriptor: Int32) throws(TransportError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw TransportError(operation: "fcntl(F_DUPFD_CLOEXEC)", code: errno) }
        return copy
    }
}
