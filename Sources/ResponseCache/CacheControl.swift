// SPDX-License-Identifier: Apache-2.0
internal import HTTPWire

/// What a response's `Cache-Control` says, as far as a shared cache cares.
///
/// **Shape**: `public, max-age=10`; a number may be quoted. A directive that is no token, a number that
/// is none, or a number given twice makes the whole field malformed, and a malformed field allows nothing.
/// A number above `Int32.max` counts as that. Unknown directives say nothing.
///
/// Source: RFC 9111 §5.2 and §1.2.2.
struct CacheControl: Equatable {
    var isPublic = false
    /// Whether `private`, `no-store` or `no-cache` is there, with or without field names.
    var forbidsStoring = false
    var maxAge: Int32?
    var sharedMaxAge: Int32?

    /// Parses the field's value; nil if it is malformed.
    ///
    /// Several lines are joined with commas first. Cost: no allocation.
    init?(_ value: Span<UInt8>) {
        var position = 0
        while true {
            position = Self.skip(value, from: position) { $0 == UInt8(ascii: ",") || Self.isSpace($0) }
            guard position < value.count else { return }
            let nameStart = position
            position = Self.skip(value, from: position, while: FieldSyntax.isTokenByte)
            let name = value.extracting(nameStart..<position)
            var argument = 0..<0
            if position < value.count, value[position] == UInt8(ascii: "=") {
                guard let range = Self.argument(value, from: position + 1) else { return nil }
                argument = range
                // A quoted argument has its closing quote behind it.
                position = range.upperBound + (value[position + 1] == UInt8(ascii: "\"") ? 1 : 0)
            }
            position = Self.skip(value, from: position, while: Self.isSpace)
            guard position == value.count || value[position] == UInt8(ascii: ",") else { return nil }
            guard !name.isEmpty, apply(name, value.extracting(argument)) else { return nil }
        }
    }

    private mutating func apply(_ name: Span<UInt8>, _ argument: Span<UInt8>) -> Bool {
        if ByteOperations.equalIgnoringCase(name, "public") {
            isPublic = true
        } else if ByteOperations.equalIgnoringCase(name, "max-age") {
            guard maxAge == nil, let seconds = FieldSyntax.deltaSeconds(argument) else { return false }
            maxAge = Int32(clamping: seconds)
        } else if ByteOperations.equalIgnoringCase(name, "s-maxage") {
            guard sharedMaxAge == nil, let seconds = FieldSyntax.deltaSeconds(argument) else { return false }
            sharedMaxAge = Int32(clamping: seconds)
        } else if ByteOperations.equalIgnoringCase(name, "private")
            || ByteOperations.equalIgnoringCase(name, "no-store")
            || ByteOperations.equalIgnoringCase(name, "no-cache")
        {
            forbidsStoring = true
        }
        return true
    }

    /// The range of a token, or of the inside of a quoted string, that begins at `start`; nil if it is neither.
    private static func argument(_ value: Span<UInt8>, from start: Int) -> Range<Int>? {
        guard start < value.count else { return nil }
        guard value[start] == UInt8(ascii: "\"") else {
            let end = skip(value, from: start, while: FieldSyntax.isTokenByte)
            return end > start ? start..<end : nil
        }
        var end = start + 1
        while end < value.count, value[end] != UInt8(ascii: "\"") {
            end += value[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        return end < value.count && end > start + 1 ? start + 1..<end : nil
    }

    private static func skip(_ value: Span<UInt8>, from start: Int, while matches: (UInt8) -> Bool) -> Int {
        var position = start
        while position < value.count, matches(value[position]) { position += 1 }
        return position
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09
    }
}
