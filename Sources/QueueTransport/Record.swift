// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport

/// What a record is; the numbers are the protocol's, version 1.
enum RecordKind: UInt8, CaseIterable {
    case hello = 1
    // Service to worker.
    case request = 2
    case cancelled = 3
    case drain = 4
    case ping = 5
    case contentFailed = 6
    // Either way.
    case content = 16
    case reference = 17
    case trailers = 18
    case window = 19
    case release = 20
    // Worker to service.
    case credit = 32
    case responseHead = 33
    case interim = 34
    case file = 35
    case reset = 36
    case delegate = 37
    case pong = 38
    case forgetFile = 39
}

/// Bits of a record's prefix.
enum RecordFlag {
    /// Nothing more follows in this direction of the request.
    static let last: UInt8 = 1
}

/// One record, in memory of this process's own: what the other side does to the ring no longer changes it.
struct ReceivedRecord {
    /// The whole record, prefix included; valid until the next one is taken.
    let bytes: UnsafeRawBufferPointer
    let prefix: qt_prefix

    static let prefixBytes = MemoryLayout<qt_prefix>.size

    var isLast: Bool { prefix.flags & RecordFlag.last != 0 }
    var id: RequestID { RequestID(rawValue: prefix.id) }

    /// What follows the prefix.
    var body: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[Self.prefixBytes...]) }

    func violation(_ code: TransportViolation.Code, _ value: UInt64 = 0) -> TransportViolation {
        TransportViolation(code, value: value, kind: prefix.kind)
    }

    /// The record's structure; throws where the record is too short for it.
    @inline(__always)
    func fields<Fields: BitwiseCopyable>(_: Fields.Type) throws(TransportViolation) -> Fields {
        guard bytes.count >= Self.prefixBytes + MemoryLayout<Fields>.size else {
            throw violation(.length, UInt64(bytes.count))
        }
        // SAFETY: the record is long enough by the check above; unaligned loads are as good here.
        return bytes.loadUnaligned(fromByteOffset: Self.prefixBytes, as: Fields.self)
    }

    /// The record's structure, where nothing may follow it.
    @inline(__always)
    func only<Fields: BitwiseCopyable>(_ type: Fields.Type) throws(TransportViolation) -> Fields {
        guard bytes.count == Self.prefixBytes + MemoryLayout<Fields>.size else {
            throw violation(.length, UInt64(bytes.count))
        }
        return try fields(type)
    }

    /// Throws where flags are set that the kind does not have, or an id is given or missing.
    @inline(__always)
    func check(flags: UInt8, hasID: Bool) throws(TransportViolation) {
        guard prefix.flags & ~flags == 0, prefix.reserved == 0 else {
            throw violation(.field, UInt64(prefix.flags))
        }
        guard hasID || prefix.id == 0 else { throw violation(.identifier, prefix.id) }
    }
}
