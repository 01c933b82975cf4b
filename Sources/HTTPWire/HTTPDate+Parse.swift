// SPDX-License-Identifier: Apache-2.0

extension HTTPDate {
    /// Reads a date in any of the three forms of RFC 9110 §5.6.7, as seconds since 1970.
    ///
    /// **Shape**: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
    /// `Sun Nov  6 08:49:37 1994`, names in their exact letter case. The name of the day is not compared with the
    /// date. Second 60 is taken for a leap second. Anything else gives nil.
    ///
    /// - Parameters:
    ///   - text: the field value, trimmed.
    ///   - now: the time at which a two-digit year is read: more than fifty years ahead means the last century.
    /// - Returns: seconds since 1970, nil where the text is no date.
    public static func parse(_ text: Span<UInt8>, now: Int64) -> Int64? {
        var reader = DateReader(offset: 0)
        guard let dayNameCount = reader.dayName(text) else { return nil }
        if dayNameCount == 3, text.count == 24 { return reader.asctime(text) }
        guard reader.take(UInt8(ascii: ","), text), reader.take(.space, text),
            let day = reader.number(2, text)
        else {
            return nil
        }
        if dayNameCount == 3 {
            guard reader.take(.space, text), let month = reader.month(text), reader.take(.space, text),
                let year = reader.number(4, text), reader.take(.space, text), let time = reader.time(text)
            else { return nil }
            return reader.zone(text) ? moment(year, month, day, time) : nil
        }
        guard reader.take(UInt8(ascii: "-"), text), let month = reader.month(text),
            reader.take(UInt8(ascii: "-"), text),
            let shortYear = reader.number(2, text), reader.take(.space, text), let time = reader.time(text),
            reader.zone(text)
        else { return nil }
        let limit = min(max(now, earliest), latest)
        let nowYear = CivilDate(daysSinceEpoch: Int(limit.floorDivided(by: 86400))).year
        var year = nowYear - nowYear % 100 + shortYear
        // The same century as now, moved by one where that is further than fifty years away.
        if year > nowYear + 50 { year -= 100 } else if year <= nowYear - 50 { year += 100 }
        return moment(year, month, day, time)
    }

    /// Reads a date as `parse(_:now:)` does from a string.
    public static func parse(_ text: String, now: Int64) -> Int64? {
        parse(text.utf8.span, now: now)
    }

    /// The seconds since 1970 of a date and a second of the day, nil where there is no such day.
    fileprivate static func moment(_ year: Int, _ month: Int, _ day: Int, _ second: Int) -> Int64? {
        let isLeapYear = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let dayCount =
            [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as InlineArray<12, Int>
        guard year >= 0, year <= 9999, day >= 1, day <= dayCount[month - 1] else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
        return Int64(days) * 86400 + Int64(second)
    }
}

/// Reads the parts of a date, one after the other.
private struct DateReader {
    var offset: Int

    /// Takes one byte.
    mutating func take(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
        guard offset < text.count, text[offset] == byte else { return false }
        offset += 1
        return true
    }

    /// Takes a number of exactly so many digits.
    mutating func number(_ digitCount: Int, _ text: Span<UInt8>) -> Int? {
        guard text.count - offset >= digitCount else { return nil }
        var value = 0
        for index in offset..<(offset + digitCount) {
            guard text[index].isDigit else { return nil }
            value = value * 10 + Int(text[index] - 0x30)
        }
        offset += digitCount
        return value
    }

    /// Takes three bytes that are one of the names, and returns its index.
    private mutating func name(of names: [(UInt8, UInt8, UInt8)], _ text: Span<UInt8>) -> Int? {
        guard text.count - offset >= 3 else { return nil }
        let bytes = (text[offset], text[offset + 1], text[offset + 2])
        guard let index = names.firstIndex(where: { $0 == bytes }) else { return nil }
        offset += 3
        return index
    }

    /// Takes a month's name, and returns its number from 1.
    mutating func month(_ text: Span<UInt8>) -> Int? {
        name(of: HTTPDate.monthNames, text).map { $0 + 1 }
    }

    /// The rests of the long names of days.
    private static let dayRests: [StaticString] = ["day", "day", "sday", "nesday", "rsday", "day", "urday"]

    /// Takes a day's short or long name, and returns how many bytes it has.
    mutating func dayName(_ text: Span<UInt8>) -> Int? {
        guard let day = name(of: HTTPDate.dayNames, text) else { return nil }
        guard offset < text.count, text[offset].isIn(.token) else { return 3 }
        let rest = DateReader.dayRests[day]
        let count = rest.utf8CodeUnitCount
        guard text.count - offset >= count, ByteScan.isEqual(text.extracting(offset..<(offset + count)), rest)
        else {
            return nil
        }
        offset += count
        return 3 + count
    }

    /// Takes `hh:mm:ss`, and returns the second of the day.
    mutating func time(_ text: Span<UInt8>) -> Int? {
        guard let hour = number(2, text), take(UInt8(ascii: ":"), text), let minute = number(2, text),
            take(UInt8(ascii: ":"), text), let second = number(2, text), hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// Takes ` GMT` at the end of the text.
    mutating func zone(_ text: Span<UInt8>) -> Bool {
        take(.space, text) && take(UInt8(ascii: "G"), text) && take(UInt8(ascii: "M"), text)
            && take(UInt8(ascii: "T"), text) && offset == text.count
    }

    /// Takes the rest of `Sun Nov  6 08:49:37 1994` after the day's name.
    mutating func asctime(_ text: Span<UInt8>) -> Int64? {
        guard take(.space, text), let month = month(text), take(.space, text) else { return nil }
        let isShort = take(.space, text)
        guard let day = number(isShort ? 1 : 2, text), take(.space, text), let time = time(text),
            take(.space, text), let year = number(4, text), offset == text.count
        else { return nil }
        return HTTPDate.moment(year, month, day, time)
    }
}
