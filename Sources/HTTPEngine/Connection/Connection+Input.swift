// SPDX-License-Identifier: Apache-2.0

import Glibc
import IORing

extension Connection {
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

    func addInput(buffer id: UInt16, byteCount: Int) {
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
        hasNewInput = true
        touch()
        chooseBuffers(id, byteCount)
        if let tls {
            decrypt(UnsafeRawBufferPointer(bytes), tls)
            loop.ring.returnBuffer(id)
            return
        }
        if inputStart == inputEnd {
            if leasedBuffer != Connection.noLease { releaseLease() }
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
        driver?.inputArrived()
        if inputCount > listener.inputCountMax { pauseInput() }
    }

    /// Receives into buffers of the other size from now on, when what comes is of it.
    ///
    /// An upload in buffers that suit requests costs a completion for each two kilobytes, and all but the first of an
    /// iteration are copied behind the first.
    @inline(__always)
    private func chooseBuffers(_ id: UInt16, _ byteCount: Int) {
        let isLarge = Loop.isLarge(buffer: id)
        let size = loop.ring.configuration.bufferByteCount
        guard isLarge ? byteCount <= size : byteCount == size else {
            unfitReceiveCount = 0
            return
        }
        changeBuffers(from: isLarge)
    }

    @inline(never)
    private func changeBuffers(from isLarge: Bool) {
        guard isLarge == receivesLarge else { return }
        unfitReceiveCount += 1
        guard unfitReceiveCount >= (isLarge ? 4 : 16) else { return }
        unfitReceiveCount = 0
        receivesLarge = !isLarge
        guard receive == .armed else { return }
        // It completes as cancelled and is armed again.
        receive = .cancelling
        loop.ring.cancel(token(.receive), token: token(.cancel))
    }

    /// Makes the input stand in memory of our own with room for `spare` bytes more.
    func moveInputToOwnMemory(spare: Int) {
        let count = inputCount
        if leasedBuffer == Connection.noLease, inputStart > 0, let ownedInput {
            // Also with nothing left in it: the room that follows is counted from its start.
            driver?.detachFromInput()
            if count > 0 { memmove(ownedInput, ownedInput + inputStart, count) }
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
            if leasedBuffer == Connection.noLease {
                inputBase = UnsafePointer(memory)
                inputStart = 0
                inputEnd = count
            }
        }
        guard leasedBuffer != Connection.noLease, let ownedInput else { return }
        driver?.detachFromInput()
        if count > 0, let inputBase { memcpy(ownedInput, inputBase + inputStart, count) }
        endLease()
        inputBase = UnsafePointer(ownedInput)
        inputStart = 0
        inputEnd = count
    }

    /// Gives the leased buffer back to the ring, keeping unconsumed bytes in memory of our own.
    func releaseLease() {
        if leasedBuffer != Connection.noLease {
            if inputStart < inputEnd {
                moveInputToOwnMemory(spare: 0)
            } else {
                driver?.detachFromInput()
                endLease()
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

    @inline(__always)
    private func endLease() {
        if leasedBuffer >= 0 { loop.ring.returnBuffer(UInt16(leasedBuffer)) }
        leasedBuffer = Connection.noLease
    }

    /// Room for `byteCount` bytes behind the input, in memory of our own.
    func ownInputRoom(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        moveInputToOwnMemory(spare: byteCount)
        precondition(inputEnd + byteCount <= ownedCapacity, "the room behind the input ends with its memory")
        return UnsafeMutableRawBufferPointer(start: ownedInput.map { $0 + inputEnd }, count: byteCount)
    }

    /// Receives anew where the peer's end came together with its last bytes: Linux may keep that to itself.
    ///
    /// When both wake a multishot receive, it may take the bytes and wait for a wake-up that it has had: the
    /// connection, and a handler that waits, would be there until a time-out. Seen on 6.18.44 about once in 10,000
    /// resets right behind bytes; github.com/axboe/liburing/issues/1549 has it for Unix sockets. One system call for
    /// bytes that are not answered in the iteration in which they came.
    @inline(never)
    func findLostEnd() {
        guard state == .open, !isPeerFinished, Socket.hasPeerEnded(socket) else { return }
        // It completes as cancelled and is armed again; that one finds what there is.
        receive = .cancelling
        loop.ring.cancel(token(.receive), token: token(.cancel))
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
}
