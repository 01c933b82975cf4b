// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPWire
import TestKit
import Testing

@testable import HTTP2

/// A small generator of numbers that gives the same ones for the same seed.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite("HTTP/2 fuzzing")
struct FuzzTests {
    @Test("Frames that were mutated, cut and mixed neither crash nor leave a stream behind")
    func mutatedFrames() {
        let environment = ProcessInfo.processInfo.environment
        let seconds = environment["HTTPRING_FUZZ_SECONDS"].flatMap(Double.init) ?? 0.3
        let seed = environment["HTTPRING_FUZZ_SEED"].flatMap(UInt64.init) ?? 0x1234_5678
        var random = SplitMix64(state: seed)
        let deadline = ContinuousClock.now + .seconds(seconds)
        var rounds = 0
        var limits = HTTP2Limits()
        limits.concurrentStreamCountMax = 8
        while rounds % 16 != 0 || ContinuousClock.now < deadline {
            rounds += 1
            run(limits, &random)
        }
    }

    private func run(_ limits: HTTP2Limits, _ random: inout SplitMix64) {
        let server = Server(limits)
        if Bool.random(using: &random) {
            server.answerAll(String(repeating: "z", count: Int.random(in: 0...100_000, using: &random)))
        }
        server.application.consumesAtOnce = Bool.random(using: &random)
        var bytes = Raw.opening
        for _ in 0..<Int.random(in: 1...20, using: &random) { bytes += frame(&random) }
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let place = Int.random(in: 24..<bytes.count, using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
        }
        var offset = 0
        while offset < bytes.count {
            let end = min(bytes.count, offset + Int.random(in: 1...400, using: &random))
            server.receive(Array(bytes[offset..<end]))
            offset = end
            act(server, &random)
        }
        #expect(server.application.openCount <= server.session.openStreamCount)
        server.session.abandon()
        #expect(server.application.openCount == 0)
        #expect(server.session.openStreamCount == 0)
    }

    /// Does something that an application may do at any time.
    private func act(_ server: Server, _ random: inout SplitMix64) {
        let exchange = server.application.exchanges.randomElement(using: &random)
        switch (Int.random(in: 0..<8, using: &random), exchange) {
        case (0, _), (1, _):
            _ = server.bytesToSend(byteCountMax: Int.random(in: 1...40_000, using: &random))
        case (2, _):
            server.pass(Double.random(in: 0...10, using: &random))
            server.session.deadlineReached(now: server.now)
        case (3, let exchange?): server.session.reset(exchange.stream, .cancel)
        case (4, let exchange?):
            exchange.response = [1, 2, 3]
            exchange.responseIsWhole = Bool.random(using: &random)
            server.session.submitResponse(
                exchange.stream,
                status: 200,
                fields: FieldSection(),
                content: .streamed
            )
        case (5, let exchange?):
            exchange.responseIsWhole = true
            server.session.resume(exchange.stream)
        case (6, let exchange?):
            server.session.consumed(exchange.stream, byteCount: exchange.stream.unconsumedByteCount)
        case (7, _) where Int.random(in: 0..<10, using: &random) == 0:
            server.session.shutdown(now: server.now)
        default: break
        }
    }

    private func frame(_ random: inout SplitMix64) -> [UInt8] {
        let stream = Int32(2 * Int.random(in: 0...10, using: &random) + 1)
        let count = Int.random(in: 0...60, using: &random)
        let junk = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        switch Int.random(in: 0..<14, using: &random) {
        case 0, 1: return Raw.headers(stream)
        case 2, 3: return Raw.headers(stream, Raw.post + [("content-length", "\(count)")], flags: 4)
        case 4, 5: return Raw.data(stream, junk, flags: UInt8.random(in: 0...1, using: &random))
        case 6: return Raw.reset(stream)
        case 7: return Raw.windowUpdate(stream, UInt32.random(in: 0...100_000, using: &random))
        case 8:
            return Raw.settings([
                (UInt16.random(in: 1...9, using: &random), .random(in: 0...70_000, using: &random))
            ])
        case 9: return Raw.ping(acknowledges: Bool.random(using: &random))
        case 10: return Raw.headers(stream, [("x-end", "1")])
        case 11: return Raw.frame(16, stream: 0, Raw.word(UInt32(stream)) + Array("u=1, i".utf8))
        case 12: return Raw.frame(1, flags: 5, stream: stream, Raw.block(Raw.get) + junk)
        default:
            return Raw.frame(
                UInt8.random(in: 0...20, using: &random),
                flags: UInt8.random(in: 0...255, using: &random),
                stream: Int32.random(in: 0...5, using: &random),
                junk
            )
        }
    }
}
