// SPDX-License-Identifier: Apache-2.0

import CCompression

/// Turns bytes into a content coding, piece by piece.
///
/// Belongs to one response. The libraries' memory is freed with it: 0.3 MiB for gzip, 0.5 to 1 MiB for the others
/// with the windows used here.
@safe
final class ContentEncoder {
    /// What is done with the bytes given.
    enum Operation {
        /// Take them; output comes when there is enough.
        case gather
        /// Put out all that was taken so far, so that the client can read it.
        case flush
        /// End the coding.
        case finish
    }

    /// The library failed: it had no memory, or the encoder was used after its end.
    struct Failure: Error {}

    @unsafe
    private enum Library {
        case zlib(UnsafeMutablePointer<z_stream>)
        case brotli(OpaquePointer)
        case zstandard(OpaquePointer)
    }

    // SAFETY: made by `init`, used by one response at a time, freed by `deinit` alone.
    private let library: Library
    private var room = [UInt8](repeating: 0, count: 16384)

    /// Makes an encoder.
    ///
    /// - Parameters:
    ///   - coding: which one.
    ///   - level: how hard it tries, in the coding's own scale; taken into its range.
    /// - Throws: `Failure` where the library has no memory.
    init(_ coding: CompressionCoding, level: Int) throws(Failure) {
        switch coding {
        case .gzip:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            unsafe stream.initialize(to: z_stream())
            // 15 bits of window, and 16 for gzip's header and trailer instead of zlib's.
            let result = unsafe deflateInit2_(
                stream,
                Int32(min(max(level, 1), 9)),
                Z_DEFLATED,
                15 + 16,
                8,
                Z_DEFAULT_STRATEGY,
                ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)
            )
            guard result == Z_OK else {
                unsafe stream.deallocate()
                throw Failure()
            }
            unsafe library = unsafe .zlib(stream)
        case .brotli:
            guard let state = unsafe BrotliEncoderCreateInstance(nil, nil, nil) else { throw Failure() }
            unsafe BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, UInt32(min(max(level, 0), 11)))
            unsafe BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, 18)
            unsafe library = unsafe .brotli(state)
        case .zstandard:
            guard let stream = unsafe ZSTD_createCCtx() else { throw Failure() }
            unsafe ZSTD_CCtx_setParameter(stream, ZSTD_c_compressionLevel, Int32(min(max(level, 1), 22)))
            // RFC 8878 §3.1.1.1.2: decoders need only take windows up to 8 MiB; smaller is cheaper.
            unsafe ZSTD_CCtx_setParameter(stream, ZSTD_c_windowLog, 18)
            unsafe library = unsafe .zstandard(stream)
        }
    }

    deinit {
        switch unsafe library {
        case .zlib(let stream):
            unsafe deflateEnd(stream)
            unsafe stream.deallocate()
        case .brotli(let state): unsafe BrotliEncoderDestroyInstance(state)
        case .zstandard(let stream): unsafe ZSTD_freeCCtx(stream)
        }
    }

    /// Takes bytes and appends what comes out.
    func encode(
        _ input: [UInt8],
        _ operation: Operation,
        into output: inout [UInt8]
    ) throws(Failure) {
        // SAFETY: the libraries read `input` and write `room` only during the calls below, within their counts.
        let isSuccess = unsafe input.withUnsafeBufferPointer { source in
            unsafe room.withUnsafeMutableBufferPointer { room in
                switch unsafe library {
                case .zlib(let stream): unsafe Self.deflate(stream, source, operation, room, &output)
                case .brotli(let state): unsafe Self.brotli(state, source, operation, room, &output)
                case .zstandard(let stream): unsafe Self.zstandard(stream, source, operation, room, &output)
                }
            }
        }
        guard isSuccess else { throw Failure() }
    }

    private static func deflate(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ source: UnsafeBufferPointer<UInt8>,
        _ operation: Operation,
        _ room: UnsafeMutableBufferPointer<UInt8>,
        _ output: inout [UInt8]
    ) -> Bool {
        guard source.count <= UInt32.max else { return false }
        let flush =
            switch operation {
            case .gather: Z_NO_FLUSH
            case .flush: Z_SYNC_FLUSH
            case .finish: Z_FINISH
            }
        unsafe stream.pointee.next_in = unsafe UnsafeMutablePointer(mutating: source.baseAddress)
        unsafe stream.pointee.avail_in = UInt32(source.count)
        while true {
            unsafe stream.pointee.next_out = room.baseAddress
            unsafe stream.pointee.avail_out = UInt32(room.count)
            let result = unsafe CCompression.deflate(stream, flush)
            // Z_BUF_ERROR: nothing was left to do.
            guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return false }
            let count = unsafe room.count - Int(stream.pointee.avail_out)
            unsafe output.append(contentsOf: room[0..<count])
            if unsafe stream.pointee.avail_out > 0 { return result != Z_OK || operation != .finish }
        }
    }

    private static func brotli(
        _ state: OpaquePointer,
        _ source: UnsafeBufferPointer<UInt8>,
        _ operation: Operation,
        _ room: UnsafeMutableBufferPointer<UInt8>,
        _ output: inout [UInt8]
    ) -> Bool {
        let flush =
            switch operation {
            case .gather: BROTLI_OPERATION_PROCESS
            case .flush: BROTLI_OPERATION_FLUSH
            case .finish: BROTLI_OPERATION_FINISH
            }
        var next = source.baseAddress
        var left = source.count
        repeat {
            var target = room.baseAddress
            var free = room.count
            let result = unsafe BrotliEncoderCompressStream(state, flush, &left, &next, &free, &target, nil)
            guard result != 0 else { return false }
            unsafe output.append(contentsOf: room[0..<(room.count - free)])
        } while unsafe left > 0 || BrotliEncoderHasMoreOutput(state) != 0
        return true
    }

    private static func zstandard(
        _ stream: OpaquePointer,
        _ source: UnsafeBufferPointer<UInt8>,
        _ operation: Operation,
        _ room: UnsafeMutableBufferPointer<UInt8>,
        _ output: inout [UInt8]
    ) -> Bool {
        let flush =
            switch operation {
            case .gather: ZSTD_e_continue
            case .flush: ZSTD_e_flush
            case .finish: ZSTD_e_end
            }
        var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        while true {
            var target = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
            let rest = unsafe ZSTD_compressStream2(stream, &target, &input, flush)
            guard ZSTD_isError(rest) == 0 else { return false }
            unsafe output.append(contentsOf: room[0..<target.pos])
            let isDone = unsafe operation == .gather ? input.pos == input.size : rest == 0
            if isDone { return true }
        }
    }
}
