// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPSecure
import HTTPWire
import IORing
import URLPrefixes

extension Connection {
    /// Begins a handshake; the protocol is chosen when it is done.
    func openTLS(_ context: TLSServerContext) {
        guard
            let channel = try? TLSChannel(
                context: context,
                addresses: knownAddresses,
                withholdsHTTP2: listener.http2Workspace == nil
            )
        else {
            loop.logConnectionError(self, .internalError)
            close(reset: true)
            return
        }
        tls = channel
        loop.counters.tlsHandshakesBegun.count()
        driver = HandshakeDriver(connection: self)
        setPhaseDeadline(loop.ring.now.nanoseconds &+ listener.handshakeTimeout)
    }

    /// Facts about the connection's TLS, once the handshake is done.
    var tlsFacts: TLSFacts? {
        guard let tls, tls.isEstablished, let engine = tls.engine else { return nil }
        if let facts = tls.facts { return facts }
        let facts = TLSFacts(engine)
        tls.facts = facts
        return facts
    }

    // MARK: Input

    /// Takes ciphertext that has arrived.
    func decrypt(_ bytes: UnsafeRawBufferPointer, _ tls: TLSChannel) {
        if tls.isOffloaded {
            tls.heldInput.append(contentsOf: bytes)
            // A client that waits for our part of the handshake has nothing to send meanwhile.
            if tls.heldInput.count > Connection.heldInputMax { close(reset: true) }
            return
        }
        if tls.isEstablished { tls.engine?.receive(bytes) } else { tls.lendCopy(of: bytes) }
        readPlaintext(tls)
    }

    private static let heldInputMax = 32 << 10

    private func readPlaintext(_ tls: TLSChannel) {
        var hasEnded = false
        reading: while state == .open {
            guard let engine = tls.engine else { return }
            let room = loop.plaintext.room(orOwnOf: self)
            let result = engine.read(into: room)
            if !tls.isEstablished, engine.isEstablished { handshakeCompleted(tls, engine) }
            switch result {
            case .plaintext(let count): addPlaintext(room, count)
            case .needsInput: break reading
            case .needsOffload:
                offload(tls, engine)
                return
            case .closed:
                hasEnded = true
                break reading
            case .failed(let failure):
                handshakeFailed(tls, failure)
                break reading
            }
        }
        tls.endLending()
        guard state == .open else { return }
        touch()
        if inputCount > 0 { driver?.inputArrived() }
        if inputCount > listener.inputCountMax { pauseInput() }
        if hasEnded, state == .open, !isPeerFinished {
            isPeerFinished = true
            driver?.peerFinished()
        }
    }

    /// Adds decrypted bytes, which stand in the loop's plaintext memory or behind the input in our own.
    private func addPlaintext(_ room: UnsafeMutableRawBufferPointer, _ count: Int) {
        guard count > 0, let base = room.baseAddress else { return }
        let bytes = UnsafePointer(base.assumingMemoryBound(to: UInt8.self))
        if bytes == ownedInput.map({ UnsafePointer($0 + inputEnd) }), leasedBuffer == Connection.noLease {
            inputEnd += count
            return
        }
        if inputStart == inputEnd {
            releaseLease()
            inputBase = bytes
            inputStart = 0
            inputEnd = count
            leasedBuffer = Connection.plaintextLease
            loop.plaintext.take(count)
        } else if leasedBuffer == Connection.plaintextLease, inputBase.map({ $0 + inputEnd }) == bytes {
            inputEnd += count
            loop.plaintext.take(count)
        } else {
            moveInputToOwnMemory(spare: count)
            if let ownedInput { memcpy(ownedInput + inputEnd, bytes, count) }
            inputEnd += count
        }
    }

    // MARK: Handshake

    private func handshakeCompleted(_ tls: TLSChannel, _ engine: TLSEngine) {
        tls.isEstablished = true
        loop.counters.tlsHandshakes.count()
        if engine.isResumed { loop.counters.tlsResumptions.count() }
        let durations =
            engine.version == .tls13
            ? loop.counters.tls13HandshakeDurations : loop.counters.tls12HandshakeDurations
        durations.record(nanoseconds: loop.ring.now.nanoseconds &- acceptedAt)
        startProtocol(isHTTP2: engine.applicationProtocol == "h2")
    }

    private func handshakeFailed(_ tls: TLSChannel, _ failure: TLSFailure) {
        tls.isEnded = true
        loop.counters.refusals.count()
        if !tls.isEstablished { loop.counters.tlsHandshakeFailures.count() }
        if failure.code == .plainHTTP {
            loop.logConnectionError(self, .plainHTTPOnTLSPort)
            self.tls = nil
            reserveOutput(512)
            output.append(Connection.plainHTTPAnswer)
            output.append(loop.commonLines())
            output.append("\r\n" as StaticString)
            output.append(Connection.plainHTTPText)
        } else {
            loop.logConnectionError(self, .tlsFailed)
            driver?.connectionClosing()
            // It can't be encrypted any more, and would be waited for.
            freeOutput()
        }
        // The alert should reach a client that is still sending.
        closeAfterOutput(lingers: true)
    }

    private static let plainHTTPText: StaticString = "this port speaks HTTPS\n"
    private static let plainHTTPAnswer: StaticString =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 23\r\nConnection: close\r\n"

    /// Has another thread make the signature, so that no other connection waits for it.
    private func offload(_ tls: TLSChannel, _ engine: TLSEngine) {
        tls.isOffloaded = true
        let number = self.number
        let step = engine.offloadedStep
        // SAFETY: used on the loop only; it leaves the channel alone until the post below.
        nonisolated(unsafe) let (connection, channel) = (self, tls)
        let ring = loop.ring
        loop.engine.offloads.run {
            step.perform()
            ring.post {
                channel.isOffloaded = false
                guard connection.number == number, connection.tls === channel, connection.isOpen else {
                    return
                }
                connection.signatureMade(channel)
            }
        }
    }

    private func signatureMade(_ tls: TLSChannel) {
        readPlaintext(tls)
        guard state == .open, !tls.isOffloaded, !tls.heldInput.isEmpty else { return }
        let held = tls.heldInput
        tls.heldInput = []
        held.withUnsafeBytes { decrypt($0, tls) }
    }

    // MARK: Output

    /// Encrypts what has gathered, as much as is sent at a time, and hands it to the kernel.
    func flushEncrypted(_ tls: TLSChannel) {
        guard !tls.isOffloaded else { return }
        if tls.isEstablished, !tls.isEnded, let engine = tls.engine {
            while tls.ciphertext.count < Connection.ciphertextMax {
                if queued.isEmpty {
                    guard output.count > 0 else { break }
                    makeRoom(output.count, tls)
                    let isEncrypted = output.withUnsafeBytes { engine.write($0) }
                    let (pointer, _, capacity) = output.take()
                    loop.blocks.put(pointer, capacity: capacity)
                    guard isEncrypted else { return close(reset: true) }
                } else {
                    guard encryptSegment(tls, engine) else { return close(reset: true) }
                }
            }
        }
        guard tls.ciphertext.count > 0 else { return }
        let (pointer, count, capacity) = tls.ciphertext.take()
        submit(.block(pointer, count: count, capacity: capacity))
    }

    static let ciphertextMax = 128 << 10

    /// Encrypts the first segment, or so much of it that others get their turn.
    private func encryptSegment(_ tls: TLSChannel, _ engine: TLSEngine) -> Bool {
        queueOutput()
        let segment = queued.removeFirst()
        let (first, rest) = segment.split(at: Connection.ciphertextMax)
        if let rest { queued.insert(rest, at: 0) }
        queuedByteCount -= first.byteCount
        makeRoom(first.byteCount, tls)
        let isEncrypted = engine.write(first.bytes)
        first.release(to: loop.blocks)
        return isEncrypted
    }

    /// Gives the ciphertext a block of the pool where it has none.
    private func makeRoom(_ plaintextByteCount: Int, _ tls: TLSChannel) {
        let byteCount = plaintextByteCount + (plaintextByteCount >> 14 + 1) * 64
        guard tls.ciphertext.capacity - tls.ciphertext.count < byteCount else { return }
        guard tls.ciphertext.count == 0 else { return tls.ciphertext.reserve(byteCount) }
        let (old, _, oldCapacity) = tls.ciphertext.take()
        loop.blocks.put(old, capacity: oldCapacity)
        let (pointer, capacity) = loop.blocks.get(atLeast: byteCount)
        tls.ciphertext = OutputBuffer(adopting: pointer, capacity: capacity)
    }

    /// Announces the end of what we send.
    ///
    /// - Returns: whether there is something to send before the socket is closed.
    func endEncryption(_ tls: TLSChannel) -> Bool {
        guard tls.isEstablished, !tls.isEnded, !tls.isOffloaded else { return false }
        tls.isEnded = true
        tls.engine?.closeNotify()
        guard tls.ciphertext.count > 0 else { return false }
        flushOutput()
        return inFlight != nil
    }
}

extension TLSAddress {
    /// The address of a socket; none for a Unix socket.
    init?(_ address: SocketAddress) {
        guard let literal = address.literal else { return nil }
        self.init(high: literal.high, low: literal.low)
    }
}
