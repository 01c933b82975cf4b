// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPWire
import IORing

extension Connection {
    /// Bytes written by the driver that the kernel has not taken yet.
    var unsentByteCount: Int {
        output.count + queuedByteCount + inFlightByteCount + (tls?.ciphertext.count ?? 0)
    }

    /// Puts the connection on the list of those looked at when the iteration ends.
    @inline(__always)
    func touch() {
        if !isTouched {
            isTouched = true
            loop.touch(self)
        }
    }

    /// Makes sure `byteCount` bytes can be appended to `output` without a move.
    func reserveOutput(_ byteCount: Int) {
        guard output.capacity - output.count < byteCount else { return }
        if output.count == 0 {
            let (old, _, oldCapacity) = output.take()
            loop.blocks.put(old, capacity: oldCapacity)
            let (pointer, capacity) = loop.blocks.get(atLeast: byteCount)
            output = OutputBuffer(adopting: pointer, capacity: capacity)
        } else {
            output.reserve(byteCount)
        }
    }

    /// Adds bytes kept alive by an owner, without a copy.
    func append(_ segment: OutputSegment) {
        queueOutput()
        queued.append(segment)
        queuedByteCount += segment.byteCount
        touch()
    }

    func queueOutput() {
        guard output.count > 0 else { return }
        let (pointer, count, capacity) = output.take()
        queued.append(.block(pointer, count: count, capacity: capacity))
        queuedByteCount += count
    }

    /// Hands output to the kernel unless it still works on what it got before.
    ///
    /// One send at a time: two in flight on one socket may interleave.
    func flushOutput() {
        guard inFlight == nil, state != .closing, state != .free, state != .lingering else { return }
        if let tls {
            flushEncrypted(tls)
        } else if queued.isEmpty {
            guard output.count > 0 else { return }
            let (pointer, count, capacity) = output.take()
            submit(.block(pointer, count: count, capacity: capacity))
        } else {
            queueOutput()
            let segment = queued.removeFirst()
            queuedByteCount -= segment.byteCount
            submit(segment)
        }
    }

    /// Sends the output at once instead of with the iteration's other work, if nothing is before it.
    ///
    /// - Returns: whether all of it has gone.
    func sendOutputNow() -> Bool {
        guard inFlight == nil, queued.isEmpty, state == .open, tls == nil else { return false }
        guard output.count > 0 else { return true }
        let sent = output.withUnsafeBytes { Socket.sendNow(socket, $0) }
        guard sent > 0 else { return false }
        countSent(sent)
        output.removeFirst(sent)
        return output.count == 0
    }

    /// Sends part of a file from the page cache, after all output has gone.
    ///
    /// - Returns: bytes sent, or a negative errno.
    func sendFileNow(_ descriptor: Int32, offset: Int64, byteCount: Int) -> Int {
        let sent = Socket.sendFile(socket, from: descriptor, offset: offset, byteCount: byteCount)
        if sent > 0 { countSent(sent) }
        return sent
    }

    func countSent(_ byteCount: Int) {
        bytesSent &+= UInt64(byteCount)
        loop.counters.bytesSent.count(UInt64(byteCount))
    }

    func submit(_ segment: OutputSegment) {
        let bytes = segment.bytes
        inFlightByteCount = bytes.count
        inFlight = segment
        guard let base = bytes.baseAddress else { return }
        loop.ring.send(
            socket: socket,
            pointer: base,
            count: bytes.count,
            more: !queued.isEmpty,
            awaitsRoom: awaitsRoom,
            token: token(.send)
        )
        awaitsRoom = false
        if minSendBytesPerSecond > 0, sendDeadline == 0 {
            sendDeadline = loop.ring.now.nanoseconds &+ loop.rateWindow
            acknowledgedAtWindowStart = -1
            schedule(sendDeadline)
        }
    }

    func sendCompleted(_ completion: Completion) {
        guard let segment = inFlight else { return }
        let expected = inFlightByteCount
        inFlight = nil
        inFlightByteCount = 0
        segment.release(to: loop.blocks)
        if completion.result > 0 { countSent(Int(completion.result)) }
        guard state != .closing else {
            finishIfQuiet()
            return
        }
        guard Int(completion.result) == expected else {
            // MSG_WAITALL: less than everything means that the connection has failed.
            close(reset: true)
            return
        }
        if unsentByteCount > 0 {
            flushOutput()
            if unsentByteCount <= loop.options.limits.maxResponseBufferSize / 2 { driver?.outputDrained() }
        } else {
            sendDeadline = 0
            if state == .closingAfterOutput { outputIsOut() } else { driver?.outputDrained() }
        }
    }

    func outputIsOut() {
        if let tls, endEncryption(tls) { return }
        guard lingersAfterOutput, !isPeerFinished else {
            close(reset: false)
            return
        }
        state = .lingering
        driver?.connectionClosing()
        shutdown(socket, Int32(SHUT_WR))
        lingeredByteCount = 0
        if receive == .off { armReceive() }
        setPhaseDeadline(loop.ring.now.nanoseconds &+ Connection.lingerTime)
    }

    static let lingeredByteCountMax = 16 << 20
    static let lingerTime: Int64 = 5_000_000_000
}
