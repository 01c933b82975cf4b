// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Deflates messages for permessage-deflate.
///
/// Not thread-safe; whoever owns it serializes its use.
///
/// **Cost**: four windows and the tables of the memory level (256 KiB with the defaults), allocated at the first message.
///
/// Source: RFC 7692 §7.2.1.
@safe
package final class Deflater {
    private let windowBits: Int
    private let keepsContext: Bool
    private let level: Int
    private let memoryLevel: Int
    private var stream: UnsafeMutablePointer<z_stream>?

    /// Makes a deflater.
    ///
    /// - Parameters:
    ///   - windowBits: the base-2 logarithm of the window, 8 to 15. zlib has no window of 8 bits: with 8 only runs
    ///     of one byte are shortened, which any window can take.
    ///   - keepsContext: whether a message may refer to the ones before it.
    ///   - level: 1 (fast) to 9 (small).
    ///   - memoryLevel: 1 (little memory) to 9.
    package init(windowBits: Int, keepsContext: Bool, level: Int, memoryLevel: Int) {
        precondition((8...15).contains(windowBits), "A window has 8 to 15 bits.")
        self.windowBits = windowBits
        self.keepsContext = keepsContext
        self.level = min(max(level, 1), 9)
        self.memoryLevel = min(max(memoryLevel, 1), 9)
    }

    deinit {
        guard let stream = unsafe stream else { return }
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Appends the compressed form of a message, without the tail 00 00 FF FF.
    ///
    /// - Parameters:
    ///   - bytes: the message.
    ///   - output: where it goes.
    /// - Returns: `false`, with `output` as it was, where zlib has no memory; the message then goes as it is.
    package func deflate(_ bytes: Span<UInt8>, into output: inout [UInt8]) -> Bool {
        guard !bytes.isEmpty else {
            // RFC 7692 §7.2.3.6: an empty message is the header of an empty block.
            output.append(0)
            return true
        }
        guard let stream = unsafe opened() else { return false }
        var offset = 0
        while offset < bytes.count {
            let count = min(bytes.count - offset, 1 << 20)
            let piece = bytes.extracting(offset..<(offset + count))
            offset += count
            let flush = offset == bytes.count ? Z_SYNC_FLUSH : Z_NO_FLUSH
            unsafe piece.withUnsafeBytes { unsafe run(stream, $0, flush, &output) }
        }
        // What Z_SYNC_FLUSH ends with.
        output.removeLast(4)
        if !keepsContext { unsafe deflateReset(stream) }
        return true
    }

    private func opened() -> UnsafeMutablePointer<z_stream>? {
        if let stream = unsafe stream { return unsafe stream }
        let new = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe new.initialize(to: z_stream())
        let status = unsafe hr_deflate_init_raw(
            new,
            Int32(level),
            Int32(max(windowBits, 9)),
            Int32(memoryLevel),
            windowBits == 8 ? Z_RLE : Z_DEFAULT_STRATEGY
        )
        guard status == Z_OK else {
            unsafe new.deallocate()
            return nil
        }
        unsafe stream = new
        return unsafe new
    }

    private func run(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ source: UnsafeRawBufferPointer,
        _ flush: Int32,
        _ output: inout [UInt8]
    ) {
        // SAFETY: zlib reads what next_in and avail_in say, which is the source, and only during this call.
        let start = unsafe source.bindMemory(to: UInt8.self).baseAddress
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: start)
        unsafe stream.pointee.avail_in = UInt32(truncatingIfNeeded: source.count)
        defer { unsafe stream.pointee.next_in = nil }
        var isFull = true
        while isFull {
            let capacity = unsafe max(Int(stream.pointee.avail_in) / 2, 256)
            output.append(addingCapacity: capacity) { (span: inout OutputSpan<UInt8>) in
                unsafe span.withUnsafeMutableBufferPointer { target, initialized in
                    // SAFETY: zlib writes avail_out bytes at most, which is the capacity of the target.
                    unsafe stream.pointee.next_out = target.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(capacity)
                    _ = unsafe CZlib.deflate(stream, flush)
                    let left = unsafe Int(stream.pointee.avail_out)
                    unsafe stream.pointee.next_out = nil
                    initialized = capacity - left
                    isFull = left == 0
                }
            }
        }
    }
}
