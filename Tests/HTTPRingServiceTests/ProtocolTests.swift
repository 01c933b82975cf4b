// SPDX-License-Identifier: Apache-2.0

import HTTPRingService
import Testing

@Suite("Control messages")
struct ProtocolTests {
    @Test("are read as they were written", arguments: MessageSamples.requests)
    func requests(_ request: ControlRequest) throws {
        let bytes = request.encoded(number: 77)
        let read = try ControlRequest.decode(bytes[...])
        #expect(read.number == 77)
        #expect(read.request == request)
    }

    @Test("that answer are read as they were written", arguments: MessageSamples.answers)
    func answers(_ answer: ControlAnswer) throws {
        let bytes = answer.encoded(number: 3)
        let read = try ControlAnswer.decode(bytes[...])
        #expect(read.number == 3)
        #expect(read.answer == answer)
    }

    @Test("cut off at any byte, or with one byte more, are refused")
    func cuts() {
        for bytes in MessageSamples.requests.map({ $0.encoded(number: 1) }) {
            for count in 0..<bytes.count {
                #expect(throws: ControlCodecError.self) { try ControlRequest.decode(bytes[..<count]) }
            }
            #expect(throws: ControlCodecError.self) { try ControlRequest.decode((bytes + [0])[...]) }
        }
        for bytes in MessageSamples.answers.map({ $0.encoded(number: 1) }) {
            for count in 0..<bytes.count {
                #expect(throws: ControlCodecError.self) { try ControlAnswer.decode(bytes[..<count]) }
            }
        }
    }

    @Test("of random bytes, and with random bytes changed, are read or refused, and never end the program")
    func fuzz() {
        var random = SplitMix(seed: 11)
        let seeds =
            MessageSamples.requests.map { $0.encoded(number: 1) }
            + MessageSamples.answers.map { $0.encoded(number: 1) }
        for _ in 0..<20_000 {
            var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
            for _ in 0...(random.next() % 4) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if let read = try? ControlRequest.decode(bytes[...]) {
                // What is accepted has one spelling only.
                #expect(read.request.encoded(number: read.number) == bytes)
            }
            if let read = try? ControlAnswer.decode(bytes[...]) {
                #expect(read.answer.encoded(number: read.number) == bytes)
            }
        }
    }

    @Test("with a value nested too deep are refused before the stack ends")
    func depth() {
        let message: [UInt8] = [0, 0, 0, 1, 3, 1, 0, 0, 0, 1]
        let level: [UInt8] = [4, 0, 0, 0, 1]
        let bytes: [UInt8] = message + [[UInt8]](repeating: level, count: 100_000).joined() + [0]
        #expect(throws: ControlCodecError.self) { try ControlAnswer.decode(bytes[...]) }
    }

    @Test("arrive the same, fed whole or cut at every byte")
    func framing() throws {
        let messages = MessageSamples.requests.map { $0.encoded(number: 1) }
        let stream = messages.flatMap { ControlFramer.framed($0) }
        for size in [1, 2, 3, 7, stream.count] {
            var framer = ControlFramer(messageBytesMax: 4096)
            var read: [[UInt8]] = []
            var position = 0
            while position < stream.count {
                framer.append(stream[position..<min(position + size, stream.count)])
                position += size
                while let message = try framer.next() { read.append(Array(message)) }
            }
            #expect(read == messages)
            #expect(framer.heldByteCount == 0)
        }
    }

    @Test("of no bytes or too many are refused at their length, before their bytes arrive")
    func lengths() {
        for length: [UInt8] in [[0, 0, 0, 0], [0, 0, 16, 1], [255, 255, 255, 255]] {
            var framer = ControlFramer(messageBytesMax: 4096)
            framer.append(length[...])
            #expect(throws: ControlCodecError.self) { try framer.next() }
        }
    }

    @Test("begin with a greeting, in which the highest common version is chosen")
    func greeting() throws {
        #expect(try ControlGreeting.decode(ControlGreeting.encoded()[...]) == ControlGreeting.versions)
        #expect(ControlGreeting.common(with: 1...9) == 1)
        #expect(ControlGreeting.common(with: 2...9) == nil)
        #expect(throws: ControlCodecError.self) { try ControlGreeting.decode(Array("HTTPRONG".utf8)[...]) }
        #expect(throws: ControlCodecError.self) {
            try ControlGreeting.decode(ControlGreeting.encoded().dropLast())
        }
        let reversed = Array("HTTPRING".utf8) + [0, 2, 0, 1]
        #expect(throws: ControlCodecError.self) { try ControlGreeting.decode(reversed[...]) }
    }

    @Test("every kind of failure has an exit code, none of them that of success or of a usage error")
    func exitCodes() {
        for code in ControlFailure.Code.allCases {
            let exitCode = ControlFailure(code, "").exitCode
            #expect(exitCode > 64 && exitCode < 100)
        }
    }
}

/// A small random number generator, the same in every run.
struct SplitMix {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// One message of each kind.
enum MessageSamples {
    static let requests: [ControlRequest] = [
        .add(.reservation, key: "http://+:80/a/", values: [NamedValue("user:1", "listen")]),
        .add(.certificate, key: "", values: []),
        .update(.certificate, key: "ccs=443", values: [NamedValue("reject", "enable"), NamedValue("", "")]),
        .delete(.listenAddress, key: "::1"),
        .show(.reservation, key: nil),
        .show(.serviceState, key: "requestq"),
        .flushCache(url: nil, recursive: false),
        .flushCache(url: "http://a/ü", recursive: true),
        .flushLogs,
        .recycle(queue: "shop"),
        .createSession,
        .createGroup(session: .max),
        .openQueue(name: "shop", mode: .createOrAttach, isController: true, access: ["user:1", "everyone"]),
        .close(7),
        .bind(group: 1, queue: 0),
        .register(group: 1, url: "http://+:80/"),
        .unregister(group: 1, url: "http://+:80/"),
        .setProperties(3, [NamedValue("length", "10")]),
        .attach(queue: 4, payload: [0, 1, 255]),
        .drain(queue: 4),
        .delegation(target: "back"),
    ]

    static let answers: [ControlAnswer] = [
        .done(nil), .done("now"), .failed(ControlFailure(.conflict, "taken")),
        .records([], isLast: true),
        .records(
            [.record(["a": .none, "b": .list([.flag(true), .number(.max), .text("ü")])])],
            isLast: false
        ),
        .object(9), .registered("http://+:80/"), .attached([1, 2]), .event(.drain, object: 12),
    ]
}
