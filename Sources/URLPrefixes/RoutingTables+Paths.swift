// SPDX-License-Identifier: Apache-2.0

/// The longest path of a node that a request path begins with.
struct PathMatch {
    /// The caller's target or one of the marks in `RoutingTables.Target`.
    var target: Int32
    /// How many bytes of the path it took.
    var byteCount: Int
    /// How many segments of the path it took.
    var depth: Int
}

extension RoutingTables {
    /// Finds the longest whole-segment match of a path among the paths of one node.
    func longestPath(of node: Int32, in path: Span<UInt8>) -> PathMatch {
        let facts = nodes[Int(node)]
        guard path.isEmpty || path[0] == UInt8(ascii: "/") else {
            return PathMatch(target: Target.none, byteCount: 0, depth: 0)
        }
        if facts.depthMax == 0 { return PathMatch(target: facts.rootTarget, byteCount: 0, depth: 0) }
        return walk(path, of: node, facts, isFolded: false) ?? foldAndWalk(path, of: node, facts)
    }

    /// Walks along the path once, hashing, and looks each known depth up; nil on bytes that are not ASCII.
    ///
    /// A boundary is a slash or the path's end. The hash at a boundary covers all bytes before it.
    private func walk(_ path: Span<UInt8>, of node: Int32, _ facts: Node, isFolded: Bool) -> PathMatch? {
        var best = PathMatch(target: facts.rootTarget, byteCount: 0, depth: 0)
        let lastBoundary = min(path.count, facts.pathBytesMax)
        var hash = seed.start(UInt32(bitPattern: node))
        var depth = 0
        var offset = 0
        while offset <= lastBoundary {
            let bytes = ByteWord.load(path, at: offset)
            if bytes & ByteWord.highBits != 0 && !isFolded { return nil }
            let word = ByteWord.lowercased(bytes)
            var boundaries = ByteWord.positions(of: UInt8(ascii: "/"), in: bytes)
            let remaining = path.count &- offset
            if remaining < 8 { boundaries |= 0x80 &<< UInt64(truncatingIfNeeded: remaining &* 8) }
            while boundaries != 0 {
                let length = boundaries.trailingZeroBitCount >> 3
                let bit = 1 &<< UInt64(truncatingIfNeeded: min(depth, 63))
                if facts.depthMask & bit != 0 {
                    let byteCount = offset &+ length
                    let end = seed.finish(hash, ByteWord.prefix(word, length), byteCount: byteCount)
                    let target = probePath(path, byteCount: byteCount, node: node, hash: end)
                    if target != Target.none {
                        best = PathMatch(target: target, byteCount: byteCount, depth: depth)
                    }
                }
                depth &+= 1
                if depth > facts.depthMax { return best }
                boundaries &= boundaries &- 1
            }
            hash = seed.absorb(hash, word)
            offset &+= 8
        }
        return best
    }

    /// Walks along the folded form of the path, then finds the same boundary in the path as received.
    @inline(never)
    private func foldAndWalk(_ path: Span<UInt8>, of node: Int32, _ facts: Node) -> PathMatch {
        var folded = FoldedBytes()
        CaseFolding.fold(path, into: &folded)
        guard
            var match = walk(
                folded.storage.span.extracting(0..<folded.count),
                of: node,
                facts,
                isFolded: true
            )
        else {
            return PathMatch(target: Target.none, byteCount: 0, depth: 0)
        }
        // Folding changes byte counts but no slash: the boundary is at the same number of slashes.
        var slashes = 0
        var offset = 0
        while offset < path.count {
            if path[offset] == UInt8(ascii: "/") {
                if slashes == match.depth { break }
                slashes &+= 1
            }
            offset &+= 1
        }
        match.byteCount = match.depth == 0 ? 0 : offset
        return match
    }

    private func probePath(_ path: Span<UInt8>, byteCount: Int, node: Int32, hash: UInt64) -> Int32 {
        let tag = Self.tag(hash: hash, byteCount: byteCount)
        let mask = pathSlots.count &- 1
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = pathSlots[index]
            if slot.node < 0 { return Target.none }
            if slot.tag == tag && slot.node == node && isKey(at: slot.keyOffset, path, byteCount: byteCount) {
                return slot.target
            }
            index = (index &+ 1) & mask
        }
    }
}
