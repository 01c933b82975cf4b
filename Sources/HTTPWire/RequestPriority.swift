// SPDX-License-Identifier: Apache-2.0

/// How urgent a response is to the client, and whether it can use one that comes in pieces.
///
/// **Shape**: a dictionary of structured fields, `u=1, i`. What is unknown or out of range in it is ignored.
///
/// Source: RFC 9218 §4, §5.
public struct RequestPriority: Equatable, Sendable {
    /// From 0, first, to 7, last; 3 unless said otherwise.
    public var urgency: UInt8 = 3
    /// Whether the response may be interleaved with others of the same urgency.
    public var isIncremental = false

    /// Makes the priority of a request that asks for none.
    public init() {}

    /// Makes a priority; an urgency above 7 counts as 7.
    public init(urgency: UInt8, isIncremental: Bool) {
        self.urgency = min(urgency, 7)
        self.isIncremental = isIncremental
    }

    /// Takes what a field value asks for, and keeps the rest as it is.
    public mutating func update(from value: Span<UInt8>) {
        var offset = 0
        while offset < value.count {
            let comma = ByteScan.first(UInt8(ascii: ","), in: value, from: offset, to: value.count)
            // Parameters of a member have no meaning here.
            let semicolon = ByteScan.first(UInt8(ascii: ";"), in: value, from: offset, to: comma)
            let (from, to) = FieldSyntax.trim(value, from: offset, to: semicolon)
            take(value, from: from, to: to)
            offset = comma + 1
        }
    }

    /// Takes one member, `u=DIGIT`, `i`, `i=?1` or `i=?0`.
    private mutating func take(_ value: Span<UInt8>, from: Int, to: Int) {
        guard from < to else { return }
        switch (value[from], to - from) {
        case (UInt8(ascii: "u"), 3) where value[from + 1] == UInt8(ascii: "="):
            let digit = value[from + 2] &- 0x30
            if digit <= 7 { urgency = digit }
        case (UInt8(ascii: "i"), 1):
            isIncremental = true
        case (UInt8(ascii: "i"), 4)
        where value[from + 1] == UInt8(ascii: "=") && value[from + 2] == UInt8(ascii: "?"):
            if value[from + 3] & 0xfe == 0x30 { isIncremental = value[from + 3] == 0x31 }
        default:
            break
        }
    }
}
