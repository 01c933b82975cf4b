// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// The two directions of one in-memory exchange and those who wait on them.
///
/// Belongs to the exchange's actor, so nothing here is locked: the handler and the client take turns.
final class TestTransport {
    /// Content the client has sent and the application has not read.
    private var arrived: [[UInt8]] = []
    private var arrivedStart = 0
    private(set) var hasArrivedEnd = false
    private(set) var requestTrailers = FieldSection()

    /// Events the client has not taken.
    private var delivered: [TestResponseEvent] = []
    private var deliveredStart = 0
    private(set) var unreadByteCount = 0
    private(set) var isFinished = false
    /// The connection has ended, by either side, before the response did.
    private(set) var isBroken = false
    /// The client takes everything as it comes, so that writes never wait for it.
    var takesEverything = false

    private var readWaiter: CheckedContinuation<Void, Never>?
    private var eventWaiter: CheckedContinuation<Void, Never>?
    private var roomWaiter: CheckedContinuation<Void, Never>?

    // MARK: client to server

    func arrive(_ bytes: [UInt8]) {
        guard !bytes.isEmpty, !hasArrivedEnd, !isBroken else { return }
        arrived.append(bytes)
        resumeReader()
    }

    func arriveEnd(trailers: FieldSection) {
        guard !hasArrivedEnd else { return }
        hasArrivedEnd = true
        requestTrailers = trailers
        resumeReader()
    }

    /// Opens the way to the server again after a 101.
    func reopen() { hasArrivedEnd = false }

    /// The next piece, cut at `byteCountMax`; empty at the end, `nil` when the connection is broken.
    func read(upTo byteCountMax: Int) async -> [UInt8]? {
        while arrivedStart == arrived.count, !hasArrivedEnd, !isBroken {
            await withCheckedContinuation { readWaiter = $0 }
        }
        if isBroken { return nil }
        guard arrivedStart < arrived.count else { return [] }
        let piece = arrived[arrivedStart]
        if piece.count <= byteCountMax {
            arrivedStart += 1
            if arrivedStart == arrived.count {
                arrived.removeAll(keepingCapacity: true)
                arrivedStart = 0
            }
            return piece
        }
        arrived[arrivedStart] = Array(piece.dropFirst(byteCountMax))
        return Array(piece.prefix(byteCountMax))
    }

    /// How many bytes have arrived and not been read.
    var unreadRequestByteCount: Int { arrived[arrivedStart...].reduce(0) { $0 + $1.count } }

    // MARK: server to client

    func deliver(_ event: TestResponseEvent) {
        guard !isFinished else { return }
        if case .content(let bytes) = event { unreadByteCount += bytes.count }
        if case .end = event { isFinished = true }
        if case .aborted = event { isFinished = true }
        delivered.append(event)
        wakeClient()
    }

    /// The oldest event the client has not taken.
    func takeEvent() -> TestResponseEvent? {
        guard deliveredStart < delivered.count else { return nil }
        let event = delivered[deliveredStart]
        deliveredStart += 1
        if deliveredStart == delivered.count {
            delivered.removeAll(keepingCapacity: true)
            deliveredStart = 0
        }
        if case .content(let bytes) = event {
            unreadByteCount -= bytes.count
            resumeRoom()
        }
        return event
    }

    /// Has the client look again once the handler waits.
    func wakeClient() {
        eventWaiter?.resume()
        eventWaiter = nil
    }

    /// Waits until `wakeClient()` is called, or not at all where the exchange is over.
    func waitForEvent() async {
        guard !isFinished, deliveredStart == delivered.count else { return }
        await withCheckedContinuation { eventWaiter = $0 }
    }

    /// Waits until the response is over.
    func waitForFinish() async {
        takesEverything = true
        resumeRoom()
        while !isFinished { await withCheckedContinuation { eventWaiter = $0 } }
    }

    /// Waits until at most `limit` bytes are unread by the client.
    func waitForRoom(_ limit: Int) async {
        while !takesEverything, !isBroken, unreadByteCount > limit {
            await withCheckedContinuation { roomWaiter = $0 }
        }
    }

    /// Ends both directions at once and wakes everyone.
    func breakOff() {
        guard !isBroken else { return }
        isBroken = true
        deliver(.aborted)
        resumeReader()
        resumeRoom()
    }

    private func resumeReader() {
        readWaiter?.resume()
        readWaiter = nil
    }

    private func resumeRoom() {
        roomWaiter?.resume()
        roomWaiter = nil
    }
}
