// SPDX-License-Identifier: Apache-2.0

import HTTP2
import HTTPFeatures
import HTTPWire
import IORing

/// One stream of an HTTP/2 connection: its request's content, and its response until that is sent.
///
/// Loop-affine. Lives from the request's head to the close of the stream, and may outlive its exchange, whose
/// response is still on its way then.
final class HTTP2StreamDriver {
    /// The session's stream; none while this is nobody's.
    @exclusivity(unchecked) var handle: HTTP2Stream?
    /// Its place among the connection's streams.
    @exclusivity(unchecked) var index = 0
    @exclusivity(unchecked) unowned(unsafe) var driver: HTTP2Driver
    @exclusivity(unchecked) var exchange: Exchange?

    // Content of the request: what has arrived and was not read.
    @exclusivity(unchecked) var content: [UInt8] = []
    @exclusivity(unchecked) var contentStart = 0
    @exclusivity(unchecked) var hasContentEnded = false
    @exclusivity(unchecked) var contentReceived: UInt64 = 0
    /// Content that came after the handler had returned.
    @exclusivity(unchecked) var discardedByteCount: Int64 = 0

    // The response: `tail` gathers, `queued` stands before it.
    @exclusivity(unchecked) var queued: [OutputSegment] = []
    @exclusivity(unchecked) var queuedStart = 0
    @exclusivity(unchecked) var tail = OutputBuffer(capacity: 0)
    @exclusivity(unchecked) var unsentByteCount = 0
    /// Whether nothing follows what is gathered.
    @exclusivity(unchecked) var isOutputEnded = false
    /// Whether the end of the response has been handed to the session.
    @exclusivity(unchecked) var isOutputSent = false
    @exclusivity(unchecked) var hasHead = false
    @exclusivity(unchecked) var trailers: FieldSection?
    @exclusivity(unchecked) var isGathering = false
    @exclusivity(unchecked) var tunnel: HTTP2Tunnel?

    // Deadlines, in nanoseconds; 0 means none.
    @exclusivity(unchecked) var deadline: Int64 = 0
    @exclusivity(unchecked) var isWaitingForContent = false
    @exclusivity(unchecked) var contentWaitStart: Int64 = 0
    @exclusivity(unchecked) var contentWindowWaited: Int64 = 0
    @exclusivity(unchecked) var contentWindowBytes: UInt64 = 0
    @exclusivity(unchecked) var minSendBytesPerSecond = 0
    /// When the rate at which the client's window lets the response out is judged next.
    @exclusivity(unchecked) var sendDeadline: Int64 = 0
    @exclusivity(unchecked) var sentAtWindowStart: Int64 = 0
    @exclusivity(unchecked) private(set) var sentByteCount: Int64 = 0

    init(driver: HTTP2Driver) { self.driver = driver }

    /// Forgets the request, for the next one.
    func reset(to blocks: BlockPool) {
        handle = nil
        exchange = nil
        content = []
        contentStart = 0
        hasContentEnded = false
        contentReceived = 0
        discardedByteCount = 0
        discardOutput(blocks)
        isOutputEnded = false
        isOutputSent = false
        hasHead = false
        trailers = nil
        isGathering = false
        tunnel = nil
        deadline = 0
        sendDeadline = 0
        sentByteCount = 0
        isWaitingForContent = false
        contentWindowWaited = 0
    }

    /// Throws away what was not sent.
    func discardOutput(_ blocks: BlockPool) {
        for segment in queued { segment.release(to: blocks) }
        queued.removeAll()
        queuedStart = 0
        let (pointer, _, capacity) = tail.take()
        blocks.put(pointer, capacity: capacity)
        unsentByteCount = 0
    }

    // MARK: Content

    var contentCount: Int { content.count - contentStart }

    /// Takes up to so many bytes of what has arrived.
    func takeContent(upTo byteCountMax: Int) -> [UInt8] {
        let count = min(byteCountMax, contentCount)
        if contentStart == 0, count == content.count {
            let all = content
            content = []
            return all
        }
        let piece = Array(content[contentStart..<(contentStart + count)])
        contentStart += count
        if contentStart == content.count {
            content.removeAll(keepingCapacity: false)
            contentStart = 0
        }
        return piece
    }

    func addContent(_ bytes: UnsafeRawBufferPointer) {
        if contentStart > 65536 {
            content.removeFirst(contentStart)
            contentStart = 0
        }
        content.append(contentsOf: bytes)
        contentReceived &+= UInt64(bytes.count)
    }

    // MARK: Output

    func append(_ bytes: UnsafeRawBufferPointer, _ blocks: BlockPool) {
        if tail.capacity - tail.count < bytes.count {
            moveTail()
            let (pointer, capacity) = blocks.get(atLeast: bytes.count)
            tail = OutputBuffer(adopting: pointer, capacity: capacity)
        }
        tail.append(bytes)
        unsentByteCount += bytes.count
    }

    func append(_ segment: OutputSegment) {
        moveTail()
        queued.append(segment)
        unsentByteCount += segment.byteCount
    }

    private func moveTail() {
        let (pointer, count, capacity) = tail.take()
        guard count > 0 || pointer != nil else { return }
        queued.append(.block(pointer, count: count, capacity: capacity))
    }

    /// Moves the next bytes of the response to the session's output.
    func readOutput(into output: inout OutputBuffer, byteCountMax: Int, _ blocks: BlockPool) {
        var room = byteCountMax
        while room > 0, unsentByteCount > 0 {
            if queued.isEmpty { moveTail() }
            guard let first = queued.first else { break }
            let bytes = first.bytes
            let count = min(room, bytes.count - queuedStart)
            output.append(UnsafeRawBufferPointer(rebasing: bytes[queuedStart..<(queuedStart + count)]))
            room -= count
            sentByteCount &+= Int64(count)
            queuedStart += count
            unsentByteCount -= count
            if queuedStart == bytes.count {
                queued.removeFirst().release(to: blocks)
                queuedStart = 0
            }
        }
    }
}
