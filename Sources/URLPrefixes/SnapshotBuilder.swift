// SPDX-License-Identifier: Apache-2.0

/// Turns a prefix table into the flat arrays of `RoutingTables`.
struct SnapshotBuilder {
    private struct Key {
        let node: Int32
        let range: Range<Int>
        /// The target of a path, or the domain of a name.
        let value: Int32
    }

    private struct Address {
        let value: IPAddressLiteral
        let endpoint: Int32
        let node: Int32
    }

    let seed: HashSeed
    private(set) var endpoints: [RoutingTables.Endpoint] = []
    private(set) var nodes: [RoutingTables.Node] = []
    private(set) var keys: [UInt8] = []
    private(set) var prefixes: [Int32: URLPrefix] = [:]
    private var paths: [Key] = []
    private var names: [Key] = []
    private var addresses: [Address] = []
    private var endpointByPort: [UInt16: Int32] = [:]
    private var nodeByAuthority: [ArraySlice<UInt8>: Int32] = [:]
    /// The names in both spellings, so that none enters its table twice.
    private var nodeByName: [NameKey: Int32] = [:]

    private struct NameKey: Hashable {
        let domain: UInt32
        let bytes: [UInt8]
    }

    init(_ table: PrefixTable, seed: HashSeed) {
        self.seed = seed
        for entry in table.entries.values {
            add(entry)
        }
        linkFallbacks()
        keys += [UInt8](repeating: 0, count: 8)
        // Offsets into `keys` are 32 bits wide; `entriesMax` prefixes of full length would be 3 GB.
        precondition(keys.count <= Int(UInt32.max), "The names and paths of a snapshot are less than 4 GB.")
    }

    private mutating func add(_ entry: PrefixTable.Entry) {
        guard let prefix = entry.registration?.prefix ?? entry.reservation?.prefix else { return }
        let node = findNode(prefix)
        let target = entry.registration?.target ?? RoutingTables.Target.reserved
        // The key of a path leaves its final slash out, because `/dir` matches `/dir/`.
        let path = prefix.key[prefix.keyPathOffset...].dropLast()
        if path.isEmpty {
            nodes[Int(node)].rootTarget = target
        } else {
            let depth = path.count { $0 == UInt8(ascii: "/") }
            nodes[Int(node)].depthMask |= 1 << UInt64(min(depth, 63))
            nodes[Int(node)].depthMax = max(nodes[Int(node)].depthMax, depth)
            nodes[Int(node)].pathBytesMax = max(nodes[Int(node)].pathBytesMax, path.count)
            paths.append(Key(node: node, range: appendKey(path), value: target))
        }
        guard let registration = entry.registration else { return }
        if let other = prefixes[target], !prefix.key.lexicographicallyPrecedes(other.key) { return }
        prefixes[target] = registration.prefix
    }

    private mutating func appendKey(_ bytes: some Collection<UInt8>) -> Range<Int> {
        let start = keys.count
        keys.append(contentsOf: bytes)
        return start..<keys.count
    }

    private mutating func findNode(_ prefix: URLPrefix) -> Int32 {
        let authority = prefix.key[..<prefix.keyPathOffset]
        let endpoint = findEndpoint(prefix)
        let known = nodeByAuthority[authority]
        let node = known ?? Int32(nodes.count)
        if known == nil {
            nodes.append(RoutingTables.Node())
            nodeByAuthority[authority] = node
        }
        // A name known as A-labels may come again in Unicode, which adds a spelling.
        if known == nil || !prefix.host.description.utf8.allSatisfy({ $0 < 0x80 }) {
            attach(prefix.host, to: node, of: endpoint)
        }
        return node
    }

    private mutating func findEndpoint(_ prefix: URLPrefix) -> Int32 {
        if let known = endpointByPort[prefix.port] { return known }
        let endpoint = Int32(endpoints.count)
        endpoints.append(RoutingTables.Endpoint(port: prefix.port, scheme: prefix.scheme))
        endpointByPort[prefix.port] = endpoint
        return endpoint
    }

    private mutating func attach(_ host: URLPrefix.Host, to node: Int32, of endpoint: Int32) {
        let index = Int(endpoint)
        switch host {
        case .strongWildcard:
            endpoints[index].strongWildcard = node
        case .weakWildcard:
            endpoints[index].weakWildcard = node
        case .name(let name):
            endpoints[index].hasNames = true
            addName(name, node: node, domain: RoutingTables.nameDomain(endpoint: index, isSuffix: false))
        case .subdomainWildcard(let suffix):
            endpoints[index].hasNames = true
            let labelCount = suffix.utf8.count { $0 == UInt8(ascii: ".") } + 1
            endpoints[index].suffixLabelMask |= 1 << UInt64(min(labelCount, 63))
            addName(suffix, node: node, domain: RoutingTables.nameDomain(endpoint: index, isSuffix: true))
        case .address(let address):
            endpoints[index].hasAddresses = true
            if address.isUnspecified {
                if address.isIPv4 { endpoints[index].anyIPv4 = node } else { endpoints[index].anyIPv6 = node }
            } else {
                addresses.append(Address(value: address, endpoint: endpoint, node: node))
            }
        }
    }

    /// Enters a name as A-labels, which requests carry, and as folded Unicode, for those that do not conform.
    private mutating func addName(_ name: String, node: Int32, domain: UInt32) {
        var folded: [UInt8] = []
        CaseFolding.append(name, to: &folded)
        for bytes in [HostName.asciiForm(name), folded] {
            let key = NameKey(domain: domain, bytes: bytes)
            guard nodeByName[key] == nil else { continue }
            nodeByName[key] = node
            names.append(Key(node: node, range: appendKey(bytes), value: Int32(bitPattern: domain)))
        }
    }

    /// Lets each name lead on to the longest sub-domain wildcard that covers it, and so on down.
    private mutating func linkFallbacks() {
        // Every name and suffix is there as A-labels, so that these alone show all covers.
        for (key, node) in nodeByName where key.bytes.allSatisfy({ $0 < 0x80 }) {
            let suffixDomain = key.domain | 1
            var rest = key.bytes[...]
            while let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
                rest = rest[(dot + 1)...]
                if let shorter = nodeByName[NameKey(domain: suffixDomain, bytes: Array(rest))] {
                    nodes[Int(node)].fallback = shorter
                    break
                }
            }
        }
    }
}

// MARK: - Hash tables

extension SnapshotBuilder {
    /// Open-addressing slots, at most half full, in which a search ends at the first empty one.
    struct SlotTable<Slot> {
        private(set) var slots: [Slot]
        private let isEmpty: (Slot) -> Bool

        init(entryCount: Int, empty: Slot, isEmpty: @escaping (Slot) -> Bool) {
            var capacity = 2
            while capacity < entryCount * 2 { capacity *= 2 }
            self.slots = Array(repeating: empty, count: capacity)
            self.isEmpty = isEmpty
        }

        mutating func insert(_ slot: Slot, hash: UInt64) {
            var index = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while !isEmpty(slots[index]) { index = (index + 1) & (slots.count - 1) }
            slots[index] = slot
        }
    }

    /// The indices of endpoints by port.
    var endpointSlots: [Int32] {
        var table = SlotTable<Int32>(entryCount: endpoints.count, empty: -1) { $0 < 0 }
        for (index, endpoint) in endpoints.enumerated() {
            table.insert(Int32(index), hash: RoutingTables.hash(port: endpoint.port))
        }
        return table.slots
    }

    /// The slots of deeper paths.
    var pathSlots: [RoutingTables.PathSlot] {
        var table = SlotTable(entryCount: paths.count, empty: RoutingTables.PathSlot()) { $0.node < 0 }
        for path in paths {
            let hash = hashKey(path.range, domain: UInt32(path.node))
            let slot = RoutingTables.PathSlot(
                tag: RoutingTables.tag(hash: hash, byteCount: path.range.count),
                node: path.node,
                keyOffset: UInt32(path.range.lowerBound),
                target: path.value
            )
            table.insert(slot, hash: hash)
        }
        return table.slots
    }

    /// The slots of names and suffixes.
    var nameSlots: [RoutingTables.NameSlot] {
        var table = SlotTable(entryCount: names.count, empty: RoutingTables.NameSlot()) { $0.node < 0 }
        for name in names {
            let domain = UInt32(bitPattern: name.value)
            let hash = hashKey(name.range, domain: domain)
            let slot = RoutingTables.NameSlot(
                tag: RoutingTables.tag(hash: hash, byteCount: name.range.count),
                domain: domain,
                keyOffset: UInt32(name.range.lowerBound),
                node: name.node
            )
            table.insert(slot, hash: hash)
        }
        return table.slots
    }

    /// The slots of addresses.
    var addressSlots: [RoutingTables.AddressSlot] {
        var table = SlotTable(entryCount: addresses.count, empty: RoutingTables.AddressSlot()) { $0.node < 0 }
        for address in addresses {
            let slot = RoutingTables.AddressSlot(
                high: address.value.high,
                low: address.value.low,
                endpoint: address.endpoint,
                node: address.node
            )
            table.insert(slot, hash: seed.hash(address.value, endpoint: Int(address.endpoint)))
        }
        return table.slots
    }

    private func hashKey(_ range: Range<Int>, domain: UInt32) -> UInt64 {
        var bits: UInt64 = 0
        return seed.hash(keys.span.extracting(range), domain: domain, bits: &bits)
    }
}
