// SPDX-License-Identifier: Apache-2.0

/// The text of the access log.
///
/// All times are UTC.
public enum AccessLogFormat: Sendable, CaseIterable {
    /// NCSA common: `192.0.2.7 - alice [22/Nov/2026:17:28:31 +0000] "GET /a HTTP/1.1" 200 1234`.
    case ncsaCommon
    /// NCSA common followed by the quoted `Referer` and `User-Agent`.
    case ncsaCombined
    /// W3C extended with the columns of HTTP.sys. Cookies are credentials and are never logged: `-`.
    case w3c

    /// Appends the lines that begin a file; the NCSA formats have none.
    func appendHeader(at time: LogTimestamp, to text: inout LogText) {
        guard self == .w3c else { return }
        text.appendDirectives(at: time)
        text.append("#Fields: date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query ")
        text.append("s-port cs-username c-ip cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host ")
        text.append("sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken streamid\n")
    }

    /// Appends one line with its end.
    func append(
        _ record: AccessLogRecord,
        _ texts: LogTexts,
        at time: LogTimestamp,
        to text: inout LogText
    ) {
        switch self {
        case .ncsaCommon:
            unsafe text.appendCommon(record, texts, at: time)
        case .ncsaCombined:
            unsafe text.appendCommon(record, texts, at: time)
            text.append(" \"")
            unsafe text.appendColumn(texts.referer, escaping: .quoted)
            text.append("\" \"")
            unsafe text.appendColumn(texts.userAgent, escaping: .quoted)
            text.append(UInt8(ascii: "\""))
        case .w3c:
            unsafe text.appendExtended(record, texts, at: time)
        }
        text.append(UInt8(ascii: "\n"))
    }
}

extension LogText {
    /// Appends the columns of NCSA common.
    fileprivate mutating func appendCommon(
        _ record: AccessLogRecord,
        _ texts: LogTexts,
        at time: LogTimestamp
    ) {
        appendColumn(record.client, isScopeKept: false)
        append(" - ")
        unsafe appendColumn(texts.name, escaping: .word)
        append(" [")
        append(commonLogTime: time)
        append("] \"")
        unsafe appendColumn(texts.method, escaping: .quoted)
        append(UInt8(ascii: " "))
        unsafe appendColumn(texts.uri, escaping: .quoted)
        append(UInt8(ascii: " "))
        appendColumn(record.version)
        append("\" ")
        appendColumn(status: record.status)
        append(UInt8(ascii: " "))
        appendColumn(record.bytesSent)
    }

    /// Appends the W3C columns in HTTP.sys's order.
    ///
    /// The computer name, the cookie, and the two Windows statuses have no value here.
    fileprivate mutating func appendExtended(
        _ record: AccessLogRecord,
        _ texts: LogTexts,
        at time: LogTimestamp
    ) {
        let space = UInt8(ascii: " ")
        let uri = unsafe texts.uri
        let mark = unsafe uri.firstIndex(of: UInt8(ascii: "?")) ?? uri.count
        append(date: time)
        append(space)
        append(time: time)
        append(space)
        appendColumn(record.siteID)
        append(" - ")
        appendColumn(record.server, isScopeKept: false)
        append(space)
        unsafe appendColumn(texts.method)
        append(space)
        unsafe appendColumn(UnsafeBufferPointer(rebasing: uri[..<mark]))
        append(space)
        unsafe appendColumn(UnsafeBufferPointer(rebasing: uri[min(mark + 1, uri.count)...]))
        append(space)
        appendColumn(UInt64(record.server.port))
        append(space)
        unsafe appendColumn(texts.name)
        append(space)
        appendColumn(record.client, isScopeKept: false)
        append(space)
        appendColumn(record.version)
        append(space)
        unsafe appendColumn(texts.userAgent)
        append(" - ")
        unsafe appendColumn(texts.referer)
        append(space)
        unsafe appendColumn(texts.host)
        append(space)
        appendColumn(status: record.status)
        append(" 0 0 ")
        append(decimal: record.bytesSent)
        append(space)
        append(decimal: record.bytesReceived)
        append(space)
        append(decimal: record.durationMicroseconds / 1000)
        append(space)
        appendColumn(UInt64(record.streamID))
    }
}
