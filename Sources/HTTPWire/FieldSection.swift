// SPDX-License-Identifier: Apache-2.0

/// Field lines with their bytes, in order: of responses, of trailers, of requests that outlive their buffer.
///
/// **Shape**: names are tokens, kept as they were spelled; values hold no control character but HTAB and are trimmed of
/// white space. What would let one field line become two is refused, so a section can be written as it is.
///
/// **Cost**: all bytes are in one array and all lines in another; both are kept by `removeAll`, so that a section used
/// again allocates nothing. A well-known name in its canonical spelling takes no bytes. Finding a well-known name that
/// is absent is a bit test, any other search is linear.
///
/// Source: RFC 9110 §5.
public struct FieldSection: Sendable {
    /// One line: offsets into `bytes`.
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var id: FieldID
        /// The bytes of the name; empty where it is the canonical spelling of `id`.
        @usableFromInline var name: ByteRange
        @usableFromInline var value: ByteRange
    }

    @usableFromInline var bytes: [UInt8] = []
    @usableFromInline var entries: [Entry] = []
    /// At least the well-known names that are present; a removal leaves bits set.
    public internal(set) var mayContain = FieldIDSet()
    /// How many of `bytes` belong to no entry any more.
    var garbageByteCount = 0

    /// The greatest number of bytes a section holds.
    static let byteCountMax = 1 << 30

    /// Makes an empty section.
    public init() {}

    /// How many field lines there are.
    public var count: Int { entries.count }

    /// Whether there is no field line.
    public var isEmpty: Bool { entries.isEmpty }

    /// The indices of the field lines.
    public var indices: Range<Int> { 0..<entries.count }

    /// Makes room for lines and bytes to come.
    public mutating func reserve(lineCount: Int, byteCount: Int) {
        entries.reserveCapacity(lineCount)
        bytes.reserveCapacity(byteCount)
    }

    /// Removes all field lines, and keeps the memory.
    public mutating func removeAll() {
        if !entries.isEmpty { entries.removeAll(keepingCapacity: true) }
        if !bytes.isEmpty { bytes.removeAll(keepingCapacity: true) }
        mayContain = FieldIDSet()
        garbageByteCount = 0
    }

    // MARK: Appending

    /// Appends a field line.
    ///
    /// Throws where the name is no token or the value holds a control character.
    public mutating func append(name: String, value: String) throws(FieldError) {
        try append(name: name.utf8.span, value: value.utf8.span)
    }

    /// Appends a field line with a well-known name; `unknown` is refused as malformed.
    public mutating func append(id: FieldID, value: String) throws(FieldError) {
        try append(id: id, value: value.utf8.span)
    }

    /// Appends a field line from bytes.
    public mutating func append(name: Span<UInt8>, value: Span<UInt8>) throws(FieldError) {
        let id = FieldID(name)
        guard id != .unknown || FieldSyntax.isToken(name) else { throw FieldError(.nameMalformed) }
        let entry = try makeEntry(id: id, name: name, value: value)
        add(entry)
    }

    /// Appends a field line with a well-known name from bytes; `unknown` is refused as malformed.
    public mutating func append(id: FieldID, value: Span<UInt8>) throws(FieldError) {
        guard id != .unknown else { throw FieldError(.nameMalformed) }
        let range = try makeValue(value)
        add(Entry(id: id, name: .empty, value: range))
    }

    /// Appends a field line of the program's own text, which is not checked in release builds.
    public mutating func append(id: FieldID, literal value: StaticString) {
        assert(id != .unknown, "A literal field line has a well-known name.")
        let start = bytes.count
        ByteScan.append(value, to: &bytes)
        assert(
            FieldSyntax.isFieldValue(bytes.span.extracting(start..<bytes.count)),
            "A literal value is valid."
        )
        add(Entry(id: id, name: .empty, value: ByteRange(from: start, to: bytes.count)))
    }

    /// Appends a field line of a well-known name and a number.
    @inlinable
    public mutating func append(id: FieldID, decimal value: some FixedWidthInteger) {
        append(id: id, magnitude: UInt64(truncatingIfNeeded: value.magnitude), isNegative: value < 0)
    }

    /// Appends a field line of a well-known name and a number given as magnitude and sign.
    public mutating func append(id: FieldID, magnitude: UInt64, isNegative: Bool) {
        precondition(id != .unknown, "A numeric field line has a well-known name.")
        add(Entry(id: id, name: .empty, value: makeNumber(magnitude, isNegative: isNegative)))
    }

    /// Appends the field lines of a parsed request head, which are valid as they are.
    ///
    /// Cost: copies the bytes of unknown names and of all values once.
    public mutating func append(contentsOf head: RequestHead, bytes source: Span<UInt8>) {
        entries.reserveCapacity(entries.count + head.fields.count)
        for index in head.fields.indices {
            let field = head.fields[index]
            let nameStart = bytes.count
            let name = source.extracting(field.name.range)
            if !FieldSection.isCanonical(name, field.id) { ByteScan.append(name, to: &bytes) }
            let valueStart = bytes.count
            ByteScan.append(source.extracting(field.value.range), to: &bytes)
            add(
                Entry(
                    id: field.id,
                    name: ByteRange(from: nameStart, to: valueStart),
                    value: ByteRange(from: valueStart, to: bytes.count)
                )
            )
        }
    }

    /// Appends the field lines of another section.
    public mutating func append(contentsOf other: FieldSection) {
        for entry in other.entries {
            let nameStart = bytes.count
            ByteScan.append(other.bytes.span.extracting(entry.name.range), to: &bytes)
            let valueStart = bytes.count
            ByteScan.append(other.bytes.span.extracting(entry.value.range), to: &bytes)
            add(
                Entry(
                    id: entry.id,
                    name: ByteRange(from: nameStart, to: valueStart),
                    value: ByteRange(from: valueStart, to: bytes.count)
                )
            )
        }
    }

    // MARK: Parts

    @inline(__always)
    mutating func add(_ entry: Entry) {
        entries.append(entry)
        if entry.id != .unknown { mayContain.insert(entry.id) }
    }

    /// Copies name and value of a line whose name has been checked.
    mutating func makeEntry(id: FieldID, name: Span<UInt8>, value: Span<UInt8>) throws(FieldError) -> Entry {
        guard name.count <= FieldSection.byteCountMax - bytes.count else {
            throw FieldError(.sectionTooLarge)
        }
        let nameStart = bytes.count
        if !FieldSection.isCanonical(name, id) { ByteScan.append(name, to: &bytes) }
        let nameRange = ByteRange(from: nameStart, to: bytes.count)
        do {
            return Entry(id: id, name: nameRange, value: try makeValue(value))
        } catch {
            bytes.removeLast(bytes.count - nameStart)
            throw error
        }
    }

    /// Checks, trims and copies a value.
    mutating func makeValue(_ value: Span<UInt8>) throws(FieldError) -> ByteRange {
        guard FieldSyntax.isFieldValue(value) else { throw FieldError(.valueMalformed) }
        let (from, to) = FieldSyntax.trim(value, from: 0, to: value.count)
        guard to - from <= FieldSection.byteCountMax - bytes.count else { throw FieldError(.sectionTooLarge) }
        let start = bytes.count
        ByteScan.append(value.extracting(from..<to), to: &bytes)
        return ByteRange(from: start, to: bytes.count)
    }

    /// Whether a name is spelled exactly as the canonical name of an identifier.
    static func isCanonical(_ name: Span<UInt8>, _ id: FieldID) -> Bool {
        id != .unknown && ByteScan.isEqual(name, id.name)
    }

    /// Copies a number's digits.
    mutating func makeNumber(_ magnitude: UInt64, isNegative: Bool) -> ByteRange {
        let start = bytes.count
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        let digitsStart = bytes.count
        var rest = magnitude
        repeat {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest != 0
        bytes[digitsStart...].reverse()
        return ByteRange(from: start, to: bytes.count)
    }
}
