// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Receive buffers of one size that a loop lends to the kernel, and the ring through which it does.
///
/// Loop-affine. A buffer belongs to the kernel until a completion names it, then to the delegate until it is
/// returned. Returned buffers reach the kernel with one store, once an iteration.
struct BufferRing {
    /// The group number that receives name for buffers of the usual size.
    static let group: UInt16 = 1
    /// The group number of the large ones, whose identifiers begin at `countMax`; `Loop.isLarge(buffer:)` tells them.
    static let largeGroup: UInt16 = 2
    /// The kernel's limit on a buffer ring.
    static let countMax = 32768

    // SAFETY: both mappings are made by `create` and removed by `destroy`, which runs after the ring is closed,
    // so that the kernel never writes to memory that is gone. A buffer's bytes are read only between the
    // completion that hands it over and its return; `lent` proves which of the two it is.
    private let ring: UnsafeMutablePointer<io_uring_buf_ring>
    private let bytes: UnsafeMutableRawPointer
    private let lent: UnsafeMutablePointer<Bool>
    private let ringByteCount: Int
    private let mask: UInt16
    private var tail: UInt16 = 0
    private var publishedTail: UInt16 = 0

    /// The identifier of the first buffer.
    let firstIdentifier: Int
    /// How many buffers there are: a power of two.
    let count: Int
    /// The size of each.
    let bufferByteCount: Int
    /// How many are with the delegate.
    private(set) var lentCount = 0

    /// Maps `count` buffers, registers them and gives all to the kernel.
    ///
    /// Those of the usual size are faulted in; large ones when they are first used.
    static func create(
        for ring: inout Ring,
        group: UInt16 = BufferRing.group,
        count: Int,
        bufferByteCount: Int
    ) throws(IORingError) -> BufferRing {
        let ringByteCount = count * MemoryLayout<io_uring_buf>.stride
        let ringMemory = try map(ringByteCount, isFaultedIn: true)
        let bytes: UnsafeMutableRawPointer
        do {
            bytes = try map(count * bufferByteCount, isFaultedIn: group == BufferRing.group)
        } catch {
            munmap(ringMemory, ringByteCount)
            throw error
        }
        let result = hr_buffer_ring_register(ring.raw, ringMemory, UInt32(count), group)
        guard result == 0 else {
            munmap(ringMemory, ringByteCount)
            munmap(bytes, count * bufferByteCount)
            throw IORingError(setUp: "io_uring_register IORING_REGISTER_PBUF_RING", code: -result)
        }
        let lent = UnsafeMutablePointer<Bool>.allocate(capacity: count)
        lent.initialize(repeating: true, count: count)
        var buffers = BufferRing(
            ring: ringMemory.bindMemory(to: io_uring_buf_ring.self, capacity: 1),
            bytes: bytes,
            lent: lent,
            ringByteCount: ringByteCount,
            mask: UInt16(truncatingIfNeeded: count - 1),
            firstIdentifier: group == BufferRing.group ? 0 : countMax,
            count: count,
            bufferByteCount: bufferByteCount,
            lentCount: count
        )
        for index in 0..<count {
            buffers.give(UInt16(truncatingIfNeeded: buffers.firstIdentifier + index))
        }
        _ = buffers.publish()
        return buffers
    }

    private static func map(
        _ byteCount: Int,
        isFaultedIn: Bool
    ) throws(IORingError) -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | (isFaultedIn ? MAP_POPULATE : 0)
        let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let memory, memory != MAP_FAILED else {
            throw IORingError(
                operation: "mmap",
                object: "of \(byteCount) bytes for receive buffers",
                code: errno,
                advice: "Use fewer or smaller receive buffers, or raise the memory limit"
            )
        }
        return memory
    }

    /// Unmaps the buffers; the ring must be closed.
    func destroy() {
        munmap(ring, ringByteCount)
        munmap(bytes, count * bufferByteCount)
        lent.deallocate()
    }

    /// How many buffers the kernel holds, as far as completions have told.
    var freeCount: Int { count - lentCount }

    /// Where a buffer is among the others; traps for one that is none of these.
    @inline(__always)
    private func index(of identifier: UInt16) -> Int {
        let index = Int(identifier) &- firstIdentifier
        precondition(index >= 0 && index < count, "the kernel named a buffer that does not exist")
        return index
    }

    /// Notes that a completion handed over buffer `identifier`.
    @inline(__always)
    mutating func received(_ identifier: UInt16) {
        lent[index(of: identifier)] = true
        lentCount &+= 1
    }

    /// The first `byteCount` bytes of a buffer that the delegate holds; none for the result of a failure.
    @inline(__always)
    func contents(of identifier: UInt16, byteCount: Int) -> UnsafeRawBufferPointer {
        let index = index(of: identifier)
        precondition(
            lent[index] && byteCount <= bufferByteCount,
            "the bytes of a receive buffer were asked for that the delegate does not hold"
        )
        return UnsafeRawBufferPointer(start: bytes + index &* bufferByteCount, count: max(0, byteCount))
    }

    /// Puts a buffer back; the kernel sees it after `publish`.
    ///
    /// Returning a buffer twice would let two connections write to the same memory, so it traps.
    @inline(__always)
    mutating func give(_ identifier: UInt16) {
        let index = index(of: identifier)
        precondition(lent[index], "a receive buffer was returned twice")
        lent[index] = false
        lentCount &-= 1
        hr_buffer_ring_write(
            ring,
            tail & mask,
            bytes + index &* bufferByteCount,
            UInt32(truncatingIfNeeded: bufferByteCount),
            identifier
        )
        tail &+= 1
    }

    /// Shows the kernel the buffers put back since the last time; false when there were none.
    mutating func publish() -> Bool {
        guard tail != publishedTail else { return false }
        publishedTail = tail
        hr_buffer_ring_publish(ring, tail)
        return true
    }
}
