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

    @Test("However a path is written, the quick comparison and the normalised one agree")
    func agree() {
        var random = SplitMix64(state: 5)
        let pieces = "/ a B . .. %2e %2F %5C \\ %41 % é // %C3%A9 ~".split(separator: " ")
        for _ in 0..<5_000 {
            var text = "/"
            for _ in 0..<random.next() % 8 { text += pieces[Int(random.next() % UInt64(pieces.count))] }
            let path = Array(text.utf8)
            let normalized = CachePath.normalized(path)
            let isSame = CachePath.matches(path.span, normalized, includesDescendants: false)
            let isWithin = CachePath.matches(path.span, normalized, includesDescendants: true)
            let longer = normalized + [UInt8(ascii: "x")]
            let isLonger = CachePath.matches(path.span, longer, includesDescendants: false)
            #expect(isSame && isWithin && !isLonger, "\(text)")
        }
    }

    @Test("No text whatever reaches a trap")
    func fuzz() throws {
        var random = SplitMix64(state: 9)
        let pieces = "http s :// : [ ] / 80 * + . ? # h @ % é".split(separator: " ")
        let key = CacheKey("/a?b")
        for _ in 0..<5_000 {
            var text = random.next() % 2 == 0 ? "http://" : ""
            for _ in 0..<random.next() % 10 { text += pieces[Int(random.next() % UInt64(pieces.count))] }
            let pattern = try? CacheFlushPattern(text, includesDescendants: random.next() % 2 == 0)
            _ = pattern?.matches(key)
        }
    }

    @Test("Nothing matches a key that names nothing")
    func emptyKey() throws {
        #expect(try !CacheFlushPattern("http://+:80/", includesDescendants: true).matches(CacheKey()))
    }
}
