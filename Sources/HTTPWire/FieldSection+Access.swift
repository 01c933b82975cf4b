// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    // MARK: By index

    /// The well-known identifier of a line's name.
    public func id(at index: Int) -> FieldID {
        entries[index].id
    }

    /// The name of a line, as it was spelled.
    public func name(at index: Int) -> String {
        let entry = entries[index]
        return entry.name.isEmpty
            ? entry.id.name.description : FieldSyntax.string(bytes.span.extracting(entry.name.range))
    }

    /// The value of a line, malformed UTF-8 replaced by U+FFFD.
    public func value(at index: Int) -> String {
        FieldSyntax.string(bytes.span.extracting(entries[index].value.range))
    }

    /// Calls a function with the bytes of a line's value.
    @inlinable
    public func withValue<Result, Failure: Error>(
        at index: Int,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(bytes.span.extracting(entries[index].value.range))
    }

    /// Whether the name of a line is a text, in any letter case; for names that are not well known.
    func hasUnknownName(_ name: Span<UInt8>, at index: Int) -> Bool {
        let entry = entries[index]
        return entry.id == .unknown
            && FieldSyntax.equalsIgnoringCase(bytes.span.extracting(entry.name.range), name)
    }

    /// Calls a function with the identifier, name and value of each line, in order.
    @inlinable
    public func forEach<Failure: Error>(
        _ body: (_ id: FieldID, _ name: Span<UInt8>, _ value: Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        let bytes = bytes.span
        for entry in entries {
            let value = bytes.extracting(entry.value.range)
            if entry.name.isEmpty {
                try ByteScan.withSpan(of: entry.id.name) { (name) throws(Failure) in
                    try body(entry.id, name, value)
                }
            } else {
                try body(entry.id, bytes.extracting(entry.name.range), value)
            }
        }
    }

    // MARK: By name

    /// The index of the first line of a name at or after an index, nil where there is none.
    public func firstIndex(of id: FieldID, from start: Int = 0) -> Int? {
        guard mayContain.contains(id) else { return nil }
        var index = start
        while index < entries.count {
            if entries[index].id == id { return index }
            index += 1
        }
        return nil
    }

    /// The index of the first line of a name, in any letter case, at or after an index.
    public func firstIndex(of name: String, from start: Int = 0) -> Int? {
        let id = FieldID(name)
        guard id == .unknown else { return firstIndex(of: id, from: start) }
        let wanted = name.utf8.span
        var index = start
        while index < entries.count {
            if hasUnknownName(wanted, at: index) { return index }
            index += 1
        }
        return nil
    }

    /// Whether there is a line of the name.
    public func contains(id: FieldID) -> Bool {
        firstIndex(of: id) != nil
    }

    /// Whether there is a line of the name, in any letter case.
    public func contains(name: String) -> Bool {
        firstIndex(of: name) != nil
    }

    /// The value of a name, several lines joined by `, `; nil where there is none.
    ///
    /// Lines of Set-Cookie are never joined (RFC 9110 §5.3): the first is returned.
    public subscript(name: String) -> String? {
        guard let first = firstIndex(of: name) else { return nil }
        var text = value(at: first)
        guard entries[first].id != .setCookie else { return text }
        var next = firstIndex(of: name, from: first + 1)
        while let index = next {
            text += ", "
            text += value(at: index)
            next = firstIndex(of: name, from: index + 1)
        }
        return text
    }

    /// The value of a well-known name, several lines joined by `, `; nil where there is none.
    ///
    /// Lines of Set-Cookie are never joined (RFC 9110 §5.3): the first is returned.
    public subscript(id: FieldID) -> String? {
        guard let first = firstIndex(of: id) else { return nil }
        var text = value(at: first)
        guard id != .setCookie else { return text }
        var next = firstIndex(of: id, from: first + 1)
        while let index = next {
            text += ", "
            text += value(at: index)
            next = firstIndex(of: id, from: index + 1)
        }
        return text
    }

    /// The values of all lines of a name, in any letter case, in order.
    public func values(of name: String) -> [String] {
        var values: [String] = []
        var next = firstIndex(of: name)
        while let index = next {
            values.append(value(at: index))
            next = firstIndex(of: name, from: index + 1)
        }
        return values
    }

    /// The values of all lines of a well-known name, in order.
    public func values(of id: FieldID) -> [String] {
        var values: [String] = []
        var next = firstIndex(of: id)
        while let index = next {
            values.append(value(at: index))
            next = firstIndex(of: id, from: index + 1)
        }
        return values
    }
}

extension FieldSection: Equatable {
    /// Whether both have lines of the same names, but for letter case, with the same values, in the same order.
    public static func == (left: FieldSection, right: FieldSection) -> Bool {
        guard left.count == right.count else { return false }
        let leftBytes = left.bytes.span
        let rightBytes = right.bytes.span
        for index in left.indices {
            let one = left.entries[index]
            let other = right.entries[index]
            let oneName = leftBytes.extracting(one.name.range)
            let otherName = rightBytes.extracting(other.name.range)
            guard one.id == other.id,
                one.id != .unknown || FieldSyntax.equalsIgnoringCase(oneName, otherName),
                FieldSyntax.equals(
                    leftBytes.extracting(one.value.range),
                    rightBytes.extracting(other.value.range)
                )
            else { return false }
        }
        return true
    }
}

extension FieldSection: CustomStringConvertible {
    /// The field lines as they would be sent, one on each line.
    public var description: String {
        indices.map { "\(name(at: $0)): \(value(at: $0))" }.joined(separator: "\n")
    }
}
