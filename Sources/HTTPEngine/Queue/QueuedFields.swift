// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// A head of HTTP/2 between processes: its pseudo-fields and fields, to be assembled again with every check.
///
/// Each field is the lengths of its name and its value, four bytes each, least significant first, and then both.
enum QueuedFields {
    /// Writes a request's head.
    static func write(_ exchange: Exchange, into buffer: inout OutputBuffer) {
        let head = exchange.head
        append(":method", exchange.bytes(head.methodRange), to: &buffer)
        let scheme: StaticString = head.targetIsHTTPS ? "https" : "http"
        append(":scheme", scheme.bytes, to: &buffer)
        append(":authority", exchange.bytes(head.authority), to: &buffer)
        append(":path", exchange.bytes(head.target), to: &buffer)
        if !exchange.connectProtocolRange.isEmpty {
            append(":protocol", exchange.bytes(exchange.connectProtocolRange), to: &buffer)
        }
        for field in head.fields {
            append(exchange.bytes(field.name), exchange.bytes(field.value), to: &buffer)
        }
    }

    private static func append(
        _ name: StaticString,
        _ value: UnsafeBufferPointer<UInt8>,
        to buffer: inout OutputBuffer
    ) { append(name.bytes, value, to: &buffer) }

    private static func append(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        to buffer: inout OutputBuffer
    ) {
        var lengths = (UInt32(truncatingIfNeeded: name.count), UInt32(truncatingIfNeeded: value.count))
        withUnsafeBytes(of: &lengths) { buffer.append($0) }
        buffer.append(UnsafeRawBufferPointer(name))
        buffer.append(UnsafeRawBufferPointer(value))
    }

    /// Assembles a head that another process wrote.
    ///
    /// - Parameters:
    ///   - bytes: a private copy of what it wrote.
    ///   - hasContent: whether the stream goes on after the head.
    ///   - limits: what the bytes must keep to.
    ///   - head: receives it.
    /// - Returns: whether it is one.
    static func read(
        _ bytes: UnsafeRawBufferPointer,
        hasContent: Bool,
        limits: HeadLimits,
        into head: inout AssembledHead
    ) -> Bool {
        head.begin(limits: limits)
        var position = 0
        while position < bytes.count {
            guard bytes.count - position >= 8 else { return false }
            let nameCount = Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            let valueCount = Int(bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self))
            position += 8
            guard nameCount + valueCount <= bytes.count - position else { return false }
            let name = UnsafeRawBufferPointer(rebasing: bytes[position..<position + nameCount])
            position += nameCount
            let value = UnsafeRawBufferPointer(rebasing: bytes[position..<position + valueCount])
            position += valueCount
            // SAFETY: the bytes are a private copy that stays in place during this call.
            let goesOn = head.append(
                name: Span(_unsafeElements: name.bindMemory(to: UInt8.self)),
                value: Span(_unsafeElements: value.bindMemory(to: UInt8.self))
            )
            guard goesOn else { return false }
        }
        return head.finish(hasContent: hasContent) == .complete
    }
}

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        // SAFETY: a static text's bytes live for ever, and its count is theirs.
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
