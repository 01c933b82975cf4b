// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Request heads of the corpus")
struct RequestHeadCorpusTests {
    @Test(
        "A valid head is complete at its empty line (RFC 9112 §2.1)",
        arguments: Corpus.messages("head", "valid-")
    )
    func valid(_ message: Corpus.Message) throws {
        var head = RequestHead()
        let outcome = head.parse(message.bytes)
        guard case .complete(let byteCount) = outcome else {
            Issue.record("\(outcome) for \(printable(message.bytes))")
            return
        }
        #expect(message.bytes[(byteCount - 4)..<byteCount].elementsEqual("\r\n\r\n".utf8))
        checkRanges(head, byteCount: byteCount, message.bytes)
    }

    @Test(
        "An invalid head is refused for the reason in its name",
        arguments: Corpus.messages("head", "invalid-")
    )
    func invalid(_ message: Corpus.Message) throws {
        var head = RequestHead()
        let outcome = head.parse(message.bytes)
        guard case .refused(let refusal, let offset) = outcome else {
            Issue.record("\(outcome) for \(printable(message.bytes))")
            return
        }
        let expected = message.name.split(separator: "-")[1]
        #expect("\(refusal)" == expected, "\(printable(message.bytes))")
        #expect(offset >= 0 && offset <= message.bytes.count)
    }

    @Test(
        "A head that may still become valid is incomplete",
        arguments: Corpus.messages("head", "incomplete-")
    )
    func incomplete(_ message: Corpus.Message) throws {
        var head = RequestHead()
        #expect(head.parse(message.bytes) == .incomplete)
    }

    @Test(
        "What parses whole parses the same however it is cut, and is judged at the first byte that decides",
        arguments: Corpus.messages("head")
    )
    func cut(_ message: Corpus.Message) throws {
        var head = RequestHead()
        let whole = head.parse(message.bytes)
        var isDecided = false
        // Long messages are cut at each byte at their ends and at each eleventh in between.
        for count in 0..<message.bytes.count
        where count < 400 || count > message.bytes.count - 100 || count % 11 == 0 {
            let outcome = head.parse(Array(message.bytes[0..<count]))
            if isDecided || outcome != .incomplete {
                isDecided = true
                #expect(outcome == whole, "cut at \(count) of \(printable(message.bytes))")
                if outcome != whole { return }
            }
        }
    }

    @Test("Going on line by line gives what parsing the whole gives", arguments: Corpus.messages("head"))
    func resumed(_ message: Corpus.Message) throws {
        var fresh = RequestHead()
        let whole = fresh.parse(message.bytes)
        for step in [1, 2, 3, 7, 64] where message.bytes.count < 3000 || step == 64 {
            var head = RequestHead()
            var end = min(step, message.bytes.count)
            var outcome = head.parse(Array(message.bytes[0..<end]))
            while outcome == .incomplete, end < message.bytes.count {
                end = min(end + step, message.bytes.count)
                outcome = head.resume(message.bytes[0..<end].span, limits: HeadLimits())
            }
            #expect(outcome == whole, "by \(step): \(printable(message.bytes))")
            if case .complete = whole { #expect(description(head) == description(fresh), "by \(step)") }
        }
    }

    @Test("A head is parsed the same by a value that has parsed any other (Kestrel StartLineTests)")
    func reuse() throws {
        let messages = Corpus.messages("head")
        var used = RequestHead()
        for message in messages {
            var fresh = RequestHead()
            let expected = fresh.parse(message.bytes)
            #expect(used.parse(message.bytes) == expected, "\(message)")
            #expect(description(used) == description(fresh), "\(message)")
        }
        for message in messages.reversed() {
            var fresh = RequestHead()
            _ = fresh.parse(message.bytes)
            _ = used.parse(message.bytes)
            #expect(description(used) == description(fresh), "\(message)")
        }
    }

    @Test("Content behind a head is neither read nor judged")
    func contentIsNotRead() throws {
        for message in Corpus.messages("head", "valid-") {
            var head = RequestHead()
            guard case .complete(let count) = head.parse(message.bytes) else { continue }
            for tail in [[0x00, 0xff], [0x0d], Array(repeating: UInt8(0x0a), count: 40)] as [[UInt8]] {
                #expect(head.parse(message.bytes[0..<count] + tail) == .complete(byteCount: count))
            }
        }
    }

    private func description(_ head: RequestHead) -> String {
        var text = ""
        dump(head, to: &text)
        return text
    }
}

/// Checks that each range lies inside the head, and that names and values hold only what they may.
func checkRanges(_ head: RequestHead, byteCount: Int, _ bytes: [UInt8]) {
    let parts = [head.methodRange, head.target, head.path, head.query, head.authority, head.host]
    for part in parts { #expect(part.end <= byteCount, "\(printable(bytes))") }
    for field in head.fields {
        #expect(field.name.end < field.value.end || field.value.isEmpty)
        #expect(field.value.end <= byteCount - 4)
        #expect(FieldSyntax.isToken(bytes.span.extracting(field.name.range)) == true, "\(printable(bytes))")
        #expect(
            FieldSyntax.isFieldValue(bytes.span.extracting(field.value.range)) == true,
            "\(printable(bytes))"
        )
        #expect(FieldID(bytes.span.extracting(field.name.range)) == field.id)
    }
}
