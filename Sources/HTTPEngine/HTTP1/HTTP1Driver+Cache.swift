// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPFeatures
import HTTPWire
import IORing
import ResponseCache
import URLPrefixes

extension HTTP1Driver {
    /// Whether heads seen on this connection say by their bytes alone where they are routed.
    private var mayMemoize: Bool {
        !loop.routes.snapshot.hasAddressBoundPrefixes || connection.listener.endpoint.address != nil
    }

    /// The answer for a head whose very bytes were answered from the cache before.
    func memoizedAnswer(_ bytes: Span<UInt8>) -> MemoizedAnswer? {
        guard mayMemoize, !loop.isDraining else { return nil }
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
            _ = loop.scratchHead.parse(Span(_unsafeElements: bytes), limits: loop.headLimits)
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
        guard !loop.reader.isEmpty else { return false }
        assignCacheKey(loop.scratchHead, headBytes)
        let now = loop.ring.now.nanoseconds
        // SAFETY: the head's bytes stay where they are during this call.
        let bytes = Span(_unsafeElements: headBytes)
        var accepted = ContentCodings(.identity)
        if let field = loop.scratchHead.value(of: .acceptEncoding) {
            accepted = ContentCodings(acceptEncoding: bytes.extracting(field.range))
        }
        guard let entry = loop.reader.lookup(loop.cacheKey, accepting: accepted, now: now) else {
            return false
        }
        let head = loop.scratchHead
        let disposition = CacheRules.disposition(
            of: entry,
            head: head,
            bytes: bytes,
            wallClock: loop.ring.wallClockSeconds
        )
        let keeps = head.keepAlive && !entry.closesConnection && !loop.isDraining
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
        if disposition == .full, keeps, head.version != .http10, mayMemoize {
            loop.memo.insert(
                head: bytes,
                endpoint: connection.listener.endpoint.id,
                entry: entry,
                version: loop.reader.version,
                keepAlive: true,
                now: now
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

    private func assignCacheKey(_ head: RequestHead, _ headBytes: UnsafeBufferPointer<UInt8>) {
        let endpoint = connection.listener.endpoint
        let start = Int(head.path.start)
        let end = head.hasQuery ? head.query.end : head.path.end
        let target =
            head.path.isEmpty && !head.hasQuery
            ? headBytes[0..<0]
            : headBytes[(head.path.isEmpty ? end - Int(head.query.count) - 1 : start)..<end]
        var address = connection.listener.cacheAddress
        if address.isEmpty, loop.routes.snapshot.hasAddressBoundPrefixes {
            address = Array(connection.localAddress.host.utf8)
        }
        // SAFETY: the head's bytes stay where they are during this call.
        _ = loop.cacheKey.assign(
            isSecure: endpoint.scheme == .https,
            port: endpoint.port,
            localAddress: address.span,
            host: Span(_unsafeElements: UnsafeBufferPointer(rebasing: headBytes[head.host.range])),
            target: Span(_unsafeElements: UnsafeBufferPointer(rebasing: target))
        )
    }

    /// Stores a response that is about to leave whole, if the rules let it.
    func storeInCache(_ exchange: Exchange) {
        guard loop.options.responseCaching, exchange.cacheBlockers.mayStore, exchange.policy != .disabled,
            let target = exchange.target
        else { return }
        let policy = CachePolicy(exchange.policy)
        let candidate = CacheCandidate(
            status: exchange.status,
            bodyByteCount: exchange.body.count + (exchange.wholeBody?.count ?? 0),
            isSingleSend: true,
            hasTrailers: exchange.trailerFields != nil,
            policy: policy
        )
        let wallClock = loop.ring.wallClockSeconds
        let store = loop.reader.store
        guard
            let lifetime = try? CacheRules.lifetime(
                request: exchange.cacheBlockers,
                response: candidate,
                fields: exchange.responseFields,
                limits: store.limits,
                wallClock: wallClock
            )
        else { return }
        var fields = exchange.responseFields
        if let server = loop.options.serverHeader, !fields.contains(id: .server) {
            try? fields.append(id: .server, value: server)
        }
        assignCacheKey(exchange.head, exchange.headBytes)
        let now = loop.ring.now.nanoseconds
        if exchange.body.count > 0, let first = exchange.wholeBody {
            // Written in two parts, the first kept by reference: rare, and worth one copy.
            let rest = exchange.body.toArray()
            exchange.body.removeAll()
            exchange.wholeBody = first + rest
        }
        func makeEntry(_ body: Span<UInt8>) -> CacheEntry {
            CacheEntry(
                key: loop.cacheKey,
                owner: CacheOwner(queueID: exchange.queue?.id ?? 0, urlGroupID: target.group.id),
                status: exchange.status,
                reason: exchange.reason,
                fields: fields,
                body: body,
                policy: policy,
                lifetime: lifetime,
                now: now,
                wallClock: wallClock
            )
        }
        let entry: CacheEntry
        if let whole = exchange.wholeBody {
            entry = makeEntry(whole.span)
        } else {
            entry = exchange.body.withSpan { makeEntry($0) }
        }
        store.insert(entry, asOf: exchange.cacheGeneration, now: now)
    }
}

extension CachePolicy {
    init(_ policy: HTTPResponseCachePolicy) {
        switch policy {
        case .automatic: self = .automatic
        case .disabled: self = .disabled
        case .userInvalidates: self = .userInvalidates
        case .timeToLive(let duration): self = .timeToLive(duration)
        }
    }
}
