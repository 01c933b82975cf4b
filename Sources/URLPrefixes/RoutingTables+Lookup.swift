// SPDX-License-Identifier: Apache-2.0

extension RoutingTables {
    /// Carries out `RoutingSnapshot.lookup`.
    func lookup(
        scheme: URLPrefix.Scheme,
        port: UInt16,
        localAddress: () -> IPAddressLiteral?,
        host: Span<UInt8>,
        path: Span<UInt8>
    ) -> RouteResult {
        guard let index = findEndpoint(scheme: scheme, port: port) else { return .hostUnknown }
        let endpoint = endpoints[index]
        var failure = RouteResult.hostUnknown
        if endpoint.strongWildcard >= 0 {
            if let result = match(endpoint.strongWildcard, path) { return result }
            failure = .pathUnknown
        }
        if endpoint.hasNames {
            var node = findName(host, endpoint: endpoint, index: index)
            while node >= 0 {
                if let result = match(node, path) { return result }
                failure = .pathUnknown
                node = nodes[Int(node)].fallback
            }
        }
        if endpoint.hasAddresses, let address = localAddress() {
            let exact = findAddress(address, endpoint: index)
            if exact >= 0 {
                if let result = match(exact, path) { return result }
                failure = .pathUnknown
            }
            let any = address.isIPv4 ? endpoint.anyIPv4 : endpoint.anyIPv6
            if any >= 0 {
                if let result = match(any, path) { return result }
                failure = .pathUnknown
            }
        }
        if endpoint.weakWildcard >= 0 {
            if let result = match(endpoint.weakWildcard, path) { return result }
            failure = .pathUnknown
        }
        return failure
    }

    static func hash(port: UInt16) -> UInt64 {
        (UInt64(port) &* 0x9E37_79B9_7F4A_7C15) >> 40
    }

    private func findEndpoint(scheme: URLPrefix.Scheme, port: UInt16) -> Int? {
        let mask = endpointSlots.count &- 1
        var slot = Int(truncatingIfNeeded: Self.hash(port: port)) & mask
        while true {
            let index = Int(endpointSlots[slot])
            if index < 0 { return nil }
            if endpoints[index].port == port {
                return endpoints[index].scheme == scheme ? index : nil
            }
            slot = (slot &+ 1) & mask
        }
    }

    private func findAddress(_ address: IPAddressLiteral, endpoint: Int) -> Int32 {
        let mask = addressSlots.count &- 1
        var index = Int(truncatingIfNeeded: seed.hash(address, endpoint: endpoint)) & mask
        while true {
            let slot = addressSlots[index]
            if slot.node < 0 { return -1 }
            if slot.high == address.high && slot.low == address.low && Int(slot.endpoint) == endpoint {
                return slot.node
            }
            index = (index &+ 1) & mask
        }
    }

    // MARK: - Results

    private func match(_ node: Int32, _ path: Span<UInt8>) -> RouteResult? {
        let match = longestPath(of: node, in: path)
        switch match.target {
        case Target.none: return nil
        case Target.reserved: return .reserved
        default: return .registration(target: match.target, pathByteCount: match.byteCount)
        }
    }
}

extension HashSeed {
    /// Hashes a whole key without regard to the case of ASCII letters, and notes in `bits` the bits of all words.
    @inline(__always)
    func hash(_ bytes: Span<UInt8>, domain: UInt32, bits: inout UInt64) -> UInt64 {
        var hash = start(domain)
        var offset = 0
        while bytes.count &- offset >= 8 {
            let word = ByteWord.load(bytes, at: offset)
            bits |= word
            hash = absorb(hash, ByteWord.lowercased(word))
            offset &+= 8
        }
        let word = ByteWord.load(bytes, at: offset)
        bits |= word
        return finish(hash, ByteWord.lowercased(word), byteCount: bytes.count)
    }

    /// Hashes an address bound at an endpoint.
    func hash(_ address: IPAddressLiteral, endpoint: Int) -> UInt64 {
        let hash = absorb(start(UInt32(truncatingIfNeeded: endpoint)), address.high)
        return finish(hash, address.low, byteCount: 16)
    }
}
