// SPDX-License-Identifier: Apache-2.0

import HTTPWire
import ResponseCache

/// The head of a stored response, which is kept in HTTP/1's form, read back into status and fields.
///
/// Made to be read into again: allocates nothing in steady state.
struct StoredHead {
    private(set) var status: UInt16 = 0
    /// All fields but `Date`, which is today's on every response.
    private(set) var fields = FieldSection()

    /// Reads a head that we rendered: a status line and field lines, each with its CRLF, and an empty line.
    mutating func read(_ head: Span<UInt8>) {
        fields.removeAll()
        status = 0
        // `HTTP/1.1 nnn`
        for index in 9..<min(12, head.count) { status = status &* 10 &+ UInt16(head[index] &- 0x30) }
        var start = StoredHead.lineEnd(in: head, from: 0) + 2
        while start < head.count {
            let end = StoredHead.lineEnd(in: head, from: start)
            append(head.extracting(start..<end))
            start = end + 2
        }
    }

    /// The offset of the next CR, or of the end.
    private static func lineEnd(in head: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < head.count, head[index] != 0x0D { index += 1 }
        return index
    }

    private mutating func append(_ line: Span<UInt8>) {
        var colon = 0
        while colon < line.count, line[colon] != 0x3A { colon += 1 }
        guard colon < line.count else { return }
        var valueStart = colon + 1
        while valueStart < line.count, line[valueStart] == 0x20 { valueStart += 1 }
        let name = line.extracting(..<colon)
        guard FieldID(name) != .date else { return }
        // What was written as a field line can be read as one.
        try? fields.append(name: name, value: line.extracting(valueStart...))
    }
}

/// The heads of the stored responses that were sent last, so that one that is sent again and again is read once.
///
/// Loop-affine. Holds on to the responses until `forget`, which is to be called now and then.
struct StoredHeads {
    private struct Slot {
        var entry: CacheEntry?
        var head = StoredHead()
    }

    // Chosen by the entry's address: two that share a slot take turns in it.
    private var slots: ContiguousArray<Slot> = []
    private var isEmpty = true

    private static let slotCount = 64

    /// Status and fields of an entry's response.
    mutating func head(of entry: CacheEntry) -> (status: UInt16, fields: FieldSection) {
        if slots.isEmpty { slots = ContiguousArray(repeating: Slot(), count: StoredHeads.slotCount) }
        let address = UInt(bitPattern: ObjectIdentifier(entry))
        let index = Int((address >> 4 ^ address >> 12) % UInt(StoredHeads.slotCount))
        if slots[index].entry !== entry {
            slots[index].entry = entry
            let bytes = entry.bytes
            slots[index].head.read(bytes.span.extracting(..<entry.headByteCount))
            isEmpty = false
        }
        return (slots[index].head.status, slots[index].head.fields)
    }

    /// Lets go of all responses, and keeps the memory.
    mutating func forget() {
        guard !isEmpty else { return }
        isEmpty = true
        for index in slots.indices { slots[index].entry = nil }
    }
}
