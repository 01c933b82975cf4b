// SPDX-License-Identifier: Apache-2.0
import HTTPWire
import Testing

@testable import HTTPEngine

@Suite("Log formats")
struct LogFormatTests {
    @Test("Peer bytes become harmless in every kind of column", arguments: try corpusRows("escaping"))
    func escaping(row: [String]) {
        let input = bytes(hex: row[0])
        for (escaping, expected) in zip([LogText.Escaping.column, .quoted, .word], row.dropFirst()) {
            let output = text { text in
                input.withUnsafeBufferPointer { text.appendColumn($0, escaping: escaping) }
            }
            #expect(output == expected, "\(row[0]) as \(escaping)")
        }
    }

    @Test("Every byte is escaped alike at every place of a text, and leaves one printable ASCII column")
    func everyByte() {
        func escaped(_ input: [UInt8], _ escaping: LogText.Escaping) -> String {
            text { text in input.withUnsafeBufferPointer { text.append($0, escaping: escaping) } }
        }
        for escaping in [LogText.Escaping.column, .quoted, .word] {
            for byte in UInt8.min...UInt8.max {
                let alone = escaped([byte], escaping)
                #expect(alone.utf8.allSatisfy { 0x20...0x7E ~= $0 })
                #expect(escaping == .quoted || !alone.contains(" "))
                #expect(escaping == .column || alone != "\"" && alone != "\\")
                for place in 0..<20 {
                    var input = [UInt8](repeating: UInt8(ascii: "~"), count: 20)
                    input[place] = byte
                    let (before, after) = (
                        String(repeating: "~", count: place), String(repeating: "~", count: 19 - place)
                    )
                    let expected = before + alone + after
                    if escaped(input, escaping) != expected {
                        Issue.record("\(byte) at \(place) as \(escaping)")
                    }
                }
            }
        }
    }

    @Test(
        "Addresses are printed by RFC 5952 §4, with HTTPERR's scope",
        arguments: try corpusRows("addresses")
    )
    func addresses(row: [String]) throws {
        let input = bytes(hex: row[0])
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        let address = LogAddress(
            high: word(input[..<8]),
            low: word(input[8...]),
            scope: try #require(UInt32(row[1])),
            port: 1
        )
        #expect(text { $0.appendColumn(address, isScopeKept: true) } == row[2])
        #expect(text { $0.appendColumn(address, isScopeKept: false) } == row[3])
    }

    @Test("Times are split by the Gregorian calendar", arguments: try corpusRows("timestamps"))
    func timestamps(row: [String]) throws {
        let time = LogTimestamp(seconds: try #require(Int64(row[0])))
        #expect(text { $0.append(date: time) } == row[1])
        #expect(text { $0.append(time: time) } == row[2])
        #expect(text { $0.append(commonLogTime: time) } == row[3])
    }

    @Test("A time before 1970 is taken as 1970, and the clock's second is exact at both its ends")
    func clock() {
        var clock = LogClock()
        #expect(clock.timestamp(nanoseconds: .min).seconds == 0)
        #expect(clock.timestamp(nanoseconds: 1_999_999_999).seconds == 1)
        #expect(clock.timestamp(nanoseconds: 2_000_000_000).seconds == 2)
        #expect(clock.timestamp(nanoseconds: 1_000_000_000).seconds == 1)
        #expect(clock.timestamp(nanoseconds: .max).year == 2262)
    }

    @Test(
        "A version with a part of ten or more is HTTP/?.?, none is a dash (HTTPERR)",
        arguments: [
            (0, 0, "-"), (1, 0, "HTTP/1.0"), (1, 1, "HTTP/1.1"), (0, 9, "HTTP/0.9"), (10, 0, "HTTP/?.?"),
            (1, 255, "HTTP/?.?"),
        ]
    )
    func versions(major: UInt8, minor: UInt8, expected: String) {
        #expect(text { $0.appendColumn(LogVersion(major: major, minor: minor)) } == expected)
    }

    @Test("Versions that were understood keep their parts")
    func understoodVersions() {
        let printed = HTTPVersion.allCases.map { version in text { $0.appendColumn(LogVersion(version)) } }
        #expect(printed == ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"])
    }

    @Test("A status is at most 999 and none is a dash (HTTPERR)")
    func statuses() {
        #expect(
            [0, 200, 999, 1000, 65535].map { status in text { $0.appendColumn(status: status) } } == [
                "-", "200", "999", "999", "999",
            ]
        )
    }
}

@Suite("Log lines")
struct LogLineTests {
    /// The line that the format makes of the one record `write` puts in a ring.
    private func line(_ format: AccessLogFormat = .ncsaCommon, _ write: (LogRing) -> Void) throws -> String {
        let rig = try RingUnderTest(capacity: 0)
        write(rig.ring)
        var clock = LogClock()
        var line = ""
        let count = rig.memory.drain { record in
            line = text { text in
                if record.kind == .error {
                    let time = clock.timestamp(nanoseconds: record.error.time)
                    ErrorLogFormat.append(record.error, record.texts, at: time, to: &text)
                } else {
                    let time = clock.timestamp(nanoseconds: record.access.time)
                    format.append(record.access, record.texts, at: time, to: &text)
                }
            }
        }
        #expect(count == 1)
        #expect(line.utf8.last == 0x0A)
        #expect(line.utf8.filter { $0 == 0x0A }.count == 1)
        return String(line.dropLast())
    }

    @Test("An error line has HTTPERR's thirteen columns in order")
    func errorLine() throws {
        let line = try line { $0.error(sampleError(7), "GET", "/a?b", "shop") }
        #expect(
            line == "2026-11-22 17:28:31 192.0.2.7 51034 192.0.2.1 80 HTTP/1.1 GET /a?b 503 7 QueueFull shop"
        )
        let header = text { ErrorLogFormat.appendHeader(at: LogTimestamp(nanoseconds: noon), to: &$0) }
        #expect(
            header == """
                #Software: HTTPRing
                #Version: 1.0
                #Date: 2026-11-22 17:28:31
                #Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename

                """
        )
    }

    @Test("What an error lacks is a dash")
    func emptyErrorLine() throws {
        let record = ErrorLogRecord(time: noon, client: .none, server: .none, reason: .connectionsRefused)
        #expect(
            try line { $0.error(record, "", "", "") }
                == "2026-11-22 17:28:31 - - - - - - - - - Connections_Refused -"
        )
    }

    @Test("The reason `none` logs nothing")
    func noReason() throws {
        let rig = try RingUnderTest(capacity: 0)
        rig.ring.error(ErrorLogRecord(time: noon, client: .none, server: .none, reason: .none), "", "", "")
        #expect(rig.memory.drain { _ in } == 0)
    }

    @Test("Every reason is one column", arguments: ErrorLogReason.allCases.filter { $0 != .none })
    func reasons(reason: ErrorLogReason) throws {
        let record = ErrorLogRecord(time: noon, client: .none, server: .none, reason: reason)
        let columns = try line { $0.error(record, "", "", "") }.split(
            separator: " ",
            omittingEmptySubsequences: false
        )
        #expect(columns.count == 13)
        #expect(columns[11] == "\(reason.rawText)")
    }

    @Test("No peer byte forges an error line or moves a column")
    func hostileError() throws {
        let forged =
            "/\r\n2026-11-22 17:28:31 10.0.0.1 1 10.0.0.2 80 HTTP/1.1 GET /x 200 1 - admin\n#Fields: x"
        for byte in 0...0xFF as ClosedRange<UInt8> {
            let hostile = [byte] + Array(forged.utf8) + [byte]
            let line = try line {
                $0.error(sampleError(), method: hostile.span, uri: hostile.span, queueName: hostile.span)
            }
            #expect(line.split(separator: " ", omittingEmptySubsequences: false).count == 13)
            #expect(line.utf8.allSatisfy { 0x20...0x7E ~= $0 })
        }
    }

    @Test("Methods are cut at 255 bytes and URIs at 4096 (HTTPERR), also when every byte is escaped")
    func cuts() throws {
        let long = [UInt8](repeating: 0xFF, count: 70000)
        let columns = try line {
            $0.error(sampleError(), method: long.span, uri: long.span, queueName: long.span)
        }
        .split(separator: " ")
        #expect(columns[7].count == 255 * 3)
        #expect(columns[8].count == 4096 * 3)
        #expect(columns[12].count == 255 * 3)
        for format in AccessLogFormat.allCases {
            let access = try line(format) { ring in
                ring.access(
                    sampleAccess(),
                    method: long.span,
                    uri: long.span,
                    user: long.span,
                    host: long.span,
                    userAgent: long.span,
                    referer: long.span
                )
            }
            #expect(access.utf8.count < LogTextLimit.lineBytes)
        }
    }

    @Test("NCSA common: host - user [time] \"request\" status bytes")
    func common() throws {
        let line = try line(.ncsaCommon) {
            $0.access(sampleAccess(), "GET", "/a?b", user: "alice", userAgent: "x", referer: "y")
        }
        #expect(line == "192.0.2.7 - alice [22/Nov/2026:17:28:31 +0000] \"GET /a?b HTTP/1.1\" 200 1234")
    }

    @Test("NCSA combined adds referer and user agent between quotes")
    func combined() throws {
        let line = try line(.ncsaCombined) { ring in
            ring.access(
                sampleAccess(),
                "GET",
                "/",
                user: "a b",
                userAgent: "Mozilla/5.0 (\"x\")",
                referer: "http://h/\\"
            )
        }
        #expect(
            line
                == #"192.0.2.7 - a\x20b [22/Nov/2026:17:28:31 +0000] "GET / HTTP/1.1" 200 1234 "http://h/\\" "Mozilla/5.0 (\"x\")""#
        )
        let empty = try self.line(.ncsaCombined) { $0.access(sampleAccess(), "", "") }
        #expect(empty == #"192.0.2.7 - - [22/Nov/2026:17:28:31 +0000] "- - HTTP/1.1" 200 1234 "-" "-""#)
    }

    @Test("W3C: HTTP.sys's 23 columns, stem and query apart, milliseconds, no cookie")
    func extended() throws {
        var record = sampleAccess(7)
        record.streamID = 5
        record.version = LogVersion(.http2)
        let line = try line(.w3c) { ring in
            ring.access(
                record,
                "GET",
                "/a%20b?c=d?e",
                user: "alice",
                host: "example.com",
                userAgent: "curl 8",
                referer: "http://r/"
            )
        }
        #expect(
            line
                == "2026-11-22 17:28:31 7 - 192.0.2.1 GET /a%20b c=d?e 80 alice 192.0.2.7 HTTP/2.0 curl+8 - http://r/ "
                + "example.com 200 0 0 1234 456 12 5"
        )
        let header = text { AccessLogFormat.w3c.appendHeader(at: LogTimestamp(nanoseconds: noon), to: &$0) }
        let fields = try #require(header.split(separator: "\n").last).split(separator: " ").dropFirst()
        #expect(line.split(separator: " ").count == fields.count)
        #expect(try self.line(.w3c) { $0.access(record, "GET", "/?") }.contains(" GET / - 80 "))
    }

    @Test("No peer byte forges an access line", arguments: AccessLogFormat.allCases)
    func hostileAccess(format: AccessLogFormat) throws {
        for byte in 0...0xFF as ClosedRange<UInt8> {
            let hostile = [byte] + Array("\r\n\" 200 1 \"\\".utf8) + [byte]
            let line = try line(format) { ring in
                ring.access(
                    sampleAccess(),
                    method: hostile.span,
                    uri: hostile.span,
                    user: hostile.span,
                    host: hostile.span,
                    userAgent: hostile.span,
                    referer: hostile.span
                )
            }
            #expect(line.utf8.allSatisfy { 0x20...0x7E ~= $0 })
            let bare = line.replacing("\\\\", with: "").replacing("\\\"", with: "")
            let quotes = bare.utf8.filter { $0 == UInt8(ascii: "\"") }.count
            switch format {
            case .ncsaCommon: #expect(quotes == 2)
            case .ncsaCombined: #expect(quotes == 6)
            case .w3c: #expect(line.split(separator: " ", omittingEmptySubsequences: false).count == 23)
            }
        }
    }
}
