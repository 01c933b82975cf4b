// SPDX-License-Identifier: Apache-2.0

/// A set of well-known field names in two words.
public struct FieldIDSet: Equatable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// Makes the empty set.
    public init() {}

    /// Makes a set of the given names.
    public init(_ ids: FieldID...) {
        for id in ids { insert(id) }
    }

    /// Whether the name is in the set.
    @inline(__always)
    public func contains(_ id: FieldID) -> Bool {
        let bit = UInt64(1) &<< UInt64(id.rawValue & 63)
        return (id.rawValue < 64 ? low : high) & bit != 0
    }

    /// Whether the sets have a name in common.
    @inline(__always)
    public func intersects(_ other: FieldIDSet) -> Bool {
        (low & other.low) | (high & other.high) != 0
    }

    /// Puts a name into the set.
    @inline(__always)
    public mutating func insert(_ id: FieldID) {
        let bit = UInt64(1) &<< UInt64(id.rawValue & 63)
        if id.rawValue < 64 { low |= bit } else { high |= bit }
    }
}
