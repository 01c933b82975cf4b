// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport
internal import Glibc

/// The files that a worker has passed to the service, by their tickets.
///
/// Loop-affine. The worker sends each descriptor with its ticket over a socket of the queue's own before the first
/// record that refers to it; the socket is read when a record refers to a ticket that has not come yet. What stays in
/// the socket is bounded by its buffer and charged to the worker's user.
@safe public final class PassedFiles {
    /// Most files that a worker may have passed and not forgotten.
    public static let countMax = 64

    private let socket: Int32
    @exclusivity(unchecked) private var entries: [(ticket: UInt64, file: PassedFile)] = []
    @exclusivity(unchecked) private var lastTicket: UInt64 = 0
    /// How a descriptor is closed; to be one that does not wait: a file system may have the last one wait.
    @exclusivity(unchecked) public var close: @Sendable (Int32) -> Void = { Glibc.close($0) }

    /// Takes over the service's end of the socket.
    init(socket: Int32) { self.socket = socket }

    deinit { Glibc.close(socket) }

    /// How many files there are.
    public var count: Int { entries.count }

    /// The file that a ticket stands for.
    ///
    /// Cost: a comparison for each file there is, and four system calls for one that has to be received.
    ///
    /// - Throws: a violation where there is none, or the worker passed something that is not such a file: regular, open
    ///   for reading, and on a file system that can be read without waiting.
    public func file(_ ticket: UInt64) throws(TransportViolation) -> PassedFile {
        if let entry = entries.last(where: { $0.ticket == ticket }) { return entry.file }
        while ticket > lastTicket {
            let file = try receive(ticket)
            if lastTicket == ticket { return file }
        }
        throw Self.violation(ticket)
    }

    /// The worker no longer refers to a ticket; what is being sent of the file goes on.
    func forget(_ ticket: UInt64) throws(TransportViolation) {
        _ = try file(ticket)
        entries.removeAll { $0.ticket == ticket }
    }

    /// Takes the next file out of the socket.
    private func receive(_ wanted: UInt64) throws(TransportViolation) -> PassedFile {
        var ticket: UInt64 = 0
        var descriptor: Int32 = -1
        let outcome = qt_receive_file(socket, &ticket, &descriptor)
        let file = PassedFile(descriptor, close: close)
        guard outcome == 1 || outcome == -EMFILE else { throw Self.violation(wanted) }
        guard ticket > lastTicket, entries.count < Self.countMax else { throw Self.violation(ticket) }
        guard outcome == -EMFILE || qt_is_readable_file(descriptor) == 1 else { throw Self.violation(ticket) }
        lastTicket = ticket
        entries.append((ticket, file))
        return file
    }

    private static func violation(_ ticket: UInt64) -> TransportViolation {
        TransportViolation(.file, value: ticket, kind: RecordKind.file.rawValue)
    }
}

/// A file that a worker has passed; closed when its ticket is forgotten and nothing of it is being sent.
public final class PassedFile {
    /// The descriptor; negative where this process could not have another one.
    public let descriptor: Int32
    private let close: @Sendable (Int32) -> Void

    init(_ descriptor: Int32, close: @escaping @Sendable (Int32) -> Void) {
        self.descriptor = descriptor
        self.close = close
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
