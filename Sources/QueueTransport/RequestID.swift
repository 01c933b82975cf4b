// SPDX-License-Identifier: Apache-2.0

/// A request's number on one queue: a place in the table of outstanding requests, and which of its uses.
///
/// The service gives it out. A place is used again only after the worker has ended the request, with another
/// generation, so that a number kept too long names nobody else's request.
public struct RequestID: Hashable, Sendable, CustomStringConvertible {
    /// The generation in the upper half, the slot in the lower.
    public let rawValue: UInt64

    /// Takes any number; whether it names a request is for a ledger to say.
    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Makes the number of a use of a slot.
    @inlinable
    public init(slot: Int, generation: UInt32) {
        rawValue = UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: slot))
    }

    /// The place in the table, below `QueueGeometry.outstandingMax` once a ledger has checked it.
    @inlinable
    public var slot: Int { Int(rawValue & 0xFFFF_FFFF) }

    /// Which use of the place.
    @inlinable
    public var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }

    /// Slot and generation, as in `5#12`.
    public var description: String { "\(slot)#\(generation)" }
}
