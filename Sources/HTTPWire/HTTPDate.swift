// SPDX-License-Identifier: Apache-2.0

/// A moment as HTTP writes it, in whole seconds.
///
/// **Shape**: IMF-fixdate, always 29 bytes: `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// **Limits**: years 0000 to 9999; moments outside are moved to the nearest end.
///
/// **Cost**: about 20 divisions, no allocation; a loop formats its date once a second.
///
/// Source: RFC 9110 §5.6.7.
public struct HTTPDate: Sendable {
    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds.
    public let unixSeconds: Int64
    /// The date as text.
    public let bytes: InlineArray<29, UInt8>

    /// 0000-01-01T00:00:00Z.
    static let earliest: Int64 = -62_167_219_200
    /// 9999-12-31T23:59:59Z.
    static let latest: Int64 = 253_402_300_799

    /// Formats a moment.
    public init(unixSeconds: Int64) {
        let seconds = min(max(unixSeconds, HTTPDate.earliest), HTTPDate.latest)
        self.unixSeconds = seconds
        let days = seconds.floorDivided(by: 86400)
        let second = Int(seconds - days * 86400)
        let date = CivilDate(daysSinceEpoch: Int(days))
        var bytes = InlineArray<29, UInt8>(repeating: .space)
        HTTPDate.put(HTTPDate.dayNames[date.weekday], into: &bytes, at: 0)
        bytes[3] = UInt8(ascii: ",")
        HTTPDate.put(twoDigits: date.day, into: &bytes, at: 5)
        HTTPDate.put(HTTPDate.monthNames[date.month - 1], into: &bytes, at: 8)
        HTTPDate.put(twoDigits: date.year / 100, into: &bytes, at: 12)
        HTTPDate.put(twoDigits: date.year % 100, into: &bytes, at: 14)
        HTTPDate.put(twoDigits: second / 3600, into: &bytes, at: 17)
        bytes[19] = UInt8(ascii: ":")
        HTTPDate.put(twoDigits: second / 60 % 60, into: &bytes, at: 20)
        bytes[22] = UInt8(ascii: ":")
        HTTPDate.put(twoDigits: second % 60, into: &bytes, at: 23)
        HTTPDate.put((UInt8(ascii: "G"), UInt8(ascii: "M"), UInt8(ascii: "T")), into: &bytes, at: 26)
        self.bytes = bytes
    }

    /// The date as a string.
    public var text: String {
        FieldSyntax.string(bytes.span)
    }

    private static func put(
        _ name: (UInt8, UInt8, UInt8),
        into bytes: inout InlineArray<29, UInt8>,
        at offset: Int
    ) {
        bytes[offset] = name.0
        bytes[offset + 1] = name.1
        bytes[offset + 2] = name.2
    }

    private static func put(twoDigits value: Int, into bytes: inout InlineArray<29, UInt8>, at offset: Int) {
        bytes[offset] = UInt8(0x30 + value / 10)
        bytes[offset + 1] = UInt8(0x30 + value % 10)
    }

    /// `Sun` to `Sat`.
    static let dayNames: [(UInt8, UInt8, UInt8)] = names("SunMonTueWedThuFriSat")
    /// `Jan` to `Dec`.
    static let monthNames: [(UInt8, UInt8, UInt8)] = names("JanFebMarAprMayJunJulAugSepOctNovDec")

    private static func names(_ text: String) -> [(UInt8, UInt8, UInt8)] {
        let bytes = Array(text.utf8)
        return stride(from: 0, to: bytes.count, by: 3).map { (bytes[$0], bytes[$0 + 1], bytes[$0 + 2]) }
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate: Equatable {
    var year: Int
    /// 1 to 12.
    var month: Int
    /// 1 to 31.
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day that many days after 1970-01-01.
    init(daysSinceEpoch days: Int) {
        // Years are counted from March, so that the leap day is a year's last; 400 years have 146097 days.
        let shifted = days + 719_468
        let era = Int(Int64(shifted).floorDivided(by: 146_097))
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days after 1970-01-01.
    var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = Int(Int64(shiftedYear).floorDivided(by: 400))
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// 0 for Sunday.
    var weekday: Int {
        let days = Int64(daysSinceEpoch) + 4
        return Int(days - days.floorDivided(by: 7) * 7)
    }
}

extension Int64 {
    /// The quotient rounded towards negative infinity; the divisor is positive.
    func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
