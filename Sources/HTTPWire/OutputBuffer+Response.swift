// SPDX-License-Identifier: Apache-2.0

extension OutputBuffer {
    /// Appends `HTTP/1.1 status SP reason CRLF`.
    ///
    /// Without a reason, the registered phrase is written, and nothing for other codes; RFC 9112 §4 makes it optional.
    /// A given reason is written without the characters that no reason may hold.
    ///
    /// - Parameters:
    ///   - status: the status code, 100 to 999.
    ///   - reason: the reason phrase, nil for the registered one.
    public mutating func appendStatusLine(status: UInt16, reason: String? = nil) {
        precondition(status >= 100 && status <= 999, "A status code has three digits.")
        if status == 200, reason == nil {
            append("HTTP/1.1 200 OK\r\n")
            return
        }
        append("HTTP/1.1 ")
        append(byte: UInt8(truncatingIfNeeded: 0x30 + status / 100))
        append(byte: UInt8(truncatingIfNeeded: 0x30 + status / 10 % 10))
        append(byte: UInt8(truncatingIfNeeded: 0x30 + status % 10))
        append(byte: .space)
        if let reason {
            for byte in reason.utf8 where byte.isIn(.fieldValue) { append(byte: byte) }
        } else {
            append(ReasonPhrase.standard(for: status))
        }
        appendCRLF()
    }

    /// Appends CR and LF.
    @inline(__always)
    public mutating func appendCRLF() {
        append("\r\n")
    }

    /// Appends the lines of a section, each with its CRLF, without an empty line after them.
    public mutating func appendFields(_ fields: FieldSection) {
        let source = fields.bytes.span
        // One reservation for all: names, values, and four bytes of punctuation a line.
        reserve(source.count &+ fields.entries.count &* (FieldID.nameBytesMax + 4))
        for entry in fields.entries {
            if entry.name.isEmpty {
                append(entry.id.name)
            } else {
                append(source.extracting(entry.name.range))
            }
            append(": ")
            append(source.extracting(entry.value.range))
            append("\r\n")
        }
    }

    /// Appends a field line of the program's own text, unchecked.
    public mutating func appendField(name: StaticString, value: StaticString) {
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// Appends a field line with a number.
    @inlinable
    public mutating func appendField(name: StaticString, decimal value: some FixedWidthInteger) {
        append(name)
        append(": ")
        append(decimal: value)
        append("\r\n")
    }

    /// Appends a field line with a value that has been checked to hold no control character.
    public mutating func appendField(name: StaticString, value: Span<UInt8>) {
        assert(FieldSyntax.isFieldValue(value), "A field value is checked before it is written.")
        append(name)
        append(": ")
        append(value)
        append("\r\n")
    }

    /// Appends `Date: ` and a date, with its CRLF.
    public mutating func appendDate(_ date: HTTPDate) {
        append("Date: ")
        append(date.bytes.span)
        append("\r\n")
    }

    /// Appends a chunk's size in upper-case hexadecimal, with its CRLF; the size must be above 0.
    public mutating func appendChunkHead(byteCount: Int) {
        precondition(byteCount > 0, "A chunk of no bytes would end the content.")
        append(hex: UInt(byteCount))
        append("\r\n")
    }

    /// Appends the last chunk, the trailer section if there is one, and the empty line that ends the message.
    public mutating func appendLastChunk(trailers: FieldSection? = nil) {
        append("0\r\n")
        if let trailers { appendFields(trailers) }
        append("\r\n")
    }
}
