// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// One `permessage-deflate` of a client's `Sec-WebSocket-Extensions`.
///
/// **Shape**: `permessage-deflate; client_max_window_bits; server_max_window_bits=10`. An offer with a parameter
/// that is unknown, doubled or has a value it can't have is no offer: the next one is looked at.
///
/// Source: RFC 7692 §5, §7.1.
package struct DeflateOffer: Sendable, Equatable {
    /// The server must not refer to earlier messages.
    package var serverNoContextTakeover = false
    /// The client will not refer to earlier messages.
    package var clientNoContextTakeover = false
    /// The largest window the client takes, 8 to 15 bits.
    package var serverMaxWindowBits: Int?
    /// The window of the client: `nil` where the server may not limit it.
    package var clientMaxWindowBits: Int?

    /// Makes an offer without parameters.
    package init() {}

    /// The valid offers of a field, in the client's order of preference.
    ///
    /// - Throws: `.extensionsMalformed` where the field breaks the grammar of RFC 6455 §9.1.
    package static func parse(_ field: String?) throws(WebSocketRefusal) -> [DeflateOffer] {
        guard let field else { return [] }
        var offers: [DeflateOffer] = []
        let bytes = Array(field.utf8)
        var isMalformed = false
        FieldSyntax.forEachElement(bytes.span) { range in
            let element = bytes.span.extracting(range)
            guard let parameters = parameters(element) else {
                isMalformed = true
                return false
            }
            if parameters[0].name == "permessage-deflate", let offer = DeflateOffer(parameters.dropFirst()) {
                offers.append(offer)
            }
            return true
        }
        guard !isMalformed else { throw .extensionsMalformed }
        return offers
    }

    private typealias Parameter = (name: String, value: String?)

    /// The extension's name and its parameters; `nil` where they break the grammar.
    private static func parameters(_ element: Span<UInt8>) -> [Parameter]? {
        var list: [Parameter] = []
        var isMalformed = false
        FieldSyntax.forEachElement(element, separator: UInt8(ascii: ";")) { range in
            let part = element.extracting(range)
            var nameEnd = 0
            while nameEnd < part.count, part[nameEnd] != UInt8(ascii: "=") { nameEnd += 1 }
            let name = part.extracting(trimmed(part, 0..<nameEnd))
            guard FieldSyntax.isToken(name) else {
                isMalformed = true
                return false
            }
            guard nameEnd < part.count else {
                list.append((text(name), nil))
                return true
            }
            var value = part.extracting(trimmed(part, (nameEnd + 1)..<part.count))
            if value.count >= 2, value[0] == UInt8(ascii: "\""), value[value.count - 1] == UInt8(ascii: "\"")
            {
                value = value.extracting(1..<(value.count - 1))
            }
            guard FieldSyntax.isToken(value) else {
                isMalformed = true
                return false
            }
            list.append((text(name), text(value)))
            return true
        }
        return isMalformed || list.isEmpty || list[0].value != nil ? nil : list
    }

    private init?(_ parameters: ArraySlice<Parameter>) {
        var seen: Set<String> = []
        for (name, value) in parameters {
            guard seen.insert(name).inserted else { return nil }
            switch (name, value) {
            case ("server_no_context_takeover", nil): serverNoContextTakeover = true
            case ("client_no_context_takeover", nil): clientNoContextTakeover = true
            case ("client_max_window_bits", nil): clientMaxWindowBits = 15
            case ("client_max_window_bits", let value?):
                guard let bits = DeflateOffer.windowBits(value) else { return nil }
                clientMaxWindowBits = bits
            case ("server_max_window_bits", let value?):
                guard let bits = DeflateOffer.windowBits(value) else { return nil }
                serverMaxWindowBits = bits
            default: return nil
            }
        }
    }

    /// 8 to 15, without leading zeros (RFC 7692 §7.1.2.1).
    private static func windowBits(_ text: String) -> Int? {
        switch text {
        case "8", "9", "10", "11", "12", "13", "14", "15": Int(text)
        default: nil
        }
    }

    /// The range without the blanks around it.
    private static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (from, to) = (range.lowerBound, range.upperBound)
        while from < to, isBlank(bytes[from]) { from += 1 }
        while to > from, isBlank(bytes[to - 1]) { to -= 1 }
        return from..<to
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        var array: [UInt8] = []
        for index in bytes.indices { array.append(bytes[index]) }
        return String(decoding: array, as: UTF8.self)
    }
}
