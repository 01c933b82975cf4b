// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing
import ResponseCache
import URLPrefixes

extension EngineLoop {
    /// Looks for a stored response to the request in the scratch head.
    ///
    /// - Returns: the entry and what of it answers the request.
    func findInCache(_ headBytes: UnsafeBufferPointer<UInt8>, _ connection: Connection) -> (
        CacheEntry, CacheDisposition
    )? {
        guard !reader.isEmpty else { return nil }
        assignCacheKey(scratchHead, headBytes, connection)
        // SAFETY: the head's bytes stay where they are during this call.
        let bytes = Span(_unsafeElements: headBytes)
        let accepted = acceptedCodings(bytes)
        guard let entry = reader.lookup(cacheKey, accepting: accepted, now: ring.now.nanoseconds) else {
            return nil
        }
        let disposition = CacheRules.disposition(
            of: entry,
            head: scratchHead,
            bytes: bytes,
            wallClock: ring.wallClockSeconds
        )
        return (entry, disposition)
    }

    private func acceptedCodings(_ bytes: Span<UInt8>) -> ContentCodings {
        guard let first = scratchHead.firstIndex(of: .acceptEncoding) else { return ContentCodings() }
        let fields = scratchHead.fields
        var isAlone = true
        for index in (first + 1)..<fields.count where fields[index].id == .acceptEncoding { isAlone = false }
        if isAlone { return ContentCodings(acceptEncoding: bytes.extracting(fields[first].value.range)) }
        // Several lines are one list (RFC 9110 §5.3); so rare that it may be copied.
        var list: [UInt8] = []
        for field in fields where field.id == .acceptEncoding {
            let value = bytes.extracting(field.value.range)
            for index in value.indices { list.append(value[index]) }
            list.append(UInt8(ascii: ","))
        }
        return ContentCodings(acceptEncoding: list.span)
    }

    /// Makes the key of a request, by all that may be behind what a handler sees of scheme, host and path.
    private func assignCacheKey(
        _ head: RequestHead,
        _ headBytes: UnsafeBufferPointer<UInt8>,
        _ connection: Connection
    ) {
        let endpoint = connection.listener.endpoint
        let start = Int(head.path.start)
        let end = head.hasQuery ? head.query.end : head.path.end
        let target =
            head.path.isEmpty && !head.hasQuery
            ? headBytes[0..<0]
            : headBytes[(head.path.isEmpty ? end - Int(head.query.count) - 1 : start)..<end]
        var address = connection.listener.cacheAddress
        if address.isEmpty, routes.snapshot.hasAddressBoundPrefixes {
            address = Array(connection.localAddress.host.utf8)
        }
        // SAFETY: the head's bytes stay where they are during this call.
        _ = cacheKey.assign(
            isSecure: endpoint.scheme == .https,
            port: endpoint.port,
            localAddress: address.span,
            host: Span(_unsafeElements: UnsafeBufferPointer(rebasing: headBytes[head.host.range])),
            target: Span(_unsafeElements: UnsafeBufferPointer(rebasing: target))
        )
        cacheKey.addPort(named: head.port)
        if CacheKey.countsSender(head.present) {
            // SAFETY: the head's bytes stay where they are during this call.
            addForwardedFields(of: head, Span(_unsafeElements: headBytes), connection.peerAddress)
        }
    }

    @inline(never)
    private func addForwardedFields(of head: RequestHead, _ bytes: Span<UInt8>, _ sender: SocketAddress) {
        if let path = sender.path {
            cacheKey.addForwardedFields(of: head, bytes: bytes, sender: Array(path.utf8).span)
            return
        }
        let address = InlineArray<21, UInt8> { index in
            switch index {
            case 0..<8: UInt8(truncatingIfNeeded: sender.high >> UInt64(8 * index))
            case 8..<16: UInt8(truncatingIfNeeded: sender.low >> UInt64(8 * (index - 8)))
            case 16..<20: UInt8(truncatingIfNeeded: sender.scope >> UInt32(8 * (index - 16)))
            default: sender.family.rawValue
            }
        }
        cacheKey.addForwardedFields(of: head, bytes: bytes, sender: address.span)
    }

    /// Stores a response that is about to leave whole, if the rules let it.
    func storeInCache(_ exchange: Exchange, _ connection: Connection) {
        guard options.responseCaching, exchange.cacheBlockers.mayStore, exchange.policy != .disabled,
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
        let wallClock = ring.wallClockSeconds
        let store = reader.store
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
        if let server = options.serverHeader, !fields.contains(id: .server) {
            try? fields.append(id: .server, value: server)
        }
        assignCacheKey(exchange.head, exchange.headBytes, connection)
        let now = ring.now.nanoseconds
        if exchange.body.count > 0, let first = exchange.wholeBody {
            // Written in two parts, the first kept by reference: rare, and worth one copy.
            let rest = exchange.body.toArray()
            exchange.body.removeAll()
            exchange.wholeBody = first + rest
        }
        func makeEntry(_ body: Span<UInt8>) -> CacheEntry {
            CacheEntry(
                key: cacheKey,
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
