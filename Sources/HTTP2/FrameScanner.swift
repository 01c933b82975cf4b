// SPDX-License-Identifier: Apache-2.0

/// Follows the frames of what arrives, to find the few heads that nghttp2 does not tell of.
///
/// A DATA frame on a closed stream it drops without a word, and a PRIORITY_UPDATE frame longer than it can take too;
/// of a GOAWAY frame it judges the last stream's identifier, which is none of a server's business that pushes nothing.
///
/// **Cost**: a load and a branch for each frame; payloads are not looked at.
struct FrameScanner {
    /// Bytes before the next frame's head: of the client's preface at first, of payloads later.
    private var payloadLeft = 24
    /// Bytes of a GOAWAY frame's last stream identifier that are still to come.
    private var lastStreamLeft = 0
    /// A head that was cut, as far as it came.
    private var head = InlineArray<9, UInt8>(repeating: 0)
    private var headCount = 0

    /// The longest PRIORITY_UPDATE frame that nghttp2 reads.
    static let priorityUpdateBytesMax: UInt32 = 32

    /// What scanning stopped for.
    enum Stop: Equatable {
        /// The bytes have ended.
        case end
        /// The head of a DATA frame on this stream is complete.
        case data(Int32)
        /// The head of a GOAWAY frame, or of a frame that nghttp2 does not count, is complete.
        case goAway, uncounted
        /// Bytes of a GOAWAY frame's last stream identifier end here.
        case lastStream
    }

    /// Goes on to the next stop.
    ///
    /// - Parameters:
    ///   - bytes: what arrived.
    ///   - start: where to begin, below their count.
    /// - Returns: where the bytes before the stop end, and the stop.
    mutating func next(_ bytes: UnsafeRawBufferPointer, from start: Int) -> (end: Int, stop: Stop) {
        var offset = start
        if lastStreamLeft > 0 {
            let count = min(lastStreamLeft, bytes.count - offset)
            lastStreamLeft -= count
            payloadLeft -= count
            return (offset + count, .lastStream)
        }
        while true {
            let skipped = min(payloadLeft, bytes.count - offset)
            payloadLeft -= skipped
            offset += skipped
            guard offset < bytes.count else { return (offset, .end) }
            let stop: Stop
            if headCount == 0, bytes.count - offset >= 9 {
                // SAFETY: nine bytes are there, as was just seen.
                let lengthAndType = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self).bigEndian
                let stream = bytes.loadUnaligned(fromByteOffset: offset + 5, as: UInt32.self).bigEndian
                offset += 9
                stop = headCame(lengthAndType, stream)
            } else {
                head[headCount] = bytes[offset]
                headCount += 1
                offset += 1
                guard headCount == 9 else { continue }
                headCount = 0
                stop = headCame(word(at: 0), word(at: 5))
            }
            guard stop == .end else { return (offset, stop) }
        }
    }

    /// Four bytes of the gathered head.
    private func word(at start: Int) -> UInt32 {
        (start..<start + 4).reduce(0) { $0 << 8 | UInt32(head[$1]) }
    }

    /// A head is whole; `.end` where there is nothing about it.
    @inline(__always)
    private mutating func headCame(_ lengthAndType: UInt32, _ stream: UInt32) -> Stop {
        let length = lengthAndType >> 8
        payloadLeft = Int(length)
        switch UInt8(truncatingIfNeeded: lengthAndType) {
        case 0: return .data(Int32(truncatingIfNeeded: stream & 0x7fff_ffff))
        case 7:
            lastStreamLeft = min(4, payloadLeft)
            return .goAway
        case 16 where length > FrameScanner.priorityUpdateBytesMax: return .uncounted
        default: return .end
        }
    }
}
