// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport
internal import Glibc

/// The files that a worker has passed to the service.
///
/// Loop-affine. A file is known by its device and number on it: while the service has it open, no other can get that
/// number. So each file is passed once, however often it was opened.
struct FileTickets: ~Copyable {
    private struct Entry {
        let ticket: UInt64
        let device: UInt
        let number: UInt
        var lastUsedAt: Int64
        /// Uses whose record has not been sent.
        var useCount: Int
        /// Whether it may be found again.
        var isTrusted = true
    }

    private let socket: Int32
    private var entries: [Entry] = []
    private var lastTicket: UInt64 = 0

    /// Takes over the worker's end of the socket.
    init(socket: Int32) { self.socket = socket }

    deinit { close(socket) }

    /// The ticket of an open file, which is passed where it is new; `nil` where that can't be.
    ///
    /// - Parameters:
    ///   - descriptor: what is open.
    ///   - now: monotonic nanoseconds.
    ///   - forget: tells the service to forget a ticket, to make room; returns whether that was sent.
    /// - Returns: the ticket, with a use of it that `release(_:)` ends.
    mutating func ticket(of descriptor: Int32, now: Int64, forget: (UInt64) -> Bool) -> UInt64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        let (device, number) = (UInt(status.st_dev), UInt(status.st_ino))
        if let index = entries.firstIndex(where: {
            $0.number == number && $0.device == device && $0.isTrusted
        }) {
            entries[index].lastUsedAt = now
            entries[index].useCount += 1
            return entries[index].ticket
        }
        guard qt_is_readable_file(descriptor) == 1, makeRoom(forget) else { return nil }
        var ticket = lastTicket + 1
        do {
            try withUnsafeBytes(of: &ticket) { (bytes) throws(TransportError) in
                try DescriptorPassing.send([descriptor], with: bytes, over: socket)
            }
        } catch {
            // The socket is full, or the user has too many descriptors under way.
            return nil
        }
        lastTicket = ticket
        entries.append(
            Entry(ticket: ticket, device: device, number: number, lastUsedAt: now, useCount: 1)
        )
        return ticket
    }

    /// Forgets the file that was not used for longest, where there are as many as may be.
    private mutating func makeRoom(_ forget: (UInt64) -> Bool) -> Bool {
        guard entries.count >= PassedFiles.countMax else { return true }
        let unused = entries.indices.filter { entries[$0].useCount == 0 }
        guard let oldest = unused.min(by: { entries[$0].lastUsedAt < entries[$1].lastUsedAt }),
            forget(entries[oldest].ticket)
        else { return false }
        entries.remove(at: oldest)
        return true
    }

    /// A use is over.
    mutating func release(_ ticket: UInt64) {
        guard let index = entries.firstIndex(where: { $0.ticket == ticket }) else { return }
        entries[index].useCount = max(0, entries[index].useCount - 1)
    }

    /// Has a file passed anew when it is used next.
    mutating func distrust(_ ticket: UInt64) {
        guard let index = entries.firstIndex(where: { $0.ticket == ticket }) else { return }
        entries[index].isTrusted = false
        entries[index].lastUsedAt = .min
    }

    /// Forgets what was last used before a time; returns whether there was any.
    mutating func forget(usedBefore time: Int64, _ forget: (UInt64) -> Bool) -> Bool {
        let count = entries.count
        entries.removeAll { $0.useCount == 0 && $0.lastUsedAt < time && forget($0.ticket) }
        return entries.count < count
    }
}
