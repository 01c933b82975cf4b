// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ResponseCache

@Suite("Flush by URL (HttpFlushResponseCache)")
struct CacheFlushPatternTests {
    @Test("A pattern takes exactly the entries that it names", arguments: Corpus.rows("flush.tsv"))
    func matches(row: [String]) throws {
        let pattern = try CacheFlushPattern(row[0], includesDescendants: row[1] == "yes")
        let parts = row[2].split(separator: " ").map(String.init)
        let host = parts[2].split(separator: "|").map(String.init)
        let key = CacheKey(
            isSecure: parts[0] == "https",
            port: try #require(UInt16(parts[1])),
            localAddress: host.count > 1 ? host[0] : "",
            host: try #require(host.last),
            target: parts[3]
        )
        #expect(pattern.matches(key) == (row[3] == "goes"), "\(row)")
        let store = ResponseCacheStore()
        store.insert(.sample(key), asOf: nil, now: 0)
        #expect(store.flush(pattern) == (row[3] == "goes" ? 1 : 0))
        #expect(store.statistics.entryCount == (row[3] == "goes" ? 0 : 1))
    }

    @Test(
        "A text that is no pattern is refused by the part that is wrong",
        arguments: Corpus.rows("flush-invalid.tsv")
    )
    func refuses(row: [String]) {
        var found = "ok"
        do throws(CacheFlushPatternError) {
            _ = try CacheFlushPattern(row[0], includesDescendants: row[1] == "yes")
        } catch {
            found = "\(error)"
        }
        #expect(found == row[2], "\(row)")
    }

    @Test("Nothing matches a key that names nothing")
    func emptyKey() throws {
        #expect(try !CacheFlushPattern("http://+:80/", includesDescendants: true).matches(CacheKey()))
    }
}
