// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Testing

@testable import ResponseCache

@Suite("What may be stored, and for how long")
struct CacheRulesTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT.
    static let wallClock: Int64 = 784_111_777

    /// The rules' decision as the data files write it.
    static func decision(
        _ response: CacheCandidate,
        _ fields: FieldSection,
        request: CacheRequestBlockers = [],
        limits: CacheLimits = CacheLimits()
    ) -> String {
        do throws(CacheRefusal) {
            let lifetime = try CacheRules.lifetime(
                request: request,
                response: response,
                fields: fields,
                limits: limits,
                wallClock: wallClock
            )
            switch lifetime {
            case .untilFlushed: return "untilFlushed"
            case .seconds(let seconds): return "\(seconds)"
            }
        } catch {
            return "\(error)"
        }
    }

    static func fields(_ text: String) throws -> FieldSection {
        var fields = FieldSection()
        for line in text.split(separator: " | ") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            try fields.append(name: String(line[..<colon]), value: String(value))
        }
        return fields
    }

    static func policy(_ text: String) -> CachePolicy {
        switch text {
        case "automatic": .automatic
        case "disabled": .disabled
        case "userInvalidates": .userInvalidates
        default: .timeToLive(.milliseconds(Int64(text) ?? 0))
        }
    }

    static let plain = CacheCandidate(
        status: 200,
        bodyByteCount: 10,
        isSingleSend: true,
        policy: .timeToLive(.seconds(10))
    )

    @Test(
        "Each rule decides as its row says (HttpSys tests, HTTP Server API)",
        arguments: Corpus.rows("lifetime.tsv")
    )
    func table(row: [String]) throws {
        let response = CacheCandidate(
            status: try #require(UInt16(row[2])),
            bodyByteCount: 10,
            isSingleSend: true,
            policy: Self.policy(row[1])
        )
        #expect(try Self.decision(response, Self.fields(row[3])) == row[4], "\(row[0])")
    }

    @Test("Every status of 200 to 599 may be stored but 206 and 304 (Caching_VariousStatusCodes_Cached)")
    func statuses() throws {
        let fields = try Self.fields("Content-Type: text/plain")
        for status in UInt16(0)...700 {
            var response = Self.plain
            response.status = status
            response.bodyByteCount = 0
            let isCacheable = (200...599).contains(status) && status != 206 && status != 304
            let expected = isCacheable ? "10" : "statusNotCacheable"
            #expect(Self.decision(response, fields) == expected, "\(status)")
        }
    }

    @Test("A flush, or a length that was not known, keeps a response out (Caching_Flush_NotCached)")
    func singleSend() throws {
        var response = Self.plain
        response.isSingleSend = false
        #expect(try Self.decision(response, Self.fields("Content-Type: text/plain")) == "notSingleSend")
    }

    @Test("So do trailers, and a suppressed Date (§4.2)")
    func trailersAndDate() throws {
        let fields = try Self.fields("Content-Type: text/plain")
        var response = Self.plain
        response.hasTrailers = true
        #expect(Self.decision(response, fields) == "trailersPresent")
        response = Self.plain
        response.suppressesDate = true
        #expect(Self.decision(response, fields) == "dateSuppressed")
    }

    @Test("A body over UriMaxUriBytes keeps a response out; an empty one does not")
    func bodySize() throws {
        let fields = try Self.fields("Content-Type: text/plain")
        var response = Self.plain
        response.bodyByteCount = 262_145
        #expect(Self.decision(response, fields) == "entryTooLarge")
        response.bodyByteCount = 0
        #expect(Self.decision(response, fields) == "10")
    }

    @Test("Whatever blocks the request keeps its response out", arguments: 0..<7)
    func blockers(bit: Int) throws {
        let blockers = CacheRequestBlockers(rawValue: 1 << UInt8(bit))
        let fields = try Self.fields("Content-Type: text/plain")
        #expect(Self.decision(Self.plain, fields, request: blockers) == "requestBlocked")
    }
}
