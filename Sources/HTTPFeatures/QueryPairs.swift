// SPDX-License-Identifier: Apache-2.0

/// Reads `name=value` pairs from a query, as HTML forms write them.
///
/// Shape: `?a=1&b=two+words&c=%C3%A9`. A malformed escape stays as typed, bytes that are not UTF-8 become
/// U+FFFD, a name without `=` has an empty value. At most 1024 pairs are read. Source: WHATWG URL,
/// "application/x-www-form-urlencoded parsing".
enum QueryPairs {
    static let countMax = 1024

    static func parse(_ query: String) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        let text = query.utf8.first == UInt8(ascii: "?") ? query.utf8.dropFirst() : query.utf8[...]
        for pair in text.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            guard pairs.count < countMax else { break }
            if let equals = pair.firstIndex(of: UInt8(ascii: "=")) {
                pairs.append((decode(pair[..<equals]), decode(pair[pair.index(after: equals)...])))
            } else {
                pairs.append((decode(pair), ""))
            }
        }
        return pairs
    }

    private static func decode(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), let value = hexadecimalPair(rest) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexadecimalPair(_ text: Substring.UTF8View) -> UInt8? {
        var iterator = text.makeIterator()
        guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else {
            return nil
        }
        return high << 4 | low
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
