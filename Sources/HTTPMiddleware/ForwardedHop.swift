// SPDX-License-Identifier: Apache-2.0

import HTTPWire
import URLPrefixes

/// What one proxy says of the side it took a request from; texts as sent, not judged yet.
struct ForwardedHop {
    var client: String?
    var scheme: String?
    var host: String?
    var prefix: String?
    /// Whether the element is one no proxy writes, so that nothing in it and before it can be believed.
    var isMalformed = false

    /// Reads an element of Forwarded: `for=192.0.2.60;proto=http;by=203.0.113.43`.
    ///
    /// A name given twice, a name that is no token, an unterminated quote: nil. Source: RFC 7239 §4.
    init?(forwardedElement element: String) {
        for pair in ForwardedList.elements(element, separator: UInt8(ascii: ";")).reversed()
        where !pair.isEmpty {
            guard let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let name = pair[..<equals].lowercased()
            let rest = pair[pair.utf8.index(after: equals)...]
            guard FieldSyntax.isToken(name), let value = Self.unquoted(rest) else { return nil }
            switch name {
            case "for":
                guard client == nil else { return nil }
                client = value
            case "proto":
                guard scheme == nil else { return nil }
                scheme = value
            case "host":
                guard host == nil else { return nil }
                host = value
            default: break
            }
        }
    }

    init() {}

    /// What no proxy writes.
    static var malformed: ForwardedHop {
        var hop = ForwardedHop()
        hop.isMalformed = true
        return hop
    }

    /// A token, or the inside of a quoted string; nil for anything else.
    private static func unquoted(_ text: Substring) -> String? {
        guard text.utf8.first == UInt8(ascii: "\"") else {
            // More than a token: an IPv4 address with a port is written without quotes by some.
            let isPlain = text.utf8.allSatisfy { FieldSyntax.isTokenByte($0) || $0 == UInt8(ascii: ":") }
            return text.isEmpty || !isPlain ? nil : String(text)
        }
        guard text.utf8.count >= 2, text.utf8.last == UInt8(ascii: "\"") else { return nil }
        let inside = text.dropFirst().dropLast()
        // None of the values known here needs an escape.
        guard !inside.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
            return nil
        }
        return String(inside)
    }
}

/// Takes lists apart that proxies append to.
enum ForwardedList {
    /// The elements of a list from the last to the first, blanks around them left out, empty ones kept.
    ///
    /// Goes from the right, because what stands there was written by the nearest proxy: an open quote that the
    /// client sent cannot swallow it.
    ///
    /// - Parameters:
    ///   - list: the field's value.
    ///   - separator: what separates elements outside of quotes.
    ///   - honoursQuotes: whether quotes mean anything; not so in `X-Forwarded-*`.
    /// - Returns: the elements, the rightmost first.
    static func elements(
        _ list: String,
        separator: UInt8 = UInt8(ascii: ","),
        honoursQuotes: Bool = true
    ) -> [Substring] {
        var elements: [Substring] = []
        let bytes = list.utf8
        var end = bytes.endIndex
        var isQuoted = false
        var index = bytes.endIndex
        while index > bytes.startIndex {
            let before = bytes.index(before: index)
            if honoursQuotes, bytes[before] == UInt8(ascii: "\"") { isQuoted.toggle() }
            if bytes[before] == separator, !isQuoted {
                elements.append(trim(list[index..<end]))
                end = before
            }
            index = before
        }
        elements.append(trim(list[bytes.startIndex..<end]))
        return elements
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let first = text.utf8.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.utf8.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }
}

/// Who sent a request to a proxy, as `X-Forwarded-For` and `for=` write it.
///
/// Source: RFC 7239 §6.
enum ForwardedNode {
    /// An address; see `ForwardedAddress`.
    case address(ForwardedAddress)
    /// `unknown`, or an identifier that only the proxy understands, such as `_hidden`; either perhaps with a port.
    case hidden

    init?(_ text: String) {
        if let address = ForwardedAddress(text) {
            self = .address(address)
            return
        }
        guard text.utf8.count <= Self.byteCountMax else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard FieldSyntax.equalsIgnoringCase(String(parts[0]), "unknown") || Self.isObfuscated(parts[0])
        else {
            return nil
        }
        if parts.count > 1, ForwardedAddress.port(parts[1]) == nil { return nil }
        self = .hidden
    }

    private static let byteCountMax = 256

    /// `"_" 1*( ALPHA / DIGIT / "." / "_" / "-")`.
    static func isObfuscated(_ text: Substring) -> Bool {
        text.utf8.count > 1 && text.utf8.first == UInt8(ascii: "_")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "._-".utf8.contains(byte)
                }
            }
    }
}

/// An address with an optional port, as `X-Forwarded-For` and `for=` write it.
///
/// **Shape**: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, and for a port that the
/// proxy keeps to itself `192.0.2.1:_p`, which counts as none. Names, `unknown`, and identifiers such as `_hidden`
/// are no addresses.
struct ForwardedAddress {
    var address: IPAddressLiteral
    var port: Int

    init?(_ text: String) {
        guard text.utf8.count <= 64 else { return nil }
        port = 0
        if let address = IPAddressLiteral(text) {
            self.address = address
            return
        }
        var host = text[...]
        if text.utf8.last != UInt8(ascii: "]") {
            guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
            host = text[..<colon]
            guard let number = Self.port(text[text.utf8.index(after: colon)...]) else { return nil }
            port = number
        }
        if host.utf8.first == UInt8(ascii: "[") {
            guard host.utf8.last == UInt8(ascii: "]"),
                let address = IPAddressLiteral(String(host.dropFirst().dropLast())), host.utf8.contains(0x3a)
            else { return nil }
            self.address = address
        } else {
            // Without brackets a port may only follow IPv4.
            guard !host.utf8.contains(UInt8(ascii: ":")), let address = IPAddressLiteral(String(host)) else {
                return nil
            }
            self.address = address
        }
    }

    /// The number of a port, 0 for one that is not told; nil for what is no port.
    static func port(_ text: Substring) -> Int? {
        if ForwardedNode.isObfuscated(text) { return 0 }
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), number <= 65535
        else { return nil }
        return number
    }
}
