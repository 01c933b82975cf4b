// SPDX-License-Identifier: Apache-2.0

import CQueueTransport
@testable import QueueTransport
import Testing

/// The bytes of one of the protocol's structures.
func bytes<Fields>(_ fields: Fields) -> [UInt8] { withUnsafeBytes(of: fields) { Array($0) } }

/// A record that an honest side would not write, and what it is refused for.
struct Forgery: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let kind: UInt8
    var flags: UInt8 = 0
    /// Which id: of the request that is open, of one whose head was sent, or any.
    var id = ID.open
    var body: [UInt8] = []
    let code: TransportViolation.Code

    enum ID: Sendable {
        case open
        case answered
        case raw(UInt64)
    }
}

@Suite("A service whose worker lies")
struct LyingWorkerTests {
    static func head(_ change: (inout qt_response_head) -> Void) -> [UInt8] {
        var fields = qt_response_head()
        fields.status = 200
        fields.content_length = -1
        change(&fields)
        return bytes(fields)
    }

    static func number(_ value: UInt64) -> [UInt8] { bytes(qt_number(value: value)) }

    static func reference(_ offset: UInt64, _ count: UInt64) -> [UInt8] {
        bytes(qt_reference(offset: offset, byte_count: count))
    }

    static func file(_ offset: Int64, _ count: Int64) -> [UInt8] {
        bytes(qt_file(ticket: 1, offset: offset, byte_count: count))
    }

    private static let last = RecordFlag.last

    static let forgeries: [Forgery] = [
        Forgery(testDescription: "no kind", kind: 0, code: .kind),
        Forgery(testDescription: "an unknown kind", kind: 200, code: .kind),
        Forgery(testDescription: "a request", kind: 2, code: .kind),
        Forgery(testDescription: "a cancellation", kind: 3, code: .kind),
        Forgery(testDescription: "a drain", kind: 4, id: .raw(0), code: .kind),
        Forgery(testDescription: "a ping", kind: 5, id: .raw(0), body: number(1), code: .kind),
        Forgery(
            testDescription: "a second hello",
            kind: 1,
            id: .raw(0),
            body: bytes(qt_hello(version: 1, features: 0, window: 0)),
            code: .state
        ),
        // Credits.
        Forgery(testDescription: "no credit", kind: 32, id: .raw(0), body: number(0), code: .credit),
        Forgery(
            testDescription: "one credit too many",
            kind: 32,
            id: .raw(0),
            body: number(3),
            code: .credit
        ),
        Forgery(testDescription: "endless credit", kind: 32, id: .raw(0), body: number(.max), code: .credit),
        Forgery(testDescription: "credit with an id", kind: 32, body: number(1), code: .identifier),
        Forgery(testDescription: "credit cut short", kind: 32, id: .raw(0), body: [1], code: .length),
        Forgery(
            testDescription: "credit with flags",
            kind: 32,
            flags: 1,
            id: .raw(0),
            body: number(1),
            code: .field
        ),
        // Identifiers.
        Forgery(testDescription: "id 0", kind: 33, id: .raw(0), body: head { _ in }, code: .identifier),
        Forgery(testDescription: "a slot past the table", kind: 33, id: .raw(1 << 32 | 8), code: .identifier),
        Forgery(testDescription: "the largest id", kind: 36, id: .raw(.max), code: .identifier),
        Forgery(testDescription: "a free slot", kind: 36, id: .raw(1 << 32 | 7), code: .identifier),
        Forgery(testDescription: "an old generation", kind: 36, id: .raw(9 << 32), code: .identifier),
        // Response heads.
        Forgery(testDescription: "a head cut short", kind: 33, body: [1, 2, 3], code: .length),
        Forgery(testDescription: "status 100", kind: 33, body: head { $0.status = 100 }, code: .field),
        Forgery(
            testDescription: "status 101 by itself",
            kind: 33,
            body: head { $0.status = 101 },
            code: .field
        ),
        Forgery(testDescription: "status 1000", kind: 33, body: head { $0.status = 1000 }, code: .field),
        Forgery(
            testDescription: "unknown head flags",
            kind: 33,
            body: head { $0.flags = 1 << 31 },
            code: .field
        ),
        Forgery(
            testDescription: "an upgrade that is whole",
            kind: 33,
            body: head { $0.flags = 3 },
            code: .field
        ),
        Forgery(testDescription: "a reserved byte", kind: 33, body: head { $0.reserved = 1 }, code: .field),
        Forgery(testDescription: "length -2", kind: 33, body: head { $0.content_length = -2 }, code: .field),
        Forgery(
            testDescription: "a reason not there",
            kind: 33,
            body: head { $0.reason_bytes = 1 },
            code: .layout
        ),
        Forgery(
            testDescription: "fields for ever",
            kind: 33,
            body: head { $0.field_bytes = .max },
            code: .layout
        ),
        Forgery(
            testDescription: "lengths that would overflow 32 bits",
            kind: 33,
            body: head {
                $0.reason_bytes = 1 << 31
                $0.field_bytes = 1 << 31
            },
            code: .layout
        ),
        Forgery(testDescription: "bytes nobody named", kind: 33, body: head { _ in } + [0], code: .layout),
        Forgery(testDescription: "a second head", kind: 33, id: .answered, body: head { _ in }, code: .state),
        Forgery(
            testDescription: "content in the head over the window",
            kind: 33,
            body: head { $0.content_bytes = 1025 } + [UInt8](repeating: 0, count: 1025),
            code: .window
        ),
        // Interim responses.
        Forgery(testDescription: "interim 101", kind: 34, body: number(101), code: .field),
        Forgery(testDescription: "interim 200", kind: 34, body: number(200), code: .field),
        Forgery(
            testDescription: "interim after the head",
            kind: 34,
            id: .answered,
            body: number(103),
            code: .state
        ),
        // Content.
        Forgery(testDescription: "content before the head", kind: 16, body: [1], code: .state),
        Forgery(testDescription: "no content that is not the last", kind: 16, id: .answered, code: .length),
        Forgery(
            testDescription: "content over the window",
            kind: 16,
            id: .answered,
            body: [UInt8](repeating: 0, count: 1025),
            code: .window
        ),
        Forgery(
            testDescription: "content with flags",
            kind: 16,
            flags: 2,
            id: .answered,
            body: [1],
            code: .field
        ),
        Forgery(testDescription: "trailers before the head", kind: 18, flags: last, code: .state),
        Forgery(testDescription: "trailers that are not the last", kind: 18, id: .answered, code: .field),
        // References: four blocks of 4096 bytes.
        Forgery(
            testDescription: "past the area",
            kind: 17,
            id: .answered,
            body: reference(16384, 1),
            code: .reference
        ),
        Forgery(
            testDescription: "an offset that wraps",
            kind: 17,
            id: .answered,
            body: reference(.max - 4095, 4096),
            code: .reference
        ),
        Forgery(
            testDescription: "inside a block",
            kind: 17,
            id: .answered,
            body: reference(8, 8),
            code: .reference
        ),
        Forgery(
            testDescription: "no bytes",
            kind: 17,
            id: .answered,
            body: reference(0, 0),
            code: .reference
        ),
        Forgery(
            testDescription: "across blocks",
            kind: 17,
            id: .answered,
            body: reference(0, 4097),
            code: .reference
        ),
        Forgery(
            testDescription: "a length that wraps",
            kind: 17,
            id: .answered,
            body: reference(0, .max),
            code: .reference
        ),
        Forgery(
            testDescription: "over the window",
            kind: 17,
            id: .answered,
            body: reference(0, 2000),
            code: .window
        ),
        Forgery(testDescription: "reference before the head", kind: 17, body: reference(0, 1), code: .state),
        // Files.
        Forgery(
            testDescription: "a negative offset",
            kind: 35,
            id: .answered,
            body: file(-1, 1),
            code: .field
        ),
        Forgery(testDescription: "an empty part", kind: 35, id: .answered, body: file(0, 0), code: .field),
        Forgery(
            testDescription: "an end past 2^63",
            kind: 35,
            id: .answered,
            body: file(.max, 1),
            code: .field
        ),
        Forgery(
            testDescription: "files over the window",
            kind: 35,
            id: .answered,
            body: file(0, .max),
            code: .window
        ),
        // What remains.
        Forgery(testDescription: "a code over 32 bits", kind: 36, body: number(1 << 32), code: .field),
        Forgery(testDescription: "a late delegation", kind: 37, id: .answered, body: number(1), code: .state),
        Forgery(testDescription: "a window of nothing", kind: 19, body: number(0), code: .window),
        Forgery(testDescription: "a window that wraps", kind: 19, body: number(.max), code: .window),
        Forgery(testDescription: "a window over the limit", kind: 19, body: number(1 << 40), code: .window),
        Forgery(testDescription: "no blocks to release", kind: 20, id: .raw(0), code: .length),
        Forgery(testDescription: "half a block", kind: 20, id: .raw(0), body: [0], code: .length),
        Forgery(
            testDescription: "a block it does not have",
            kind: 20,
            id: .raw(0),
            body: [0, 0],
            code: .reference
        ),
        Forgery(
            testDescription: "a block there is not",
            kind: 20,
            id: .raw(0),
            body: [255, 255],
            code: .reference
        ),
    ]

    @Test("refuses a forged record, uses nothing of it, and stays ended", arguments: forgeries)
    func forged(_ forgery: Forgery) throws {
        let pair = try Pair(serviceWindow: 1024, credit: 8)
        let open = try pair.begin(contentLength: -1)
        let answered = try pair.begin()
        #expect(pair.worker.send(QueuedResponseHead(), of: answered) == .sent)
        _ = try pair.atService()
        let id =
            switch forgery.id {
            case .open: open.rawValue
            case .answered: answered.rawValue
            case .raw(let value): value
            }
        forge(forgery, id, on: pair.worker)
        pair.worker.publish()
        var handed = 0
        let violation = #expect(throws: TransportViolation.self) {
            try pair.service.receive { _ in handed += 1 }
        }
        #expect(violation?.code == forgery.code)
        #expect(handed == 0)
        #expect(throws: TransportViolation.self) { try pair.service.receive { _ in } }
        withBytes("x") { #expect(pair.service.send(content: $0, of: open, isLast: true) == .gone) }
    }

    private func forge(_ forgery: Forgery, _ id: UInt64, on end: QueueEnd) {
        let count = 16 + forgery.body.count
        guard let place = end.writer.reserve(.hello, forgery.flags, id, count: count) else { return }
        (place - 12).storeBytes(of: forgery.kind, as: UInt8.self)
        forgery.body.withUnsafeBytes {
            if let base = $0.baseAddress { place.copyMemory(from: base, byteCount: $0.count) }
        }
        end.writer.append(count)
    }

    @Test("refuses a block that is referred to twice before it was given back")
    func sharedTwice() throws {
        let pair = try Pair()
        let id = try pair.begin()
        #expect(pair.worker.send(QueuedResponseHead(), of: id) == .sent)
        for _ in 0..<2 {
            _ = pair.worker.append(.reference, 0, id.rawValue, qt_reference(offset: 0, byte_count: 1))
        }
        pair.worker.publish()
        let violation = #expect(throws: TransportViolation.self) { try pair.service.receive { _ in } }
        #expect(violation?.code == .reference)
    }

    @Test(
        "refuses an index that goes back, on too far, or between records",
        arguments: [1, 4, 8, 4608, 1 << 40, .max, .max - 7] as [UInt64]
    )
    func tail(_ distance: UInt64) throws {
        let pair = try Pair()
        let word = qt_tail(qt_worker_words(pair.worker.memory.control))
        qt_store_release(word, pair.worker.writer.tail &+ distance)
        let violation = #expect(throws: TransportViolation.self) { try pair.service.receive { _ in } }
        // Eight bytes more than was written are a record's beginning that is not there.
        #expect(violation?.code == (distance == 8 ? .length : .index))
    }

    @Test(
        "refuses a reader that claims to be ahead of what was written, or goes back",
        arguments: [8, .max - 4103, 3] as [UInt64]
    )
    func head(_ distance: UInt64) throws {
        let pair = try Pair()
        let id = try pair.begin(contentLength: -1)
        let word = qt_head(qt_worker_words(pair.worker.memory.control))
        qt_store_release(word, pair.service.writer.tail &+ distance)
        let bytes = [UInt8](repeating: 1, count: 1500)
        var outcome = SendOutcome.sent
        for _ in 0..<10 where outcome == .sent {
            outcome = bytes.withUnsafeBytes { pair.service.send(content: $0, of: id, isLast: false) }
        }
        #expect(outcome == .noRoom)
        #expect(throws: TransportViolation.self) { try pair.service.receive { _ in } }
    }

    @Test(
        "refuses a record whose length is too small, over the limit, or more than was published",
        arguments: [0, 8, 15, 48, 2049, 4096, .max, .max - 6] as [UInt32]
    )
    func length(_ count: UInt32) throws {
        let pair = try Pair()
        let place = pair.worker.memory.responseRing + Int(pair.worker.writer.tail & 4095)
        _ = pair.worker.append(.pong, 0, 0, qt_number(value: 1))
        place.storeBytes(of: count, as: UInt32.self)
        pair.worker.publish()
        let violation = #expect(throws: TransportViolation.self) { try pair.service.receive { _ in } }
        #expect(violation?.code == .length)
    }
}
