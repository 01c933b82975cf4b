// SPDX-License-Identifier: Apache-2.0

/// The flat arrays of a `RoutingSnapshot`, and the look-ups in them.
///
/// A port leads to an endpoint; an endpoint has one node for each of `+`, `*` and its names and addresses; a
/// node has its root entry and, in one hash table for all nodes, its deeper paths.
struct RoutingTables: Sendable {
    /// What a host leads to: the paths registered and reserved for it.
    struct Node {
        /// The target of the root path `/`, or one of the marks in `Target`.
        var rootTarget: Int32 = Target.none
        /// The node to try when no path of this one matches: a shorter sub-domain wildcard, or -1.
        var fallback: Int32 = -1
        /// The depths at which there are paths: bit 1 for `/a/`, bit 63 for all of 63 and more.
        var depthMask: UInt64 = 0
        /// The greatest depth at which there is a path.
        var depthMax = 0
        /// The byte count of the longest folded path, without its final slash.
        var pathBytesMax = 0
    }

    /// Marks that share a field with the callers' targets, which are not negative.
    enum Target {
        static let reserved: Int32 = -1
        static let none: Int32 = -2
    }

    /// All that listens on one port.
    ///
    /// Fields that name nodes are -1 for none.
    struct Endpoint {
        let port: UInt16
        let scheme: URLPrefix.Scheme
        var strongWildcard: Int32 = -1
        var weakWildcard: Int32 = -1
        var anyIPv4: Int32 = -1
        var anyIPv6: Int32 = -1
        var hasNames = false
        var hasAddresses = false
        /// The label counts of the sub-domain wildcards' suffixes: bit 2 for `*.example.com`, bit 63 for more.
        var suffixLabelMask: UInt64 = 0
    }

    /// A deeper path of a node.
    struct PathSlot {
        /// 16 bits of the hash above 16 bits of the path's byte count.
        var tag: UInt32 = 0
        var node: Int32 = -1
        var keyOffset: UInt32 = 0
        var target: Int32 = Target.none
    }

    /// A name or the suffix of a sub-domain wildcard.
    struct NameSlot {
        var tag: UInt32 = 0
        /// The endpoint above one bit that says whether this is a suffix.
        var domain: UInt32 = 0
        var keyOffset: UInt32 = 0
        var node: Int32 = -1
    }

    /// An address.
    struct AddressSlot {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var endpoint: Int32 = -1
        var node: Int32 = -1
    }

    let seed: HashSeed
    let endpoints: [Endpoint]
    /// Indices into `endpoints` by port, open addressing; -1 is empty.
    let endpointSlots: [Int32]
    let nodes: [Node]
    let nameSlots: [NameSlot]
    let addressSlots: [AddressSlot]
    let pathSlots: [PathSlot]
    /// The folded names and paths, end to end, and eight zeros.
    let keys: [UInt8]

    init(_ builder: SnapshotBuilder) {
        self.seed = builder.seed
        self.endpoints = builder.endpoints
        self.endpointSlots = builder.endpointSlots
        self.nodes = builder.nodes
        self.nameSlots = builder.nameSlots
        self.addressSlots = builder.addressSlots
        self.pathSlots = builder.pathSlots
        self.keys = builder.keys
    }
}
