// SPDX-License-Identifier: Apache-2.0

/// A block of shared memory that this side may write content into, to send it without another copy.
///
/// Comes from `takeBlock()` and goes either with `sendBlock` or back with `returnBlock`.
public struct SharedBlock {
    /// The block's bytes; nobody has written to them on this side since the other side gave them back.
    public let bytes: UnsafeMutableRawBufferPointer
    let index: Int
}

/// Content in the other side's memory, where it can change at any moment.
///
/// Read each byte once, or hand it to the kernel; what needs a check is to be copied first. Belongs to this side
/// until `release(_:)`.
public struct SharedContent {
    /// The bytes.
    public let bytes: UnsafeRawBufferPointer
    let block: Int
}

/// The writing side of a shared area: which blocks are free.
///
/// Loop-affine. The list is this side's own; the other side only asks for a block to become free.
@safe final class BlockLender {
    private let base: UnsafeMutableRawPointer
    private let blockBytes: Int
    private let count: Int
    private let free: UnsafeMutablePointer<UInt16>
    private var freeCount: Int
    /// 0: free, 1: taken, 2: sent.
    private let states: UnsafeMutablePointer<UInt8>
    /// Whether a block was asked for in vain.
    var isWanted = false

    init(base: UnsafeMutableRawPointer, blockBytes: Int, count: Int) {
        self.base = base
        self.blockBytes = blockBytes
        self.count = count
        free = .allocate(capacity: max(count, 1))
        states = .allocate(capacity: max(count, 1))
        states.initialize(repeating: 0, count: max(count, 1))
        freeCount = count
        for index in 0..<count { free[index] = UInt16(count - 1 - index) }
    }

    deinit {
        free.deallocate()
        states.deallocate()
    }

    /// Blocks that can be taken.
    var available: Int { freeCount }

    func take() -> SharedBlock? {
        guard freeCount > 0 else {
            isWanted = true
            return nil
        }
        freeCount -= 1
        let index = Int(free[freeCount])
        states[index] = 1
        return SharedBlock(
            bytes: UnsafeMutableRawBufferPointer(start: base + index * blockBytes, count: blockBytes),
            index: index
        )
    }

    /// Marks a block as the other side's.
    func sent(_ block: SharedBlock) -> Int {
        precondition(states[block.index] == 1, "a block is sent once")
        states[block.index] = 2
        return block.index * blockBytes
    }

    /// Takes back a block that was not sent.
    func giveBack(_ block: SharedBlock) {
        precondition(states[block.index] == 1, "a block that was sent comes back from the other side")
        becomeFree(block.index)
    }

    /// The other side needs a block no longer; `false` when it was not the other side's.
    func released(_ index: Int) -> Bool {
        guard index >= 0, index < count, states[index] == 2 else { return false }
        becomeFree(index)
        return true
    }

    private func becomeFree(_ index: Int) {
        states[index] = 0
        free[freeCount] = UInt16(index)
        freeCount += 1
    }
}

/// The reading side of a shared area: which blocks it holds, and which it has yet to give back.
///
/// Loop-affine. A block can be held once, so that what the other side may have outstanding is bounded by the
/// area, and a list of the blocks to give back never grows beyond it.
@safe final class BlockBorrower {
    private let base: UnsafeRawPointer
    private let blockBytes: Int
    private let count: Int
    /// 0: the other side's, 1: held, 2: to be given back.
    private let states: UnsafeMutablePointer<UInt8>
    private let returned: UnsafeMutablePointer<UInt16>
    private(set) var returnedCount = 0

    init(base: UnsafeRawPointer, blockBytes: Int, count: Int) {
        self.base = base
        self.blockBytes = blockBytes
        self.count = count
        states = .allocate(capacity: max(count, 1))
        states.initialize(repeating: 0, count: max(count, 1))
        returned = .allocate(capacity: max(count, 1))
    }

    deinit {
        states.deallocate()
        returned.deallocate()
    }

    /// Checks a reference and holds its block; `nil` for one that cannot be.
    func hold(offset: UInt64, byteCount: UInt64) -> SharedContent? {
        let index = offset / UInt64(blockBytes)
        guard index < UInt64(count), offset % UInt64(blockBytes) == 0,
            byteCount > 0, byteCount <= UInt64(blockBytes), states[Int(index)] == 0
        else { return nil }
        states[Int(index)] = 1
        // SAFETY: the block lies within the area by the checks above.
        return SharedContent(
            bytes: UnsafeRawBufferPointer(start: base + Int(offset), count: Int(byteCount)),
            block: Int(index)
        )
    }

    /// Puts a block on the list of those to give back.
    func release(_ content: SharedContent) {
        precondition(states[content.block] == 1, "shared content is released once")
        states[content.block] = 2
        returned[returnedCount] = UInt16(content.block)
        returnedCount += 1
    }

    /// Takes a block off the list.
    func nextReturned() -> Int? {
        guard returnedCount > 0 else { return nil }
        returnedCount -= 1
        let index = Int(returned[returnedCount])
        states[index] = 0
        return index
    }
}
