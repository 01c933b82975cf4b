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
    @exclusivity(unchecked) var generation: UInt32 = 0
    @exclusivity(unchecked) var state = State.free
    @exclusivity(unchecked) var socket: Int32 = -1
    @exclusivity(unchecked) var number: UInt64 = 0
    @exclusivity(unchecked) var acceptedAt: Int64 = 0
    @exclusivity(unchecked) unowned(unsafe) var listener: LoopListener
    @exclusivity(unchecked) var driver: (any ProtocolDriver)?
    @exclusivity(unchecked) var tls: TLSChannel?

    // Input: bytes not yet consumed, in a leased buffer of the ring or in memory of our own.
    @exclusivity(unchecked) var inputBase: UnsafePointer<UInt8>?
    @exclusivity(unchecked) var inputStart = 0
    @exclusivity(unchecked) var inputEnd = 0
    /// A buffer of the ring, `plaintextLease` or `noLease`.
    @exclusivity(unchecked) var leasedBuffer = Connection.noLease
    @exclusivity(unchecked) var ownedInput: UnsafeMutablePointer<UInt8>?
    @exclusivity(unchecked) var ownedCapacity = 0
    @exclusivity(unchecked) var receive = ReceiveState.off
    @exclusivity(unchecked) var wantsInput = true
    /// Whether it receives into large buffers, as much comes at once.
    @exclusivity(unchecked) var receivesLarge = false
    /// How many receives in a row were of the other buffers' size.
    @exclusivity(unchecked) var unfitReceiveCount: UInt8 = 0
    @exclusivity(unchecked) var isPeerFinished = false

    // Output: `output` gathers; `inFlight` is the kernel's until its completion.
    @exclusivity(unchecked) var output = OutputBuffer(capacity: 0)
    @exclusivity(unchecked) var queued: [OutputSegment] = []
    @exclusivity(unchecked) var queuedByteCount = 0
    @exclusivity(unchecked) var inFlight: OutputSegment?
    @exclusivity(unchecked) var inFlightByteCount = 0
    @exclusivity(unchecked) var lingersAfterOutput = false
    /// Whether the next send is to wait until a good part of the socket's buffer is free.
    @exclusivity(unchecked) var awaitsRoom = false
    @exclusivity(unchecked) var bytesReceived: UInt64 = 0
    @exclusivity(unchecked) var bytesSent: UInt64 = 0

    // Deadlines, in nanoseconds; 0 means none.
    @exclusivity(unchecked) var phaseDeadline: Int64 = 0
    @exclusivity(unchecked) var sendDeadline: Int64 = 0
    @exclusivity(unchecked) var wheelDeadline: Int64 = 0
    @exclusivity(unchecked) var acknowledgedAtWindowStart: Int64 = -1
    @exclusivity(unchecked) var minSendBytesPerSecond = 0

    @exclusivity(unchecked) var lingeredByteCount = 0
    @exclusivity(unchecked) var operationsPending = 0
    /// Boxed, since most connections are never asked and an idle one is to be small.
    @exclusivity(unchecked) var addresses: ConnectionAddresses?
    /// Whether the connection is counted for its client's address.
    @exclusivity(unchecked) var isCountedForAddress = false
    @exclusivity(unchecked) var isTouched = false
    /// Whether the driver has gathered content that is to leave with this iteration.
    @exclusivity(unchecked) var hasGatheredContent = false
    /// Whether bytes have come in this iteration.
    @exclusivity(unchecked) var hasNewInput = false

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
        receivesLarge = false
        unfitReceiveCount = 0
        isPeerFinished = false
        hasNewInput = false
        lingersAfterOutput = false
        awaitsRoom = false
        bytesReceived = 0
        bytesSent = 0
        addresses = nil
        minSendBytesPerSecond = listener.minSendBytesPerSecond
        guard listener.expectsProxyHeader || takeAddressPlace() else { return }
        if listener.expectsProxyHeader {
            openBehindProxy()
        } else if let context = listener.tls {
            openTLS(context)
        } else {
            startProtocol(isHTTP2: false)
        }
        if state == .open { armReceive() }
    }

    /// Speaks HTTP from now on.
    func startProtocol(isHTTP2: Bool) {
        if isHTTP2 {
            let driver = HTTP2Driver(connection: self)
            self.driver = driver
            driver.open()
        } else {
            let driver = (self.driver as? HTTP1Driver) ?? HTTP1Driver(connection: self)
            self.driver = driver
            driver.open()
        }
    }

    /// The client began with the preface of HTTP/2 (RFC 9113 §3.3).
    func switchToHTTP2() {
        startProtocol(isHTTP2: true)
        driver?.inputArrived()
    }

    static let noLease: Int32 = -1
    static let plaintextLease: Int32 = -2

    /// Counts the connection for its client's address; closes it where that has as many as it may.
    func takeAddressPlace() -> Bool {
        guard let places = listener.addressPlaces else { return true }
        let address = peerAddress
        guard places.take(address) else {
            loop.counters.refusals.count()
            loop.logConnectionError(self, .connectionLimit)
            close(reset: true)
            return false
        }
        isCountedForAddress = true
        return true
    }

    var isOpen: Bool { state == .open }
    var isInUse: Bool { state != .free }
    var timerIndex: UInt32 { slot + UInt32(EngineLoop.reservedTimers) }

    func token(_ kind: TokenKind) -> Token {
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
        if let tls {
            if !tls.isEstablished, !tls.isEnded { loop.counters.tlsHandshakeFailures.count() }
            self.tls = nil
            // The driver of a handshake is of no use to the next socket.
            if driver is HandshakeDriver { driver = nil }
        }
    }

    func freeOutput() {
        let (pointer, _, capacity) = output.take()
        loop.blocks.put(pointer, capacity: capacity)
        for segment in queued { segment.release(to: loop.blocks) }
        queued.removeAll()
        queuedByteCount = 0
    }

    /// The socket is gone and no operation of it is left: the slot is free again.
    func finishIfQuiet() {
        guard state == .closing, operationsPending == 0, receive == .off, inFlight == nil else { return }
        state = .free
        socket = -1
        if isCountedForAddress {
            isCountedForAddress = false
            // Known since it was counted.
            listener.addressPlaces?.release(peerAddress)
        }
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
        if hasNewInput {
            hasNewInput = false
            // What is being sent would fail, and tell.
            if inFlight == nil, receive == .armed, !receivesLarge { findLostEnd() }
        }
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
        case .cancel, .accept, .file, .queue: break
        }
    }

    func receiveCompleted(_ completion: Completion) {
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

    func receiveEnded(_ completion: Completion) {
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
            if receivesLarge {
                // There are few of those; others have them now.
                receivesLarge = false
                return armReceive()
            }
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

    func armReceive() {
        receive = .armed
        if receivesLarge {
            loop.ring.receiveLarge(socket: socket, token: token(.receive))
        } else {
            loop.ring.receiveMultishot(socket: socket, token: token(.receive))
        }
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
    case queue
}

/// Both ends of a connection.
final class ConnectionAddresses: Sendable {
    let peer: SocketAddress
    let local: SocketAddress

    init(peer: SocketAddress, local: SocketAddress) {
        self.peer = peer
        self.local = local
    }

    /// Asks the kernel.
    ///
    /// It no longer knows the peer of a TCP connection that was reset. Nobody's address stands for that one: the empty
    /// address, which is a Unix socket's, may be trusted (`ForwardedHeaders.trustsUnixSockets`).
    init(of socket: Int32) {
        let local = Socket.localAddress(of: socket) ?? .anyIPv4(port: 0)
        self.local = local
        peer =
            Socket.peerAddress(of: socket)
            ?? (local.family == .unix ? SocketAddress(unixPath: nil) : .anyIPv4(port: 0))
    }
}
