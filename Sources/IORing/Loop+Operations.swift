// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Operations. Each is queued here, and submitted together with all others at the end of the iteration.
///
/// Loop-affine. Memory given to an operation stays in place and unchanged until its completion, also after a
/// cancel and while the loop ends. Cost: a few nanoseconds; nothing is allocated.
extension Loop {
    /// The time at which the iteration began.
    @inlinable
    public var now: MonotonicTime { clock.pointee.now }

    /// Seconds since 1970, at most a second behind a wall clock that was set.
    @inlinable
    public var wallClockSeconds: Int64 { clock.pointee.wallClockSeconds }

    /// The timers of the delegate; an entry that comes due is told with `LoopDelegate.timerExpired(_:)`.
    @inlinable
    public var timers: TimerWheel {
        _read { yield wheel.pointee }
        _modify { yield &wheel.pointee }
    }

    /// The counters, as of now.
    public var statistics: LoopStatistics {
        var statistics = core.pointee.statistics
        statistics.enters = core.pointee.ring.enterCount
        statistics.foreignWakes = foreign.wakes
        statistics.inFlight = core.pointee.inFlight
        statistics.starved = core.pointee.starved.count
        statistics.buffersLent = core.pointee.buffers.lentCount + core.pointee.largeBuffers.lentCount
        return statistics
    }

    /// Whether the kernel completes operations only when the loop enters it (`DEFER_TASKRUN`, 6.1).
    ///
    /// False on older kernels, where it may interrupt the loop's thread for that: a few per cent slower.
    public var defersTaskRun: Bool { core.pointee.ring.defersTaskRun }

    /// The number of delegate operations that have not completed for good.
    ///
    /// Not zero in `LoopDelegate.stopped()`: the kernel would not let go of some within two seconds, and memory
    /// given to them must never be freed.
    public var operationsInFlight: Int { core.pointee.inFlight }

    /// The entry for one more operation of the delegate.
    @inline(__always)
    private func submission(_ token: Token) -> UnsafeMutablePointer<io_uring_sqe> {
        assert(isCurrent, "a loop's operations are for its own thread")
        assert(!token.isLoops, "kind 255 is the loop's own")
        core.pointee.inFlight &+= 1
        return core.pointee.ring.nextSubmission()
    }

    // MARK: Connections

    /// Accepts connections until the operation ends; each completion's result is a new descriptor.
    ///
    /// The descriptors are close-on-exec and blocking, as the ring wants them. The multishot ends with `EMFILE`
    /// or `ENFILE`: the client stays in the backlog, and arming again at once would fail at once, so wait.
    public func acceptMultishot(listener: Int32, token: Token) {
        hr_prepare_accept(submission(token), listener, 1, token.rawValue)
    }

    /// Accepts one connection; the result is its descriptor.
    public func acceptOnce(listener: Int32, token: Token) {
        hr_prepare_accept(submission(token), listener, 0, token.rawValue)
    }

    /// Receives until the operation ends; each completion with bytes hands over a buffer.
    ///
    /// The result is the byte count, 0 at the end of the peer's data, or a negative errno. Without
    /// `Completion.hasMore` the receive has ended, even after good data: arm it again if more is wanted.
    public func receiveMultishot(socket: Int32, token: Token) {
        hr_prepare_receive_multishot(submission(token), socket, BufferRing.group, token.rawValue)
    }

    /// Receives once, into a buffer of `Configuration.largeBufferByteCount`.
    ///
    /// For a socket that much comes from: what one takes at a time is bounded, where a multishot would fill all buffers
    /// before anybody could tell it to stop. There are few large buffers: a receive that finds none free ends with
    /// `ENOBUFS`, and is best followed by a multishot into the others.
    public func receiveLarge(socket: Int32, token: Token) {
        hr_prepare_receive_once(submission(token), socket, BufferRing.largeGroup, token.rawValue)
    }

    /// Arms a receive that ended with `ENOBUFS` again when buffers have come back.
    ///
    /// Sockets wait in order, and few are armed at a time, so that a shortage does not become a stampede.
    /// A socket that is closed meanwhile has to be taken out with `cancelParked(token:)` or `cancelThenClose`.
    public func receiveWhenBuffersReturn(socket: Int32, token: Token) {
        core.pointee.starved.append(socket: socket, token: token)
    }

    /// Forgets a receive that waits for buffers; false when it does not wait.
    @discardableResult
    public func cancelParked(token: Token) -> Bool {
        core.pointee.starved.cancel(token)
    }

    /// Sends all of `count` bytes; `more` says that the rest of a message follows at once (`MSG_MORE`).
    ///
    /// With `awaitsRoom` it begins when a third of the socket's buffer is free, as poll(2) sees it
    /// (`IORING_RECVSEND_POLL_FIRST`), and not as soon as there is room for a byte.
    /// The result is `count`; less when the connection failed or the send was cancelled after some bytes; or a
    /// negative errno. One send at a time for each socket: two could interleave. At most 2 GiB.
    public func send(
        socket: Int32,
        pointer: UnsafeRawPointer,
        count: Int,
        more: Bool = false,
        awaitsRoom: Bool = false,
        token: Token
    ) {
        let flags = Self.sendFlags | (more ? UInt32(MSG_MORE) : 0)
        let bounded = UInt32(truncatingIfNeeded: min(max(count, 0), Int(Int32.max)))
        let entry = submission(token)
        hr_prepare_send(entry, socket, pointer, bounded, flags, token.rawValue)
        if awaitsRoom { entry.pointee.ioprio |= hr_poll_first() }
    }

    /// Sends the bytes of `count` pieces in order, as `send` does those of one.
    ///
    /// The list of pieces stays in place until the iteration ends, the bytes until the completion. At most
    /// 1024 pieces (`IOV_MAX`) and 2 GiB. A vectorised SEND where the kernel has it (6.17), else SENDMSG.
    public func sendVector(
        socket: Int32,
        pieces: UnsafePointer<SendPiece>,
        count: Int,
        more: Bool = false,
        token: Token
    ) {
        let flags = Self.sendFlags | (more ? UInt32(MSG_MORE) : 0)
        precondition(count >= 0 && count <= 1024, "a vectored send has at most 1024 pieces")
        let bounded = UInt32(truncatingIfNeeded: count)
        let vectors = UnsafeRawPointer(pieces)
        if core.pointee.hasVectorisedSend {
            hr_prepare_send_vector(submission(token), socket, vectors, bounded, flags, token.rawValue)
        } else {
            let entry = submission(token)
            let message = core.pointee.messages.next()
            hr_prepare_send_message(entry, socket, message, vectors, bounded, flags, token.rawValue)
        }
    }

    private static var sendFlags: UInt32 { UInt32(MSG_WAITALL | MSG_NOSIGNAL) }

    // MARK: Files and descriptors

    /// Reads up to `count` bytes of a file at `offset`; the result is the number read, 0 at the end.
    ///
    /// Bytes in the page cache are read while submitting; others by a kernel worker thread, of which the
    /// loop allows two.
    public func read(
        file: Int32,
        into bytes: UnsafeMutableRawPointer,
        count: Int,
        offset: Int64,
        token: Token
    ) {
        let bounded = UInt32(truncatingIfNeeded: min(max(count, 0), Int(Int32.max)))
        let position = UInt64(bitPattern: offset)
        hr_prepare_read(submission(token), file, bytes, bounded, position, token.rawValue)
    }

    /// Completes once when `descriptor` has something to read or has hung up; the result holds the poll events.
    public func pollIn(_ descriptor: Int32, token: Token) {
        hr_prepare_poll(submission(token), descriptor, hr_poll_in(), 0, token.rawValue)
    }

    /// Cancels the operation that was begun with token `target`.
    ///
    /// The operation's own completion still comes and has to be waited for: with `ECANCELED`, or as usual
    /// when it was faster; a send half done tells how many bytes went. With a `token` the cancel completes too: 0,
    /// or `ENOENT` when there was nothing to cancel.
    public func cancel(_ target: Token, token: Token? = nil) {
        if let token {
            hr_prepare_cancel(submission(token), target.rawValue, 0, 0, token.rawValue)
        } else {
            let entry = core.pointee.ring.nextSubmission()
            hr_prepare_cancel(entry, target.rawValue, 0, 1, Token.ignored.rawValue)
        }
    }

    /// Cancels the receive that was begun with token `receive`, then closes the socket; `token` is the close's.
    ///
    /// The receive's own completion comes as after `cancel`. No send may be in flight: its memory would have to
    /// stay until its completion, and the peer would not see the end before that. A receive that waits for
    /// buffers is forgotten.
    public func cancelThenClose(socket: Int32, receive: Token, token: Token) {
        if core.pointee.starved.count > 0 {
            core.pointee.starved.cancel(receive)
        }
        cancel(receive)
        close(socket, token: token)
    }

    /// Closes a descriptor; without a `token` nobody is told.
    ///
    /// Operations in flight keep the file open, so cancel them first.
    public func close(_ descriptor: Int32, token: Token?) {
        if let token {
            hr_prepare_close(submission(token), descriptor, 0, token.rawValue)
        } else {
            hr_prepare_close(core.pointee.ring.nextSubmission(), descriptor, 1, Token.ignored.rawValue)
        }
    }

    // MARK: Receive buffers

    /// The first `count` bytes of a buffer that a completion handed over; valid until it is returned.
    public func bufferBytes(_ identifier: UInt16, count: Int) -> UnsafeRawBufferPointer {
        if !Self.isLarge(buffer: identifier) {
            core.pointee.buffers.contents(of: identifier, byteCount: count)
        } else {
            core.pointee.largeBuffers.contents(of: identifier, byteCount: count)
        }
    }

    /// Whether a buffer is one of the large ones.
    @inlinable
    public static func isLarge(buffer identifier: UInt16) -> Bool { identifier >= 0x8000 }

    /// Gives a buffer back to the kernel, with effect at the end of the iteration.
    ///
    /// Returning a buffer twice traps: two connections would otherwise write to the same memory.
    public func returnBuffer(_ identifier: UInt16) {
        if !Self.isLarge(buffer: identifier) {
            core.pointee.buffers.give(identifier)
        } else {
            core.pointee.largeBuffers.give(identifier)
        }
    }
}
