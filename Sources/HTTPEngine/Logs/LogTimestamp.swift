// SPDX-License-Identifier: Apache-2.0

/// A second of UTC in the parts that logs print.
struct LogTimestamp: Equatable {
    /// Seconds since 1970.
    let seconds: Int64
    let year: Int
    let month: UInt8
    let day: UInt8
    let hour: UInt8
    let minute: UInt8
    let second: UInt8

    /// Splits nanoseconds since 1970; times before that are taken as 1970.
    ///
    /// **Source**: days to civil date by eras of 400 years that begin on 1 March, in which leap days come last.
    init(nanoseconds: Int64) {
        self.init(seconds: max(nanoseconds, 0) / 1_000_000_000)
    }

    /// Splits seconds since 1970, which are not negative.
    init(seconds: Int64) {
        precondition(seconds >= 0, "Log times begin in 1970.")
        self.seconds = seconds
        let days = Int(seconds / 86400) + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        day = UInt8(dayOfYear - (153 * shifted + 2) / 5 + 1)
        month = UInt8(shifted < 10 ? shifted + 3 : shifted - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let secondOfDay = Int(seconds % 86400)
        hour = UInt8(secondOfDay / 3600)
        minute = UInt8(secondOfDay / 60 % 60)
        second = UInt8(secondOfDay % 60)
    }
}

/// The current second, split once and kept until another one comes.
struct LogClock {
    private var timestamp = LogTimestamp(seconds: 0)

    /// The second that holds `nanoseconds`.
    mutating func timestamp(nanoseconds: Int64) -> LogTimestamp {
        let wanted = max(nanoseconds, 0) / 1_000_000_000
        if wanted != timestamp.seconds { timestamp = LogTimestamp(seconds: wanted) }
        return timestamp
    }
}

extension LogText {
    /// Appends `2026-11-22`.
    mutating func append(date: LogTimestamp) {
        append(decimal: UInt64(date.year))
        append(UInt8(ascii: "-"))
        append(twoDigits: date.month)
        append(UInt8(ascii: "-"))
        append(twoDigits: date.day)
    }

    /// Appends `17:28:31`.
    mutating func append(time: LogTimestamp) {
        append(twoDigits: time.hour)
        append(UInt8(ascii: ":"))
        append(twoDigits: time.minute)
        append(UInt8(ascii: ":"))
        append(twoDigits: time.second)
    }

    /// Appends `22/Nov/2026:17:28:31 +0000`.
    mutating func append(commonLogTime time: LogTimestamp) {
        append(twoDigits: time.day)
        append(UInt8(ascii: "/"))
        append(Self.monthName(time.month))
        append(UInt8(ascii: "/"))
        append(decimal: UInt64(time.year))
        append(UInt8(ascii: ":"))
        append(time: time)
        append(" +0000")
    }

    private static func monthName(_ month: UInt8) -> StaticString {
        switch month {
        case 1: "Jan"
        case 2: "Feb"
        case 3: "Mar"
        case 4: "Apr"
        case 5: "May"
        case 6: "Jun"
        case 7: "Jul"
        case 8: "Aug"
        case 9: "Sep"
        case 10: "Oct"
        case 11: "Nov"
        default: "Dec"
        }
    }
}
