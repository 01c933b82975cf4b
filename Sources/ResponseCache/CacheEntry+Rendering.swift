// SPDX-License-Identifier: Apache-2.0
public import HTTPWire

extension CacheEntry {
    /// Makes an entry of a response that `CacheRules.lifetime` lets be stored.
    ///
    /// Fields that concern one connection or one moment are left out (`Connection`, `Transfer-Encoding`,
    /// `Date` and the like); `Content-Length` and the room for the date are put in.
    ///
    /// Cost: three allocations; copies the body once.
    ///
    /// - Parameters:
    ///   - key: What a request must name to be answered with it.
    ///   - owner: Whose it is.
    ///   - status: The status code.
    ///   - reason: The reason phrase; nil, or one with control characters, stands for the registered one.
    ///   - fields: The fields, checked by the rules.
    ///   - body: The whole body.
    ///   - policy: The policy that it is stored under.
    ///   - lifetime: What the rules gave.
    ///   - now: Monotonic nanoseconds.
    ///   - wallClock: Unix seconds.
    public convenience init(
        key: CacheKey,
        owner: CacheOwner,
        status: UInt16,
        reason: String? = nil,
        fields: FieldSection,
        body: Span<UInt8>,
        policy: CachePolicy,
        lifetime: CacheLifetime,
        now: Int64,
        wallClock: Int64
    ) {
        var parts = CacheEntryParts()
        parts.status = status
        parts.coding = CacheRules.contentCoding(of: fields) ?? .identity
        parts.lastModified = fields.withJoined(.lastModified) { HTTPDate.parse($0, now: wallClock) } ?? nil
        parts.bytes.reserveCapacity(256 + 64 * fields.count + body.count)
        ResponseHeadWriter.appendStatusLine(status, reason: reason, to: &parts.bytes)
        parts.appendFields(fields)
        if status != 204 {
            ResponseHeadWriter.appendField("Content-Length", decimal: body.count, to: &parts.bytes)
        }
        parts.dateOffset = ResponseHeadWriter.appendDateAndEnd(to: &parts.bytes)
        parts.headByteCount = parts.bytes.count
        ByteOperations.append(body, to: &parts.bytes)
        self.init(
            key: key,
            owner: owner,
            parts: parts,
            policy: policy,
            lifetime: lifetime,
            now: now,
            wallClock: wallClock
        )
    }

    /// Calls a function with each field of the head, in order: for protocols with heads of another form.
    ///
    /// `Content-Length` and `Date` are among them; the value of `Date` is room only.
    public func forEachField(
        _ body: (_ id: FieldID, _ name: Span<UInt8>, _ value: Span<UInt8>) -> Void
    ) {
        let bytes = bytes
        forEachLine { id, name, value, _ in
            body(id, bytes.span.extracting(name), bytes.span.extracting(value))
        }
    }

    /// Calls a function with the ranges in `bytes` of each field line and its parts.
    func forEachLine(
        _ body: (_ id: FieldID, _ name: Range<Int>, _ value: Range<Int>, _ line: Range<Int>) -> Void
    ) {
        let bytes = bytes
        var start = Self.lineEnd(in: bytes, from: 0)
        // The head was written here: each line is `name: value` CRLF, and an empty one ends it.
        while start < headByteCount - 2 {
            let end = Self.lineEnd(in: bytes, from: start)
            let colon = bytes[start..<end].firstIndex(of: UInt8(ascii: ":")) ?? end - 2
            let name = start..<colon
            let value = min(colon + 2, end - 2)..<end - 2
            body(FieldID(bytes.span.extracting(name)), name, value, start..<end)
            start = end
        }
    }

    /// Where the line that begins at `start` ends, behind its CRLF.
    private static func lineEnd(in bytes: [UInt8], from start: Int) -> Int {
        (bytes[start...].firstIndex(of: 0x0A) ?? bytes.count - 1) + 1
    }
}

extension CacheEntryParts {
    /// Appends the fields that are kept, and notes where those are that are looked at later.
    fileprivate mutating func appendFields(_ fields: FieldSection) {
        var parts = self
        fields.forEach { id, name, value in
            switch id {
            case .connection:
                if FieldSyntax.listContains("close", in: value) { parts.closesConnection = true }
            case .keepAlive, .proxyConnection, .transferEncoding, .upgrade, .trailer, .contentLength, .date:
                break
            default:
                let range = ResponseHeadWriter.appendField(name, value, to: &parts.bytes)
                if id == .eTag, parts.entityTagRange.isEmpty { parts.entityTagRange = range }
                if id == .contentType, parts.contentTypeRange.isEmpty { parts.contentTypeRange = range }
            }
        }
        self = parts
    }
}

/// Writes the few lines that heads from the cache consist of.
enum ResponseHeadWriter {
    static func appendStatusLine(_ status: UInt16, reason: String?, to bytes: inout [UInt8]) {
        ByteOperations.append("HTTP/1.1 ", to: &bytes)
        bytes += "\(status) ".utf8
        // A control character in it would make one line two; the phrase says nothing to a client anyhow.
        if let reason, FieldSyntax.isFieldValue(reason.utf8.span) {
            bytes += reason.utf8
        } else {
            ByteOperations.append(ReasonPhrase.standard(for: status), to: &bytes)
        }
        ByteOperations.append("\r\n", to: &bytes)
    }

    /// Appends a field line; returns where its value is.
    @discardableResult
    static func appendField(
        _ name: Span<UInt8>,
        _ value: Span<UInt8>,
        to bytes: inout [UInt8]
    ) -> Range<Int> {
        ByteOperations.append(name, to: &bytes)
        ByteOperations.append(": ", to: &bytes)
        let start = bytes.count
        ByteOperations.append(value, to: &bytes)
        let range = start..<bytes.count
        ByteOperations.append("\r\n", to: &bytes)
        return range
    }

    static func appendField(_ name: StaticString, _ value: [UInt8], to bytes: inout [UInt8]) {
        ByteOperations.append(name, to: &bytes)
        ByteOperations.append(": ", to: &bytes)
        bytes += value
        ByteOperations.append("\r\n", to: &bytes)
    }

    static func appendField(_ name: StaticString, decimal: Int, to bytes: inout [UInt8]) {
        appendField(name, Array("\(decimal)".utf8), to: &bytes)
    }

    /// Appends `Date` with room for its value, and the empty line; returns where the value goes.
    static func appendDateAndEnd(to bytes: inout [UInt8]) -> Int {
        ByteOperations.append("Date: ", to: &bytes)
        let offset = bytes.count
        // A valid date, should anybody forget to write the right one.
        ByteOperations.append("Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n", to: &bytes)
        return offset
    }
}
