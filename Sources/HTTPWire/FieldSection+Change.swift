// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    /// Replaces all lines of a name by one, in the place of the first, or appends it.
    ///
    /// Throws, and changes nothing, where the name is no token or the value holds a control character.
    public mutating func set(name: String, value: String) throws(FieldError) {
        let id = FieldID(name)
        guard id != .unknown || FieldSyntax.isToken(name) else { throw FieldError(.nameMalformed) }
        let first = firstIndex(of: name)
        let entry = try makeEntry(id: id, name: name.utf8.span, value: value.utf8.span)
        replace(first, by: entry)
    }

    /// Replaces all lines of a well-known name by one, in the place of the first, or appends it.
    public mutating func set(id: FieldID, value: String) throws(FieldError) {
        guard id != .unknown else { throw FieldError(.nameMalformed) }
        let range = try makeValue(value.utf8.span)
        replace(firstIndex(of: id), by: Entry(id: id, name: .empty, value: range))
    }

    /// Replaces all lines of a well-known name by one with a number.
    @inlinable
    public mutating func set(id: FieldID, decimal value: some FixedWidthInteger) {
        set(id: id, magnitude: UInt64(truncatingIfNeeded: value.magnitude), isNegative: value < 0)
    }

    /// Replaces all lines of a well-known name by one with a number given as magnitude and sign.
    public mutating func set(id: FieldID, magnitude: UInt64, isNegative: Bool) {
        precondition(id != .unknown, "A numeric field line has a well-known name.")
        let range = makeNumber(magnitude, isNegative: isNegative)
        replace(firstIndex(of: id), by: Entry(id: id, name: .empty, value: range))
    }

    /// Removes all lines of a name, in any letter case, and tells whether there was one.
    @discardableResult
    public mutating func remove(name: String) -> Bool {
        let id = FieldID(name)
        guard id == .unknown else { return remove(id: id) }
        guard let first = firstIndex(of: name) else { return false }
        let text = Array(name.utf8)
        removeLines(from: first) { section, index in
            section.hasUnknownName(text.span, at: index)
        }
        return true
    }

    /// Removes all lines of a well-known name, and tells whether there was one.
    @discardableResult
    public mutating func remove(id: FieldID) -> Bool {
        guard id != .unknown, let first = firstIndex(of: id) else { return false }
        removeLines(from: first) { section, index in section.entries[index].id == id }
        return true
    }

    /// Puts an entry in the place of the line at `first` and removes the later lines of its name.
    private mutating func replace(_ first: Int?, by entry: Entry) {
        guard let first else {
            add(entry)
            return
        }
        garbageByteCount += Int(entries[first].name.count) + Int(entries[first].value.count)
        entries[first] = entry
        removeLines(from: first + 1) { section, index in
            guard entry.id == .unknown else { return section.entries[index].id == entry.id }
            return section.hasUnknownName(section.bytes.span.extracting(entry.name.range), at: index)
        }
    }

    /// Removes the lines at or after an index that a test names, keeping the order of the others.
    private mutating func removeLines(from start: Int, where isRemoved: (borrowing FieldSection, Int) -> Bool)
    {
        var kept = start
        for index in start..<entries.count {
            if isRemoved(self, index) {
                garbageByteCount += Int(entries[index].name.count) + Int(entries[index].value.count)
            } else {
                if kept != index { entries[kept] = entries[index] }
                kept += 1
            }
        }
        entries.removeLast(entries.count - kept)
        compactIfWasteful()
    }

    /// Gives up the bytes of lines that are gone, once they are most of a few thousand.
    ///
    /// Without this, a handler that sets one field again and again would make the section grow.
    private mutating func compactIfWasteful() {
        guard garbageByteCount > 4096, garbageByteCount > bytes.count / 2 else { return }
        var compacted: [UInt8] = []
        compacted.reserveCapacity(bytes.count - garbageByteCount)
        for index in entries.indices {
            let nameStart = compacted.count
            ByteScan.append(bytes.span.extracting(entries[index].name.range), to: &compacted)
            let valueStart = compacted.count
            ByteScan.append(bytes.span.extracting(entries[index].value.range), to: &compacted)
            entries[index].name = ByteRange(from: nameStart, to: valueStart)
            entries[index].value = ByteRange(from: valueStart, to: compacted.count)
        }
        bytes = compacted
        garbageByteCount = 0
    }
}
