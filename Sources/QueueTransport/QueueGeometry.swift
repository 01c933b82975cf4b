// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport

/// How large the parts of a queue's memory are; fixed when the service creates it.
///
/// The file is the control page, the request ring, the response ring, the request area and the response area, in
/// this order. Pages are first touched when they are used, so that a large geometry costs an idle worker nothing.
public struct QueueGeometry: Equatable, Sendable {
    /// Bytes of the ring from service to worker: a power of two from 4 KiB to 16 MiB.
    ///
    /// Default 256 KiB.
    public var requestRingBytes = 256 << 10
    /// Bytes of the ring from worker to service: a power of two from 4 KiB to 16 MiB.
    ///
    /// Default 256 KiB.
    public var responseRingBytes = 256 << 10
    /// Bytes of one block of shared content: a power of two from 4 KiB to 1 MiB.
    ///
    /// Default 32 KiB.
    public var blockBytes = 32 << 10
    /// Blocks for content of requests, 0 to 4096.
    ///
    /// Default 32.
    public var requestBlocks = 32
    /// Blocks for content of responses, 0 to 4096.
    ///
    /// Default 128.
    public var responseBlocks = 128
    /// Requests a worker may hold at once, 1 to 4096.
    ///
    /// Default 1024.
    public var outstandingMax = 1024
    /// The longest record, a multiple of eight from 1 KiB to half of either ring.
    ///
    /// Default 96 KiB. Bounds a request's head and a response's field section.
    public var recordBytesMax = 96 << 10

    /// The defaults.
    public init() {}

    /// Makes the rings as large as records of a size need, where that is more than the defaults.
    ///
    /// - Parameter byteCount: the longest record; over 8 MiB is taken for 8 MiB.
    public init(recordsOf byteCount: Int) {
        let rounded = (min(max(0, byteCount), 8 << 20) + 7) & ~7
        recordBytesMax = max(recordBytesMax, rounded)
        while requestRingBytes < 2 * recordBytesMax { requestRingBytes *= 2 }
        while responseRingBytes < 2 * recordBytesMax { responseRingBytes *= 2 }
    }

    /// Whether every part is within its limits.
    public var isValid: Bool {
        Self.isPowerOfTwo(requestRingBytes, in: 4096...(16 << 20))
            && Self.isPowerOfTwo(responseRingBytes, in: 4096...(16 << 20))
            && Self.isPowerOfTwo(blockBytes, in: 4096...(1 << 20))
            && (0...4096).contains(requestBlocks) && (0...4096).contains(responseBlocks)
            && (1...4096).contains(outstandingMax)
            && (1024...min(requestRingBytes, responseRingBytes) / 2).contains(recordBytesMax)
            && recordBytesMax % 8 == 0
    }

    private static func isPowerOfTwo(_ value: Int, in range: ClosedRange<Int>) -> Bool {
        range.contains(value) && value & (value - 1) == 0
    }

    var requestRingOffset: Int { Int(QT_CONTROL_BYTES) }
    var responseRingOffset: Int { requestRingOffset + requestRingBytes }
    var requestAreaOffset: Int { responseRingOffset + responseRingBytes }
    var responseAreaOffset: Int { requestAreaOffset + requestBlocks * blockBytes }
    /// Size of the file.
    public var totalBytes: Int { responseAreaOffset + responseBlocks * blockBytes }

    /// As the first page states it.
    var shared: qt_geometry {
        var shared = qt_geometry()
        shared.magic = QT_MAGIC
        shared.version = QT_VERSION
        shared.total_bytes = UInt64(totalBytes)
        shared.request_ring_bytes = UInt32(requestRingBytes)
        shared.response_ring_bytes = UInt32(responseRingBytes)
        shared.block_bytes = UInt32(blockBytes)
        shared.request_blocks = UInt32(requestBlocks)
        shared.response_blocks = UInt32(responseBlocks)
        shared.outstanding_max = UInt32(outstandingMax)
        shared.record_bytes_max = UInt32(recordBytesMax)
        return shared
    }

    /// Checks a copy of what the first page states against the limits and the file's size.
    init(checking shared: qt_geometry, fileSize: Int) throws(TransportViolation) {
        guard shared.magic == QT_MAGIC else { throw TransportViolation(.geometry, value: shared.magic) }
        guard shared.version == QT_VERSION else {
            throw TransportViolation(.version, value: UInt64(shared.version))
        }
        requestRingBytes = Int(shared.request_ring_bytes)
        responseRingBytes = Int(shared.response_ring_bytes)
        blockBytes = Int(shared.block_bytes)
        requestBlocks = Int(shared.request_blocks)
        responseBlocks = Int(shared.response_blocks)
        outstandingMax = Int(shared.outstanding_max)
        recordBytesMax = Int(shared.record_bytes_max)
        guard isValid, totalBytes == fileSize, shared.total_bytes == UInt64(fileSize) else {
            throw TransportViolation(.geometry, value: shared.total_bytes)
        }
    }
}
