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

    /// Parses the field's value; several lines are joined with commas first.
    ///
    /// Nil if it is malformed.
    init?(_ value: [UInt8]) {
        var parser = DirectiveParser(bytes: value)
        while true {
            switch parser.next() {
            case .end:
                return
            case .malformed:
                return nil
            case .directive(let name, let argument):
                guard apply(name, argument) else { return nil }
            }
        }
    }

    private mutating func apply(_ name: String, _ argument: [UInt8]?) -> Bool {
        switch name {
        case "public":
            isPublic = true
        case "private", "no-store", "no-cache":
            forbidsStoring = true
        case "max-age":
            guard maxAge == nil, let seconds = Self.seconds(argument) else { return false }
            maxAge = seconds
        case "s-maxage":
            guard sharedMaxAge == nil, let seconds = Self.seconds(argument) else { return false }
            sharedMaxAge = seconds
        default:
            break
        }
        return true
    }

    private static func seconds(_ digits: [UInt8]?) -> Int32? {
        guard let digits, let seconds = FieldSyntax.deltaSeconds(digits.span) else { return nil }
        return Int32(clamping: seconds)
    }
}

/// Splits a `Cache-Control` value into directives.
private struct DirectiveParser {
    enum Item {
        case directive(name: String, argument: [UInt8]?)
        case malformed
        case end
    }

    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Takes the next directive, together with the comma behind it.
    mutating func next() -> Item {
        skip { $0 == UInt8(ascii: ",") || Self.isSpace($0) }
        guard position < bytes.count else { return .end }
        let name = take(while: FieldSyntax.isTokenByte)
        guard !name.isEmpty else { return .malformed }
        var argument: [UInt8]?
        if current == UInt8(ascii: "=") {
            position += 1
            argument = current == UInt8(ascii: "\"") ? quotedString() : take(while: FieldSyntax.isTokenByte)
            guard let argument, !argument.isEmpty else { return .malformed }
        }
        skip(while: Self.isSpace)
        guard position == bytes.count || current == UInt8(ascii: ",") else { return .malformed }
        return .directive(
            name: String(decoding: name.map(ASCII.lowercased), as: UTF8.self),
            argument: argument
        )
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skip(while matches: (UInt8) -> Bool) {
        while let byte = current, matches(byte) { position += 1 }
    }

    private mutating func take(while matches: (UInt8) -> Bool) -> [UInt8] {
        let start = position
        skip(while: matches)
        return Array(bytes[start..<position])
    }

    /// Takes a quoted string, without its quotes; nil if it does not end.
    private mutating func quotedString() -> [UInt8]? {
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            if byte == UInt8(ascii: "\"") { return text }
            if byte == UInt8(ascii: "\\") {
                guard let escaped = current else { return nil }
                position += 1
                text.append(escaped)
            } else {
                text.append(byte)
            }
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09
    }
}
