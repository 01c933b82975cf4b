// SPDX-License-Identifier: Apache-2.0

import Glibc

@testable import IORing

/// A blocking socket for the far end of a test; calls give up after five seconds.
final class Client: Sendable {
    let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    convenience init(to address: SocketAddress, receiveBuffer: Int32? = nil) throws {
        let family = address.family == .ipv4 ? AF_INET : address.family == .ipv6 ? AF_INET6 : AF_UNIX
        let socket = Glibc.socket(family, 1 | Int32(O_CLOEXEC), 0)
        if var receiveBuffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4)
        }
        self.init(descriptor: socket)
        guard address.withKernelAddress({ connect(socket, $0, $1) }) == 0 else {
            throw IORingError(operation: "connect", object: address.description, code: errno)
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Receives exactly `count` bytes, or fewer at the end of the data or after an error.
    func receive(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var total = 0
        while total < count {
            let received = bytes.withUnsafeMutableBytes { buffer in
                recv(descriptor, buffer.baseAddress.map { $0 + total }, count - total, 0)
            }
            guard received > 0 else { break }
            total += received
        }
        return Array(bytes.prefix(total))
    }

    /// Whether the peer has ended its data: false when bytes came or nothing did for five seconds.
    func isAtEnd() -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) == 0
    }

    func finishSending() {
        Socket.shutdownSend(descriptor)
    }

    /// Closes with a reset.
    func reset() {
        Socket.setResetOnClose(descriptor)
        let other = Glibc.open("/dev/null", O_RDWR | O_CLOEXEC)
        // Keeps the number for `deinit` while the connection goes.
        dup2(other, descriptor)
        Glibc.close(other)
    }
}

/// Bytes that differ from place to place, so that a mix-up shows.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
        for index in 0..<count {
            let place = start &+ index
            buffer[index] = UInt8(truncatingIfNeeded: place &* 31 &+ place >> 8)
        }
        initializedCount = count
    }
}

/// Memory for a send that stays until the test ends.
final class SendMemory: @unchecked Sendable {
    // The rule for `@unchecked`: the bytes are written before they are shared.
    let pointer: UnsafeMutableRawPointer
    let count: Int

    init(_ bytes: [UInt8]) {
        count = bytes.count
        pointer = .allocate(byteCount: max(count, 1), alignment: 16)
        pointer.copyMemory(from: bytes, byteCount: count)
    }

    deinit {
        pointer.deallocate()
    }
}
