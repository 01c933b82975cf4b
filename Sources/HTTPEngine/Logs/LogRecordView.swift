// SPDX-License-Identifier: Apache-2.0

/// One record as it lies in the ring, for the thread that reads it.
///
/// **Isolation and ownership**: borrowed; valid only during the `drain` call that passed it.
@unsafe struct LogRecordView {
    private let base: UnsafeRawPointer

    /// Views the record that starts at `base`.
    init(base: UnsafeRawPointer) {
        unsafe self.base = unsafe base
    }

    private var prefix: LogRecordPrefix {
        // SAFETY: `LogRing` initialised a prefix here before it published the record.
        unsafe base.assumingMemoryBound(to: LogRecordPrefix.self).pointee
    }

    var kind: LogRecordKind { unsafe prefix.kind }

    /// The struct of an error record.
    var error: ErrorLogRecord {
        unsafe precondition(kind == .error, "The record is not an error.")
        // SAFETY: `LogRing.error` initialised one here.
        return unsafe (base + LogRecordPrefix.stride).assumingMemoryBound(to: ErrorLogRecord.self).pointee
    }

    /// The struct of an access record.
    var access: AccessLogRecord {
        unsafe precondition(kind == .access, "The record is not an access.")
        // SAFETY: `LogRing.access` initialised one here.
        return unsafe (base + LogRecordPrefix.stride).assumingMemoryBound(to: AccessLogRecord.self).pointee
    }

    /// The texts, in place.
    var texts: LogTexts {
        let counts = unsafe prefix.texts
        let size =
            unsafe kind == .error ? MemoryLayout<ErrorLogRecord>.stride : MemoryLayout<AccessLogRecord>.stride
        var next = unsafe (base + LogRecordPrefix.stride + size).assumingMemoryBound(to: UInt8.self)
        func take(_ count: UInt16) -> UnsafeBufferPointer<UInt8> {
            // SAFETY: `LogRing` copied the texts end to end in this order, each as long as its count.
            defer { unsafe next += Int(count) }
            return unsafe UnsafeBufferPointer(start: next, count: Int(count))
        }
        return unsafe LogTexts(
            method: take(counts.method),
            uri: take(counts.uri),
            name: take(counts.name),
            host: take(counts.host),
            userAgent: take(counts.userAgent),
            referer: take(counts.referer)
        )
    }
}

/// The texts of one record as it lies in the ring: raw peer bytes, cut to `LogTextLimit`.
@unsafe struct LogTexts {
    let method: UnsafeBufferPointer<UInt8>
    let uri: UnsafeBufferPointer<UInt8>
    /// The queue name of an error, the user of an access.
    let name: UnsafeBufferPointer<UInt8>
    let host: UnsafeBufferPointer<UInt8>
    let userAgent: UnsafeBufferPointer<UInt8>
    let referer: UnsafeBufferPointer<UInt8>
}
