// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import HTTPWire

/// A small generator of numbers that gives the same ones for the same seed.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Mutates the corpora for a bounded time, from a fixed seed; `HTTPRING_FUZZ_SECONDS` and `HTTPRING_FUZZ_SEED` change both.
struct Fuzzer {
    private var random: SplitMix64
    private let seeds: [[UInt8]]
    private let deadline: ContinuousClock.Instant

    /// Pieces that grammars turn on.
    private static let pieces: [[UInt8]] = [
        "\r\n", "\r", "\n", "\0", " ", "\t", ":", ",", ";", "=", "\"", "\\", "/", "/../", "/./", "//", "%2F",
        "%2e", "%00", "%",
        "%C3%A4", "%F0%90%80%80", "?", "#", "Host: a\r\n", "Content-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n", "HTTP/1.1", "HTTP/1.0", "http://", "[::1]", ":80", "chunked", "0\r\n\r\n",
        "ffffffff",
        "9223372036854775807", "bytes=", "-", "W/", "GMT", "*",
    ].map { Array($0.utf8) }

    init(seeds: [[UInt8]]) {
        let environment = ProcessInfo.processInfo.environment
        let seconds = environment["HTTPRING_FUZZ_SECONDS"].flatMap(Double.init) ?? 0.15
        random = SplitMix64(state: environment["HTTPRING_FUZZ_SEED"].flatMap(UInt64.init) ?? 0x1234_5678)
        self.seeds = seeds
        deadline = .now + .seconds(seconds)
    }

    /// Calls a function with one mutated input after the other until the time is over.
    mutating func run(_ body: ([UInt8], inout SplitMix64) -> Void) {
        var rounds = 0
        while rounds % 16 != 0 || ContinuousClock.now < deadline {
            rounds += 1
            var input = seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...6, using: &random) { mutate(&input) }
            body(Array(input.prefix(4096)), &random)
        }
    }

    private mutating func mutate(_ input: inout [UInt8]) {
        let place = Int.random(in: 0...input.count, using: &random)
        let end = min(input.count, place + Int.random(in: 0...8, using: &random))
        switch Int.random(in: 0..<7, using: &random) {
        case 0 where place < input.count: input[place] = UInt8.random(in: 0...255, using: &random)
        case 1 where place < input.count: input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: input.removeSubrange(place..<end)
        case 3: input.insert(contentsOf: input[place..<end], at: place)
        case 4: input = Array(input[0..<place])
        case 5:
            let other = seeds.randomElement(using: &random) ?? []
            input = Array(input[0..<place]) + other.suffix(Int.random(in: 0...other.count, using: &random))
        default: input.insert(contentsOf: Fuzzer.pieces.randomElement(using: &random) ?? [], at: place)
        }
    }
}

@Suite("Fuzzing")
struct FuzzTests {
    @Test("No bytes upset the head parser, and its verdict does not depend on where they were cut")
    func heads() {
        var head = RequestHead()
        let small = HeadLimits(
            headBytesMax: 300,
            targetBytesMax: 20,
            fieldCountMax: 4,
            fieldBytesMax: 60,
            methodBytesMax: 6
        )
        var fuzzer = Fuzzer(seeds: Corpus.messages("head").map(\.bytes).filter { $0.count < 2000 })
        fuzzer.run { input, random in
            let limits = Bool.random(using: &random) ? HeadLimits() : small
            let cut = Int.random(in: 0...input.count, using: &random)
            let partial = head.parse(Array(input[0..<cut]), limits: limits)
            let resumed = partial == .incomplete ? head.resume(input.span, limits: limits) : partial
            let whole = head.parse(input, limits: limits)
            #expect(partial == .incomplete || partial == whole, "cut at \(cut): \(printable(input))")
            #expect(resumed == whole, "cut at \(cut): \(printable(input))")
            if case .complete(let byteCount) = whole {
                #expect(byteCount <= limits.headBytesMax && head.fields.count <= limits.fieldCountMax)
                #expect(Int(head.target.count) <= limits.targetBytesMax)
                checkRanges(head, byteCount: byteCount, input)
                checkFraming(head, input)
            }
        }
    }

    /// What no accepted head may leave open: who it is for, and where its content ends.
    private func checkFraming(_ head: RequestHead, _ bytes: [UInt8]) {
        let ids = head.fields.map(\.id)
        let lengths = ids.count { $0 == .contentLength }
        let codings = ids.count { $0 == .transferEncoding }
        #expect(lengths <= 1 && codings <= 1 && lengths + codings <= 1, "\(printable(bytes))")
        #expect(head.isChunked == (codings == 1) && (head.contentLength != nil) == (lengths == 1))
        #expect(ids.count { $0 == .host } <= 1)
        #expect(head.version == .http10 || ids.contains(.host), "\(printable(bytes))")
        #expect(head.authority.isEmpty || HostSyntax(bytes.span.extracting(head.authority.range)) != nil)
        let path = Array(bytes[head.path.range])
        guard !path.isEmpty else { return }
        do {
            let decoded = try RequestPath.decode(path.span)
            #expect(head.pathNeedsDecoding || decoded == path, "\(printable(bytes))")
            #expect(
                head.pathNeedsDecoding || RequestPath.routingForm(decoded.span) == path,
                "\(printable(bytes))"
            )
        } catch {
            Issue.record("an accepted path is refused: \(printable(bytes))")
        }
    }

    @Test("No bytes upset the chunked decoder, and pieces decode as the whole does")
    func chunks() {
        var fuzzer = Fuzzer(seeds: Corpus.table("chunks.tsv").map { $0.bytes(1) })
        fuzzer.run { input, random in
            let decoder = ChunkedDecoder(trailerBytesMax: 40, trailerCountMax: 3, extensionBytesMax: 20)
            let whole = ChunkedResult.decoding(input, cutAt: [], decoder)
            let cuts = (0..<3).map { _ in Int.random(in: 0...input.count, using: &random) }.sorted()
            #expect(
                ChunkedResult.decoding(input, cutAt: cuts, decoder) == whole,
                "\(cuts): \(printable(input))"
            )
            #expect(whole.consumed <= input.count && whole.overhead + whole.content.count == whole.consumed)
        }
    }

    @Test("Decoded paths are valid UTF-8 without dot segments, and routing keeps its form")
    func paths() {
        var fuzzer = Fuzzer(seeds: Corpus.table("paths.tsv").map { $0.bytes(0) })
        fuzzer.run { input, _ in
            let path = [0x2f] + input
            guard let decoded = try? RequestPath.decode(path.span) else { return }
            #expect(decoded.first == 0x2f && decoded.count <= path.count, "\(printable(path))")
            #expect(Array(String(decoding: decoded, as: UTF8.self).utf8) == decoded, "\(printable(path))")
            #expect(!decoded.contains { $0 < 0x20 || $0 == 0x7f }, "\(printable(path))")
            let routed = RequestPath.routingForm(decoded.span)
            #expect(RequestPath.routingForm(routed.span) == routed, "\(printable(path))")
            #expect(!routed.contains(UInt8(ascii: "\\")))
            for form in [decoded, routed] {
                let segments = form.split(separator: 0x2f, omittingEmptySubsequences: false)
                #expect(
                    !segments.contains(Array(".".utf8)[...]) && !segments.contains(Array("..".utf8)[...]),
                    "\(printable(path))"
                )
            }
            let text = String(decoding: decoded, as: UTF8.self)
            for prefix in ["/", "/a/", "/base/ball", "/a\\b"] {
                let (base, rest) = RequestPath.split(prefixPath: prefix, path: text)
                #expect(Array(base.utf8) + Array(rest.utf8) == decoded, "\(printable(path))")
            }
        }
    }

    @Test("No bytes upset hosts, ranges, dates, preconditions and lists")
    func values() {
        let tables = ["ranges.tsv", "dates.tsv", "hosts.tsv", "preconditions.tsv"]
        var fuzzer = Fuzzer(seeds: tables.flatMap { Corpus.table($0).flatMap(\.columns) })
        fuzzer.run { input, random in
            let length = Int64.random(in: 0...1 << Int64.random(in: 0...62, using: &random), using: &random)
            if case .ranges(let ranges) = ByteRanges.parse(input.span, length: length) {
                #expect(!ranges.isEmpty && ranges.count <= ByteRanges.rangeCountMax, "\(printable(input))")
                for (index, range) in ranges.enumerated() {
                    #expect(!range.isEmpty && range.lowerBound >= 0 && range.upperBound <= length)
                    for other in ranges[(index + 1)...] {
                        let touches =
                            range.upperBound >= other.lowerBound && other.upperBound >= range.lowerBound
                        #expect(!touches, "\(printable(input))")
                    }
                }
            }
            let now = Int64(bitPattern: random.next())
            if let seconds = HTTPDate.parse(input.span, now: now) {
                #expect(seconds >= HTTPDate.earliest && seconds <= HTTPDate.latest + 1)
            }
            _ = HTTPDate(unixSeconds: now)
            if let host = HostSyntax(input.span) {
                #expect(host.host.end <= input.count && !host.host.isEmpty)
            }
            if let tag = EntityTag(input.span) {
                #expect(EntityTag(tag.text) != nil || !tag.text.utf8.elementsEqual(input))
            }
            let text = String(decoding: input, as: UTF8.self)
            let fields = Preconditions.Fields(ifMatch: text, ifNoneMatch: text, ifRange: text)
            let representation = Preconditions.Representation(
                entityTag: EntityTag("\"a\""),
                lastModified: now
            )
            _ = Preconditions.evaluate(fields, method: .get, representation: representation, now: now)
            FieldSyntax.forEachElement(input.span) { range in
                #expect(!range.isEmpty && range.upperBound <= input.count)
                return true
            }
            FieldSyntax.forEachDirective(input.span) { name, _ in #expect(FieldSyntax.isToken(name) == true) }
            if let weight = FieldSyntax.weight(of: "gzip", in: input.span) {
                #expect((0...1000).contains(weight))
            }
        }
    }

    @Test("No sequence of changes upsets a field section, nor lets a line become two")
    func sections() {
        let texts = ["A", "b", "Age", "ETag", "x-y", "Set-Cookie", "", "a b", "\r\n", "v\r\nX: y", "ä", "1"]
        var fuzzer = Fuzzer(seeds: texts.map { Array($0.utf8) })
        var fields = FieldSection()
        fuzzer.run { input, random in
            let name = texts.randomElement(using: &random) ?? ""
            let other = String(decoding: input, as: UTF8.self)
            switch Int.random(in: 0..<9, using: &random) {
            case 0: try? fields.append(name: name, value: other)
            case 1: try? fields.append(name: other, value: name)
            case 2: try? fields.append(name: input.span, value: input.span)
            case 3: try? fields.set(name: name, value: other)
            case 4: try? fields.set(name: other, value: name)
            case 5: fields.remove(name: name)
            case 6: try? fields.set(id: .eTag, value: other)
            case 7: #expect((fields[name] != nil) == fields.contains(name: name))
            default: if fields.count > 40 { fields.removeAll() }
            }
            // What frames a request is judged by more than its line.
            for id in [FieldID.host, .contentLength, .transferEncoding] { fields.remove(id: id) }
            guard fields.count < 60 else {
                fields.removeAll()
                return
            }
            var buffer = OutputBuffer(capacity: 16)
            buffer.append("GET / HTTP/1.0\r\n")
            buffer.appendFields(fields)
            buffer.append("\r\n")
            // What is written reads back as as many lines.
            let message = buffer.toArray()
            var head = RequestHead()
            switch head.parse(message) {
            case .complete(let byteCount):
                #expect(
                    byteCount == message.count && head.fields.count == fields.count,
                    "\(printable(message))"
                )
            case let outcome:
                Issue.record("\(outcome): \(printable(message))")
            }
        }
    }
}
