// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Inflates the payloads of permessage-deflate, message by message, under a limit of what comes out.
///
/// Not thread-safe; whoever owns it serializes its use.
///
/// **Cost**: a window of 2^bits bytes and 7 KiB, allocated at the first compressed message.
///
/// Source: RFC 7692 §7.2.2.
@safe
package final class Inflater {
    /// Why a message can't be inflated.
    package enum Failure: Error {
        /// The data is not DEFLATE, or points outside the window.
        case damaged
        /// More comes out than is allowed.
        case tooLarge
    }

    private let windowBits: Int
    private let keepsContext: Bool
    private var stream: UnsafeMutablePointer<z_stream>?
    private var scratch: [UInt8] = []

    /// Makes an inflater.
    ///
    /// - Parameters:
    ///   - windowBits: the base-2 logarithm of the peer's window, 8 to 15.
    ///   - keepsContext: whether a message may refer to the ones before it.
    package init(windowBits: Int, keepsContext: Bool) {
        precondition((8...15).contains(windowBits), "A window has 8 to 15 bits.")
        self.windowBits = windowBits
        self.keepsContext = keepsContext
    }

    deinit {
        guard let stream = unsafe stream else { return }
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// An empty array with room that earlier messages needed; give it back with `putBack(scratch:)`.
    func takeScratch() -> [UInt8] {
        let taken = scratch
        scratch = []
        return taken
    }

    func putBack(scratch bytes: consuming [UInt8]) {
        guard bytes.capacity <= 1 << 17 else { return }
        scratch = bytes
        scratch.removeAll(keepingCapacity: true)
    }

    /// Inflates a piece of a message.
    ///
    /// - Parameters:
    ///   - bytes: the piece.
    ///   - output: where what comes out is appended.
    ///   - byteCountMax: how many bytes `output` may hold in all.
    /// - Throws: `Failure`, after which the inflater is of no use.
    package func inflate(_ bytes: Span<UInt8>, into output: inout [UInt8], byteCountMax: Int) throws(Failure)
    {
        let stream = unsafe try opened()
        var result: Failure?
        unsafe bytes.withUnsafeBytes { source in
            do throws(Failure) {
                unsafe try run(stream, source, &output, byteCountMax)
            } catch {
                result = error
            }
        }
        if let result { throw result }
    }

    /// Inflates the tail that every message leaves out, and gets ready for the next message.
    package func finishMessage(into output: inout [UInt8], byteCountMax: Int) throws(Failure) {
        let tail: InlineArray<4, UInt8> = [0x00, 0x00, 0xFF, 0xFF]
        try inflate(tail.span, into: &output, byteCountMax: byteCountMax)
        if !keepsContext, let stream = unsafe stream { unsafe inflateReset(stream) }
    }

    private func opened() throws(Failure) -> UnsafeMutablePointer<z_stream> {
        if let stream = unsafe stream { return unsafe stream }
        let new = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe new.initialize(to: z_stream())
        guard unsafe hr_inflate_init_raw(new, Int32(windowBits)) == Z_OK else {
            unsafe new.deallocate()
            throw .damaged
        }
        unsafe stream = new
        return unsafe new
    }

    private func run(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ source: UnsafeRawBufferPointer,
        _ output: inout [UInt8],
        _ byteCountMax: Int
    ) throws(Failure) {
        // SAFETY: zlib reads what next_in and avail_in say, which is the source, and only during this call.
        let start = unsafe source.bindMemory(to: UInt8.self).baseAddress
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: start)
        unsafe stream.pointee.avail_in = UInt32(truncatingIfNeeded: source.count)
        defer { unsafe stream.pointee.next_in = nil }
        precondition(source.count <= Int(UInt32.max), "A piece is not larger than zlib counts.")
        while true {
            // One byte over the limit is asked for, to tell a message that just fits from one that does not.
            let room = min(max(unsafe Int(stream.pointee.avail_in) * 4, output.count, 1024), 1 << 20)
            let left = max(byteCountMax - output.count, 0)
            let capacity = left < room ? left + 1 : room
            var status = Z_OK
            var isFull = false
            output.append(addingCapacity: capacity) { (span: inout OutputSpan<UInt8>) in
                unsafe span.withUnsafeMutableBufferPointer { target, initialized in
                    // SAFETY: zlib writes avail_out bytes at most, which is the capacity of the target.
                    unsafe stream.pointee.next_out = target.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(capacity)
                    status = unsafe CZlib.inflate(stream, Z_SYNC_FLUSH)
                    let unused = unsafe Int(stream.pointee.avail_out)
                    unsafe stream.pointee.next_out = nil
                    initialized = capacity - unused
                    isFull = unused == 0
                }
            }
            guard output.count <= byteCountMax else { throw .tooLarge }
            switch status {
            case Z_STREAM_END:
                // A final block may be followed by more (RFC 7692 §7.2.3.4); the window stays as it is.
                guard unsafe inflateResetKeep(stream) == Z_OK else { throw .damaged }
                if unsafe stream.pointee.avail_in == 0 { return }
            case Z_OK:
                if unsafe stream.pointee.avail_in == 0, !isFull { return }
            case Z_BUF_ERROR:
                // Nothing to do: all input is taken and all output given.
                if unsafe stream.pointee.avail_in == 0 { return }
                throw .damaged
            default: throw .damaged
            }
        }
    }
}
