// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPWire
import IORing

extension EngineLoop {
    /// Notes a connection that ends for a reason of its own, without a response.
    @inline(never)
    func logConnectionError(_ connection: Connection, _ refusal: Refusal) {
        counters.count(refusal.row.reason)
        guard let log, log.isErrorLogged else { return }
        logError(
            log,
            connection,
            refusal.row.reason,
            status: 0,
            head: nil,
            bytes: .init(start: nil, count: 0),
            group: nil
        )
    }

    /// Notes a message the engine refused.
    @inline(never)
    func logRefusal(_ refusal: Refusal, _ connection: Connection, head exchange: Exchange?) {
        // What was parsed before the refusal stands in the scratch; ranges past the input are ignored.
        guard let exchange else { return logRefusal(refusal, connection, bytes: connection.input) }
        let row = refusal.row
        counters.count(row.reason)
        guard let log, log.isErrorLogged else { return }
        logError(
            log,
            connection,
            row.reason,
            status: row.status,
            head: exchange.head,
            bytes: exchange.headBytes,
            group: exchange.target?.group
        )
    }

    /// Notes a refused message whose head, or what there was of it, stands in the scratch and refers to `bytes`.
    @inline(never)
    func logRefusal(_ refusal: Refusal, _ connection: Connection, bytes: UnsafeBufferPointer<UInt8>) {
        let row = refusal.row
        counters.count(row.reason)
        guard let log, log.isErrorLogged else { return }
        logError(log, connection, row.reason, status: row.status, head: scratchHead, bytes: bytes, group: nil)
    }

    private func logError(
        _ log: LogRing,
        _ connection: Connection,
        _ reason: ErrorLogReason,
        status: UInt16,
        head: RequestHead?,
        bytes: UnsafeBufferPointer<UInt8>,
        group: URLGroup?
    ) {
        let record = ErrorLogRecord(
            time: wallClockNanoseconds(),
            client: LogAddress(connection.peerAddress),
            server: LogAddress(connection.localAddress),
            reason: reason,
            status: status,
            version: head.map { LogVersion($0.version) } ?? .unknown,
            siteID: group?.id ?? 0
        )
        let queueName = Array((group?.queue?.name ?? "").utf8)
        // SAFETY: the bytes are read during the call only.
        log.error(
            record,
            method: Span(_unsafeElements: slice(bytes, head?.methodRange)),
            uri: Span(_unsafeElements: slice(bytes, head?.target)),
            queueName: queueName.span
        )
    }

    private func slice(_ bytes: UnsafeBufferPointer<UInt8>, _ range: ByteRange?) -> UnsafeBufferPointer<UInt8>
    {
        guard let range, range.end <= bytes.count else { return .init(start: nil, count: 0) }
        return UnsafeBufferPointer(rebasing: bytes[range.range])
    }

    /// Notes an answered request.
    @inline(__always)
    func logAccess(_ exchange: Exchange, _ connection: Connection) {
        guard let log, log.isAccessLogged else { return }
        writeAccess(
            log,
            connection,
            exchange.head,
            exchange.headBytes,
            status: exchange.status,
            bytesSent: UInt64(max(0, exchange.writtenLength)),
            bytesReceived: UInt64(exchange.headBytes.count) &+ UInt64(max(0, exchange.contentRead)),
            startedAt: exchange.headStartedAt,
            group: exchange.target?.group
        )
    }

    /// Notes a request answered from the cache; the scratch head or, for a memo, nothing but the bytes is known.
    func logCacheHit(
        _ connection: Connection,
        _ head: RequestHead,
        _ bytes: UnsafeBufferPointer<UInt8>,
        status: UInt16,
        bytesSent: Int,
        group: URLGroup?
    ) {
        guard let log, log.isAccessLogged else { return }
        writeAccess(
            log,
            connection,
            head,
            bytes,
            status: status,
            bytesSent: UInt64(bytesSent),
            bytesReceived: UInt64(bytes.count),
            startedAt: ring.now.nanoseconds,
            group: group
        )
    }

    @inline(never)
    private func writeAccess(
        _ log: LogRing,
        _ connection: Connection,
        _ head: RequestHead,
        _ bytes: UnsafeBufferPointer<UInt8>,
        status: UInt16,
        bytesSent: UInt64,
        bytesReceived: UInt64,
        startedAt: Int64,
        group: URLGroup?
    ) {
        let record = AccessLogRecord(
            time: wallClockNanoseconds(),
            client: LogAddress(connection.peerAddress),
            server: LogAddress(connection.localAddress),
            status: status,
            version: LogVersion(head.version),
            bytesSent: bytesSent,
            bytesReceived: bytesReceived,
            durationMicroseconds: UInt64(max(0, (ring.now.nanoseconds &- startedAt) / 1000)),
            siteID: group?.id ?? 0
        )
        let nothing = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        // SAFETY: the bytes are read during the call only.
        log.access(
            record,
            method: Span(_unsafeElements: slice(bytes, head.methodRange)),
            uri: Span(_unsafeElements: slice(bytes, head.target)),
            user: Span(_unsafeElements: nothing),
            host: Span(_unsafeElements: slice(bytes, head.authority)),
            userAgent: Span(_unsafeElements: slice(bytes, head.value(of: .userAgent))),
            referer: Span(_unsafeElements: slice(bytes, head.value(of: .referer)))
        )
    }

    private func wallClockNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}

extension LogAddress {
    init(_ address: SocketAddress) {
        switch address.family {
        case .ipv4: self.init(ipv4: address.ipv4 ?? 0, port: address.port)
        case .ipv6: self.init(high: address.high, low: address.low, scope: address.scope, port: address.port)
        case .unix: self = .none
        }
    }
}
