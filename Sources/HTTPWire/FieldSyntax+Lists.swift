// SPDX-License-Identifier: Apache-2.0

extension FieldSyntax {
    /// Calls a function with the range of each element of a comma-separated list, blanks around it left out.
    ///
    /// Commas in quoted strings do not separate; empty elements are skipped. Stops when the function returns false.
    ///
    /// Source: RFC 9110 §5.6.1.
    @inlinable
    public static func forEachElement<Failure: Error>(
        _ list: Span<UInt8>,
        separator: UInt8 = UInt8(ascii: ","),
        _ body: (Range<Int>) throws(Failure) -> Bool
    ) throws(Failure) {
        var start = 0
        while let element = nextElement(list, from: &start, separator: separator) {
            guard try body(element) else { return }
        }
    }

    /// The range of the first element that is not empty at or after `start`, which moves behind its separator.
    @usableFromInline
    static func nextElement(_ list: Span<UInt8>, from start: inout Int, separator: UInt8) -> Range<Int>? {
        while start < list.count {
            let end = endOfElement(list, from: start, separator: separator)
            let (from, to) = trim(list, from: start, to: end)
            start = end + 1
            if from < to { return from..<to }
        }
        return nil
    }

    /// The offset of the separator that ends the element beginning at `start`, or the list's count.
    private static func endOfElement(_ list: Span<UInt8>, from start: Int, separator: UInt8) -> Int {
        var isQuoted = false
        var offset = start
        while offset < list.count {
            let byte = list[offset]
            if isQuoted {
                if byte == UInt8(ascii: "\\") {
                    offset += 1
                } else if byte == UInt8(ascii: "\"") {
                    isQuoted = false
                }
            } else if byte == separator {
                return offset
            } else if byte == UInt8(ascii: "\"") {
                isQuoted = true
            }
            offset += 1
        }
        return list.count
    }

    /// Whether a list has a given element, in any letter case.
    ///
    /// - Parameters:
    ///   - element: the element in lower case letters, digits and `-`.
    ///   - list: the field value.
    /// - Returns: whether an element of the list is the given one.
    public static func listContains(_ element: StaticString, in list: Span<UInt8>) -> Bool {
        var isFound = false
        forEachElement(list) { range in
            isFound =
                range.count == element.utf8CodeUnitCount
                && ByteScan.hasPrefix(list, from: range.lowerBound, ignoringCase: element)
            return !isFound
        }
        return isFound
    }

    /// Calls a function with each `name[=value]` of a list of directives, as in Cache-Control.
    ///
    /// A quoted value is given without its quotes, escapes in it as they are. Malformed directives are skipped.
    ///
    /// Source: RFC 9111 §5.2.
    @inlinable
    public static func forEachDirective<Failure: Error>(
        _ list: Span<UInt8>,
        _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>?) throws(Failure) -> Void
    ) throws(Failure) {
        var start = 0
        while let range = nextElement(list, from: &start, separator: UInt8(ascii: ",")) {
            let element = list.extracting(range)
            guard let (name, value) = directive(element) else { continue }
            if let value {
                try body(element.extracting(name), element.extracting(value))
            } else {
                try body(element.extracting(name), nil)
            }
        }
    }

    /// The ranges of a directive's name and value in an element; nil where it is malformed.
    @usableFromInline
    static func directive(_ element: Span<UInt8>) -> (name: Range<Int>, value: Range<Int>?)? {
        var nameEnd = 0
        while nameEnd < element.count, element[nameEnd].isIn(.token) { nameEnd += 1 }
        guard nameEnd > 0 else { return nil }
        guard nameEnd < element.count else { return (0..<nameEnd, nil) }
        guard element[nameEnd] == UInt8(ascii: "="), let value = unquoted(element, from: nameEnd + 1) else {
            return nil
        }
        return (0..<nameEnd, value)
    }

    /// The range of a token or of the inside of a quoted string that begins at `start` and ends the element.
    private static func unquoted(_ element: Span<UInt8>, from start: Int) -> Range<Int>? {
        guard start < element.count else { return nil }
        if element[start] == UInt8(ascii: "\"") {
            var end = start + 1
            while end < element.count, element[end] != UInt8(ascii: "\"") {
                end += element[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            return end == element.count - 1 ? (start + 1)..<end : nil
        }
        for offset in start..<element.count where !element[offset].isIn(.token) { return nil }
        return start..<element.count
    }

    /// A count of seconds, as in Age and `max-age`: digits only, anything above 2³¹ taken as 2³¹.
    ///
    /// RFC 9111 §1.2.2.
    public static func deltaSeconds(_ text: Span<UInt8>) -> Int64? {
        guard !text.isEmpty else { return nil }
        var value: Int64 = 0
        for index in text.indices {
            guard text[index].isDigit else { return nil }
            value = min(value * 10 + Int64(text[index] - 0x30), 1 << 31)
        }
        return value
    }

    /// A weight in thousandths: `0`, `0.5`, `1.000`; nil where malformed.
    ///
    /// RFC 9110 §12.4.2.
    public static func qualityValue(_ text: Span<UInt8>) -> Int? {
        guard !text.isEmpty, text.count <= 5, text[0] == 0x30 || text[0] == 0x31 else { return nil }
        var value = Int(text[0] - 0x30) * 1000
        guard text.count > 1 else { return value }
        guard text[1] == UInt8(ascii: ".") else { return nil }
        var scale = 100
        for index in 2..<text.count {
            guard text[index].isDigit else { return nil }
            value += Int(text[index] - 0x30) * scale
            scale /= 10
        }
        return value <= 1000 ? value : nil
    }

    /// The weight that a list such as Accept-Encoding gives to a coding, in thousandths; nil where it says nothing.
    ///
    /// The coding's own element comes before `*`. Source: RFC 9110 §12.5.3.
    /// A malformed weight counts as 0.
    ///
    /// - Parameters:
    ///   - coding: the coding in lower case, such as `gzip`.
    ///   - list: the field value.
    /// - Returns: 0 to 1000, nil where neither the coding nor `*` is listed.
    public static func weight(of coding: StaticString, in list: Span<UInt8>) -> Int? {
        var own: Int?
        var any: Int?
        forEachElement(list) { range in
            let element = list.extracting(range)
            var nameEnd = 0
            while nameEnd < element.count, element[nameEnd].isIn(.token) { nameEnd += 1 }
            let weight = weightParameter(element, from: nameEnd)
            if nameEnd == coding.utf8CodeUnitCount, ByteScan.hasPrefix(element, from: 0, ignoringCase: coding)
            {
                own = own ?? weight
            } else if nameEnd == 1, element[0] == UInt8(ascii: "*") {
                any = any ?? weight
            }
            return true
        }
        return own ?? any
    }

    /// The `;q=` behind a name, in thousandths: 1000 where there is none, 0 where it is malformed.
    private static func weightParameter(_ element: Span<UInt8>, from start: Int) -> Int {
        var offset = start
        while offset < element.count, element[offset].isBlank { offset += 1 }
        guard offset < element.count else { return 1000 }
        guard element[offset] == UInt8(ascii: ";") else { return 0 }
        offset += 1
        while offset < element.count, element[offset].isBlank { offset += 1 }
        guard element.count - offset > 2, element[offset] | 0x20 == UInt8(ascii: "q"),
            element[offset + 1] == UInt8(ascii: "=")
        else { return 0 }
        let (from, to) = trim(element, from: offset + 2, to: element.count)
        return qualityValue(element.extracting(from..<to)) ?? 0
    }
}
