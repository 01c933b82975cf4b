// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ResponseCache

@Suite("Cache-Control of a response (RFC 9111 §5.2)")
struct CacheControlTests {
    @Test("A value is read by directive, or refused whole", arguments: Corpus.rows("cache-control.tsv"))
    func parses(row: [String]) {
        let value = Array(row[0].utf8)
        let control = CacheControl(value.span)
        guard row[1] != "malformed" else {
            #expect(control == nil, "\(row)")
            return
        }
        #expect(control?.isPublic == (row[1] == "yes"), "\(row)")
        #expect(control?.forbidsStoring == (row[2] == "yes"), "\(row)")
        #expect(control?.maxAge == Int32(row[3]), "\(row)")
        #expect(control?.sharedMaxAge == Int32(row[4]), "\(row)")
    }

    @Test("No bytes whatever reach a trap")
    func fuzz() {
        var random = SplitMix64(state: 1)
        let alphabet = Array("public,max-age=\"\\10 \t;s\u{0}\u{7F}é".utf8)
        for _ in 0..<20_000 {
            let count = Int(random.next() % 24)
            let value = (0..<count).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
            _ = CacheControl(value.span)
        }
    }
}
