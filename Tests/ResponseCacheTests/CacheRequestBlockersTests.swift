// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Testing

@testable import ResponseCache

@Suite("What keeps a request away from the cache")
struct CacheRequestBlockersTests {
    @Test("A request is stored and served as its row says", arguments: Corpus.rows("requests.tsv"))
    func table(row: [String]) throws {
        let lines = row[2].isEmpty ? "" : row[2] + "\r\n"
        let bytes = Array("\(row[1]) /a HTTP/1.1\r\nHost: h\r\n\(lines)\r\n".utf8)
        var head = RequestHead()
        guard case .complete = head.parse(bytes.span, limits: HeadLimits()) else {
            Issue.record("the request parses: \(row)")
            return
        }
        let blockers = CacheRequestBlockers(head, bytes: bytes.span)
        #expect(blockers.mayStore == (row[3] == "store"), "\(row)")
        #expect(blockers.mayServe == (row[4] == "serve"), "\(row)")

        var fields = FieldSection()
        fields.append(contentsOf: head, bytes: bytes.span)
        let same = CacheRequestBlockers(method: head.method, fields: fields, hasContent: head.hasContent)
        #expect(same == blockers, "\(row)")
    }

    @Test("An Expect that asks for something else keeps a request away")
    func expectation() throws {
        let fields = try CacheRulesTests.fields("Expect: something")
        let blockers = CacheRequestBlockers(method: .get, fields: fields, hasContent: false)
        #expect(blockers == .expectation)
        #expect(!blockers.mayStore && !blockers.mayServe)
    }

    @Test("An authenticated connection keeps its requests away (no client-certificate mapping)")
    func authenticated() {
        let blockers = CacheRequestBlockers(
            method: .get,
            fields: FieldSection(),
            hasContent: false,
            isAuthenticated: true
        )
        #expect(!blockers.mayStore && !blockers.mayServe)
    }
}
