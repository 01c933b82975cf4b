// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport

extension QueuedAddress {
    var shared: qt_address {
        var shared = qt_address()
        shared.high = high
        shared.low = low
        shared.port = port
        shared.family = family.rawValue
        return shared
    }

    init(_ shared: qt_address, _ record: ReceivedRecord) throws(TransportViolation) {
        guard let family = Family(rawValue: shared.family) else {
            throw record.violation(.field, UInt64(shared.family))
        }
        self.init(family: family, high: shared.high, low: shared.low, port: shared.port)
    }
}

extension ReceivedRecord {
    /// Cuts what follows a structure into its three parts; throws where their lengths are not the record's.
    @inline(__always)
    func parts<Fields>(
        after: Fields.Type,
        _ first: UInt32,
        _ second: UInt32,
        _ third: UInt32
    ) throws(TransportViolation) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) {
        let start = Self.prefixBytes + MemoryLayout<Fields>.size
        let (first, second, third) = (Int(first), Int(second), Int(third))
        guard start + first + second + third == bytes.count, let base = bytes.baseAddress else {
            throw violation(.layout, UInt64(bytes.count))
        }
        // SAFETY: the three parts add up to what the record has by the check above.
        return (
            UnsafeRawBufferPointer(start: base + start, count: first),
            UnsafeRawBufferPointer(start: base + start + first, count: second),
            UnsafeRawBufferPointer(start: base + start + first + second, count: third)
        )
    }
}

extension QueuedRequest {
    /// Reads a record the service wrote.
    init(_ record: ReceivedRecord) throws(TransportViolation) {
        let fields = try record.fields(qt_request.self)
        (head, extra, contentBytes) = try record.parts(
            after: qt_request.self,
            fields.head_bytes,
            fields.extra_bytes,
            fields.content_bytes
        )
        flags = Flags(rawValue: fields.flags)
        guard flags.isSubset(of: .all) else { throw record.violation(.field, UInt64(fields.flags)) }
        contentLength = fields.content_length
        let known = Int64(contentBytes.count)
        guard contentLength >= -1, contentLength == -1 || known <= contentLength,
            !flags.contains(.isWhole) || contentLength == -1 || known == contentLength
        else { throw record.violation(.field, UInt64(bitPattern: contentLength)) }
        guard fields.prefix_path_bytes <= fields.head_bytes else {
            throw record.violation(.field, UInt64(fields.prefix_path_bytes))
        }
        prefixPathByteCount = Int(fields.prefix_path_bytes)
        remoteAddress = try QueuedAddress(fields.remote, record)
        localAddress = try QueuedAddress(fields.local, record)
        registration = fields.registration
        urlGroup = fields.url_group
        connection = fields.connection
        requestNumber = fields.request_number
        connectionStartedAt = fields.connection_started
        headStartedAt = fields.head_started
        headEndedAt = fields.head_ended
        queuedAt = fields.queued
    }

    /// Whether content follows in records of its own.
    var hasMore: Bool { contentLength != 0 && !flags.contains(.isWhole) }
}

extension QueuedResponseHead {
    /// Reads a record the worker wrote.
    init(_ record: ReceivedRecord) throws(TransportViolation) {
        let fields = try record.fields(qt_response_head.self)
        (reason, self.fields, contentBytes) = try record.parts(
            after: qt_response_head.self,
            fields.reason_bytes,
            fields.field_bytes,
            fields.content_bytes
        )
        flags = Flags(rawValue: fields.flags)
        guard flags.isSubset(of: .all), fields.reserved == 0 else {
            throw record.violation(.field, UInt64(fields.flags))
        }
        status = fields.status
        let upgrades = flags.contains(.upgrades)
        // 101, or 2xx to an extended CONNECT (RFC 8441); a response that upgrades has no end of its own.
        let isInRange = (200...999).contains(status) || status == 101 && upgrades
        guard isInRange, !upgrades || !flags.contains(.isWhole) else {
            throw record.violation(.field, UInt64(status))
        }
        contentLength = fields.content_length
        guard contentLength >= -1 else { throw record.violation(.field, UInt64(bitPattern: contentLength)) }
        cachePolicy = fields.cache_policy
        cacheSeconds = fields.cache_seconds
    }
}
