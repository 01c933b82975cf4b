// SPDX-License-Identifier: Apache-2.0
import HTTPWire

/// The text of the error log: HTTP.sys's `HTTPERR`, field for field.
///
/// **Shape**: `2026-11-22 17:28:31 192.0.2.7 51034 192.0.2.1 80 HTTP/1.1 GET /a?b 503 7 QueueFull shop`. What is
/// absent is `-`; space, tab and controls of the peer's become `+`, bytes outside ASCII `%XX`: no peer can
/// start a line or move a column.
enum ErrorLogFormat {
    /// Appends the lines that begin a file.
    static func appendHeader(at time: LogTimestamp, to text: inout LogText) {
        text.appendDirectives(at: time)
        text.append("#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status ")
        text.append("s-siteid s-reason s-queuename\n")
    }

    /// Appends one line with its end.
    static func append(
        _ record: ErrorLogRecord,
        _ texts: LogTexts,
        at time: LogTimestamp,
        to text: inout LogText
    ) {
        let space = UInt8(ascii: " ")
        text.append(date: time)
        text.append(space)
        text.append(time: time)
        for address in [record.client, record.server] {
            text.append(space)
            text.appendColumn(address, isScopeKept: true)
            text.append(space)
            text.appendColumn(UInt64(address.port))
        }
        text.append(space)
        text.appendColumn(record.version)
        text.append(space)
        unsafe text.appendColumn(texts.method)
        text.append(space)
        unsafe text.appendColumn(texts.uri)
        text.append(space)
        text.appendColumn(status: record.status)
        text.append(space)
        text.appendColumn(record.siteID)
        text.append(space)
        text.append(record.reason.rawText)
        text.append(space)
        unsafe text.appendColumn(texts.name)
        text.append(UInt8(ascii: "\n"))
    }

    /// Appends a remark with its end: how many records of each log their rings had no room for.
    static func appendDrops(errors: UInt64, accesses: UInt64, at time: LogTimestamp, to text: inout LogText) {
        text.append("#Remark: ")
        text.append(date: time)
        text.append(UInt8(ascii: " "))
        text.append(time: time)
        text.append(" dropped for lack of room: errors ")
        text.append(decimal: errors)
        text.append(", accesses ")
        text.append(decimal: accesses)
        text.append(UInt8(ascii: "\n"))
    }
}

extension LogText {
    /// Appends the directives that W3C-style files begin with, before their `#Fields:`.
    mutating func appendDirectives(at time: LogTimestamp) {
        append("#Software: HTTPRing\n#Version: 1.0\n#Date: ")
        append(date: time)
        append(UInt8(ascii: " "))
        append(time: time)
        append(UInt8(ascii: "\n"))
    }
}
