// SPDX-License-Identifier: Apache-2.0

extension RoutingTables {
    /// The name space of an endpoint's names or suffixes in the table of names.
    static func nameDomain(endpoint: Int, isSuffix: Bool) -> UInt32 {
        UInt32(truncatingIfNeeded: endpoint) << 1 | (isSuffix ? 1 : 0)
    }

    /// The part of a hash and the byte count that a slot keeps to tell most strangers at a glance.
    @inline(__always)
    static func tag(hash: UInt64, byteCount: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: hash >> 48) << 16 | UInt32(truncatingIfNeeded: byteCount & 0xFFFF)
    }

    /// Finds the node of a request's host: the exact name, else the longest sub-domain wildcard; -1 if none.
    func findName(_ host: Span<UInt8>, endpoint: Endpoint, index: Int) -> Int32 {
        var host = host
        if !host.isEmpty && host[host.count &- 1] == UInt8(ascii: ".") {
            host = host.extracting(0..<(host.count &- 1))
        }
        // No prefix has a longer name, be it in A-labels or in UTF-8: the work for a peer's host is bounded.
        guard !host.isEmpty && host.count <= HostName.utf8BytesMax else { return -1 }
        var bits: UInt64 = 0
        let exact = probeName(host, domain: Self.nameDomain(endpoint: index, isSuffix: false), bits: &bits)
        if bits & ByteWord.highBits != 0 { return findUnicode(host, endpoint: endpoint, index: index) }
        if exact >= 0 || endpoint.suffixLabelMask == 0 || host.count > HostName.asciiBytesMax { return exact }
        return findSuffix(host, endpoint: endpoint, index: index)
    }

    @inline(never)
    private func findUnicode(_ host: Span<UInt8>, endpoint: Endpoint, index: Int) -> Int32 {
        var folded = FoldedBytes()
        CaseFolding.fold(host, into: &folded)
        let host = folded.storage.span.extracting(0..<folded.count)
        var bits: UInt64 = 0
        let exact = probeName(host, domain: Self.nameDomain(endpoint: index, isSuffix: false), bits: &bits)
        return exact >= 0 ? exact : findSuffix(host, endpoint: endpoint, index: index)
    }

    private func findSuffix(_ host: Span<UInt8>, endpoint: Endpoint, index: Int) -> Int32 {
        let dot = UInt8(ascii: ".")
        var labelCount = 1
        for offset in 0..<host.count where host[offset] == dot { labelCount &+= 1 }
        // From the left the suffixes get shorter: the first that is known is the longest.
        for offset in 0..<host.count where host[offset] == dot {
            labelCount &-= 1
            let bit = 1 &<< UInt64(truncatingIfNeeded: min(labelCount, 63))
            guard offset > 0 && endpoint.suffixLabelMask & bit != 0 else { continue }
            let suffix = host.extracting((offset &+ 1)..<host.count)
            var bits: UInt64 = 0
            let domain = Self.nameDomain(endpoint: index, isSuffix: true)
            let node = probeName(suffix, domain: domain, bits: &bits)
            if node >= 0 { return node }
        }
        return -1
    }

    private func probeName(_ name: Span<UInt8>, domain: UInt32, bits: inout UInt64) -> Int32 {
        let hash = seed.hash(name, domain: domain, bits: &bits)
        let tag = Self.tag(hash: hash, byteCount: name.count)
        let mask = nameSlots.count &- 1
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = nameSlots[index]
            if slot.node < 0 { return -1 }
            if slot.tag == tag && slot.domain == domain
                && isKey(at: slot.keyOffset, name, byteCount: name.count)
            {
                return slot.node
            }
            index = (index &+ 1) & mask
        }
    }

    /// Compares a key with the first bytes of a request's host or path, folding the latter's ASCII letters.
    @inline(__always)
    func isKey(at keyOffset: UInt32, _ bytes: Span<UInt8>, byteCount: Int) -> Bool {
        Self.isKey(in: keys.span, at: keyOffset, bytes, byteCount: byteCount)
    }

    @inline(__always)
    private static func isKey(
        in keys: Span<UInt8>,
        at keyOffset: UInt32,
        _ bytes: Span<UInt8>,
        byteCount: Int
    ) -> Bool {
        let start = Int(keyOffset)
        var offset = 0
        // Eight zeros follow the last key, so that whole words can be read from each key's last byte.
        while byteCount &- offset >= 8 {
            let word = ByteWord.lowercased(ByteWord.load(bytes, at: offset))
            if word != ByteWord.load(keys, at: start &+ offset) { return false }
            offset &+= 8
        }
        let difference =
            ByteWord.lowercased(ByteWord.load(bytes, at: offset)) ^ ByteWord.load(keys, at: start &+ offset)
        return ByteWord.prefix(difference, byteCount &- offset) == 0
    }
}
