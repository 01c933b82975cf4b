// SPDX-License-Identifier: Apache-2.0

import HTTPSecure
import HTTPWire
import ResponseCache
import URLPrefixes

extension EngineLoop {
    /// Finds whose the request in `scratchHead` is.
    ///
    /// - Parameters:
    ///   - headBytes: the bytes that head's ranges refer to.
    ///   - connection: where it came in.
    /// - Returns: the registration, or why there is none.
    func findRoute(_ headBytes: UnsafeBufferPointer<UInt8>, _ connection: Connection) -> RouteResult {
        let path = scratchHead.path
        let listener = connection.listener
        let host = UnsafeBufferPointer(rebasing: headBytes[scratchHead.host.range])
        func lookup(_ path: Span<UInt8>) -> RouteResult {
            routes.snapshot.lookup(
                scheme: listener.endpoint.scheme,
                port: listener.endpoint.port,
                localAddress: listener.endpoint.address ?? connection.localAddress.literal,
                host: Span(_unsafeElements: host),
                path: path
            )
        }
        // SAFETY: the head's bytes stay where they are during this call.
        let raw = UnsafeBufferPointer(rebasing: headBytes[path.range])
        if path.isEmpty { return lookup(EngineLoop.rootPath.span) }
        guard scratchHead.pathNeedsDecoding else { return lookup(Span(_unsafeElements: raw)) }
        guard let decoded = try? RequestPath.decode(Span(_unsafeElements: raw)) else { return .pathUnknown }
        return lookup(RequestPath.routingForm(decoded.span).span)
    }

    /// Finds why the request in `scratchHead` may not be answered over its connection.
    ///
    /// - Parameters:
    ///   - headBytes: the bytes that head's ranges refer to.
    ///   - connection: where it came in.
    /// - Returns: the refusal, or nil where it may.
    func misdirection(_ headBytes: UnsafeBufferPointer<UInt8>, _ connection: Connection) -> Refusal? {
        guard let engine = connection.tls?.engine else {
            // `http` over TLS asks for no less than it gets.
            let isServed = !scratchHead.targetIsHTTPS || connection.listener.allowsAlternateSchemes
            return isServed ? nil : .schemeMismatch
        }
        if engine.mayServeEveryHost { return nil }
        let host = UnsafeBufferPointer(rebasing: headBytes[scratchHead.host.range])
        return engine.mayServe(host: UnsafeRawBufferPointer(host)) ? nil : .misdirected
    }

    private static let rootPath: [UInt8] = [0x2F]

    /// Why a request that is nobody's is refused.
    static func refusal(for route: RouteResult) -> Refusal {
        switch route {
        case .registration: .disabled
        case .reserved: .reservedNotRegistered
        case .hostUnknown: .hostUnknown
        case .pathUnknown: .pathUnknown
        }
    }

    /// What keeps the request in `scratchHead` from the response cache.
    func cacheBlockers(_ headBytes: UnsafeBufferPointer<UInt8>) -> CacheRequestBlockers {
        if scratchHead.method == .get, !scratchHead.hasContent,
            !CacheRequestBlockers.mayLie(in: scratchHead.present)
        {
            return []
        }
        // SAFETY: the head's bytes stay where they are during this call.
        return CacheRequestBlockers(scratchHead, bytes: Span(_unsafeElements: headBytes))
    }
}
