// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension Ring {
    /// Tries on a socket pair what the loop relies on, and tells whether SEND takes several pieces of memory.
    ///
    /// Versions say little: distributions carry features back and leave others out. Nothing else may be in
    /// flight yet. Cost: a few system calls.
    ///
    /// - Throws: when the kernel has no multishot receive into provided buffers (6.0).
    mutating func preflight(_ buffers: inout BufferRing) throws(IORingError) -> Bool {
        var pair: (Int32, Int32) = (-1, -1)
        let made = withUnsafeMutableBytes(of: &pair) { bytes in
            socketpair(AF_UNIX, hr_socket_stream(), 0, bytes.bindMemory(to: Int32.self).baseAddress)
        }
        guard made == 0 else { throw IORingError(setUp: "socketpair", code: errno) }
        defer {
            Glibc.close(pair.0)
            Glibc.close(pair.1)
        }
        let hasVectorisedSend = sendVector(to: pair.0)
        if !hasVectorisedSend {
            guard Glibc.send(pair.0, "x", 1, Int32(MSG_NOSIGNAL)) == 1 else {
                throw IORingError(setUp: "send", code: errno)
            }
        }
        try receive(from: pair.1, &buffers) {
            Socket.shutdownSend(pair.0)
        }
        return hasVectorisedSend
    }

    /// Sends two pieces with a vectorised SEND (6.17); older kernels refuse it with `EINVAL`.
    private mutating func sendVector(to socket: Int32) -> Bool {
        // SAFETY: the vectors and their byte outlive the send, which is waited for; a ring that never completes it
        // is not used any further.
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { vectors in
            withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { byte in
                byte.initializeMemory(as: UInt8.self, repeating: 0)
                vectors.initialize(repeating: iovec(iov_base: byte.baseAddress, iov_len: 1))
                guard let base = vectors.baseAddress else { return false }
                let flags = UInt32(MSG_NOSIGNAL)
                hr_prepare_send_vector(nextSubmission(), socket, base, 2, flags, Token.probe.rawValue)
                return waitForOne()?.result == 2
            }
        }
    }

    /// Receives what was sent with a multishot, then the end of the data that `finish` brings about.
    private mutating func receive(
        from socket: Int32,
        _ buffers: inout BufferRing,
        finish: () -> Void
    ) throws(IORingError) {
        hr_prepare_receive_multishot(nextSubmission(), socket, BufferRing.group, Token.probe.rawValue)
        let first = waitForOne()
        guard let first, first.result > 0, let buffer = first.bufferID else {
            throw IORingError(
                setUp: "multishot receive into provided buffers",
                code: first?.errno ?? EINVAL
            )
        }
        buffers.received(buffer)
        buffers.give(buffer)
        _ = buffers.publish()
        finish()
        var isArmed = first.hasMore
        while isArmed, let completion = waitForOne() {
            isArmed = completion.hasMore
        }
    }

    /// Submits and waits for one completion; `nil` when none comes within seconds.
    private mutating func waitForOne() -> Completion? {
        var completion = Completion(token: .ignored, result: 0, flags: 0)
        // The thread has its signals blocked, so that few turns are enough.
        for _ in 0..<4 {
            if reap(into: &completion, capacity: 1) == 1 { return completion }
            _ = enter(waitingFor: 1, getEvents: true, nanoseconds: 1_000_000_000)
        }
        return reap(into: &completion, capacity: 1) == 1 ? completion : nil
    }
}
