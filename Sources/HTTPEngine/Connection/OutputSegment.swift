// SPDX-License-Identifier: Apache-2.0

import ResponseCache

/// Bytes on their way to a socket and whatever keeps them alive until the kernel has taken them.
enum OutputSegment {
    /// A block of the loop's pool, or one of a size of its own.
    case block(UnsafeMutableRawPointer?, count: Int, capacity: Int)
    /// Part of an array an application wrote.
    case array([UInt8], Range<Int>)
    /// Part of a stored response.
    case cached(CacheEntry, Range<Int>)

    var byteCount: Int {
        switch self {
        case .block(_, let count, _): count
        case .array(_, let range): range.count
        case .cached(_, let range): range.count
        }
    }

    /// The bytes; valid while this segment is kept.
    var bytes: UnsafeRawBufferPointer {
        switch self {
        case .block(let pointer, let count, _):
            UnsafeRawBufferPointer(start: pointer, count: count)
        case .array(let array, let range):
            // SAFETY: a native array's elements stay put while it is referenced and nobody mutates it; the
            // segment holds a reference, so a mutation elsewhere makes a copy of its own.
            array.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[range]) }
        case .cached(let entry, let range):
            // SAFETY: as above; an entry's bytes never change.
            entry.bytes.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: $0[range]) }
        }
    }

    /// The first bytes and, where it is longer and can be parted without a copy, the rest.
    func split(at byteCount: Int) -> (OutputSegment, OutputSegment?) {
        switch self {
        case .array(let array, let range) where range.count > byteCount:
            let middle = range.lowerBound + byteCount
            return (.array(array, range.lowerBound..<middle), .array(array, middle..<range.upperBound))
        case .cached(let entry, let range) where range.count > byteCount:
            let middle = range.lowerBound + byteCount
            return (.cached(entry, range.lowerBound..<middle), .cached(entry, middle..<range.upperBound))
        default: return (self, nil)
        }
    }

    func release(to pool: BlockPool) {
        if case .block(let pointer, _, let capacity) = self { pool.put(pointer, capacity: capacity) }
    }
}

/// Blocks of memory that responses are built in, kept for the next one.
///
/// Loop-affine.
///
/// Two sizes: 4 KiB for most responses, and up to 256 KiB for files and large bodies, of which at most
/// `largeCountMax` are kept.
final class BlockPool {
    static let smallByteCount = 4096
    static let largeByteCountMax = 256 << 10
    static let smallCountMax = 1024
    static let largeCountMax = 32

    @exclusivity(unchecked) private var small: [UnsafeMutableRawPointer] = []
    @exclusivity(unchecked) private var large: [(pointer: UnsafeMutableRawPointer, capacity: Int)] = []

    init() {
        small.reserveCapacity(BlockPool.smallCountMax)
        large.reserveCapacity(BlockPool.largeCountMax)
    }

    /// A block of at least so many bytes.
    func get(atLeast byteCount: Int) -> (UnsafeMutableRawPointer, Int) {
        if byteCount <= BlockPool.smallByteCount {
            if let pointer = small.popLast() { return (pointer, BlockPool.smallByteCount) }
            return (.allocate(byteCount: BlockPool.smallByteCount, alignment: 16), BlockPool.smallByteCount)
        }
        if let index = large.lastIndex(where: { $0.capacity >= byteCount }) {
            return large.remove(at: index)
        }
        let capacity = (byteCount + 4095) & ~4095
        return (.allocate(byteCount: capacity, alignment: 16), capacity)
    }

    /// Takes a block back; keeps or frees it.
    func put(_ pointer: UnsafeMutableRawPointer?, capacity: Int) {
        guard let pointer, capacity > 0 else { return }
        if capacity == BlockPool.smallByteCount, small.count < BlockPool.smallCountMax {
            small.append(pointer)
        } else if capacity > BlockPool.smallByteCount, capacity <= BlockPool.largeByteCountMax,
            large.count < BlockPool.largeCountMax
        {
            large.append((pointer, capacity))
        } else {
            pointer.deallocate()
        }
    }

    deinit {
        for pointer in small { pointer.deallocate() }
        for block in large { block.pointer.deallocate() }
    }
}
