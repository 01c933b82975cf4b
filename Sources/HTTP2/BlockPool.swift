// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import Glibc

/// The memory of nghttp2's streams, frames and fields, which come and go with each request.
///
/// Blocks up to 512 bytes are kept in lists by size when they are freed, and taken from there again; others are the
/// C library's. Loop-affine, as the workspace is that owns it.
///
/// **Cost**: sixteen bytes a block. The five pairs of `malloc` and `free` of a request took 75 ns longer
/// (2026-11-22, glibc 2.36).
///
/// SAFETY: each block begins with a header that says which list it belongs to; nghttp2 gets what is behind it.
struct BlockPool {
    /// One block's header: the list for its size, or 0 and how large it is.
    private struct Header {
        var list: UInt32
        var next: UnsafeMutableRawPointer?
    }

    private struct Lists {
        /// One for each multiple of `step`, the first for nothing.
        var heads: InlineArray<17, UnsafeMutableRawPointer?>
        var counts: InlineArray<17, Int32>
    }

    private let lists: UnsafeMutablePointer<Lists>
    /// What nghttp2 is given, valid while the pool is.
    let memory: UnsafeMutablePointer<nghttp2_mem>

    private static let step = 32
    private static let headerByteCount = 16
    /// How many free blocks a list keeps.
    private static let keptCountMax: Int32 = 2048

    init() {
        lists = .allocate(capacity: 1)
        lists.initialize(to: Lists(heads: .init(repeating: nil), counts: .init(repeating: 0)))
        memory = .allocate(capacity: 1)
        memory.initialize(
            to: nghttp2_mem(
                mem_user_data: lists,
                malloc: { BlockPool.allocate($0, $1) },
                free: { BlockPool.free($0, $1) },
                calloc: { count, size, pool in
                    let (total, overflows) = count.multipliedReportingOverflow(by: size)
                    guard !overflows, let block = BlockPool.allocate(total, pool) else { return nil }
                    memset(block, 0, total)
                    return block
                },
                realloc: { BlockPool.reallocate($0, $1, $2) }
            )
        )
    }

    /// Frees all blocks that nobody uses; none may be in use.
    func free() {
        for index in 0..<17 {
            while let block = lists.pointee.heads[index] {
                lists.pointee.heads[index] = block.assumingMemoryBound(to: Header.self).pointee.next
                Glibc.free(block)
            }
        }
        lists.deallocate()
        memory.deallocate()
    }

    private static func allocate(
        _ byteCount: Int,
        _ pool: UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer? {
        guard let lists = pool?.assumingMemoryBound(to: Lists.self), byteCount >= 0, byteCount < 1 << 40
        else {
            return nil
        }
        let list = (max(byteCount, 1) &+ step &- 1) / step
        guard list <= 16 else { return allocateLarge(byteCount) }
        if let block = lists.pointee.heads[list] {
            lists.pointee.heads[list] = block.assumingMemoryBound(to: Header.self).pointee.next
            lists.pointee.counts[list] &-= 1
            return block + headerByteCount
        }
        guard let block = malloc(headerByteCount &+ list &* step) else { return nil }
        block.assumingMemoryBound(to: Header.self).initialize(to: Header(list: UInt32(list)))
        return block + headerByteCount
    }

    private static func allocateLarge(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard let block = malloc(headerByteCount &+ byteCount) else { return nil }
        block.assumingMemoryBound(to: Header.self).initialize(to: Header(list: 0))
        return block + headerByteCount
    }

    private static func free(_ block: UnsafeMutableRawPointer?, _ pool: UnsafeMutableRawPointer?) {
        guard let block, let lists = pool?.assumingMemoryBound(to: Lists.self) else { return }
        let header = (block - headerByteCount).assumingMemoryBound(to: Header.self)
        let list = Int(header.pointee.list)
        guard list > 0, lists.pointee.counts[list] < keptCountMax else {
            Glibc.free(header)
            return
        }
        header.pointee.next = lists.pointee.heads[list]
        lists.pointee.heads[list] = UnsafeMutableRawPointer(header)
        lists.pointee.counts[list] &+= 1
    }

    private static func reallocate(
        _ block: UnsafeMutableRawPointer?,
        _ byteCount: Int,
        _ pool: UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer? {
        guard let block else { return allocate(byteCount, pool) }
        guard byteCount >= 0, byteCount < 1 << 40 else { return nil }
        let header = block - headerByteCount
        let list = Int(header.assumingMemoryBound(to: Header.self).pointee.list)
        guard list > 0 else {
            // Too large for a list before, and so ever after.
            guard let moved = realloc(header, headerByteCount &+ byteCount) else { return nil }
            return moved + headerByteCount
        }
        guard byteCount > list &* step else { return block }
        guard let moved = allocate(byteCount, pool) else { return nil }
        moved.copyMemory(from: block, byteCount: list &* step)
        free(block, pool)
        return moved
    }
}
