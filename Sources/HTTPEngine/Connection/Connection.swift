// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPWire
import IORing

/// One accepted socket: its input, its output, its deadlines.
///
/// Loop-affine.
///
/// The object belongs to a slot of its loop and serves one socket after another; the generation in its
/// tokens tells late completions of an earlier socket apart. An idle connection holds no buffer.
final class Connection {
    /// What the receive operation is doing.
    enum ReceiveState: UInt8 {
        case off
        case armed
        case cancelling
        /// Waiting for provided buffers to come back.
        case parked
    }

    enum State: UInt8 {
        case free
        case open
        /// Output is on its way out; the socket is closed, or half-closed, when it has gone.
        case closingAfterOutput
        /// Our half is shut; what the peer still sends is thrown away until it closes.
        case lingering
        case closing
    }

    let loop: EngineLoop
    let slot: UInt32
    @exclusivity(unchecked) private(set) var generation: UInt32 = 0
    @exclusivity(unchecked) private(set) var state = State.free
    @exclusivity(unchecked) private(set) var socket: Int32 = -1
    @exclusivity(unchecked) private(set) var number: UInt64 = 0
    @exclusivity(unchecked) private(set) var acceptedAt: Int64 = 0
    @exclusivity(unchecked) unowned(unsafe) private(set) var listener: LoopListener
    @exclusivity(unchecked) private(set) var driver: (any ProtocolDriver)?

    // Input: bytes not yet consumed, in a leased buffer of the ring or in memory of our own.
    @exclusivity(unchecked) private var inputBase: UnsafePointer<UInt8>?
    @exclusivity(unchecked) private var inputStart = 0
    @exclusivity(unchecked) private var inputEnd = 0
    @exclusivity(unchecked) private var leasedBuffer: Int32 = -1
    @exclusivity(unchecked) private var ownedInput: UnsafeMutablePointer<UInt8>?
    @exclusivity(unchecked) private var ownedCapacity = 0
    @exclusivity(unchecked) private var receive = ReceiveState.off
    @exclusivity(unchecked) private var wantsInput = true
    @exclusivity(unchecked) private(set) var isPeerFinished = false

    // Output: `output` gathers; `inFlight` is the kernel's until its completion.
    @exclusivity(unchecked) var output = OutputBuffer(capacity: 0)
    @exclusivity(unchecked) private var queued: [OutputSegment] = []
    @exclusivity(unchecked) private var queuedByteCount = 0
    @exclusivity(unchecked) private var inFlight: OutputSegment?
    @exclusivity(unchecked) private var inFlightByteCount = 0
    @exclusivity(unchecked) private var lingersAfterOutput = false
    @exclusivity(unchecked) private(set) var bytesReceived: UInt64 = 0
    @exclusivity(unchecked) private(set) var bytesSent: UInt64 = 0

    // Deadlines, in nanoseconds; 0 means none.
    @exclusivity(unchecked) private(set) var phaseDeadline: Int64 = 0
    @exclusivity(unchecked) private var sendDeadline: Int64 = 0
    @exclusivity(unchecked) private var wheelDeadline: Int64 = 0
    @exclusivity(unchecked) private var acknowledgedAtWindowStart: Int64 = -1
    @exclusivity(unchecked) var minSendBytesPerSecond = 0

    @exclusivity(unchecked) private var operationsPending = 0
    /// Boxed, since most connections are never asked and an idle one is to be small.
    @exclusivity(unchecked) private var addresses: ConnectionAddresses?
    @exclusivity(unchecked) var isTouched = false
    /// Whether the driver has gathered content that is to leave with this iteration.
    @exclusivity(unchecked) var hasGatheredContent = false

    init(loop: EngineLoop, slot: UInt32, listener: LoopListener) {
        self.loop = loop
        self.slot = slot
        self.listener = listener
    }

    // MARK: Life

    /// The loop has ended: lets go of the driver, which refers back.
    func dissolve() { driver = nil }

    /// Takes an accepted socket and begins to receive.
    func open(socket: Int32, listener: LoopListener, number: UInt64) {
        self.socket = socket
        self.listener = listener
        self.number = number
        generation &+= 1
        state = .open
        acceptedAt = loop.ring.now.nanoseconds
        lingeredByteCount = 0
        wantsInput = true
        isPeerFinished = false
        lingersAfterOutput = false
        bytesReceived = 0
        bytesSent = 0
        addresses = nil
        minSendBytesPerSecond = loop.options.timeouts.minSendBytesPerSecond
        let driver = (self.driver as? HTTP1Driver) ?? HTTP1Driver(connection: self)
        self.driver = driver
        driver.open()
        armReceive()
    }

    var isOpen: Bool { state == .open }
    var isInUse: Bool { state != .free }
    private var timerIndex: UInt32 { slot + UInt32(EngineLoop.reservedTimers) }

    private func token(_ kind: TokenKind) -> Token {
        Token(kind: kind.rawValue, generation: generation, slot: slot)
    }

    /// Closes once everything in the output has gone.
    ///
    /// - Parameter lingers: shut our half first and read on for a while, so that a peer that is still
    ///   sending gets to see the response instead of a reset (RFC 9112 §9.6).
    func closeAfterOutput(lingers: Bool) {
        guard state == .open else { return }
        state = .closingAfterOutput
        lingersAfterOutput = lingers
        phaseDeadline = 0
        wantsInput = lingers
        discardInput()
        if unsentByteCount == 0 { outputIsOut() } else { touch() }
    }

    /// Closes now; output that has not gone is lost.
    ///
    /// - Parameter reset: with a reset instead of an orderly end.
    func close(reset: Bool) {
        guard state != .closing, state != .free else { return }
        state = .closing
        driver?.connectionClosing()
        discardInput()
        releaseLease()
        phaseDeadline = 0
        sendDeadline = 0
        if wheelDeadline != 0 {
            loop.ring.timers.cancel(timerIndex)
            wheelDeadline = 0
        }
        if reset {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        }
        if inFlight != nil { loop.ring.cancel(token(.send), token: token(.cancel)) }
        operationsPending += 1
        switch receive {
        case .armed:
            receive = .cancelling
            loop.ring.cancelThenClose(socket: socket, receive: token(.receive), token: token(.close))
        case .parked:
            if loop.ring.cancelParked(token: token(.receive)) {
                receive = .off
                loop.ring.close(socket, token: token(.close))
            } else {
                // Buffers came back and the ring armed it meanwhile.
                receive = .cancelling
                loop.ring.cancelThenClose(socket: socket, receive: token(.receive), token: token(.close))
            }
        case .off, .cancelling:
            loop.ring.close(socket, token: token(.close))
        }
        freeOutput()
    }

    private func freeOutput() {
        let (pointer, _, capacity) = output.take()
        loop.blocks.put(pointer, capacity: capacity)
        for segment in queued { segment.release(to: loop.blocks) }
        queued.removeAll()
        queuedByteCount = 0
    }

    /// The socket is gone and no operation of it is left: the slot is free again.
    private func finishIfQuiet() {
        guard state == .closing, operationsPending == 0, receive == .off, inFlight == nil else { return }
        state = .free
        socket = -1
        loop.connectionEnded(self)
    }

    /// The server stops: close as soon as nothing is in progress.
    func beginDrain() {
        if state == .open { driver?.beginDrain() }
    }

    /// The iteration ends: output leaves, a leased buffer goes back.
    func finishIteration() {
        guard state != .free, state != .closing else { return }
        if hasGatheredContent {
            hasGatheredContent = false
            driver?.prepareOutput()
        }
        flushOutput()
        releaseLease()
    }

    // MARK: Addresses

    /// The client's address, asked of the kernel when first wanted.
    var peerAddress: SocketAddress { knownAddresses.peer }

    /// The address the client reached, asked of the kernel when first wanted.
    var localAddress: SocketAddress { knownAddresses.local }

    var knownAddresses: ConnectionAddresses {
        if let addresses { return addresses }
        let asked = ConnectionAddresses(of: socket)
        addresses = asked
        return asked
    }

    // MARK: Completions

    func completed(_ kind: TokenKind, _ completion: Completion) {
        switch kind {
        case .receive: receiveCompleted(completion)
        case .send: sendCompleted(completion)
        case .close:
            operationsPending -= 1
            finishIfQuiet()
        case .cancel, .accept, .file: break
        }
    }

    private func receiveCompleted(_ completion: Completion) {
        if !completion.hasMore {
            receive = .off
        } else if receive == .parked {
            receive = .armed
        }
        if let id = completion.bufferID {
            if completion.result > 0, state != .closing {
                addInput(buffer: id, byteCount: Int(completion.result))
            } else {
                loop.ring.returnBuffer(id)
            }
        }
        if completion.result <= 0 { receiveEnded(completion) }
        if receive == .off {
            if state == .closing {
                finishIfQuiet()
            } else if wantsInput, !isPeerFinished, completion.result > 0 || completion.isCancelled {
                armReceive()
            }
        }
    }

    private func receiveEnded(_ completion: Completion) {
        guard state != .closing else { return }
        if completion.result == 0 {
            isPeerFinished = true
            if state == .lingering {
                close(reset: false)
            } else if state == .open {
                driver?.peerFinished()
            }
        } else if completion.isOutOfBuffers {
            // Paused meanwhile: `resumeInput` arms it again.
            guard wantsInput else { return }
            receive = .parked
            loop.ring.receiveWhenBuffersReturn(socket: socket, token: token(.receive))
        } else if !completion.isCancelled {
            if completion.result == -EINTR || completion.result == -EAGAIN {
                armReceive()
            } else {
                close(reset: false)
            }
        }
    }

    private func armReceive() {
        receive = .armed
        loop.ring.receiveMultishot(socket: socket, token: token(.receive))
    }

    // MARK: Input

    var inputCount: Int { inputEnd - inputStart }

    /// The bytes received and not consumed.
    ///
    /// Valid until the next call that consumes or adds.
    var input: UnsafeBufferPointer<UInt8> {
        guard let inputBase else { return UnsafeBufferPointer(start: nil, count: 0) }
        return UnsafeBufferPointer(start: inputBase + inputStart, count: inputEnd - inputStart)
    }

    func consume(_ byteCount: Int) {
        precondition(byteCount <= inputCount, "no more can be consumed than has arrived")
        inputStart += byteCount
    }

    /// Forgets all input, now and, with `wantsInput` false, to come.
    func discardInput() { inputStart = inputEnd }

    private func addInput(buffer id: UInt16, byteCount: Int) {
        bytesReceived &+= UInt64(byteCount)
        loop.counters.bytesReceived.count(UInt64(byteCount))
        if state != .open {
            // Lingering: what still comes is thrown away, within a bound.
            loop.ring.returnBuffer(id)
            lingeredByteCount += byteCount
            if lingeredByteCount > Connection.lingeredByteCountMax { close(reset: false) }
            return
        }
        let bytes = loop.ring.bufferBytes(id, count: byteCount)
        if inputStart == inputEnd {
            if leasedBuffer >= 0 { releaseLease() }
            // SAFETY: the ring's buffer stays mapped, and ours until returned; releaseLease does that.
            inputBase = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            inputStart = 0
            inputEnd = byteCount
            leasedBuffer = Int32(id)
        } else {
            moveInputToOwnMemory(spare: byteCount)
            if let ownedInput, let source = bytes.baseAddress {
                memcpy(ownedInput + inputEnd, source, byteCount)
                inputEnd += byteCount
            }
            loop.ring.returnBuffer(id)
        }
        touch()
        driver?.inputArrived()
        if inputCount > loop.inputCountMax { pauseInput() }
    }

    /// Makes the input stand in memory of our own with room for `spare` bytes more.
    private func moveInputToOwnMemory(spare: Int) {
        let count = inputCount
        if leasedBuffer < 0, inputStart > 0, count > 0, let ownedInput {
            driver?.detachFromInput()
            memmove(ownedInput, ownedInput + inputStart, count)
            inputStart = 0
            inputEnd = count
        }
        if ownedCapacity < count + spare {
            // Also with a leased buffer: a head that was consumed may still stand in the memory that is freed here.
            driver?.detachFromInput()
            let capacity = max(4096, (count + spare) * 2)
            let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
            if count > 0, let inputBase { memcpy(memory, inputBase + inputStart, count) }
            ownedInput?.deallocate()
            ownedInput = memory
            ownedCapacity = capacity
            if leasedBuffer < 0 {
                inputBase = UnsafePointer(memory)
                inputStart = 0
                inputEnd = count
            }
        }
        guard leasedBuffer >= 0, let ownedInput else { return }
        driver?.detachFromInput()
        if count > 0, let inputBase { memcpy(ownedInput, inputBase + inputStart, count) }
        loop.ring.returnBuffer(UInt16(leasedBuffer))
        leasedBuffer = -1
        inputBase = UnsafePointer(ownedInput)
        inputStart = 0
        inputEnd = count
    }

    /// Gives the leased buffer back to the ring, keeping unconsumed bytes in memory of our own.
    func releaseLease() {
        if leasedBuffer >= 0 {
            if inputStart < inputEnd {
                moveInputToOwnMemory(spare: 0)
            } else {
                driver?.detachFromInput()
                loop.ring.returnBuffer(UInt16(leasedBuffer))
                leasedBuffer = -1
                inputBase = nil
                inputStart = 0
                inputEnd = 0
            }
        } else if inputStart == inputEnd, ownedInput != nil {
            driver?.detachFromInput()
            ownedInput?.deallocate()
            ownedInput = nil
            ownedCapacity = 0
            inputBase = nil
            inputStart = 0
            inputEnd = 0
        }
    }

    /// Stops receiving, so that the kernel's window closes on the peer.
    func pauseInput() {
        guard wantsInput else { return }
        wantsInput = false
        guard receive == .armed || receive == .parked else { return }
        if receive == .parked, loop.ring.cancelParked(token: token(.receive)) {
            receive = .off
            return
        }
        receive = .cancelling
        loop.ring.cancel(token(.receive), token: token(.cancel))
    }

    /// Receives again after `pauseInput()`.
    func resumeInput() {
        guard !wantsInput, state == .open else { return }
        wantsInput = true
        if receive == .off, !isPeerFinished { armReceive() }
    }

    // MARK: Output

    /// Bytes written by the driver that the kernel has not taken yet.
    var unsentByteCount: Int { output.count + queuedByteCount + inFlightByteCount }

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

    private func queueOutput() {
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
        if queued.isEmpty {
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
        guard inFlight == nil, queued.isEmpty, state == .open else { return false }
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

    private func countSent(_ byteCount: Int) {
        bytesSent &+= UInt64(byteCount)
        loop.counters.bytesSent.count(UInt64(byteCount))
    }

    private func submit(_ segment: OutputSegment) {
        let bytes = segment.bytes
        inFlightByteCount = bytes.count
        inFlight = segment
        guard let base = bytes.baseAddress else { return }
        loop.ring.send(
            socket: socket,
            pointer: base,
            count: bytes.count,
            more: !queued.isEmpty,
            token: token(.send)
        )
        if minSendBytesPerSecond > 0, sendDeadline == 0 {
            sendDeadline = loop.ring.now.nanoseconds &+ Connection.rateWindow
            acknowledgedAtWindowStart = -1
            schedule(sendDeadline)
        }
    }

    private func sendCompleted(_ completion: Completion) {
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
        if !queued.isEmpty || output.count > 0 {
            flushOutput()
            if unsentByteCount <= loop.options.limits.maxResponseBufferSize / 2 { driver?.outputDrained() }
        } else {
            sendDeadline = 0
            if state == .closingAfterOutput { outputIsOut() } else { driver?.outputDrained() }
        }
    }

    private func outputIsOut() {
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

    @exclusivity(unchecked) private var lingeredByteCount = 0
    private static let lingeredByteCountMax = 16 << 20
    private static let lingerTime: Int64 = 5_000_000_000
    static let rateWindow: Int64 = 5_000_000_000

    // MARK: Deadlines

    /// Sets the one deadline of the driver's phase; 0 clears it.
    ///
    /// A store unless it is earlier than before.
    @inline(__always)
    func setPhaseDeadline(_ at: Int64) {
        // Negative: the sum of now and a time-out without end.
        let at = at < 0 ? .max : at
        phaseDeadline = at
        if at != 0 { schedule(at) }
    }

    @inline(__always)
    private func schedule(_ at: Int64) {
        guard wheelDeadline == 0 || at < wheelDeadline else { return }
        wheelDeadline = at
        loop.ring.timers.schedule(timerIndex, at: MonotonicTime(nanoseconds: at))
    }

    /// The wheel's entry came due; deadlines moved later meanwhile are scheduled again.
    func timerExpired() {
        wheelDeadline = 0
        let now = loop.ring.now.nanoseconds
        if sendDeadline != 0, sendDeadline <= now { checkSendRate(now) }
        if phaseDeadline != 0, phaseDeadline <= now {
            phaseDeadline = 0
            if state == .lingering {
                close(reset: false)
            } else if state == .open {
                driver?.deadlineReached()
            }
        }
        guard state != .closing, state != .free else { return }
        if phaseDeadline != 0 { schedule(phaseDeadline) }
        if sendDeadline != 0 { schedule(sendDeadline) }
    }

    /// Whether the peer took enough of what is being sent in the last window.
    private func checkSendRate(_ now: Int64) {
        guard inFlight != nil, minSendBytesPerSecond > 0 else {
            sendDeadline = 0
            return
        }
        guard let acknowledged = SocketProgress.acknowledgedByteCount(socket) else {
            sendDeadline = 0
            return
        }
        let seconds = Connection.rateWindow / 1_000_000_000
        if acknowledgedAtWindowStart >= 0,
            (acknowledged - acknowledgedAtWindowStart) / seconds < Int64(minSendBytesPerSecond)
        {
            loop.counters.timeouts.count()
            loop.logConnectionError(self, .minimumSendRate)
            close(reset: true)
            return
        }
        acknowledgedAtWindowStart = acknowledged
        sendDeadline = now &+ Connection.rateWindow
    }
}

/// Kinds of operations in the tokens of an engine's ring.
enum TokenKind: UInt8 {
    case accept = 1
    case receive
    case send
    case cancel
    case close
    case file
}

/// Both ends of a connection.
final class ConnectionAddresses: Sendable {
    let peer: SocketAddress
    let local: SocketAddress

    init(of socket: Int32) {
        peer = Socket.peerAddress(of: socket) ?? SocketAddress(unixPath: nil)
        local = Socket.localAddress(of: socket) ?? SocketAddress(unixPath: nil)
    }
}
