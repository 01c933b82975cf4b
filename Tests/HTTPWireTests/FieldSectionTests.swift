// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Field sections")
struct FieldSectionTests {
    @Test("Lines stay in order, with names as they were spelled")
    func order() throws {
        var fields = FieldSection()
        try fields.append(name: "X-One", value: " 1 ")
        try fields.append(id: .contentType, value: "text/plain")
        try fields.append(name: "etag", value: "\"a\"")
        fields.append(id: .contentLength, decimal: 42)
        fields.append(id: .server, literal: "HTTPRing")
        #expect(
            fields.description
                == "X-One: 1\nContent-Type: text/plain\netag: \"a\"\nContent-Length: 42\nServer: HTTPRing"
        )
        #expect(fields.count == 5 && !fields.isEmpty)
        #expect(fields.id(at: 2) == .eTag && fields.name(at: 2) == "etag" && fields.value(at: 2) == "\"a\"")
        var seen = ""
        fields.forEach { _, name, value in
            seen += FieldSyntax.string(name) + "=" + FieldSyntax.string(value) + ";"
        }
        #expect(seen == "X-One=1;Content-Type=text/plain;etag=\"a\";Content-Length=42;Server=HTTPRing;")
        fields.removeAll()
        #expect(fields.isEmpty && !fields.contains(id: .server) && fields.description == "")
    }

    @Test(
        "What would split a response is refused, and nothing is kept of it (RFC 9110 §5.5)",
        arguments: ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\u{1}", "a\u{7f}", "\r\n"]
    )
    func injection(_ value: String) throws {
        var fields = FieldSection()
        try fields.append(name: "A", value: "b")
        #expect(throws: FieldError(.valueMalformed)) { try fields.append(name: "X", value: value) }
        #expect(throws: FieldError(.valueMalformed)) { try fields.append(id: .location, value: value) }
        #expect(throws: FieldError(.valueMalformed)) { try fields.set(name: "A", value: value) }
        #expect(throws: FieldError(.valueMalformed)) { try fields.set(id: .location, value: value) }
        #expect(fields.description == "A: b" && fields.bytes == Array("Ab".utf8))
    }

    @Test(
        "A name that is no token is refused",
        arguments: ["", " ", "a b", "a:", "a\r\n", "ä", "a\0", "(x)"]
    )
    func names(_ name: String) {
        var fields = FieldSection()
        #expect(throws: FieldError(.nameMalformed)) { try fields.append(name: name, value: "v") }
        #expect(throws: FieldError(.nameMalformed)) { try fields.set(name: name, value: "v") }
        #expect(throws: FieldError(.nameMalformed)) { try fields.append(id: .unknown, value: "v") }
        #expect(!fields.contains(name: name) && fields.isEmpty)
    }

    @Test("Values of one name are joined by commas, but for Set-Cookie (RFC 9110 §5.3)")
    func joining() throws {
        var fields = FieldSection()
        try fields.append(name: "Set-Cookie", value: "a=1")
        try fields.append(name: "Vary", value: "a")
        try fields.append(name: "x-y", value: "1")
        try fields.append(name: "VARY", value: "b")
        try fields.append(name: "X-Y", value: "2")
        try fields.append(name: "set-cookie", value: "b=2")
        #expect(fields["vary"] == "a, b" && fields[.vary] == "a, b")
        #expect(fields["X-y"] == "1, 2")
        #expect(fields["Set-Cookie"] == "a=1" && fields[.setCookie] == "a=1")
        #expect(
            fields.values(of: "set-cookie") == ["a=1", "b=2"]
                && fields.values(of: .setCookie) == ["a=1", "b=2"]
        )
        #expect(fields["absent"] == nil && fields[.age] == nil && fields.values(of: "absent") == [])
    }

    @Test("Setting replaces all lines of a name in the place of the first; removing takes all")
    func changing() throws {
        var fields = FieldSection()
        for (name, value) in [("A", "1"), ("X", "2"), ("b", "3"), ("x", "4"), ("Age", "5"), ("age", "6")] {
            try fields.append(name: name, value: value)
        }
        try fields.set(name: "x", value: "new")
        #expect(fields.description == "A: 1\nx: new\nb: 3\nAge: 5\nage: 6")
        try fields.set(id: .age, value: "7")
        #expect(fields.description == "A: 1\nx: new\nb: 3\nAge: 7")
        fields.set(id: .age, decimal: -8)
        try fields.set(id: .etagForTests, value: "\"e\"")
        #expect(fields.description == "A: 1\nx: new\nb: 3\nAge: -8\nETag: \"e\"")
        #expect(fields.remove(name: "X") && !fields.remove(name: "X"))
        #expect(fields.remove(id: .age) && !fields.remove(id: .age))
        #expect(fields.description == "A: 1\nb: 3\nETag: \"e\"")
    }

    @Test("A field set again and again does not make the section grow")
    func compaction() throws {
        var fields = FieldSection()
        try fields.append(name: "Keep", value: "kept")
        for number in 0..<20_000 { try fields.set(name: "X-Counter", value: "\(number)") }
        #expect(fields.description == "Keep: kept\nX-Counter: 19999")
        #expect(fields.bytes.count < 20_000)
    }

    @Test("Sections are equal by names in any letter case, values and order")
    func equality() throws {
        func section(_ lines: [(String, String)]) throws -> FieldSection {
            var fields = FieldSection()
            for (name, value) in lines { try fields.append(name: name, value: value) }
            return fields
        }
        let one = try section([("Age", "1"), ("X-A", "2")])
        #expect(try one == section([("age", "1"), ("x-a", "2")]))
        #expect(try one != section([("X-A", "2"), ("Age", "1")]))
        #expect(try one != section([("Age", "1"), ("X-A", "3")]))
        #expect(try one != section([("Age", "1"), ("X-B", "2")]))
        #expect(try one != section([("Age", "1")]))
    }

    @Test("A request's fields outlive its buffer")
    func materializing() {
        let message = "GET / HTTP/1.1\r\nHost: a\r\nx-b:  c d \r\naccept:\r\n\r\n"
        let (head, _) = RequestHead.parsing(message)
        var fields = FieldSection()
        fields.append(contentsOf: head, bytes: message.utf8.span)
        #expect(fields.description == "Host: a\nx-b: c d\naccept: ")
        #expect(fields.contains(id: .host) && fields.contains(name: "X-B"))
        var copy = FieldSection()
        copy.append(contentsOf: fields)
        #expect(copy == fields && copy.description == fields.description)
    }
}

extension FieldID {
    /// ETag under a name that does not look like a property of the test's own.
    fileprivate static var etagForTests: FieldID { .eTag }
}

@Suite("Output")
struct OutputBufferTests {
    private func text(_ build: (inout OutputBuffer) -> Void) -> String {
        var buffer = OutputBuffer(capacity: 0)
        build(&buffer)
        return String(decoding: buffer.toArray(), as: UTF8.self)
    }

    @Test("Everything is appended in order, across growth")
    func appending() {
        var buffer = OutputBuffer(capacity: 1)
        var expected: [UInt8] = []
        for number in 0..<500 {
            buffer.append("ab")
            buffer.append(utf8: "ä\(number)")
            buffer.append(byte: 0)
            buffer.append([1, 2, 3])
            buffer.append([4, 5].span)
            expected += Array("abä\(number)".utf8) + [0, 1, 2, 3, 4, 5]
        }
        let (count, capacity) = (buffer.count, buffer.capacity)
        var contents = buffer.toArray()
        #expect(contents == expected && count == expected.count && capacity >= count)
        buffer.removeFirst(10)
        contents = buffer.toArray()
        #expect(contents == Array(expected.dropFirst(10)))
        buffer.truncate(to: 5)
        contents = buffer.toArray()
        #expect(contents == Array(expected[10..<15]))
        buffer.removeAll()
        buffer.removeFirst(0)
        let isEmpty = buffer.isEmpty
        #expect(isEmpty)
    }

    @Test("A block changes hands with its bytes, and a buffer without one takes a new one")
    func handingOver() {
        var buffer = OutputBuffer(capacity: 0)
        #expect(unsafe buffer.take().pointer == nil)
        buffer.append("abc")
        let (pointer, count, capacity) = unsafe buffer.take()
        let isEmpty = buffer.isEmpty
        #expect(count == 3 && capacity >= 3 && isEmpty)
        guard let pointer = unsafe pointer else {
            Issue.record("a buffer with bytes has a block")
            return
        }
        buffer = unsafe OutputBuffer(adopting: pointer, capacity: capacity)
        buffer.append("de")
        let filled = unsafe buffer.appendUninitialized(100) { room in
            unsafe room.storeBytes(of: UInt8(ascii: "f"), as: UInt8.self)
            return 1
        }
        let contents = buffer.toArray()
        #expect(filled == 1 && contents == Array("def".utf8))
    }

    @Test("Numbers are written in decimal and upper-case hexadecimal digits")
    func numbers() {
        #expect(text { $0.append(decimal: 0) } == "0")
        #expect(text { $0.append(decimal: Int64.min) } == "-9223372036854775808")
        #expect(text { $0.append(decimal: UInt64.max) } == "18446744073709551615")
        #expect(text { $0.append(decimal: 1_234_567) } == "1234567")
        #expect(text { $0.append(hex: 0 as UInt) } == "0")
        #expect(text { $0.append(hex: 0xdead_beef as UInt32) } == "DEADBEEF")
        #expect(text { $0.append(hex: UInt64.max) } == "FFFFFFFFFFFFFFFF")
        for value in (0...20).map({ UInt64(10) << (3 * $0) }) {
            #expect(text { $0.append(decimal: value) } == "\(value)")
            #expect(text { $0.append(hex: value) } == String(value, radix: 16, uppercase: true))
        }
    }

    @Test("Status lines carry the registered phrase, a given one, or none (RFC 9112 §4)")
    func statusLines() {
        #expect(text { $0.appendStatusLine(status: 200) } == "HTTP/1.1 200 OK\r\n")
        #expect(text { $0.appendStatusLine(status: 404) } == "HTTP/1.1 404 Not Found\r\n")
        #expect(text { $0.appendStatusLine(status: 299) } == "HTTP/1.1 299 \r\n")
        #expect(text { $0.appendStatusLine(status: 200, reason: "Fine") } == "HTTP/1.1 200 Fine\r\n")
        #expect(text { $0.appendStatusLine(status: 200, reason: "a\r\nb: c\0") } == "HTTP/1.1 200 ab: c\r\n")
        #expect(text { $0.appendStatusLine(status: 200, reason: "") } == "HTTP/1.1 200 \r\n")
    }

    @Test("Fields, chunks and trailers are written as they are sent (RFC 9112 §7.1)")
    func messages() throws {
        var fields = FieldSection()
        try fields.append(name: "x-a", value: "1")
        try fields.append(id: .eTag, value: "\"b\"")
        #expect(text { $0.appendFields(fields) } == "x-a: 1\r\nETag: \"b\"\r\n")
        #expect(text { $0.appendChunkHead(byteCount: 31) } == "1F\r\n")
        #expect(text { $0.appendLastChunk() } == "0\r\n\r\n")
        #expect(text { $0.appendLastChunk(trailers: fields) } == "0\r\nx-a: 1\r\nETag: \"b\"\r\n\r\n")
        #expect(text { $0.appendField(name: "Age", decimal: 5) } == "Age: 5\r\n")
        #expect(text { $0.appendField(name: "Allow", value: "GET") } == "Allow: GET\r\n")
        let date = HTTPDate(unixSeconds: 784_111_777)
        #expect(text { $0.appendDate(date) } == "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
    }
}

@Suite("Refusals")
struct RefusalTests {
    @Test(
        "Each refusal has one row, whose status and log phrase belong together",
        arguments: Refusal.allCases
    )
    func rows(_ refusal: Refusal) {
        let row = refusal.row
        #expect(row.status == 0 || (400...505).contains(row.status))
        #expect(row.status == 0 || !ReasonPhrase.standard(for: row.status).description.isEmpty)
        #expect((row.status == 0) == (row.fate == .close || row.fate == .reset) || row.status != 0)
        #expect(row.reason != .none && !row.detail.description.isEmpty)
        let expected: [ErrorLogReason: UInt16] = [
            .urlLength: 414, .fieldLength: 431, .requestLength: 431, .entityTooLarge: 413,
            .lengthRequired: 411,
            .versionNotSupported: 505, .notImplemented: 501, .queueFull: 503, .appOffline: 503,
            .disabled: 503,
            .notAvailable: 503, .invalidLineEnd: 400, .number: 400, .forbidden: 403, .internal: 500,
        ]
        if let status = expected[row.reason] { #expect(row.status == status) }
    }

    @Test("The rows are in the order of the refusals")
    func order() {
        #expect(Refusal.headTooLarge.row.status == 431 && Refusal.headTooLarge.row.reason == .requestLength)
        #expect(Refusal.pathUnknown.row.status == 404 && Refusal.pathUnknown.row.fate == .keep)
        #expect(Refusal.idleTimeout.row.status == 0 && Refusal.idleTimeout.row.reason == .timerConnectionIdle)
        #expect(Refusal.minimumSendRate.row.fate == .reset)
    }

    @Test("Each log reason is a phrase of its own without blanks (HTTP Server API, HTTPERR)")
    func reasons() {
        let phrases = ErrorLogReason.allCases.map(\.rawText.description)
        #expect(Set(phrases).count == phrases.count)
        #expect(phrases.allSatisfy { !$0.isEmpty && !$0.contains(" ") })
    }
}
