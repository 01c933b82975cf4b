// SPDX-License-Identifier: Apache-2.0

/// Names an operation: what kind it is, and which object of the delegate it is for.
///
/// Shape: kind (8 bits) | generation (24 bits) | slot (32 bits), carried by the kernel as `user_data`. A
/// delegate counts the generation up when it recycles a slot, so that a completion that comes late is
/// recognised as stale. Kind 255 is the loop's own and never reaches a delegate.
public struct Token: RawRepresentable, Hashable, Sendable {
    /// The 64 bits the kernel carries.
    public let rawValue: UInt64

    /// Takes the 64 bits of a token apart later; any value is valid.
    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Makes a token; of `generation` the low 24 bits count.
    @inlinable
    public init(kind: UInt8, generation: UInt32, slot: UInt32) {
        rawValue = UInt64(kind) &<< 56 | UInt64(generation & Token.generationMask) &<< 32 | UInt64(slot)
    }

    /// The bits of a generation: count with `(generation &+ 1) & Token.generationMask`.
    @inlinable
    public static var generationMask: UInt32 { 0x00FF_FFFF }

    /// What the operation is, in the delegate's own numbering (0 to 254).
    @inlinable
    public var kind: UInt8 { UInt8(truncatingIfNeeded: rawValue &>> 56) }

    /// How often the slot had been recycled when the operation began, modulo 2²⁴.
    @inlinable
    public var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue &>> 32) & Token.generationMask }

    /// The delegate's object that the operation is for.
    @inlinable
    public var slot: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}

extension Token {
    /// The kind the loop keeps for itself.
    static let loopKind: UInt8 = 0xFF

    /// Whether the completion is the loop's own business.
    @inline(__always)
    var isLoops: Bool { kind == Token.loopKind }

    /// The doorbell became readable.
    static let doorbell = Token(kind: loopKind, generation: 0, slot: 0)

    /// Nobody waits for the result.
    static let ignored = Token(kind: loopKind, generation: 0, slot: 1)

    /// The check at start whether the kernel takes a vectorised SEND.
    static let probe = Token(kind: loopKind, generation: 0, slot: 2)
}
