// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Dates")
struct HTTPDateTests {
    /// 2026-01-01T00:00:00Z.
    static let now: Int64 = 1_767_225_600

    @Test("Dates in all three forms are read (RFC 9110 §5.6.7)", arguments: Corpus.table("dates.tsv"))
    func parse(_ row: Corpus.Row) {
        #expect(HTTPDate.parse(row.text(0), now: Self.now) == Int64(row.text(1)), "\(row)")
    }

    @Test("A date is written as IMF-fixdate and read back as itself")
    func roundTrip() {
        #expect(HTTPDate(unixSeconds: 784_111_777).text == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate(unixSeconds: 0).text == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate(unixSeconds: -1).text == "Wed, 31 Dec 1969 23:59:59 GMT")
        #expect(HTTPDate(unixSeconds: .max).text == "Fri, 31 Dec 9999 23:59:59 GMT")
        #expect(HTTPDate(unixSeconds: .min).text == "Sat, 01 Jan 0000 00:00:00 GMT")
        for seconds in stride(from: HTTPDate.earliest, through: HTTPDate.latest, by: 86_400 * 173 + 12_345) {
            let date = HTTPDate(unixSeconds: seconds)
            #expect(HTTPDate.parse(date.bytes.span, now: Self.now) == seconds, "\(date.text)")
        }
    }

    @Test("Each day of the calendar follows the one before")
    func calendar() {
        var previous = CivilDate(daysSinceEpoch: -1_000)
        for day in -999..<60_000 {
            let date = CivilDate(daysSinceEpoch: day)
            let isNext =
                date.day == previous.day + 1 && date.month == previous.month && date.year == previous.year
                || date.day == 1 && date.month == previous.month + 1 && date.year == previous.year
                || date.day == 1 && date.month == 1 && previous.month == 12 && date.year == previous.year + 1
            #expect(isNext && date.daysSinceEpoch == day)
            previous = date
        }
    }
}

@Suite("Ranges")
struct ByteRangesTests {
    @Test("Range fields are read as RFC 9110 §14 says", arguments: Corpus.table("ranges.tsv"))
    func table(_ row: Corpus.Row) throws {
        let length = try #require(Int64(row.text(1)))
        let ranges = ByteRanges.parse(row.text(0), length: length)
        let text =
            switch ranges {
            case .ignore: "ignore"
            case .unsatisfiable: "unsatisfiable"
            case .ranges(let list): list.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
            }
        #expect(text == row.text(2), "\(row)")
    }

    @Test("Content-Range names a range and the whole length (RFC 9110 §14.4)")
    func contentRange() {
        #expect(ByteRanges.contentRange(0..<100, length: 1000) == "bytes 0-99/1000")
        #expect(ByteRanges.unsatisfiableContentRange(length: 1000) == "bytes */1000")
    }
}

@Suite("Preconditions")
struct PreconditionsTests {
    @Test(
        "Conditional requests are evaluated in the order of RFC 9110 §13.2.2",
        arguments: Corpus.table("preconditions.tsv")
    )
    func table(_ row: Corpus.Row) throws {
        var fields = Preconditions.Fields()
        for field in row.text(2).split(separator: "|") {
            let equals = try #require(field.firstIndex(of: "="))
            let value = String(field[field.index(after: equals)...])
            switch field[..<equals] {
            case "im": fields.ifMatch = value
            case "inm": fields.ifNoneMatch = value
            case "ims": fields.ifModifiedSince = value
            case "ius": fields.ifUnmodifiedSince = value
            case "ir": fields.ifRange = value
            default: Issue.record("no such field: \(row)")
            }
        }
        let representation = Preconditions.Representation(
            exists: row.text(1) != "!",
            entityTag: EntityTag(row.text(1)),
            lastModified: row.text(1) == "!" ? nil : 784_111_777
        )
        let outcome = Preconditions.evaluate(
            fields,
            method: Method(row.text(0).utf8.span),
            representation: representation,
            now: HTTPDateTests.now
        )
        let text =
            switch outcome {
            case .proceed(let rangeApplies): rangeApplies ? "range" : "proceed"
            case .notModified: "notModified"
            case .preconditionFailed: "failed"
            }
        #expect(text == row.text(3), "\(row)")
    }

    @Test("Entity tags are read and written (RFC 9110 §8.8.3)")
    func entityTags() {
        #expect(EntityTag("\"\"")?.text == "\"\"")
        #expect(EntityTag("W/\"a b\"") == nil)
        #expect(EntityTag("W/\"a\"")?.isWeak == true)
        #expect(EntityTag("w/\"a\"") == nil)
        #expect(EntityTag("\"a") == nil && EntityTag("a") == nil && EntityTag("\"a\"x") == nil)
        #expect(EntityTag(opaque: "a\"b") == nil)
        #expect(EntityTag(opaque: "x", isWeak: true)?.text == "W/\"x\"")
    }
}

@Suite("Field syntax")
struct FieldSyntaxTests {
    private func elements(_ list: String, separator: Character = ",") -> [String] {
        let bytes = Array(list.utf8)
        var found: [String] = []
        FieldSyntax.forEachElement(bytes.span, separator: separator.asciiValue ?? 0) { range in
            found.append(String(decoding: bytes[range], as: UTF8.self))
            return true
        }
        return found
    }

    @Test("Lists are split at commas outside of quotes, empty elements skipped (RFC 9110 §5.6.1)")
    func lists() {
        #expect(elements("") == [])
        #expect(elements(" , ,") == [])
        #expect(elements("a") == ["a"])
        #expect(elements(" a ,\tb,, c d ") == ["a", "b", "c d"])
        #expect(elements("a=\"x,y\", b") == ["a=\"x,y\"", "b"])
        #expect(elements("\"a\\\",b\",c") == ["\"a\\\",b\"", "c"])
        #expect(elements("\"a,b") == ["\"a,b"])
        #expect(elements("a;b; c", separator: ";") == ["a", "b", "c"])
        #expect(FieldSyntax.listContains("gzip", in: "br, GZip".utf8.span) == true)
        #expect(FieldSyntax.listContains("gzip", in: "br, xgzip, gzipx".utf8.span) == false)
    }

    @Test("Directives have a token and perhaps a value (RFC 9111 §5.2)")
    func directives() {
        var found: [String] = []
        let list = "no-cache, Max-Age=60, private=\"a, b\", x=, =y, z=\"open, s-maxage=\"10\""
        FieldSyntax.forEachDirective(list.utf8.span) { name, value in
            var text = FieldSyntax.string(name)
            if let value { text += "=" + FieldSyntax.string(value) }
            found.append(text)
        }
        #expect(found == ["no-cache", "Max-Age=60", "private=a, b"])
        #expect(FieldSyntax.deltaSeconds("60".utf8.span) == 60)
        #expect(FieldSyntax.deltaSeconds("99999999999999999999999".utf8.span) == 1 << 31)
        #expect(
            FieldSyntax.deltaSeconds("-1".utf8.span) == nil && FieldSyntax.deltaSeconds("".utf8.span) == nil
        )
    }

    @Test("Weights are 0 to 1 with three decimals (RFC 9110 §12.4.2)")
    func weights() {
        for (text, weight) in [
            ("1", 1000), ("0", 0), ("0.5", 500), ("0.123", 123), ("1.000", 1000), ("1.", 1000), ("0.", 0),
            ("1.001", nil), ("2", nil), ("0.1234", nil), (".5", nil), ("", nil), ("0,5", nil), ("0.a", nil),
        ] as [(String, Int?)] {
            #expect(FieldSyntax.qualityValue(text.utf8.span) == weight, "\(text)")
        }
        for (list, weight) in [
            ("gzip", 1000), ("deflate, gzip;q=0.5", 500), ("*", 1000), ("*;q=0, GZIP ; q=0.2", 200),
            ("br", nil),
            ("", nil), ("gzip;q=x", 0), ("gzip;x=y", 0), ("*;q=0", 0), ("gzip;Q=1.0", 1000),
        ] as [(String, Int?)] {
            #expect(FieldSyntax.weight(of: "gzip", in: list.utf8.span) == weight, "\(list)")
        }
    }

    @Test("Numbers are digits only and below 2⁶³ (RFC 9110 §8.6)")
    func decimals() {
        #expect(FieldSyntax.decimal("0".utf8.span) == 0)
        #expect(FieldSyntax.decimal("9223372036854775807".utf8.span) == .max)
        for text in ["", "9223372036854775808", "99999999999999999999", "-1", "+1", " 1", "1 ", "0x1", "1_0"]
        {
            #expect(FieldSyntax.decimal(text.utf8.span) == nil, "\(text)")
        }
    }

    @Test("Bytes become text as UTF-8 with repair, or as ISO-8859-1")
    func strings() {
        #expect(FieldSyntax.string([0x61, 0xff, 0x62].span) == "a\u{fffd}b")
        #expect(FieldSyntax.latin1String([0x61, 0xe4, 0xff].span) == "aäÿ")
    }

    @Test("The table of byte classes is the one that the grammars make (RFC 9110 §5.6.2, §5.5)")
    func byteClasses() {
        let digits = Set("0123456789".utf8)
        let alphanumerics = digits.union("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max {
            let isVisible = byte > 0x20 && byte < 0x7f
            #expect(byte.isIn(.token) == alphanumerics.union("!#$%&'*+-.^_`|~".utf8).contains(byte))
            #expect(byte.isIn(.target) == (isVisible && byte != UInt8(ascii: "#")))
            #expect(byte.isIn(.plainPath) == (isVisible && !"#?/%\\".utf8.contains(byte)))
            #expect(byte.isIn(.hostName) == alphanumerics.union("-._~!$'()".utf8).contains(byte))
            #expect(byte.isIn(.fieldValue) == (byte == 0x09 || byte >= 0x20 && byte != 0x7f))
            #expect(byte.isIn(.hexDigit) == (byte.hexDigitValue != nil))
            #expect(
                byte.hexDigitValue
                    == (byte < 0x80 ? Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init) : nil)
            )
            #expect(byte.isDigit == digits.contains(byte))
        }
    }

    @Test("Scans agree with a search byte by byte, at every length and place")
    func scans() {
        for count in [0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 47, 49] {
            for place in 0...count {
                for (hit, filler) in [(0x0d, 0x61), (0x7f, 0x80), (0x1f, 0x20), (0x00, 0x09), (0x3a, 0x61)] {
                    var bytes = [UInt8](repeating: UInt8(filler), count: count)
                    if place < count { bytes[place] = UInt8(hit) }
                    for start in 0...min(count, 3) {
                        let span = bytes.span
                        let control =
                            bytes[start...].firstIndex { $0 < 0x20 && $0 != 9 || $0 == 0x7f } ?? count
                        #expect(ByteScan.firstControl(span, from: start, to: count) == control)
                        let outside =
                            bytes[start...].firstIndex { $0 <= 0x20 || $0 >= 0x7f || $0 == 0x23 } ?? count
                        #expect(ByteScan.firstOutsideTarget(span, from: start, to: count) == outside)
                        let colon = bytes[start...].firstIndex(of: 0x3a) ?? count
                        #expect(ByteScan.first(0x3a, in: span, from: start, to: count) == colon)
                    }
                }
            }
        }
    }
}
