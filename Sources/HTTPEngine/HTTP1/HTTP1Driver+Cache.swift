// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPFeatures
import HTTPSecure
import HTTPWire
import IORing
import ResponseCache
import URLPrefixes

extension HTTP1Driver {
    /// Whether heads seen on this connection say by their bytes alone where they are routed.
    ///
    /// They do not where the names of a listener have different TLS rules: each connection is then judged by them.
    private var mayMemoize: Bool {
        if let engine = connection.tls?.engine, !engine.mayServeEveryHost { return false }
        return !loop.routes.snapshot.hasAddressBoundPrefixes || connection.listener.endpoint.address != nil
    }

    /// The answer for a head whose very bytes were answered from the cache before.
    func memoizedAnswer(_ bytes: Span<UInt8>) -> MemoizedAnswer? {
        guard mayMemoize, !loop.isDraining, requestCount &+ 1 < connection.listener.requestCountMax else {
            return nil
        }
        return loop.memo.lookup(
            bytes,
            endpoint: connection.listener.endpoint.id,
            now: loop.ring.now.nanoseconds
        )
    }

    /// Answers a memoized head: copies the stored response and puts today's date in.
    func answerFromMemo(_ answer: MemoizedAnswer) {
        loop.counters.requests.count()
        loop.counters.cacheHits.count()
        answer.response.withUnsafeBytes { response in
            connection.reserveOutput(response.count)
            appendDated(response, dateOffset: answer.dateOffset)
        }
        if loop.log != nil {
            // The log wants the head's parts, which only parsing tells.
            let bytes = UnsafeBufferPointer(rebasing: connection.input[..<answer.requestByteCount])
            _ = loop.scratchHead.parse(Span(_unsafeElements: bytes), limits: connection.listener.headLimits)
            loop.logCacheHit(
                connection,
                loop.scratchHead,
                bytes,
                status: answer.entry.status,
                bytesSent: answer.response.count,
                group: nil
            )
        }
        connection.consume(answer.requestByteCount)
        connection.touch()
    }

    private func appendDated(_ response: UnsafeRawBufferPointer, dateOffset: Int) {
        let dateEnd = dateOffset + CommonResponseLines.dateByteCount
        connection.output.append(UnsafeRawBufferPointer(rebasing: response[..<dateOffset]))
        connection.output.append(loop.responseLines.date(at: loop.ring.wallClockSeconds))
        connection.output.append(UnsafeRawBufferPointer(rebasing: response[dateEnd...]))
    }

    /// Answers the request in the loop's scratch head from the cache, if it holds one for it.
    func serveFromCache(
        _ headBytes: UnsafeBufferPointer<UInt8>,
        _ target: RouteTarget,
        _ blockers: CacheRequestBlockers
    ) -> Bool {
        guard let (entry, disposition) = loop.findInCache(headBytes, connection) else { return false }
        let head = loop.scratchHead
        let keeps = head.keepAlive && !entry.closesConnection && !loop.isDraining && !isLastRequest
        loop.counters.cacheHits.count()
        send(entry, disposition, keeps: keeps, isHTTP10: head.version == .http10)
        if loop.log != nil {
            loop.logCacheHit(
                connection,
                head,
                headBytes,
                status: entry.status,
                bytesSent: entry.bytes.count,
                group: target.group
            )
        }
        if disposition == .full, keeps, head.version != .http10, mayMemoize,
            // Who sent the head then counts as much as its bytes.
            !CacheKey.countsSender(head.present)
        {
            // SAFETY: the head's bytes stay where they are during this call.
            loop.memo.insert(
                head: Span(_unsafeElements: headBytes),
                endpoint: connection.listener.endpoint.id,
                entry: entry,
                version: loop.reader.version,
                keepAlive: true,
                now: loop.ring.now.nanoseconds
            )
        }
        connection.consume(headBytes.count)
        connection.touch()
        if keeps {
            becomeIdle()
        } else {
            end()
            connection.closeAfterOutput(lingers: connection.inputCount > 0)
        }
        return true
    }

    private func send(_ entry: CacheEntry, _ disposition: CacheDisposition, keeps: Bool, isHTTP10: Bool) {
        if let response = CacheResponse(of: entry, as: disposition) {
            response.bytes.withUnsafeBytes {
                connection.reserveOutput($0.count + 32)
                appendHead($0, headByteCount: response.headByteCount, response.dateOffset, keeps, isHTTP10)
                connection.output.append(UnsafeRawBufferPointer(rebasing: $0[response.headByteCount...]))
            }
            return
        }
        entry.bytes.withUnsafeBytes {
            let isSmall = $0.count <= Exchange.sharedWriteByteCount
            connection.reserveOutput(isSmall ? $0.count + 32 : entry.headByteCount + 32)
            appendHead($0, headByteCount: entry.headByteCount, entry.dateOffset, keeps, isHTTP10)
            if isSmall {
                connection.output.append(UnsafeRawBufferPointer(rebasing: $0[entry.headByteCount...]))
            }
        }
        if entry.bytes.count > Exchange.sharedWriteByteCount {
            connection.append(.cached(entry, entry.headByteCount..<entry.bytes.count))
        }
    }

    /// A stored head with today's date, and what this connection has to say of itself.
    private func appendHead(
        _ bytes: UnsafeRawBufferPointer,
        headByteCount: Int,
        _ dateOffset: Int,
        _ keeps: Bool,
        _ isHTTP10: Bool
    ) {
        appendDated(UnsafeRawBufferPointer(rebasing: bytes[..<(headByteCount - 2)]), dateOffset: dateOffset)
        if !keeps {
            connection.output.append("Connection: close\r\n" as StaticString)
        } else if isHTTP10 {
            connection.output.append("Connection: keep-alive\r\n" as StaticString)
        }
        connection.output.append("\r\n" as StaticString)
    }
}
